"""`make fuzz`: every parser of what targets send, on inputs that are made up. Ends with 1 at a fault."""

import argparse
import hashlib
import sys
import time
from pathlib import Path

from fuzz.running import Fault, fault, fuzz
from fuzz.targets import TARGETS


def main() -> int:
    wanted = argparse.ArgumentParser(prog="make fuzz ARGS=…", description=__doc__)
    wanted.add_argument("--seconds", type=float, default=60.0, help="for all targets together (60)")
    wanted.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this one")
    wanted.add_argument("--seed", type=int, default=time.time_ns(), help="of the random numbers")
    wanted.add_argument("--keep", type=Path, default=Path(".fuzz"), help="where inputs of faults go (.fuzz)")
    wanted.add_argument("--repeat", type=Path, help="run this input on the one target that is named")
    given = wanted.parse_args()
    targets = given.target or sorted(TARGETS)
    if given.repeat is not None:
        if len(targets) != 1:
            wanted.error("--repeat needs one --target")
        return told([fault(targets[0], given.repeat.read_bytes())], given.keep)
    found = []
    for target in targets:
        done = fuzz(target, given.seed, seconds=given.seconds / len(targets))
        print(f"{target}: {done.inputs} inputs, {done.pool} in the pool", flush=True)
        found.append(done.fault)
    return told(found, given.keep)


def told(found: list[Fault | None], keep: Path) -> int:
    faults = [one for one in found if one is not None]
    for one in faults:
        keep.mkdir(exist_ok=True)
        file = keep / f"{one.target}-{hashlib.sha256(one.data).hexdigest()[:12]}"
        file.write_bytes(one.data)
        print(f"\n{one.what}\nrepeat: make fuzz ARGS='--target {one.target} --repeat {file}'")
    return 1 if faults else 0


sys.exit(main())
