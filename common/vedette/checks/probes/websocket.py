"""`websocket:` to its check."""

from typing import Any, Final
from urllib.parse import urlsplit

from vedette.checks import formats, model
from vedette.checks.captures import CAPTURE
from vedette.checks.pattern import compiled
from vedette.checks.probes.parts import options, resolver_of
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Bad, Report
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.websocket import Turn, WebsocketExpect, WebsocketProbe

_PORTS: Final = {"ws": 80, "wss": 443}


def websocket(
    probe: WebsocketProbe, path: Path, report: Report, common: dict[str, Any]
) -> model.WebsocketCheck:
    url = formats.websocket_url(probe.url)
    parts = urlsplit(url)
    host, port = formats.host(parts.hostname or ""), parts.port or _PORTS[parts.scheme]
    if probe.tls is not None and parts.scheme == "ws":
        report.about((*path, "tls"), "a ws URL has no TLS; write wss:// or remove this")
    expect = probe.expect or WebsocketExpect()
    if expect.subprotocol is not None and expect.subprotocol not in (probe.subprotocols or ()):
        report.about(
            (*path, "expect", "subprotocol"), f"{expect.subprotocol} is not offered; add it to subprotocols"
        )
    named = {name.lower(): value for name, value in probe.headers.items()}
    for name in probe.headers:
        if name.lower() == "upgrade" or name.lower().startswith("sec-websocket-"):
            report.about(
                (*path, "headers", name), f"{quoted(name)} is written by the probe itself; remove it"
            )
    return model.WebsocketCheck(
        target=url,
        host=host,
        port=port,
        authority=named.get("host") or parts.netloc,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        headers=tuple((name, value) for name, value in probe.headers.items() if name.lower() != "host"),
        subprotocols=tuple(dict.fromkeys(probe.subprotocols or ())),
        resolver=resolver_of(probe.resolver),
        dialogue=tuple(_steps(probe.dialogue or [], (*path, "dialogue"), report)),
        tls=options(probe.tls or TlsSettings(), (*path, "tls"), report) if parts.scheme == "wss" else None,
        subprotocol=expect.subprotocol,
        **common,
    )


def _steps(turns: list[Turn], path: Path, report: Report) -> list[model.DialogueStep]:
    made = []
    groups = 0  # of the last pattern
    for at, turn in enumerate(turns):
        if isinstance(turn, Bad):
            continue
        if turn == Turn() and not report.is_amiss((*path, at)):
            report.about((*path, at), "a turn that does nothing; give it expect or send")
        if turn.expect is not None:
            groups = compiled(turn.expect, captures=True).groups
        for capture in CAPTURE.finditer(turn.send or ""):
            if capture["number"] and int(capture["number"]) > groups:
                told = f"the pattern before has {groups} groups, and {capture[0]} is none of them"
                report.about((*path, at, "send"), f"{told}; mend the number, or write \\{capture[0]}")
        made.append(model.DialogueStep(expect=turn.expect, send=turn.send))
    return made
