"""`vedette status`."""

import argparse
import json
import sys
from typing import Any, Final

from vedette.errors import VedetteError
from vedette_collector.status import fetch, screen

_ABOUT = """Say whether any result is missing, why, and what to do: every result that an agent produced is
applied, declared lost for a reason, or pending. The worst comes first."""
_EXITS = """Exit codes: 0 all is accounted for and nothing waits for long, 1 something is missing, late or
failing, 2 the collector cannot be reached or does not answer as one."""
NONSENSE: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


def status(argv: list[str]) -> int:
    """0 complete, 1 a problem; raises VedetteError (2) where there is no answer to read."""
    args = _parser().parse_args(argv)
    told = fetch.ledger(args.url)
    colour = not args.json and sys.stdout.isatty()
    try:
        lines = screen.lines(told, colour=colour)
    except NONSENSE as exc:
        raise VedetteError(
            f"{args.url} does not answer as a collector does: no ledger; is it of an earlier version?"
        ) from exc
    print(_json(told) if args.json else "\n".join(lines))
    return 0 if told["complete"] is True else 1


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vedette status", description=_ABOUT, epilog=_EXITS)
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:9960",
        metavar="URL",
        help="where the collector serves HTTP (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print what /api/v1/ledger says, all of it")
    return parser
