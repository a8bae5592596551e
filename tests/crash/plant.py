"""The whole pipeline as processes: a broker, one collector with its store, agents that probe loopback."""

import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from crash.oracle import Produced, Recorded, Verdict, children, compared, strays
from crash.targets import Targets, targets
from crash.uplink import Uplink
from crash.watch import Page, Watch
from servers.daemon import Daemon, accepts, free_port, until
from servers.mosquitto import Mosquitto
from servers.prometheus import Prometheus, get, prometheus

TESTS: Final = Path(__file__).parents[1]
KINDS: Final = ("dns", "tcp", "icmp")
BROKER: Final = """\
persistence true
persistence_location {directory}/
max_queued_messages 0
max_queued_bytes 67108864
max_inflight_messages 200
max_packet_size 266240
"""
AGENT_FILES: Final = {"spool-.db", "spool-.db-wal", "spool-.db-shm", "tail", "tail-new", "lock", "clock"}
COLLECTOR_FILES: Final = {"store.db", "store.db-wal", "store.db-shm", "lock", "run"}


class Plant:
    """Made by `plant`. Whatever was killed is started again on the same port and directory."""

    def __init__(
        self,
        directory: Path,
        stack: ExitStack,
        *,
        agents: int,
        checks: int,
        heartbeat: float | None,
        agent_mutation: str | None,
        collector_mutation: str | None,
        commit_seconds: float,
        environment: dict[str, str],
    ) -> None:
        self.directory = directory
        self.names = [f"agent-{number:02d}" for number in range(agents)]
        self.checks = checks
        self.slowest = 0.0  # seconds from a start of the collector until it answers
        self._begun: dict[str, int] = {}  # where in its log the present process of an agent begins
        self._stack = stack
        self._targets = stack.enter_context(targets())
        self.broker = stack.enter_context(Mosquitto(""))
        self._widen_broker()
        self.uplinks = {
            name: stack.enter_context(Uplink(self.broker.port, seed=number))
            for number, name in enumerate(self.names)
        }
        (directory / "notes").mkdir(parents=True)
        self.config, self.agents_config = directory / "vedette.yaml", directory / "agents.yaml"
        self.config.write_text(configuration(self.names, checks, self._targets))
        self.agents_config.write_text(self.config.read_text())
        self.produced = Produced(directory / "notes")
        self.port = free_port()
        self._env = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "VEDETTE_CRASH_TAP": str(directory / "notes"),
            "VEDETTE_CRASH_HEARTBEAT": "" if heartbeat is None else str(heartbeat),
            **environment,
        }
        self.collector = self._command(
            "collector",
            *("collector", "run", "--config", str(self.config), "--broker", self.broker.url),
            *("--listen", f"127.0.0.1:{self.port}", "--state-dir", str(directory / "state")),
            VEDETTE_CRASH_MUTATION=collector_mutation or "",
            VEDETTE_CRASH_COMMIT=str(commit_seconds or ""),
        )
        self.agents = {name: self.agent(name, agent_mutation) for name in self.names}
        self.watch = Watch(self.port)

    def agent(self, name: str, mutation: str | None = None, state: str = "state") -> Daemon:
        return self._command(
            f"{name}-{state}",
            *("agent", "run", "--config", str(self.agents_config), "--name", name),
            *("--broker", self.uplinks[name].url, "--allow", "127.0.0.0/8"),
            *("--state-dir", str(self.directory / state)),
            VEDETTE_CRASH_MUTATION=mutation or "",
        )

    # Starting and killing

    def start(self) -> None:
        self.start_collector()
        for name in self.names:
            self.start_agent(name)
        self.until(
            lambda page: all(page.by(APPLIED, "agent").get(name) for name in self.names),
            "results of every agent are applied",
        )

    def start_collector(self) -> None:
        began = time.monotonic()
        self.collector.start(lambda: accepts(self.port), within=30)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def start_agent(self, name: str) -> None:
        log = self.agents[name].log
        self._begun[name] = len(log.read_text()) if log.exists() else 0
        self.agents[name].start(lambda: True)

    def until_spooled(self, name: str) -> None:
        """Until the present process of the agent has opened its spool."""
        log = self.agents[name].log
        until(lambda: "msg=spool" in log.read_text()[self._begun[name] :], self.agents[name].tail, 30.0)

    def kill(self, victim: str) -> None:
        """ "broker", "collector" or the name of an agent."""
        {"broker": self.broker, "collector": self.collector, **self.agents}[victim].kill()  # type: ignore[operator]

    def bring_back(self, victim: str) -> None:
        if victim == "broker":
            self.broker.start()
        elif victim == "collector":
            self.start_collector()
        else:
            self.start_agent(victim)

    @property
    def store(self) -> Path:
        return self.directory / "state" / "collector" / "store.db"

    # Looking

    def until(self, condition: Any, what: str, within: float = 40.0) -> Page:
        """The first page for which *condition* holds."""
        last: list[Page] = []

        def holds() -> Page | None:
            page = self.watch.page()
            if page is None:
                return None
            last[:] = [page]
            return page if condition(page) else None

        def told() -> str:
            return what + (f": {books(last[0])}" if last else ": nobody answers") + self.tails()

        found = until(holds, told, within)
        assert found is not None
        return found

    def tails(self) -> str:
        daemons = (self.collector, *self.agents.values())
        return "".join(f"\n--- {daemon.log.name}\n{daemon.tail(12)}" for daemon in daemons)

    # The end of a run

    def hush(self) -> None:
        """Let the agents run without a check: nothing is produced from now on, and all else goes on."""
        fresh = self.agents_config.with_suffix(".new")
        fresh.write_text(configuration(self.names, self.checks, self._targets, idle=True))
        fresh.rename(self.agents_config)
        until(self._is_hushed, lambda: "every agent is without a check" + self.tails(), within=30.0, step=0.5)

    def _is_hushed(self) -> bool:
        """One that was just started listens to SIGHUP from its first line on, and read its file before."""
        quiet = True
        for name, daemon in self.agents.items():
            log = daemon.log.read_text()[self._begun[name] :]
            said = re.findall(r"msg=(?:probing|\"configuration applied\").* checks=(\d+)", log)
            if not said or said[-1] != "0":
                quiet = False
                if said:
                    daemon.signal(signal.SIGHUP)
            assert daemon.is_running, daemon.tail()
        return quiet

    def settle(self, within: float = 60.0, *, restored: bool = False) -> Page:
        """Wait until the books say of every result what became of it.

        *restored*: they began anew on the way, so they do not say how many were produced in all.
        """
        before = -1

        def is_still(page: Page) -> bool:
            nonlocal before
            count = len(self.produced.read().results)
            was, before = before, count
            if count != was:
                return False
            if restored:
                return page.total(PENDING) == 0
            certain = count - len(self.produced.uncertain)
            return page.total(PENDING) == 0 and certain <= page.total(PRODUCED) <= count

        self.until(is_still, "every result is settled", within)
        # The page of a moment ago may have been written while the last entry was applied.
        return self.until(lambda page: True, "a page")

    def verdict(self, page: Page, *, restored: bool = False) -> Verdict:
        """What the oracle says, once nothing changes any more; *page* was scraped then.

        *restored*: counters began at 0 again on the way, and say less than the journal.
        """
        recorded = Recorded(self.store)
        found = compared(self.produced.read(), recorded)
        if not restored:
            found.faults.extend(self._counted(page, recorded, found))
        for name in ("vedette_ledger_residual", "vedette_ledger_disagreement"):
            if page.total(name):
                found.faults.append(f"{name} is {page.by(name, 'agent')}")
        if self.watch.residuals:
            found.faults.append(f"residuals on the way: {self.watch.residuals[:5]}")
        return found

    def _counted(self, page: Page, recorded: Recorded, found: Verdict) -> list[str]:
        """Where the counters differ from the journal."""
        faults: list[str] = []
        counters = {
            "attempts": "vedette_probe_attempts_total",
            "not_run": "vedette_probe_not_run_total",
            "late_attempts": "vedette_probe_late_attempts_total",
        }
        for agent in self.names:
            label = f'agent="{agent}"'
            for name, counter in counters.items():
                shown = {check: int(value) for check, value in _of(page, counter, label).items() if value}
                noted = {
                    check: count
                    for (whose, check, what), count in recorded.cells.items()
                    if whose == agent and what == name
                }
                if shown != noted:
                    wrong = {c: (noted.get(c, 0), shown.get(c, 0)) for c in {*shown, *noted}}
                    wrong = {c: pair for c, pair in wrong.items() if pair[0] != pair[1]}
                    faults.append(
                        f"{counter} of {agent}: recorded and shown differ: {dict(sorted(wrong.items())[:4])}"
                    )
        shown_lost = {reason: int(count) for reason, count in page.by(LOST, "reason").items() if count}
        if shown_lost != found.lost:
            faults.append(f"lost by /metrics {shown_lost}, by the journal {found.lost}")
        for name, value in ((APPLIED, found.applied), (LATE, found.late)):
            if page.total(name) != value:
                faults.append(f"{name} is {page.total(name):g}, the journal has {value}")
        if self.watch.falls:
            faults.append(f"counters fell: {self.watch.falls[:5]}")
        return faults

    def finish(self) -> None:
        """End all in order. AssertionError for what does not end, and for what is left behind."""
        for name, daemon in self.agents.items():
            self.until_spooled(name)  # from then on it listens to SIGTERM
            assert daemon.stop() in (0, None), f"{name}: {daemon.tail()}"
        assert self.collector.stop() in (0, None), self.collector.tail()
        state = self.directory / "state"
        found = strays(state, AGENT_FILES | COLLECTOR_FILES)
        assert not found, f"left behind: {found}"

    def _command(self, log: str, *words: str, **environment: str) -> Daemon:
        argv = [sys.executable, "-m", "crash.tapped", *words, "--log-level", "info"]
        env = {name: value for name, value in {**self._env, **environment}.items() if value}
        return Daemon(argv, self.directory / f"{log}.log", env)

    def _widen_broker(self) -> None:
        self.broker.kill()
        file = self.broker.directory / "mosquitto.conf"
        text = file.read_text().replace("log_type all\n", "log_type error\nlog_type warning\n")
        file.write_text(text + BROKER.format(directory=self.broker.directory))
        self.broker.start()


APPLIED: Final = "vedette_results_applied_total"
PRODUCED: Final = "vedette_results_produced_total"
PENDING: Final = "vedette_results_pending"
LATE: Final = "vedette_results_late_total"
LOST: Final = "vedette_results_declared_lost_total"


@contextmanager
def plant(
    directory: Path,
    *,
    agents: int = 3,
    checks: int = 50,
    heartbeat: float | None = None,
    agent_mutation: str | None = None,
    collector_mutation: str | None = None,
    commit_seconds: float = 0.0,
    **environment: str,
) -> Iterator[Plant]:
    """Not started yet. *checks*: as many results a second from every agent; *environment*: see `tapped`."""
    before = children()
    with ExitStack() as stack:
        made = Plant(
            directory,
            stack,
            agents=agents,
            checks=checks,
            heartbeat=heartbeat,
            agent_mutation=agent_mutation,
            collector_mutation=collector_mutation,
            commit_seconds=commit_seconds,
            environment=environment,
        )
        for daemon in (made.collector, *made.agents.values()):
            stack.callback(daemon.kill)
        stack.enter_context(made.watch)
        yield made
    left = children() - before
    assert not left, f"processes left running: {left}"


@contextmanager
def scraped(made: Plant, every: str = "1s") -> Iterator[Prometheus]:
    """A real Prometheus that scrapes the collector."""
    text = (
        f"global: {{scrape_interval: {every}, scrape_timeout: {every}}}\n"
        "scrape_configs:\n"
        "  - job_name: vedette\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{made.port}']}}]\n"
    )
    with prometheus(made.directory / "prometheus", text, "groups: []\n") as server:
        yield server


def increase(server: Prometheus, name: str) -> tuple[float, int]:
    """What increase() says of all series of *name* over all samples, without its extrapolation; and resets.

    increase() stretches what it saw to the borders of its range. Here every raw sample counts, a series
    begins at 0, and a fall counts as a reset, as it does there.
    """
    total, resets = 0.0, 0
    for series in server.api("query", query=f"{name}[2h]")["result"]:
        before = 0.0
        for _, text in series["values"]:
            value = float(text)
            resets += value < before
            total += value - before if value >= before else value
            before = value
    return total, resets


def until_scraped(server: Prometheus, page: Page) -> None:
    """Until Prometheus has seen *page*, after which nothing changed."""
    wanted = page.total(APPLIED)
    until(lambda: increase(server, APPLIED)[0] >= wanted, f"{wanted:g} results are scraped", 30.0, step=0.5)


def configuration(names: Sequence[str], checks: int, at: Targets, *, idle: bool = False) -> str:
    """One second between two runs of a check; *idle*: nobody of *names* has one."""
    lines = ["defaults: {interval: 1s, timeout: 900ms}", "agents:"]
    lines += [f"  - {{name: {name}}}" for name in (*names, "nobody")]
    lines.append("checks:")
    whose = "nobody" if idle else ", ".join(names)
    for number in range(checks):
        kind = KINDS[number % len(KINDS)]
        how = {
            "dns": f'{{name: "n{number}.example", resolver: "127.0.0.1:{at.dns}"}}',
            "tcp": f'{{address: "127.0.0.1:{at.tcp}"}}',
            "icmp": "{host: 127.0.0.1}",
        }[kind]
        lines += [f"  - name: {kind}-{number:02d}", f"    agents: {{name: [{whose}]}}", f"    {kind}: {how}"]
    return "\n".join(lines) + "\n"


def books(page: Page) -> str:
    names = (PRODUCED, APPLIED, PENDING, LATE, "vedette_ledger_residual", "vedette_ledger_disagreement")
    told = [f"{name} {page.by(name, 'agent')}" for name in names]
    for name in (LOST, "vedette_collector_results_rejected_total"):
        told.append(f"{name} { {reason: n for reason, n in page.by(name, 'reason').items() if n} }")
    return "; ".join(told)


def _of(page: Page, name: str, label: str) -> dict[str, float]:
    one = Page("")
    one.samples = {key: value for key, value in page.samples.items() if label in key[1]}
    return one.by(name, "check")


def is_ready(port: int) -> bool:
    return get(port, "/-/ready")[0] == 200
