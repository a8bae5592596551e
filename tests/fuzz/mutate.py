"""Makes inputs out of others, and keeps those that lead to lines of ours where none has led before."""

import random
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

MAX_INPUT: Final = 64 * 1024
_ODD: Final = [
    *(
        b"\0",
        b"\xff",
        b"\x7f",
        b"\x80",
        b"\xc0\x0c",
        b"\xff\xff",
        b"\x80\0",
        b"\0\0\0\0",
        b"\xff\xff\xff\xff",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b":",
        b" ",
        b"-",
        b"0",
        b"1e999",
        b"9" * 20,
        b"\xed\xa0\x80",
        b"\xc3\xa9",
        b"%00",
    ),
]
_OURS: Final = ("/vedette_agent/", "/vedette_collector/", "/vedette/")


def mutated(random_: random.Random, pool: list[bytes]) -> bytes:
    """One to eight wounds in one of *pool*."""
    data = bytearray(random_.choice(pool))
    for _ in range(1 << random_.randrange(4)):
        at = random_.randrange(len(data) + 1)
        length = min(1 << random_.randrange(9), random_.randrange(1, 300))
        match random_.randrange(9):
            case 0 if data:
                data[at % len(data)] ^= 1 << random_.randrange(8)
            case 1 if data:
                data[at % len(data)] = random_.randrange(256)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = random_.choice(_ODD)
            case 4:
                odd = random_.choice(_ODD)
                data[at : at + len(odd)] = odd
            case 5:
                data[at:at] = data[at : at + length] * random_.choice((1, 2, 16, 200))
            case 6:
                other = random_.choice(pool)
                begin = random_.randrange(len(other) + 1)
                data[at : at + random_.choice((0, length))] = other[begin : begin + length]
            case 7:
                del data[at:]
            case _:
                data[at:at] = random_.randbytes(length)
        del data[MAX_INPUT:]
    return bytes(data)


class Coverage:
    """Which lines of the product have run so far."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int]] = set()

    def grows(self, run: Callable[[], object]) -> bool:
        """Whether *run* leads to a line for the first time. Raises what it raises."""
        before = len(self._seen)
        outer = sys.gettrace()
        sys.settrace(self._enter)
        try:
            run()
        finally:
            sys.settrace(outer)
        return len(self._seen) > before

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if any(part in frame.f_code.co_filename for part in _OURS) else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self._line
