"""The words of `vedette probe`: what they ask for, as checks that the configuration file could have."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from vedette.checks import dnstext, formats, schema
from vedette.checks.model import Check
from vedette_agent.oneshot.section import TARGETS, Unusable, checks_from

TIMEOUT: Final = 5.0
MAX_TIMEOUT: Final = 300.0
_ABOUT: Final = {
    "dns": "ask a name server; an empty answer is a failure",
    "authority": "ask all name servers of a zone and compare what they say",
    "trace": "follow the delegations from the root to a name",
    "dnssec": "validate the chain of trust to a name",
    "http": "fetch a URL",
    "websocket": "open a WebSocket",
    "tcp": "connect to a port",
    "tls": "shake hands and look at the certificate",
    "grpc": "ask a gRPC server for its health",
    "icmp": "send one echo request",
    "path": "find the hops to a host",
    "udp": "send one datagram and wait for an answer; needs --with 'send: …'",
    "ntp": "ask a time server for the time",
}
_WITH_TLS: Final = ("http", "tls")
_EPILOG: Final = (
    "Exit code: 0 the target is well, 1 it is not or could not be probed, 2 wrong usage. "
    "`vedette probe --config FILE CHECK` runs a check of a configuration file."
)


class Asked(NamedTuple):
    checks: list[Check]
    is_json: bool
    is_traced: bool


def asked(argv: list[str]) -> Asked:
    """What the command line asks for. Wrong usage ends the program with code 2 and says what to write.

    Raises ConfigError for a configuration file that cannot be used, or that has no such check.
    """
    if any(word == "--config" or word.startswith("--config=") for word in argv):
        from vedette_agent.oneshot.configured import configured

        words = _file_parser().parse_args(argv)
        return Asked(configured(Path(words.config), words.check), words.json, words.trace)
    parser = _parser()
    words = parser.parse_args(argv)
    try:
        checks = checks_from(words.kind, _section(words), words.given, _common(words))
    except Unusable as exc:
        parser.error("\n".join(exc.told))
    return Asked(checks, words.json, words.trace)


def _common(words: argparse.Namespace) -> dict[str, Any]:
    common: dict[str, Any] = {"interval": f"{MAX_TIMEOUT:g}s", "timeout": f"{words.timeout:g}s"}
    if words.families:
        common["families"] = list(dict.fromkeys(words.families))
    return common


def _section(words: argparse.Namespace) -> dict[str, Any]:
    """The kind's own keys, as far as flags say them."""
    section: dict[str, Any] = {TARGETS[words.kind]: words.target}
    if words.kind == "dns":
        given = {"type": words.type, "resolver": words.server, "transport": "tcp" if words.tcp else None}
        section |= {key: value for key, value in given.items() if value is not None}
    if words.kind == "http" and words.expect_status is not None:
        section["expect"] = {"status": words.expect_status}
    if words.kind in _WITH_TLS:
        tls: dict[str, Any] = {"verify": False} if words.insecure else {}
        if words.ca_file is not None:
            tls["ca_file"] = os.path.abspath(words.ca_file)
        if words.kind == "tls":
            section |= tls
        elif tls:
            section["tls"] = tls
    return section


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette probe",
        description="Probe one target once, from here.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    made = {kind: _kind(kinds.add_parser, kind) for kind in schema.KINDS}
    made["dns"].add_argument("--type", type=_typed(dnstext.record_type), help="record type; default A")
    made["dns"].add_argument(
        "--server", type=_typed(_server), metavar="IP[:PORT]|URL", help="default: the host's own"
    )
    made["dns"].add_argument("--tcp", action="store_true", help="ask over TCP")
    made["http"].add_argument(
        "--expect-status",
        type=_typed(_statuses),
        metavar="200-299,304",
        help="accepted status codes; default 200-299",
    )
    for kind in _WITH_TLS:
        made[kind].add_argument(
            "--ca-file", metavar="FILE", help="trust these certificates (PEM), not the host's"
        )
        made[kind].add_argument("--insecure", action="store_true", help="accept any certificate, and show it")
    return parser


def _kind(add: Callable[..., argparse.ArgumentParser], kind: str) -> argparse.ArgumentParser:
    made = add(kind, help=_ABOUT[kind], description=_ABOUT[kind], allow_abbrev=False)
    made.add_argument("target", metavar=TARGETS[kind].upper(), help=f"the `{TARGETS[kind]}` of such a check")
    made.add_argument(
        "--with",
        dest="given",
        action="append",
        default=[],
        metavar="'KEY: VALUE'",
        help="any key of such a check, as the configuration file has it (YAML); may be repeated",
    )
    made.add_argument(
        "--timeout",
        type=_typed(_timeout),
        default=TIMEOUT,
        metavar="SECONDS",
        help=f"for all of it; default {TIMEOUT:g}",
    )
    for number in "46":
        made.add_argument(
            f"-{number}",
            dest="families",
            action="append_const",
            const=f"ipv{number}",
            help=f"IPv{number}; both with -4 -6",
        )
    _add_output(made)
    return made


def _file_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette probe",
        description="Run one check of a configuration file once, from here, as it is written.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, metavar="FILE", help="agents and checks")
    parser.add_argument(
        "check", metavar="CHECK", help="its name; with a suffix, such as web:ipv6, that variant alone"
    )
    _add_output(parser)
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with stable keys")
    parser.add_argument("--trace", action="store_true", help="show what was sent and what came")


def _typed(read: Callable[[str], object]) -> Callable[[str], object]:
    """For argparse, which shows the message of its own error only."""

    def checked(text: str) -> object:
        try:
            return read(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return checked


def _timeout(text: str) -> float:
    seconds = float(text.removesuffix("s")) if text.removesuffix("s").replace(".", "", 1).isdecimal() else 0.0
    if not 0.01 <= seconds <= MAX_TIMEOUT:
        said = f"{text!r} is not a timeout; write seconds, more than 0"
        raise ValueError(f"{said}: from 0.01 to {MAX_TIMEOUT:g}")
    return seconds


def _server(text: str) -> str:
    dnstext.resolver(text)
    return text  # as written: without a port it is that of the transport


def _statuses(text: str) -> list[int | str]:
    """As the configuration file has them: a number, or a range as text."""
    found: list[int | str] = []
    try:
        for one in text.replace(" ", "").split(","):
            formats.statuses(one if "-" in one else f"{one}-{one}")
            found.append(one if "-" in one else int(one))
    except ValueError as exc:
        raise ValueError(
            f"{text!r} are no status codes; write codes and ranges from 100 to 599, such as 200-299,304"
        ) from exc
    return found
