"""`vedette replay` and `vedette backtest`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from vedette.checks.formats import duration
from vedette.checks.read import load
from vedette.checks.wording import suggestion
from vedette.errors import ConfigError
from vedette.wire import limits
from vedette_collector.replay import history, past, play, table
from vedette_collector.replay.backtest import played
from vedette_collector.replay.fleet import read_fleet
from vedette_collector.replay.scenario import read_scenarios
from vedette_collector.store import directory

DATA: Final = Path(__file__).parent / "data"
_ABOUT: Final = """Play published outages in virtual time to the verdict engine of the collector, and say what
it would have told, and when. Beside it stands what a majority quorum per target would have done."""


def replay(argv: list[str]) -> int:
    """0 when all headlines are right, 1 when one is not. Raises ConfigError (2): a file cannot be used."""
    args = _parser().parse_args(argv)
    fleet = read_fleet(args.fleet)
    setting = play.Setting(fleet, args.noise, args.interval)
    known = {each.id: each for each in read_scenarios(args.scenarios, fleet)}
    for each in args.id:
        if each not in known:
            raise ConfigError(f"{args.scenarios} has no scenario {each!r}; {suggestion(each, known)}")
    if args.quiet_days:
        return _quiet(setting, args)
    seeds = range(args.seed, args.seed + args.seeds)
    wanted = [(known[each], seed) for each in args.id or known for seed in seeds]
    scores: list[dict[str, Any]] = []
    width = max(len(each.id) for each, _ in wanted)
    if not args.json:
        print(table.head(width), flush=True)
    for score in play.play(setting, wanted, args.jobs):
        scores.append(score)
        if not args.json:
            print("\n".join([table.line(score, width), *table.details(score)]), flush=True)
    if args.json:
        print(json.dumps({"scenarios": scores}, indent=2))
    else:
        print("\n".join(table.summary(scores)))
    return 0 if all(score["right_headline"] for score in scores) else 1


def _quiet(setting: play.Setting, args: argparse.Namespace) -> int:
    found = play.quiet(setting, args.quiet_days, args.seed, args.jobs)
    if args.json:
        print(json.dumps({"scenarios": [], "quiet": found}, indent=2))
    else:
        print(
            f"{found['days']} days of {setting.noise:.1%} noise: {found['pages']} pages, "
            f"{found['tickets']} tickets, {found['incidents']} incidents"
        )
        for headline in found["headlines"]:
            print(f"    {headline}")
    return 0 if found["pages"] == 0 else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette replay",
        description=_ABOUT,
        epilog="Exit 0: all headlines are right, or no page on quiet days. Exit 1: one is not. "
        "The same seed gives the same result, whatever --jobs.",
    )
    parser.add_argument(
        "scenarios",
        nargs="?",
        type=Path,
        default=DATA / "library.yaml",
        metavar="SCENARIOS",
        help="outages (YAML); without it, those that come with Vedette",
    )
    parser.add_argument(
        "--fleet",
        type=Path,
        default=DATA / "fleet.yaml",
        metavar="FILE",
        help="who probes what (YAML); without it, the fleet that comes with Vedette",
    )
    parser.add_argument(
        "--id", action="append", default=[], metavar="ID", help="this scenario; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--seeds", type=_positive, default=1, metavar="N", help="so many seeds from --seed on"
    )
    parser.add_argument(
        "--noise",
        type=_share,
        default=0.01,
        metavar="SHARE",
        help="of probes that fail anyway (default: 0.01)",
    )
    parser.add_argument(
        "--interval", type=_interval, default=30.0, metavar="TIME", help="of every check (default: 30s)"
    )
    parser.add_argument("--quiet-days", type=_positive, metavar="N", help="instead: N days without an outage")
    parser.add_argument(
        "--jobs",
        type=_positive,
        default=play.default_jobs(),
        metavar="N",
        help="processes (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the scores as one JSON object")
    return parser


def backtest(argv: list[str]) -> int:
    """0, whatever would have been said. Raises VedetteError (2): nothing can be read."""
    args = _backtest_parser().parse_args(argv)
    if args.since >= args.until:
        raise ConfigError("--since is not before --until; swap them")
    results = past.told(args.state_dir or directory.default(), args.since, args.until)
    assignment = load(args.config)
    is_watched = not args.json and sys.stderr.isatty()

    def progress(count: int) -> None:
        if is_watched:
            print(f"\r{count:,} results", end="", file=sys.stderr, flush=True)

    test = played(assignment, results, progress)
    if is_watched and test.results >= 100_000:
        print(file=sys.stderr)
    print(json.dumps(history.document(test), indent=2) if args.json else "\n".join(history.lines(test)))
    return 0


def _backtest_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette backtest",
        description="Play the results that a collector kept to the verdict engine, and say which incidents "
        "it would have told, and which would have paged. Nothing is changed; the collector may be running.",
    )
    parser.add_argument(
        "--config", required=True, type=Path, metavar="FILE", help="the checks and agents of that time (YAML)"
    )
    parser.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="of the collector (default: $STATE_DIRECTORY, else $XDG_STATE_HOME/vedette or "
        "~/.local/state/vedette)",
    )
    parser.add_argument(
        "--since",
        type=_moment,
        default=0,
        metavar="TIME",
        help="seconds since the Unix epoch, or as 2025-10-20T06:48:00Z (default: all that is kept)",
    )
    parser.add_argument("--until", type=_moment, default=limits.MAX_TIME_US, metavar="TIME", help="likewise")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _moment(text: str) -> int:
    try:
        return past.moment(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 0.5, such as 0.01")
    return value


def _interval(text: str) -> float:
    try:
        value = duration(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 1s and 1h")
    return value
