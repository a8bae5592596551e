"""`vedette collector run`."""

import argparse
import asyncio
from pathlib import Path

from msgspec.structs import replace

from vedette import log
from vedette.mqtt import add_broker_options, broker_from
from vedette.timefloor import installed
from vedette_collector import app
from vedette_collector.remote.settings import add_options, settings_from
from vedette_collector.store import directory
from vedette_collector.web.server import listen

_ABOUT = """Receive the results of agents and serve them: /metrics for Prometheus, a status page at /, a JSON
API under /api/v1. SIGHUP or POST /-/reload reads the configuration again; a bad file leaves the old
one running."""


def collector(argv: list[str]) -> int:
    """0 after a clean stop, 2 for a configuration or an address that cannot be used."""
    args = _parser().parse_args(argv)
    log.setup(args.log_level)
    floor = installed()
    floor.raise_to_file(args.config)
    options = app.Options(
        config=args.config,
        broker=replace(broker_from(args), floor=floor),
        listen=listen(args.listen),
        state=None if args.no_store else args.state_dir or directory.default(),
        remote_write=settings_from(args),
        asn_database=args.asn_database,
        asks=not args.no_asks,
    )
    asyncio.run(app.main(options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vedette collector", description="The collector.")
    words = parser.add_subparsers(required=True, metavar="run")
    run = words.add_parser(
        "run",
        help="run the collector",
        description=_ABOUT,
        epilog="It connects three times, as collector-live, collector-replay and collector-control: "
        "with --username '{identity}' --password-file 'secrets/{identity}' each has its own password, with "
        "--cert 'pki/{identity}.pem' --key 'pki/{identity}.key' its own certificate. Where the broker takes "
        "the client id from the certificate, three with one certificate throw each other out.",
    )
    run.add_argument(
        "--config", required=True, type=Path, metavar="FILE", help="the checks and agents (YAML)"
    )
    add_broker_options(run)
    run.add_argument(
        "--listen",
        default="127.0.0.1:9960",
        metavar="ADDRESS:PORT",
        help="where to serve HTTP (default: %(default)s); it has no password: "
        "anything but loopback belongs behind a proxy",
    )
    run.add_argument(
        "--asn-database",
        type=Path,
        metavar="FILE",
        help="who announces which addresses, in MaxMind's format: verdicts then name the networks of targets "
        "and paths that no tag names; read again at a reload",
    )
    where = run.add_mutually_exclusive_group()
    where.add_argument(
        "--state-dir",
        type=Path,
        metavar="DIR",
        help="keep counters, books and history in DIR/collector (default: $STATE_DIRECTORY, else "
        "$XDG_STATE_HOME/vedette or ~/.local/state/vedette)",
    )
    where.add_argument(
        "--no-store", action="store_true", help="keep everything in memory; it ends with the process"
    )
    add_options(run)
    run.add_argument(
        "--no-asks",
        action="store_true",
        help="do not ask agents to probe at once what would make a verdict surer",
    )
    run.add_argument("--log-level", default="info", choices=log.LEVELS, help="default: %(default)s")
    return parser
