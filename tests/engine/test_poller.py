"""Waiting for sockets: one event resumes one wait, whoever holds the descriptor by then."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

from vedette_agent.engine.poller import AT_ONCE, READ, WRITE, Poller


class Waiter:
    """Stands where a run stands: it counts, and may do something when it is resumed."""

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        self.resumed = 0
        self._then = then

    def resume(self) -> None:
        self.resumed += 1
        self._then()


class Trial:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.poller = Poller(self.loop)
        self._sockets: list[socket.socket] = []

    def pair(self) -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        self._sockets += pair
        return pair

    def turn(self) -> None:
        """Let the loop look at its descriptors, and call what is ready."""
        for _ in range(2):
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def close(self) -> None:
        self.poller.close()
        self.loop.close()
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def trial() -> Iterator[Trial]:
    trial = Trial()
    yield trial
    trial.close()


def test_a_wait_ends_once_though_the_bytes_stay_unread(trial: Trial) -> None:
    ours, theirs = trial.pair()
    waiter = Waiter()
    trial.poller.until(ours.fileno(), READ, waiter)
    trial.turn()
    assert waiter.resumed == 0
    theirs.send(b"x")
    trial.turn()
    trial.turn()
    assert waiter.resumed == 1
    trial.poller.until(ours.fileno(), READ, waiter)  # what is there already counts
    trial.turn()
    assert waiter.resumed == 2


def test_what_comes_when_nobody_waits_wakes_nobody(trial: Trial) -> None:
    ours, theirs = trial.pair()
    waiter = Waiter()
    trial.poller.until(ours.fileno(), READ, waiter)
    trial.poller.rest(ours.fileno())
    theirs.send(b"x")
    trial.turn()
    assert waiter.resumed == 0


def test_an_event_is_not_for_whoever_opens_a_socket_under_the_same_number(trial: Trial) -> None:
    """Both are ready at once; the first to be resumed closes the other's socket and connects a new one."""
    one, two = trial.pair(), trial.pair()
    newcomer, reopened = Waiter(), []

    def replace(mine: socket.socket, other: socket.socket) -> None:
        if reopened:
            return
        fd = other.fileno()
        trial.poller.forget(fd)
        other.close()
        fresh = trial.pair()
        by_number = {sock.fileno(): sock for sock in fresh}
        assert fd in by_number, "the kernel gives the lowest free number"
        reopened.append(by_number[fd])
        trial.poller.until(fd, READ, newcomer)

    first = Waiter(lambda: replace(one[0], two[0]))
    second = Waiter(lambda: replace(two[0], one[0]))
    trial.poller.until(one[0].fileno(), READ, first)
    trial.poller.until(two[0].fileno(), READ, second)
    one[1].send(b"x")
    two[1].send(b"x")
    trial.turn()
    assert first.resumed + second.resumed == 1
    assert newcomer.resumed == 0


def test_many_ready_sockets_leave_the_loop_its_turn(trial: Trial) -> None:
    waiter = Waiter()
    for _ in range(AT_ONCE + 10):
        trial.poller.until(trial.pair()[0].fileno(), WRITE, waiter)
    trial.loop.call_soon(trial.loop.stop)
    trial.loop.run_forever()
    assert waiter.resumed == AT_ONCE
    trial.turn()
    assert waiter.resumed == AT_ONCE + 10


def test_a_closed_socket_is_forgotten(trial: Trial) -> None:
    ours, _ = trial.pair()
    trial.poller.until(ours.fileno(), READ, Waiter())
    trial.poller.forget(ours.fileno())
    trial.poller.rest(ours.fileno())
    ours.close()
    again = trial.pair()  # one of them has the number of the closed one
    waiter = Waiter()
    for sock in again:
        trial.poller.until(sock.fileno(), WRITE, waiter)
    trial.turn()
    assert waiter.resumed == 2
