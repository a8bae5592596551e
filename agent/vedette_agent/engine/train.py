"""Several ICMP echoes of one run, sent at a steady pace whether or not the ones before were answered."""

import asyncio
from collections.abc import Sequence

from vedette_agent.engine.icmp import Echo, Socket, payload
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.engine.run import MARGIN, Disarm, Run
from vedette_agent.engine.sockaddr import Address


class Car(Echo):
    """One echo of a train. Its socket knows it until the train ends: a second reply is a duplicate."""

    __slots__ = ("_train", "complaint", "is_answered", "is_lost")

    def __init__(self, train: "Train", sock: Socket, address: Address, size: int) -> None:
        super().__init__(sock, address, payload(size))
        self._train = train
        self.is_answered = False
        self.is_lost = False  # an ICMP error says so, and proves that it is about this echo
        self.complaint = ""  # what an ICMP error said of it

    def settle(self, rx: int, hop_limit: int | None) -> None:
        if self.is_answered:
            self._train.duplicates += 1
            return
        self.seconds, self.is_kernel_timed = self.watch.stop(rx)
        self.hop_limit = hop_limit
        self.is_answered = True
        self._train.arrived(self)

    def fail(self, error: ProbeFailed, *, is_proven: bool) -> None:
        if self.is_answered or self.is_lost:
            return
        self.complaint = error.detail
        self.is_lost = is_proven
        if is_proven:
            self._train.settled()


class Train:
    """For `suspend(train.arm)`, which ends when every echo is answered, or shortly before time is up."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: Socket,
        address: Address,
        size: int,
        count: int,
        spacing: float,
    ) -> None:
        """*size* bytes of payload; *spacing* in seconds, from one echo to the next."""
        self._loop = loop
        self._socket = sock
        self._address = address
        self._size = size
        self._count = count
        self._spacing = spacing
        self._run: Run
        self._began = 0.0
        self._next: asyncio.TimerHandle | None = None
        self._last: asyncio.TimerHandle | None = None
        self._latest = -1  # the number of the latest echo that was answered
        self._cars: list[Car] = []
        self.duplicates = 0
        self.out_of_order = 0  # answered after one that was sent later

    @property
    def sent(self) -> Sequence[Car]:
        return self._cars

    def arm(self, run: Run) -> Disarm:
        self._run = run
        self._began = self._loop.time()
        self._last = self._loop.call_at(run.deadline - MARGIN, run.resume)
        try:
            self._send()
        except BaseException:
            self._disarm()
            raise
        return self._disarm

    def arrived(self, car: Car) -> None:
        number = self._cars.index(car)
        if number < self._latest:
            self.out_of_order += 1
        self._latest = max(number, self._latest)
        self.settled()

    def settled(self) -> None:
        if len(self._cars) == self._count and all(car.is_answered or car.is_lost for car in self._cars):
            self._run.resume()

    def _send(self) -> None:
        car = Car(self, self._socket, self._address, self._size)
        car.run = self._run
        self._socket.send(car, car.payload)
        self._cars.append(car)
        if len(self._cars) < self._count:
            self._next = self._loop.call_at(self._began + len(self._cars) * self._spacing, self._send_next)

    def _send_next(self) -> None:
        try:
            self._send()
        except OSError as exc:
            self._run.throw(exc)

    def _disarm(self) -> None:
        for timer in (self._next, self._last):
            if timer is not None:
                timer.cancel()
        for car in self._cars:
            self._socket.forget(car)
