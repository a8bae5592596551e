"""Cases of blackbox_exporter's tests, as tables of ours: what is configured, what must come of it.

A table is `<part>.yaml` beside this file. What it says was found out by reading the Go tests; the words and
the format are ours. Every case goes the whole way: configuration, prober, result on the wire, series.
"""

import itertools
import json
import re
import socket
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pytest
import yaml
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from servers.probing import Bench
from vedette.checks import read
from vedette.checks.model import Check
from vedette.checks.problems import BadConfig
from vedette.wire.messages import Result
from vedette_agent import outcome
from vedette_agent.probers.run import prepare, prober
from vedette_collector.cell import Cell, Moment
from vedette_collector.exposition.cells import blocks

HERE: Final = Path(__file__).parent
SOURCE: Final = "prometheus/blackbox_exporter at e39d7d4, Apache-2.0"
NAME: Final = "case"  # of the check that a case describes
_OWN_LABELS: Final = ("check", "agent", "target")

Values = Mapping[str, str | int | float]
Samples = dict[str, float]  # `name` or `name{label="value"}`, without the labels that every series has


class Case(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case. `<word>` in its texts stands for a value of the server or of `each`, such as `<port>`."""

    name: str
    origin: str  # "<Go test function>, <which of its cases>"
    check: dict[str, Any] = {}  # a check of our configuration file, without its name
    checks: list[dict[str, Any]] = []  # instead: several, which are read and not run
    server: Any = None  # what it meets; each part reads this in its own way
    outcome: str  # "ok", "fail <code>", "not_run <reason>", or "bad config"
    told: str | None = None  # the message of a bad configuration, after the place in the file
    metrics: dict[str, float | str | None] = {}  # a value; "any"; null: no such series
    theirs: str | None = None  # "ok" or "fail", where their verdict is another than ours
    their_metrics: dict[str, float | str | None] = {}  # where their values are others, or have no counterpart
    differs: str | None = None  # why, in words for users
    module: dict[str, Any] | None = None  # the same for blackbox_exporter 0.23, to be run side by side
    target: str | None = None  # of that module
    each: dict[str, list[str | int]] = {}  # words with several values: a case for every combination

    @property
    def verdict(self) -> str:
        """Theirs: "ok" or "fail"."""
        return self.theirs or ("ok" if self.outcome == "ok" else "fail")


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`counts`: how many cases each function of the Go file has; counted there by hand."""

    source: str  # the Go file
    counts: dict[str, int]
    servers: dict[str, Any] = {}
    cases: list[Case]

    def miscounted(self) -> dict[str, tuple[int, int]]:
        """The functions of which this has another number of cases than the Go file: (has, should have)."""
        has = Counter(case.origin.partition(",")[0] for case in self.cases)
        return {
            function: (has[function], self.counts.get(function, 0))
            for function in has.keys() | self.counts.keys()
            if has[function] != self.counts.get(function, 0)
        }


class Came(NamedTuple):
    """What came of a case."""

    result: Result
    samples: Samples


def load(part: str) -> Table:
    """The table of *part*, each case of which is one of theirs: `each` is multiplied out."""
    table = msgspec.convert(yaml.safe_load((HERE / f"{part}.yaml").read_text(encoding="utf-8")), Table)
    return msgspec.structs.replace(table, cases=[one for case in table.cases for one in _multiplied(case)])


def _multiplied(case: Case) -> list[Case]:
    combinations = itertools.product(*case.each.values())
    return [
        msgspec.convert(filled(msgspec.to_builtins(case), dict(zip(case.each, values, strict=True))), Case)
        for values in combinations
    ]


def need_ipv6() -> None:
    """Skip the running test where a socket cannot have the address ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as trial:
            trial.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this host")


def filled(written: Any, values: Values) -> Any:
    """*written* with every `<word>` that is in *values* put in. A text of one word takes its type."""
    match written:
        case str():
            whole = re.fullmatch("<([a-z_]+)>", written)
            if whole is not None and whole[1] in values:
                return values[whole[1]]
            return re.sub("<([a-z_]+)>", lambda word: str(values.get(word[1], word[0])), written)
        case dict():
            return {key: filled(value, values) for key, value in written.items()}
        case list():
            return [filled(value, values) for value in written]
        case _:
            return written


def configured(case: Case, values: Values) -> Check:
    """The first check of *case*, as the configuration file would have it. Raises BadConfig."""
    checks = [
        {"name": f"{NAME}-{at}", **filled(one, values)} for at, one in enumerate(case.checks or [case.check])
    ]
    document = {"agents": [{"name": "agent"}], "checks": checks}
    return read.loads(json.dumps(document, ensure_ascii=False).encode(), "case.yaml").checks[0]


def told(case: Case, values: Values) -> str:
    """What is said of the configuration of *case*, without places in the file; "" where it is fine.

    A "…" in the table stands for anything: the words of the engine of patterns, or a list that grows.
    """
    try:
        configured(case, values)
    except BadConfig as exc:
        lines = [re.sub(r"^case\.yaml:\d+:\d+: ", "", line) for line in str(exc).splitlines()]
        said = "\n".join(lines)
        expected = case.told or ""
        is_so = re.fullmatch("[^\n]*".join(re.escape(part) for part in expected.split("…")), said)
        return expected if is_so else said
    return ""


async def probed(case: Case, values: Values, bench: Bench) -> Came:
    """The check of *case*, run once on *bench*: its result as it leaves the agent, and its series."""
    check = configured(case, values)
    prepare([check])
    ended = await bench.run(prober, check, check.timeout)
    result = outcome.result(
        check, ended.record, ended.error, started_us=1, elapsed=ended.seconds, stalled=0.0
    )
    result = msgspec.json.decode(msgspec.json.encode(result), type=Result)
    return Came(result, exposed(check, result))


def exposed(check: Check, result: Result) -> Samples:
    """The series that the collector shows of *result*."""
    cell = Cell(check, "agent")
    cell.apply(result, (1, 0), Moment(1_800_000_000.0, 1000.0))
    return samples("".join(blocks(cell).values()))


def samples(page: str) -> Samples:
    """The series on an exposition *page*."""
    found: Samples = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            own = {key: value for key, value in sample.labels.items() if key not in _OWN_LABELS}
            inside = ",".join(f'{key}="{value}"' for key, value in sorted(own.items()))
            found[f"{sample.name}{{{inside}}}" if inside else sample.name] = sample.value
    return found


def holds(expected: float | str | None, value: float | None) -> bool:
    """Whether a series with *value*, None for no such series, is as a table says."""
    if expected is None or value is None:
        return expected is None and value is None
    return expected == "any" or float(expected) == value


def amiss(case: Case, values: Values, came: Came) -> list[str]:
    """Everything in which *came* is not as the table says, a line for each."""
    result = came.result
    verdict = result.outcome if result.outcome == "ok" else f"{result.outcome} {result.reason}"
    found = [] if verdict == case.outcome else [f"{verdict} ({result.detail}), not {case.outcome}"]
    for name, expected in filled(case.metrics, values).items():
        value = came.samples.get(name)
        if not holds(expected, value):
            found.append(f"{name} is {value}, not {expected}")
    return found
