"""`tcp:` to its check."""

from typing import Any

from vedette.checks import formats, model, schema
from vedette.checks.captures import CAPTURE
from vedette.checks.pattern import compiled
from vedette.checks.probes.parts import joined, options, resolver_of
from vedette.checks.problems import Path
from vedette.checks.report import Bad, Report
from vedette.checks.schema.tcp import Step


def tcp(probe: schema.TcpProbe, path: Path, report: Report, common: dict[str, Any]) -> model.TcpCheck:
    host, port = formats.host_port(probe.address)
    if probe.dialogue is not None:
        for short in ("send", "expect"):
            if getattr(probe, short) is not None:
                report.about((*path, short), f"{short} stands beside a dialogue; make it a step of that")
    dialogue: list[Step | Bad] = list(probe.dialogue or [])
    starts = [at for at, step in enumerate(dialogue) if isinstance(step, Step) and step.start_tls]
    if probe.start_tls is not None:
        starts.insert(0, -1)
    for at in starts[1:]:
        report.about((*path, "dialogue", at, "start_tls"), "TLS has begun before; remove this")
    has_tls = probe.tls is not None or bool(starts)
    return model.TcpCheck(
        target=joined(host, port),
        host=host,
        port=port,
        resolver=resolver_of(probe.resolver),
        send=probe.send,
        expect=probe.expect,
        dialogue=tuple(_steps(dialogue, (*path, "dialogue"), report)),
        tls=options(probe.tls or schema.TlsSettings(), (*path, "tls"), report) if has_tls else None,
        start_tls=probe.start_tls,
        **common,
    )


def _steps(dialogue: list[Step | Bad], path: Path, report: Report) -> list[model.DialogueStep]:
    made = []
    groups = 0  # of the last pattern
    for at, step in enumerate(dialogue):
        if isinstance(step, Bad):
            continue
        here = (*path, at)
        if step.expect is not None and step.expect_hex is not None:
            report.about((*here, "expect_hex"), "a second thing to expect; make it a step of its own")
        if step.send is not None and step.send_hex is not None:
            report.about((*here, "send_hex"), "a second thing to send; make it a step of its own")
        if step == Step() and not any(report.has((*here, field)) for field in Step.__struct_fields__):
            report.about(here, "a step that does nothing; give it expect, send or start_tls")
        if step.expect is not None:
            groups = compiled(step.expect, captures=True).groups
        for capture in CAPTURE.finditer(step.send or ""):
            if capture["number"] and int(capture["number"]) > groups:
                told = f"the pattern before has {groups} groups, and {capture[0]} is none of them"
                report.about((*here, "send"), f"{told}; mend the number, or write \\{capture[0]}")
        made.append(
            model.DialogueStep(
                expect=step.expect,
                expect_bytes=None if step.expect_hex is None else formats.hex_bytes(step.expect_hex),
                send=step.send,
                send_bytes=None if step.send_hex is None else formats.hex_bytes(step.send_hex),
                start_tls=step.start_tls,
            )
        )
    return made
