"""Where patterns are searched: in the loop while that is cheap, and beside it when it is not.

A step is one instruction of a compiled pattern at one byte of a text. RE2 takes at most 60 ns for one, most
often less than 1: a text that was made for a pattern takes 5 to 60. A turn beside the loop costs some 0.1 ms,
so what is said in a few lines is searched in the loop.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from vedette_agent.engine.aside import aside

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

T = TypeVar("T")

# Steps between two turns of the loop: 8 ms at worst. For a pattern of 20 instructions 6 KiB of ASCII.
IN_LOOP: Final = 1 << 17


class Searches:
    """All those of one probe."""

    __slots__ = ("_io", "_spent")

    def __init__(self, io: "Io") -> None:
        self._io = io
        self._spent = 0  # steps in the loop since it had a turn for them

    async def made(self, steps: int, work: Callable[[], T]) -> T:
        """What *work* gives, which takes *steps* at most. Raises what `aside` does."""
        self._spent += steps
        if self._spent <= IN_LOOP:
            return work()
        self._spent = 0
        return await aside(self._io, work)
