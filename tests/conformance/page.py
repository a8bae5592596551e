"""Writes docs/conformance.md from the tables.

`PYTHONPATH=tests python -m conformance.page docs/conformance.md` renews it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from conformance.cases import HERE, SOURCE, Case, Table, load
from conformance.peer import ONLY_OURS, ONLY_THEIRS

MARK: Final = "<!-- From here on made by `python -m conformance.page docs/conformance.md`. -->\n"


def text(before: str) -> str:
    """The whole page; *before* is the page so far, of which what stands before the mark stays."""
    return before.partition(MARK)[0] + MARK + "\n".join(_made(_tables(HERE), _tables(HERE / "own"))) + "\n"


def _tables(folder: Path) -> list[Table]:
    return [load(str(path.relative_to(HERE).with_suffix(""))) for path in sorted(folder.glob("*.yaml"))]


def _made(tables: list[Table], own: list[Table]) -> Iterator[str]:
    total = sum(len(table.cases) for table in tables)
    beside = sum(case.module is not None for table in tables for case in table.cases)
    mine = sum(len(table.cases) for table in own)
    yield f"\n## Cases\n\n{total} cases from {SOURCE}; {beside} of them also run beside the exporter 0.23."
    yield f"{mine} more are our own and run beside it as well: servers that get it wrong, and ICMP.\n"
    yield "| file | cases | beside the exporter | other verdict | other series |\n|---|---|---|---|---|"
    for table in tables:
        cases = table.cases
        numbers = (
            len(cases),
            sum(case.module is not None for case in cases),
            sum(case.theirs is not None for case in cases),
            sum(bool(case.their_metrics) for case in cases),
        )
        yield f"| `{table.source}` | {' | '.join(map(str, numbers))} |"
    yield "\n## What differs on purpose"
    for table in tables:
        yield from _differences(f"`{table.source}`", table.cases)
    yield from _differences("Cases of our own", [case for table in own for case in table.cases])
    yield "\n## Series that only one has\n\nBeside times, which are each program's own:\n"
    yield "| series | only in | why |\n|---|---|---|"
    for where, reasons in (("blackbox_exporter", ONLY_THEIRS), ("Vedette", ONLY_OURS)):
        for name, reason in reasons.items():
            yield f"| `{name}` | {where} | {reason} |"


def _differences(heading: str, cases: list[Case]) -> Iterator[str]:
    cases = [case for case in cases if case.differs]
    if cases:
        yield f"\n### {heading}\n"
    reasons: dict[str, list[str]] = {}
    for case in cases:
        reasons.setdefault(" ".join((case.differs or "").split()), []).append(f"`{case.origin}`")
    for reason, origins in reasons.items():
        yield f"- {reason}<br>\n  {'; '.join(origins)}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(text(page.read_text(encoding="utf-8")), encoding="utf-8")
