"""One run of `vedette up`, from an empty machine to a page, and back to an empty machine."""

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import structs

import vedette
from vedette.checks import read
from vedette.checks.model import Assignment
from vedette.up import broker, control, home, page
from vedette.up.chatter import Chatter
from vedette.up.child import Program
from vedette.up.ports import LOOPBACK, Reservation, reserve_for_page
from vedette.up.supervisor import Supervisor
from vedette.up.world.drill import PACE_INTERVAL
from vedette.up.world.drills import DRILLS
from vedette.up.world.fleet import AGENTS
from vedette.up.world.world import World, may_ping

# -P: a directory called vedette where the command is started must not be taken for the program.
_VEDETTE: Final = (sys.executable, "-P", "-m", "vedette")
# Who starts all of it by hand wrote the file, or looked at it, and probes from their own machine.
_ALLOW_ALL: Final = ("--allow", "0.0.0.0/0", "--allow", "::/0")


@dataclass(frozen=True)
class Options:
    config: Path | None  # None: the demo world
    port: int
    data: Path | None  # None: a temporary directory
    broker: broker.Choice
    interval: float = PACE_INTERVAL  # seconds between two probes of a check of the demo world


@dataclass(frozen=True)
class _Plan:
    """What the configuration asks for: the file, its meaning, and each agent's own way to the broker."""

    config: Path
    assignment: Assignment
    agent_options: dict[str, Sequence[str]]
    world: World | None


async def run(options: Options, say: Callable[[str], None]) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; everything that was started has then ended.

    Raises VedetteError, before anything is started, for a port in use, a broken file or a missing broker; and
    afterwards for a child that cannot start.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    session = asyncio.create_task(_session(options, say), name="session")
    waiting = asyncio.create_task(stopped.wait(), name="stop signal")
    try:
        await asyncio.wait({session, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if stopped.is_set() and not session.done():
            say("ending …")
            session.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await session
    finally:
        waiting.cancel()


async def _session(options: Options, say: Callable[[str], None]) -> None:
    own = None if options.config is None else (options.config, read.load(options.config))
    kind = broker.choose(options.broker)
    home.running()  # sweeps up after one that was killed
    chatter = Chatter(asyncio.get_running_loop().time)

    def overheard(child: str, line: str) -> None:
        if (shown := chatter.shown(child, line)) is not None:
            say(shown)

    async with contextlib.AsyncExitStack() as stack:
        page_port = stack.enter_context(reserve_for_page(options.port)).port
        data = stack.enter_context(home.data_directory(options.data))
        broker_port = stack.enter_context(Reservation()).port
        plan = await stack.enter_async_context(_planned(own, data, broker_port, options.interval, say))
        supervisor = await stack.enter_async_context(Supervisor(data / "logs", say, overheard))
        await _start(supervisor, plan, kind, data, page_port, broker_port, say)
        pointer = home.Pointer(
            port=page_port,
            data=str(data),
            is_temporary=options.data is None,
            has_world=plan.world is not None,
        )
        if plan.world is not None:
            handler = _drill_handler(plan.world, page_port, say)
            await stack.enter_async_context(control.serving(data, handler))
        stack.enter_context(home.announced(pointer))
        for line in _summary(plan, kind, page_port, data):
            say(line)
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _planned(
    own: tuple[Path, Assignment] | None,
    data: Path,
    broker_port: int,
    interval: float,
    say: Callable[[str], None],
) -> AsyncIterator[_Plan]:
    if own is not None:
        config, assignment = own
        everyone: dict[str, Sequence[str]] = {
            agent.name: ("--broker", f"mqtt://{LOOPBACK}:{broker_port}", *_ALLOW_ALL)
            for agent in assignment.agents
        }
        yield _Plan(config, assignment, everyone, None)
        return
    world = World(data, broker_port, interval, say)
    async with world.running():
        with_icmp = may_ping()
        if not with_icmp:
            say(
                "icmp is left out: this user may open no ICMP socket (net.ipv4.ping_group_range, CAP_NET_RAW)"
            )
        config = data / "demo.yaml"
        config.write_text(world.configuration(with_icmp=with_icmp))
        ways: dict[str, Sequence[str]] = {
            agent.name: (
                *("--broker", f"mqtt://{LOOPBACK}:{world.relay_port(agent.source)}"),
                *("--source-address", agent.source),
                *("--allow", LOOPBACK),
            )
            for agent in AGENTS
        }
        yield _Plan(config, read.load(config), ways, world)


async def _start(
    supervisor: Supervisor,
    plan: _Plan,
    kind: broker.Kind,
    data: Path,
    page_port: int,
    broker_port: int,
    say: Callable[[str], None],
) -> None:
    """Broker, collector, agents: each stage begins when the one before is ready for it."""
    say(f"starting {kind}, the collector and {len(plan.agent_options)} agents …")
    program, password_file = broker.prepare(kind, data / "broker", broker_port)
    common = ("--config", str(plan.config))
    state = ("--state-dir", str(data / "state"))
    login = ("--username", broker.USER, "--password-file", str(password_file))

    async def broker_accepts() -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, broker_port)
        except ConnectionError:
            return False
        writer.close()
        return True

    async def collector_is_ready() -> bool:
        return await page.is_ready(page_port)

    async def agents_are_seen() -> bool:
        return set(plan.agent_options) <= await page.connected_agents(page_port)

    await supervisor.start([program], broker_accepts)
    way = ("--broker", f"mqtt://{LOOPBACK}:{broker_port}")
    own = ("--listen", f"{LOOPBACK}:{page_port}", "--state-dir", str(data / "state"))
    collector = Program("collector", [*_VEDETTE, "collector", "run", *common, *way, *login, *own])
    await supervisor.start([collector], collector_is_ready)
    agents = [
        Program(
            f"agent-{name}", [*_VEDETTE, "agent", "run", "--name", name, *common, *own_way, *login, *state]
        )
        for name, own_way in plan.agent_options.items()
    ]
    await supervisor.start(agents, agents_are_seen)


def _drill_handler(world: World, page_port: int, say: Callable[[str], None]) -> control.Handler:
    async def handle(request: control.Request) -> control.Reply:
        changed: list[str] = []
        match request.do:
            case "start":
                if request.name is not None and await world.start(request.name):
                    changed = [request.name]
                    say(f"drill {request.name}: {DRILLS[request.name].expect}")
            case "stop":
                changed = await world.stop(request.name)
                for name in changed:
                    say(f"drill {name} ended: all of it turns green again")
            case "list":
                pass
        states = []
        for drill in DRILLS.values():
            running = world.active.get(drill.name)
            states.append(
                control.DrillState(
                    **structs.asdict(world.paced(drill)),
                    active=running is not None,
                    since=None if running is None else running.since,
                )
            )
        return control.Reply(drills=states, changed=changed, page_port=page_port)

    return handle


def _summary(plan: _Plan, kind: broker.Kind, page_port: int, data: Path) -> list[str]:
    base = f"http://{LOOPBACK}:{page_port}"
    lines = [
        f"Vedette {vedette.__version__} is up (broker: {kind})",
        f"  page     {base}/",
        f"  metrics  {base}/metrics",
        f"  agents   {', '.join(plan.agent_options)}",
        f"  checks   {len(plan.assignment.checks)}, from {plan.config}",
        f"  logs     {data / 'logs'}",
    ]
    if plan.world is not None:
        small, day = next(iter(DRILLS)), next(reversed(DRILLS))
        lines.append(
            f"  drills   {_called()} drill start {small}   (or {day}; `drill list` tells all {len(DRILLS)})"
        )
    return [*lines, "Ctrl-C ends everything."]


def _called() -> str:
    """How to call this program from the shell that started it. `make run` finds it off the PATH."""
    if shutil.which("vedette") or Path(sys.argv[0]).name != "vedette":
        return "vedette"
    return sys.argv[0]
