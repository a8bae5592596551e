"""One thing that a fleet cannot tell apart or does not see, and what to add."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

EXAMPLES: Final = 5


class Hint(Struct, frozen=True, kw_only=True):
    lint: str  # a stable name for programs
    text: str  # what is so
    advice: str  # what to add
    count: int  # things that it is about
    examples: tuple[str, ...]  # at most EXAMPLES of them


def hint(lint: str, text: str, advice: str, about: Iterable[str]) -> Hint:
    every = list(about)
    return Hint(lint=lint, text=text, advice=advice, count=len(every), examples=tuple(every[:EXAMPLES]))


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
