"""`vedette agent run`: puts schedule, engine and publisher together and takes them apart again."""

import argparse
import asyncio
import errno
import gc
import logging
import os
import resource
import secrets
import signal
import socket
from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from pathlib import Path

from msgspec.structs import replace

from vedette import usage
from vedette.checks import formats, read
from vedette.checks.model import Assignment, Check, Family, IcmpCheck
from vedette.errors import ConfigError
from vedette.log import LEVELS, fields, setup
from vedette.mqtt import Broker, NotConnected, PublishRefused, add_broker_options, broker_from
from vedette.systemd import notify, watchdog_seconds
from vedette.timefloor import installed
from vedette_agent.bypass.running import Bypasses
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals
from vedette_agent.engine.icmp import permission_problem
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Network, Policy
from vedette_agent.engine.run import Engine
from vedette_agent.runner import MAX_RUNNING, Runner
from vedette_agent.shedding import Load, Shedding, Step
from vedette_agent.wallclock import FIRST_SECONDS, SAVE_SECONDS, WallClock

log = logging.getLogger("vedette.agent")

STOP_SECONDS = 2.5  # from the signal until the last word
LOOK_SECONDS = 1.0  # between two looks at the load
DESCRIPTORS = 8192  # wanted; a probe in flight holds at most one or two


def main(argv: list[str]) -> int:
    """Runs until SIGTERM or SIGINT. Raises ConfigError for what makes a start pointless."""
    args = _parser().parse_args(argv)
    setup(args.log_level)
    config = Path(args.config)
    assignment = read.load(config)
    checks = read.checks_of(assignment, args.name)
    broker = broker_from(args).of(args.name)
    source = local_addresses(args.source_address)
    allowed = allowed_networks(args.allow)
    directory = None if args.no_spool else state_directory(args.state_dir) / f"agent-{args.name}"
    _warn_about_icmp(checks)
    _raise_descriptor_limit()
    agent = Agent(config, args.name, broker, source, allowed, directory)
    problem: ConfigError | None = None
    try:
        asyncio.run(agent.run(assignment, checks))
    except* ConfigError as caught:
        problem = _first(caught)
    if problem is not None:
        raise problem
    return 0


class Agent:
    def __init__(
        self,
        config: Path,
        name: str,
        broker: Broker,
        source: dict[Family, str],
        allowed: Sequence[Network],
        directory: Path | None = None,
    ) -> None:
        """*directory*: of the spool; None for none."""
        self.reload_failures = 0
        self._config = config
        self._name = name
        self._broker = broker
        self._source = source
        self._allowed = allowed
        self._directory = directory
        self._stop = asyncio.Event()
        self._reload = asyncio.Event()
        self._watchdog = watchdog_seconds()
        self._feed_at = 0.0
        self._look_at = 0.0
        self._floor = installed()
        self._shedding = Shedding()
        self._runner: Runner
        self._bypasses: Bypasses
        self._publisher: Publisher

    async def run(self, assignment: Assignment, checks: Sequence[Check]) -> None:
        loop = asyncio.get_running_loop()
        engine = Engine(loop)
        clock = WallClock(
            self._floor, None if self._directory is None else self._directory / "clock", self._offset_us
        )
        io = Io(engine, self._source, policy=Policy(self._allowed), is_clock_wrong=clock.is_wrong)
        epoch = secrets.token_hex(16)
        tags = _tags(assignment, self._name)
        self._publisher = Publisher(
            replace(self._broker, floor=self._floor),
            self._name,
            epoch,
            tags,
            lambda: self._vitals(engine),
            self._directory,
            ask=self._asked,
        )
        publisher = self._publisher
        self._bypasses = Bypasses(
            self._name,
            engine,
            io,
            publisher.add,
            lambda check: check in self._runner.out_of_turn.failing,
            self._shedding,
        )
        self._runner = Runner(
            self._name,
            engine,
            io,
            publisher.add,
            lambda now: self._ticked(engine, now),
            publisher.showing.explain,
            self._shedding,
            self._bypasses.confirmed,
            self._bypasses.worked,
        )
        self._apply(assignment, checks)
        # What is loaded by now stays: full collections would walk over it, and hold the loop for 6 ms each.
        gc.collect()
        gc.freeze()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        try:
            async with asyncio.TaskGroup() as group:
                publishing = group.create_task(self._publisher.run(), name="publisher")
                reloading = group.create_task(self._reloads(), name="reloads")
                keeping_time = group.create_task(_keep_time(clock), name="clock")
                self._runner.start()
                notify("READY=1")
                self._log_start(len(checks))
                await self._stop.wait()
                notify("STOPPING=1")
                log.info("stopping", extra=fields(running=len(engine)))
                reloading.cancel()
                keeping_time.cancel()
                engine.stop()
                saving = clock.save()
                await self._publisher.drain(STOP_SECONDS)
                if saving is not None:
                    saving.join(0.1)
                publishing.cancel()
        finally:
            engine.stop()
            io.close()

    def _log_start(self, checks: int) -> None:
        allow = ",".join(map(str, self._allowed)) or "none"
        log.info("probing", extra=fields(agent=self._name, checks=checks, broker=self._broker, allow=allow))

    def _apply(self, assignment: Assignment, checks: Sequence[Check]) -> None:
        self._floor.raise_to_file(self._config)
        self._publisher.talk.tags = _tags(assignment, self._name)
        self._publisher.talk.config_hash = assignment.config_hash
        self._publisher.outbox.keep(check.name for check in checks)
        self._runner.assign(checks)
        self._bypasses.assign(checks)

    async def _reloads(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                assignment = await asyncio.to_thread(read.load, self._config)
                checks = read.checks_of(assignment, self._name)
            except ConfigError as exc:
                self.reload_failures += 1
                log.error(
                    "configuration not applied, the old one stays",
                    extra=fields(file=self._config, reloads_refused=self.reload_failures, problem=exc),
                )
                continue
            _warn_about_icmp(checks)
            self._apply(assignment, checks)
            log.info("configuration applied", extra=fields(checks=len(checks), hash=assignment.config_hash))
            try:
                await self._publisher.talk.announce()
            except (NotConnected, PublishRefused):
                pass  # the next connect announces it

    def _ticked(self, engine: Engine, now: float) -> None:
        """Feeds the watchdog from the engine's own tick: one that stands still starves it."""
        self._publisher.tick()
        if now >= self._bypasses.next_due:
            self._bypasses.tick(now)
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._weigh(engine, now)
        if self._watchdog is not None and now >= self._feed_at:
            self._feed_at = now + self._watchdog
            notify("WATCHDOG=1")

    def _weigh(self, engine: Engine, now: float) -> None:
        """Leave out what matters least while there is too much to do."""
        outbox, before = self._publisher.outbox, self._shedding.level
        load = Load(
            memory=outbox.unsafe_share,
            running=len(engine) / MAX_RUNNING,
            queue=self._publisher.queued_share,
            stalled=engine.stalled_at(now),
        )
        self._shedding.observe(now, load)
        outbox.pace.is_slow = self._shedding.level >= Step.REPLAY
        if self._shedding.level != before:
            left_out = ",".join(step.name.lower() for step in Step if step <= self._shedding.level)
            log.warning(
                "too much to do" if left_out else "no more than can be done",
                extra=fields(leaves_out=left_out or "nothing", **load._asdict()),
            )

    def _asked(self, check: str, within: float) -> None:
        self._runner.ask(check, within)

    def _offset_us(self) -> int | None:
        return self._publisher.outbox.offset_us

    def _vitals(self, engine: Engine) -> Vitals:
        schedule = self._runner.schedule
        lag, engine.worst_lag = engine.worst_lag, 0.0
        return Vitals(
            schedule.skipped,
            schedule.overlapping,
            len(engine),
            lag,
            self._shedding.counts,
            self._runner.out_of_turn.repeats,
            self._runner.out_of_turn.asked,
        )


async def _keep_time(clock: WallClock) -> None:
    wait = FIRST_SECONDS
    while True:
        await asyncio.sleep(wait)
        clock.save()
        wait = SAVE_SECONDS


def state_directory(chosen: str | None) -> Path:
    """Where results are kept: *chosen*, what systemd prepared, or the user's own place for such files.

    Raises ConfigError when there is none.
    """
    if chosen is not None:
        return Path(chosen)
    prepared = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if prepared:
        return Path(prepared)
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG Base Directory Specification: a path that is not absolute is to be ignored.
    if home.startswith("/"):
        return Path(home) / "vedette"
    try:
        return Path.home() / ".local/state/vedette"
    except RuntimeError as exc:
        raise ConfigError("this user has no home directory; give --state-dir, or --no-spool") from exc


def local_addresses(given: Sequence[str]) -> dict[Family, str]:
    """The address to send from, by family. Raises ConfigError for one that this host does not have."""
    found: dict[Family, str] = {}
    for text in given:
        try:
            address = ip_address(text)
        except ValueError as exc:
            raise ConfigError(f"--source-address {text}: not an IP address") from exc
        family: Family = 4 if address.version == 4 else 6
        if family in found:
            raise ConfigError(
                f"--source-address {text}: there is one for IPv{family} already: {found[family]}"
            )
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        try:
            with socket.socket(kind, socket.SOCK_DGRAM) as sock:
                sock.bind((str(address), 0))
        except OSError as exc:
            why = "this host has no such address" if exc.errno == errno.EADDRNOTAVAIL else exc.strerror
            raise ConfigError(f"--source-address {text}: {why}") from exc
        found[family] = str(address)
    return found


def allowed_networks(given: Sequence[str]) -> list[Network]:
    """The networks that `--allow` opens. Raises ConfigError for what is none."""
    found: list[Network] = []
    for text in given:
        try:
            found.append(ip_network(formats.network(text)))
        except ValueError as exc:
            raise ConfigError(f"--allow {exc}") from exc
    return found


def _first(group: BaseExceptionGroup[ConfigError]) -> ConfigError:
    inner: ConfigError | BaseExceptionGroup[ConfigError] = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


def _tags(assignment: Assignment, name: str) -> dict[str, str]:
    return next(vantage.tags for vantage in assignment.agents if vantage.name == name)


def _warn_about_icmp(checks: Sequence[Check]) -> None:
    """The other checks run all the same, and these say no_permission."""
    families = {check.family for check in checks if isinstance(check, IcmpCheck)}
    problem = permission_problem(sorted(families))
    if problem is not None:
        first, *fixes = problem.splitlines()
        log.error(first, extra=fields(fix="; ".join(fix.strip() for fix in fixes)))


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vedette agent",
        description="Probe, and publish what comes of it.",
        formatter_class=usage.Formatter,
    )
    words = parser.add_subparsers(dest="word", required=True, metavar="run")
    run = words.add_parser(
        "run",
        help="probe until stopped",
        description="Probe until SIGTERM or SIGINT.",
        formatter_class=usage.Formatter,
    )
    run.add_argument(
        "--config", required=True, metavar="FILE", help="agents and checks; SIGHUP reads it again"
    )
    run.add_argument("--name", required=True, help="this agent, as the configuration names it")
    add_broker_options(run)
    run.add_argument(
        "--source-address",
        action="append",
        default=[],
        metavar="A",
        help="local address to probe from; may be given once for each family",
    )
    run.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="CIDR",
        help="probe addresses of this network although it is denied by default, as private and loopback ones"
        " are; may be repeated; a platform address of a cloud is allowed by /32 or /128 alone",
    )
    run.add_argument(
        "--state-dir",
        metavar="DIR",
        help="results wait in DIR/agent-NAME until the collector has them; default $STATE_DIRECTORY,"
        " else $XDG_STATE_HOME/vedette or ~/.local/state/vedette",
    )
    run.add_argument(
        "--no-spool",
        action="store_true",
        help="keep results in memory alone: what the collector does not have when the agent ends is lost",
    )
    run.add_argument("--log-level", choices=LEVELS, default="info")
    return parser
