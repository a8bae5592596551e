"""`python -m benchmarks [--only NAME ...] [--runs N] [--seconds S]`: prints one JSON object a line."""

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Line
from benchmarks.settings import Settings

GROUPS = (
    *("schedule", "ingest", "durable", "wire", "exposition", "decision", "remote_write", "memory"),
    *("replay", "load"),
    *("footprint", "probes", "spool", "saturation", "accuracy"),
)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, default=GROUPS, help="groups to run (default: all)"
    )
    parser.add_argument("--kinds", nargs="+", default=None, help="probe kinds (default: all five and https)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each figure; medians are printed (3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of one measured window (8)")
    parser.add_argument("--rate", type=int, default=200, help="probes per second (200)")
    parser.add_argument("--agents", type=int, default=200, help="agents of the made-up fleet of `load` (200)")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="vedette-bench-") as scratch:
        settings = Settings(
            runs=args.runs,
            seconds=args.seconds,
            rate=args.rate,
            kinds=args.kinds,
            agents=args.agents,
            scratch=Path(scratch),
        )
        for group in args.only:
            figures: Iterator[Line] = importlib.import_module(f"benchmarks.{group}").figures(settings)
            for figure in figures:
                print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
