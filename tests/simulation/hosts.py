"""A host of agents in virtual time: its clocks, its disk, and the processes that run on it in turn."""

from collections.abc import Sequence

from simulation.agents import Process
from simulation.disk import SpoolDisk
from simulation.network import Broker
from simulation.oracle import Oracle
from simulation.snapshots import Snapshot
from simulation.spooling import Page
from simulation.world import Clock, World
from vedette.checks.model import Check
from vedette_agent.spool.policy import Caps
from vedette_agent.spool.tail import Left


class Host:
    def __init__(self, name: str, world: World, broker: Broker, oracle: Oracle) -> None:
        self.name = name
        self.world = world
        self.broker = broker
        self.oracle = oracle
        self.clock = Clock(world)
        self.disk = SpoolDisk(world)
        self.caps = Caps()
        self.is_spooled = True
        self.max_bytes = 8 * 1024 * 1024
        self.commit_seconds = 0.01
        self.tick = 5.0
        self.failing = 0.1  # share of results
        self.padding = 0  # characters in a result
        self.checks: Sequence[Check] = ()
        self.is_asleep = False
        self.is_probing = True
        self.was_slow = False  # the disk did not take everything at once, at some time
        self.delay_us = 0  # largest of the exchanges that an estimate stood on
        self.boot = self._name()
        self.page: Page | None = None
        self.left: Left | None = None
        self.process: Process | None = None

    def start(self) -> None:
        if self.process is None:
            self.process = Process(self)

    def kill(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        self.world.tell(f"agent_kill {self.name} {process.outbox.epoch[:4]} {process.outbox.next_seq}")
        process.die()
        self.left = self.page.left() if self.page is not None else None
        self.oracle.killed(self, process.outbox)

    def stop(self) -> None:
        """In order."""
        process, self.process = self.process, None
        if process is not None:
            self.world.tell(f"agent_stop {self.name}")
            process.stop()
            self.left = self.page.left() if self.page is not None else None
            self.oracle.killed(self, process.outbox)

    def lose_power(self, wall_error: float = 0.0) -> None:
        """Of the page, the disk has what the kernel once wrote; of the files, what was committed."""
        self.world.tell(f"power_loss {self.name}")
        process, self.process = self.process, None
        if process is not None:
            process.die()
            self.oracle.killed(self, process.outbox)
        self.oracle.dark(self)
        if self.page is not None:
            self.left = self.world.rng.choice([*self.page.before, None]) if self.page.before else None
        self.page = None
        self.boot = self._name()
        self.clock.boot(wall_error)

    def sleep(self, seconds: float) -> None:
        self.world.tell(f"suspend {self.name}")
        self.is_asleep = True
        if self.process is not None and self.process.wire is not None:
            self.process.wire.die()
        self.world.after(seconds, self._wake, seconds)

    def _wake(self, seconds: float) -> None:
        self.is_asleep = False
        self.clock.slept += seconds

    def reload(self) -> None:
        if self.process is not None:
            self.process.outbox.keep(check.name for check in self.checks)

    def snapshot(self) -> Snapshot | None:
        return None if self.process is None or self.is_asleep else Snapshot(self, self.process)

    def _name(self) -> str:
        return f"{self.world.rng.getrandbits(128):032x}"

    epoch_name = _name
