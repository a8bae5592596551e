"""Who may import whom. The arrows of the design, held over every file by its syntax tree."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOMES = {"vedette": ROOT / "common", "vedette_agent": ROOT / "agent", "vedette_collector": ROOT / "collector"}

# These decide and never act: state and time come in as arguments, work comes out.
PURE = [
    "vedette.wire.*",
    "vedette.checks.model.*",
    "vedette.checks.problems",
    "vedette.checks.nodes",
    "vedette.checks.tree",
    "vedette.checks.captures",
    "vedette.checks.formats",
    "vedette.checks.anchors",
    "vedette.checks.schema.*",
    "vedette.checks.walk",
    "vedette.checks.selection",
    "vedette.checks.probes.*",
    "vedette.checks.compile",
    "vedette.checks.resolvers",
    "vedette.clock",
    "vedette.hexdump",
    "vedette.mqtt.counters",
    "vedette.mqtt.messages",
    "vedette.mqtt.outgoing",
    "vedette.up.backoff",
    "vedette.up.world.zone",
    "vedette_agent.schedule",
    "vedette_agent.allowance",
    "vedette_agent.outofturn",
    "vedette_agent.bypass.plan",
    "vedette_agent.delivery.asks",
    "vedette_agent.delivery.bases",
    "vedette_agent.delivery.beats",
    "vedette_agent.delivery.clockwatch",
    "vedette_agent.delivery.collectors",
    "vedette_agent.delivery.disk",
    "vedette_agent.delivery.gaps",
    "vedette_agent.delivery.group",
    "vedette_agent.delivery.ledger",
    "vedette_agent.delivery.outbox",
    "vedette_agent.delivery.pace",
    "vedette_agent.delivery.packing",
    "vedette_agent.delivery.parcel",
    "vedette_agent.delivery.parcels",
    "vedette_agent.delivery.replay",
    "vedette_agent.delivery.runs",
    "vedette_agent.delivery.stash",
    "vedette_agent.spool.carve",
    "vedette_agent.spool.events",
    "vedette_agent.spool.policy",
    "vedette_agent.spool.rows",
    "vedette_agent.engine.policy",
    "vedette_agent.outcome",
    "vedette_agent.fit",
    "vedette_agent.evidence",
    "vedette_agent.x509",
    "vedette_agent.classify",
    "vedette_agent.der",
    "vedette_agent.staple",
    "vedette_agent.unreadable",
    "vedette_agent.starttls",
    "vedette_agent.dns.*",
    "vedette_agent.dnssec.*",
    "vedette_agent.path.*",
    "vedette_agent.http.*",
    "vedette_agent.grpc",
    "vedette_agent.ntp",
    "vedette_collector.dedupe",
    "vedette_collector.claims",
    "vedette_collector.ledger",
    "vedette_collector.store.entry",
    "vedette_collector.store.rows",
    "vedette_collector.store.recovery",
    "vedette_collector.store.checkpoint",
    "vedette_collector.store.schema",
    "vedette_collector.ingest",
    "vedette_collector.rejection",
    "vedette_collector.replay.backtest",
    "vedette_collector.replay.chance",
    "vedette_collector.replay.configuration",
    "vedette_collector.replay.draw",
    "vedette_collector.replay.expected",
    "vedette_collector.replay.fleet",
    "vedette_collector.replay.history",
    "vedette_collector.replay.quorum",
    "vedette_collector.replay.record",
    "vedette_collector.replay.scenario",
    "vedette_collector.replay.score",
    "vedette_collector.replay.silence",
    "vedette_collector.replay.simulate",
    "vedette_collector.replay.symptom",
    "vedette_collector.replay.table",
    "vedette_collector.replay.world",
    "vedette_collector.effects",
    "vedette_collector.acks",
    "vedette_collector.board",
    "vedette_collector.bucket",
    "vedette_collector.budget",
    "vedette_collector.cell",
    "vedette_collector.clones",
    "vedette_collector.condition",
    "vedette_collector.evidence",
    "vedette_collector.fleet.alike",
    "vedette_collector.fleet.gaps",
    "vedette_collector.fleet.hints",
    "vedette_collector.fleet.slips",
    "vedette_collector.fleet.survey",
    "vedette_collector.remote.counters",
    "vedette_collector.remote.delivery",
    "vedette_collector.remote.encode",
    "vedette_collector.remote.samples",
    "vedette_collector.remote.verdict",
    "vedette_collector.status.screen",
    "vedette_collector.web.accounts",
    "vedette_collector.web.exhibits",
    "vedette_collector.salvage",
    "vedette_collector.exposition.*",
    "vedette_collector.verdicts.*",
    "vedette_collector.waiting",
    "vedette_collector.web.view",
]
ACTING = {
    "asyncio",
    "socket",
    "selectors",
    "logging",
    "time",
    "threading",
    "subprocess",
    "aiohttp",
    "aiomqtt",
}

# Conversions between bytes and text, which the standard library keeps in a module that acts.
HARMLESS = {"socket.AF_INET", "socket.AF_INET6", "socket.inet_ntop", "socket.inet_pton"}

# The agent runs on many small machines: what only the collector or the demo needs stays off them.
NOT_ON_AGENTS = {"aiohttp", "aioquic", "prometheus_client", "jinja2", "cryptography", "pydantic", "yaml"}


def modules() -> dict[str, Path]:
    found = {}
    for package, home in HOMES.items():
        for path in sorted((home / package).rglob("*.py")):
            parts = path.relative_to(home).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path, *, at_start_only: bool = False) -> set[str]:
    """Absolute names of all that *path* imports, `from a import b` as `a` and `a.b`.

    *at_start_only* leaves out imports inside functions and under TYPE_CHECKING.
    """
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if at_start_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                assert level == 0, f"{path}: imports are absolute here"
                found.add(str(module))
                found.update(f"{module}.{alias.name}" for alias in names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def tops(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def acting(names: set[str]) -> set[str]:
    """What of *names* acts. `from socket import inet_ntop` is harmless, `import socket` is not."""
    found = {name for name in names if name.partition(".")[0] in ACTING} - HARMLESS
    partly = {name.rpartition(".")[0] for name in names & HARMLESS}
    return {name for name in found if name not in partly}


def matching(pattern: str) -> list[str]:
    stem = pattern.removesuffix(".*")
    return [name for name in MODULES if name == stem or (pattern != stem and name.startswith(f"{stem}."))]


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("vedette", {"vedette_agent", "vedette_collector"}),
        ("vedette_agent", {"vedette_collector"}),
        ("vedette_collector", {"vedette_agent"}),
    ],
)
def test_packages_meet_only_in_the_middle(package: str, forbidden: set[str]) -> None:
    own = [name for name in MODULES if name.partition(".")[0] == package]
    assert own
    assert {name: found for name in own if (found := tops(imports(MODULES[name])) & forbidden)} == {}


def test_nothing_of_the_product_imports_its_tests() -> None:
    assert {
        name for name, path in MODULES.items() if tops(imports(path)) & {"tests", "servers", "pytest"}
    } == set()


@pytest.mark.parametrize("pattern", PURE)
def test_pure_module_neither_waits_nor_acts(pattern: str) -> None:
    names = matching(pattern)
    assert names, f"{pattern} names no module"
    assert {name: found for name in names if (found := acting(imports(MODULES[name])))} == {}


def reached(start: str) -> dict[str, set[str]]:
    """Our modules that importing *start* brings in, each with what it imports at once."""
    seen: dict[str, set[str]] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in MODULES:
            continue
        seen[name] = imports(MODULES[name], at_start_only=True)
        parents = [name.rsplit(".", at)[0] for at in range(1, name.count(".") + 1)]
        waiting += [*seen[name], *parents]
    return seen


@pytest.mark.parametrize(
    "start", ["vedette_agent.runner", "vedette_agent.delivery.publish", "vedette_agent.probers.run"]
)
def test_agent_runtime_needs_no_heavy_module(start: str) -> None:
    brought = reached(start)
    assert len(brought) > 5
    assert {name: found for name, used in brought.items() if (found := tops(used) & NOT_ON_AGENTS)} == {}


def test_importing_the_agent_loads_no_heavy_module() -> None:
    heavy = [*sorted(NOT_ON_AGENTS - {"yaml"}), "vedette_collector"]
    code = f"import sys, vedette_agent.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_no_stray_module_beside_the_packages() -> None:
    """agent/, collector/ and common/ are on the path of an editable install: a .py there is importable."""
    assert [path for home in HOMES.values() for path in home.glob("*.py")] == []
