"""A virtual machine that is put back to an earlier moment."""

import copy
from typing import TYPE_CHECKING, Any

from vedette_agent.delivery.clockwatch import LEAP_US

if TYPE_CHECKING:
    from simulation.agents import Process
    from simulation.hosts import Host


class Snapshot:
    """Memory, disk and clocks of a virtual machine. Resuming it forgets all that was since."""

    def __init__(self, host: "Host", process: "Process") -> None:
        self.at = host.world.now
        self._host = host
        self._state = self._copied(process, host.disk, host.page, host.clock)

    def _copied(self, process: "Process", *rest: Any) -> tuple[Any, ...]:
        host = self._host
        shared = [host, host.world, host.broker, host.oracle]
        if process.spool is not None:
            shared.append(process.spool.keeper._packer)
        if process.wire is not None:
            shared.append(process.wire)
        memo = {id(each): each for each in shared}
        made = copy.deepcopy((process, *rest), memo)
        copied = made[0]
        ledger = copied.outbox.ledger
        copied.outbox._bases._is_acked = lambda seq: seq in ledger.own.settled
        return made

    def resume(self) -> None:
        host = self._host
        if host.process is not None:
            host.process.is_alive = False
            if host.process.spool is not None:
                host.process.spool.is_alive = False
            host.process._hang_up()
            host.oracle.killed(host, host.process.outbox, is_rolled_back=True)
        host.world.tell(f"vm_snapshot {host.name}")
        host.oracle.gone(host)  # what was since then has no disk any more
        process, host.disk, host.page, host.clock = self._copied(*self._state)
        wmb_us = host.clock.wmb_us
        host.clock.freeze(self.at)
        host.clock.correct()
        if abs(host.clock.wmb_us - wmb_us) <= LEAP_US:
            host.oracle.colliding.add(host.name)  # nothing tells such a machine what was done to it
        host.process = process
        process.host = host
        process.is_alive = True
        process.wire = None
        process.wakes_at = float("inf")
        process.outbox.is_connected = False
        for parcel in process.in_flight:
            process.outbox.undelivered(parcel, process.now)
        process.in_flight.clear()
        for fetch in process.fetches:
            process.outbox.fetched(fetch, None, process.now)
        process.fetches.clear()
        if process.spool is not None:
            process.spool._host = host
            process.spool._due = float("inf")
            process.spool._arm(0.1)
        process.begin()
