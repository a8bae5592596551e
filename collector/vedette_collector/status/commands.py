"""`vedette status` and `vedette incidents`."""

import argparse
import json
import shutil
import sys
from typing import Any, Final
from urllib.parse import quote

from vedette.errors import VedetteError
from vedette_collector.status import fetch, screen
from vedette_collector.status import incidents as board

_ABOUT = """Say whether any result is missing, why, and what to do: every result that an agent produced is
applied, declared lost for a reason, or pending. The worst comes first."""
_EXITS = """Exit codes: 0 all is accounted for and nothing waits for long, 1 something is missing, late or
failing, 2 the collector cannot be reached or does not answer as one."""
_ABOUT_INCIDENTS: Final = (
    """Say what broke: open incidents, the worst first, each with what was seen of it."""
)
_EXITS_INCIDENTS: Final = """Exit codes: 0 no incident that pages is open, 1 some are, 2 the collector cannot
be reached, does not answer as one, or knows no incident of this ID."""
NONSENSE: Final = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


def status(argv: list[str]) -> int:
    """0 complete, 1 a problem; raises VedetteError (2) where there is no answer to read."""
    args = _parser().parse_args(argv)
    told = fetch.told(args.url, fetch.LEDGER)
    colour = not args.json and sys.stdout.isatty()
    try:
        lines = screen.lines(told, colour=colour)
    except NONSENSE as exc:
        raise VedetteError(
            f"{args.url} does not answer as a collector does: no ledger; is it of an earlier version?"
        ) from exc
    print(_json(told) if args.json else "\n".join(lines))
    return 0 if told["complete"] is True else 1


def incidents(argv: list[str]) -> int:
    """0 none that pages is open, 1 some are; raises VedetteError (2) where there is no answer to read."""
    args = _incidents_parser().parse_args(argv)
    path = fetch.INCIDENTS
    if args.id is not None:
        path += f"&id={quote(args.id, safe='')}"
    elif args.all:
        path += "&state=all"
    told = fetch.told(args.url, path)
    colour = not args.json and sys.stdout.isatty()
    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    try:
        lines = board.lines(told, width=width, colour=colour, is_one=args.id is not None)
        is_paging = board.is_paging(told, is_one=args.id is not None)
    except NONSENSE as exc:
        raise VedetteError(
            f"{args.url} does not answer as a collector does: no incidents; is it of an earlier version?"
        ) from exc
    if args.id is not None and not told["incidents"]:
        raise VedetteError(f"{args.url} knows no incident {args.id!r}; `vedette incidents --all` lists them")
    print(_json(told) if args.json else "\n".join(lines))
    return int(is_paging)


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vedette status", description=_ABOUT, epilog=_EXITS)
    _add_url(parser)
    parser.add_argument("--json", action="store_true", help="print what /api/v1/ledger says, all of it")
    return parser


def _incidents_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette incidents", description=_ABOUT_INCIDENTS, epilog=_EXITS_INCIDENTS
    )
    _add_url(parser)
    parser.add_argument("--json", action="store_true", help="print what /api/v1/incidents says, all of it")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="closed ones too")
    which.add_argument("--id", metavar="ID", help="all about one, open or not")
    return parser


def _add_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        default="http://127.0.0.1:9960",
        metavar="URL",
        help="where the collector serves HTTP (default: %(default)s)",
    )
