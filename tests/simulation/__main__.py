"""`python -m simulation`: stories from seeds, for as long as is wanted. Ends with 1 when one fails."""

import argparse
import logging
import sys
import time
from collections import Counter

from simulation.scenario import plan
from simulation.telling import happened, kept, report


def main() -> int:
    wanted = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    wanted.add_argument("--seconds", type=float, default=300.0, help="for all seeds together (300)")
    wanted.add_argument("--first", type=int, default=1_000_000, help="the first seed (1000000)")
    wanted.add_argument("--most", type=int, default=10**9, help="seeds")
    wanted.add_argument("--seed", type=int, action="append", help="only this one")
    given = wanted.parse_args()
    logging.disable(logging.CRITICAL)  # the programs tell of each misfortune
    seeds = given.seed or [*kept(), *range(given.first, given.first + given.most)]
    until = time.monotonic() + given.seconds
    seen: Counter[str] = Counter()
    failed = done = 0
    for seed in seeds:
        if time.monotonic() > until and not given.seed:
            break
        done += 1
        try:
            seen += happened(plan(seed))
        except Exception:
            failed += 1
            print(report(seed), flush=True)
    print(f"{done} seeds, {failed} failed; met: {', '.join(f'{k} {n}' for k, n in sorted(seen.items()))}")
    return 1 if failed else 0


sys.exit(main())
