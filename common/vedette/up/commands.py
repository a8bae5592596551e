"""`vedette up` and `vedette drill`."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import json

from vedette.checks import formats
from vedette.errors import VedetteError
from vedette.up import control, home, session
from vedette.up.verdicts import Verdict, watched
from vedette.up.world.drill import PACE_INTERVAL, Phase
from vedette.up.world.drills import drill as drill_called

DEFAULT_PORT = 9960


def up(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="vedette up",
        description="Run a broker, the collector and agents on this machine until Ctrl-C. "
        "Without --config they probe a small demo world that comes along; see `vedette drill`.",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="run the checks and agents of FILE instead"
    )
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="of the page (default %(default)s; 0: any)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="keep files there (default: a temporary directory)"
    )
    parser.add_argument(
        "--broker",
        choices=("auto", "mosquitto", "iotcore"),
        default="auto",
        help="which MQTT broker to start (default: mosquitto if it is installed, else iotcore)",
    )
    parser.add_argument(
        "--interval",
        type=_interval,
        metavar="TIME",
        help="between two probes in the demo world (default 5s); drills last longer in proportion",
    )
    args = parser.parse_args(argv)
    if args.config is not None and args.interval is not None:
        parser.error("--interval is of the demo world; FILE says its own intervals")
    os.umask(0o077)  # whatever is written here, by us or by a child, is for this user alone
    interval = PACE_INTERVAL if args.interval is None else args.interval
    options = session.Options(args.config, args.port, args.data, args.broker, interval)
    asyncio.run(session.run(options, _say))
    return 0


def drill(argv: list[str]) -> int:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data", type=Path, metavar="DIR", help="of the `vedette up` that is meant")
    shared.add_argument("--port", type=_port, help="of the `vedette up` that is meant, when several run")
    shared.add_argument("--json", action="store_true", help="print one JSON array, or one object")
    parser = argparse.ArgumentParser(
        prog="vedette drill", description="Break the demo world of `vedette up` on purpose, and mend it."
    )
    words = parser.add_subparsers(dest="do", required=True, metavar="list | start NAME | stop [NAME]")
    words.add_parser("list", parents=[shared], help="what can be broken, what is, and what to expect to see")
    start = words.add_parser(
        "start", parents=[shared], help="break something, and wait for the verdict on it"
    )
    start.add_argument("name", metavar="NAME")
    start.add_argument("--no-wait", action="store_true", help="do not wait for a verdict")
    stop = words.add_parser("stop", parents=[shared], help="mend it; without a name, mend everything")
    stop.add_argument("name", metavar="NAME", nargs="?")
    args = parser.parse_args(argv)
    name: str | None = getattr(args, "name", None)
    if name is not None:
        drill_called(name)  # a wrong name is told at once, whatever runs
    reply = control.ask(_world(args.data, args.port), control.Request(do=args.do, name=name))
    if args.do == "list":
        _print_list(reply, as_json=args.json)
        return 0
    if not args.json:
        _print_change(args.do, name, reply)
    found: list[Verdict | Phase] = []
    if args.do == "start" and not args.no_wait:
        state = next(state for state in reply.drills if state.name == name)
        try:
            asyncio.run(_follow(state, reply.page_port, found, as_json=args.json))
        except KeyboardInterrupt:
            print(f"{name} goes on; `vedette drill stop` mends it", file=sys.stderr)
    told = [one for one in found if isinstance(one, Verdict)]
    if args.json:
        active = [state.name for state in reply.drills if state.active]
        print(json.encode({"changed": reply.changed, "active": active, "verdicts": told}).decode())
    return 0 if len(told) == len(found) else 1


async def _follow(
    state: control.DrillState, page_port: int, found: list[Verdict | Phase], *, as_json: bool
) -> None:
    async for one in watched(state, page_port):
        found.append(one)
        if as_json:
            continue
        phase = f"{one.phase if isinstance(one, Verdict) else one.name}: " if len(state.phases) > 1 else ""
        if isinstance(one, Verdict):
            role = "" if one.is_headline else "as part of "
            _say(f"{phase}after {one.after_seconds:.1f} s: {one.component}: {role}{one.headline}")
        else:
            _say(f"{phase}no verdict in time; {' or '.join(one.components)} was to be named")


def _world(data: Path | None, port: int | None) -> Path:
    """The data directory of the world that is meant. Raises VedetteError when there is none, or more."""
    if data is not None:
        if not data.is_dir():
            raise VedetteError(f"--data {data}: no such directory")
        return data
    found = [pointer for pointer in home.running() if port in (None, pointer.port)]
    where = "" if port is None else f" on port {port}"
    if not found:
        raise VedetteError(f"no `vedette up` runs{where}; start one, or name its directory with --data")
    worlds = [pointer for pointer in found if pointer.has_world]
    if not worlds:
        raise VedetteError(f"the `vedette up`{where} runs your own configuration: it has no world to break")
    if len(worlds) > 1:
        choice = " or ".join(f"--port {pointer.port}" for pointer in worlds)
        raise VedetteError(f"{len(worlds)} worlds run; say which: {choice}")
    return Path(worlds[0].data)


def _print_list(reply: control.Reply, *, as_json: bool) -> None:
    if as_json:
        print(json.encode(reply.drills).decode())
        return
    width = max(len(state.name) for state in reply.drills)
    for state in reply.drills:
        print(f"{state.name:{width}}  {'ACTIVE' if state.active else '      '}  {state.summary}")
        print(f"{'':{width}}          expect: {state.expect}")
        for line in _timetable(state):
            print(f"{'':{width}}          {line}")


def _timetable(drill: control.DrillState) -> Iterator[str]:
    """Of a day that was: its phases, with when and how long then and here. Nothing for other drills."""
    phases = [phase for phase in drill.phases if phase.real_minutes is not None]
    if not phases:
        return
    rows = [("phase", "on that day", "here", "what happens")]
    for phase in phases:
        then = f"+{_minutes(phase.real_after_minutes)} for {_minutes(phase.real_minutes)}"
        here = f"+{phase.after_seconds:.0f} s for {phase.lasts_seconds:.0f} s"
        rows.append((phase.name, then, here, phase.what))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True))
        yield "  ".join(cells).rstrip()


def _minutes(minutes: float | None) -> str:
    hours, rest = divmod(round(minutes or 0.0), 60)
    return f"{hours}:{rest:02} h"


def _print_change(do: str, name: str | None, reply: control.Reply) -> None:
    expectations = {state.name: state.expect for state in reply.drills}
    for one in reply.changed:
        print(f"{one} runs: {expectations[one]}" if do == "start" else f"{one} has ended", flush=True)
    if not reply.changed:
        print(
            f"{name} runs already" if do == "start" else f"{name or 'no drill'} was not running", flush=True
        )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 0 to 65535")
    return int(text)


def _interval(text: str) -> float:
    try:
        return formats.interval(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _say(line: str) -> None:
    print(line, flush=True)
