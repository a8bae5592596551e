"""A connection whose peer says what it is given, in pieces, and then closes."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Scripted:
    """With as much of a Stream as conversations use; it never waits."""

    def __init__(self, data: bytes) -> None:
        size = len(data) // 3 + 1
        self._pieces = [data[at : at + size] for at in range(0, len(data), size)]

    async def recv(self, most: int) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > most:
            self._pieces.insert(0, piece[most:])
        return piece[:most]

    async def send(self, data: bytes) -> None:
        pass

    def now(self) -> float:
        return 1.0

    def left(self) -> tuple[float, bool]:
        return 1.0, False

    def arrived(self, since: float) -> tuple[float, bool]:
        return 2.0, False

    began = arrived


class Inline:
    """In the place of Searches: with patterns of tests alone, nothing is worth a thread."""

    async def made(self, steps: int, work: Callable[[], T]) -> T:
        return work()


def ended(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run what never waits to its end."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("it waits for more than was said")
