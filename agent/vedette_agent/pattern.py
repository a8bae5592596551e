"""The regular expressions of checks, compiled once. They come from the operator, the texts from targets."""

from functools import lru_cache
from typing import Any, Final

from vedette.checks import pattern

_LONGEST: Final = 4  # bytes of one character
_CONTINUED: Final = bytes(range(0x80, 0xC0))  # RFC 3629 3: all bytes of a character but its first


class Match:
    """What was found, in characters of the text. Groups are there if the pattern was asked for them."""

    __slots__ = ("_found", "_text")

    def __init__(self, found: Any, text: bytes) -> None:
        self._found = found
        self._text = text

    def start(self) -> int:
        return _characters(self._text[: self._found.start()])

    def end(self) -> int:
        return _characters(self._text[: self._found.end()])

    def groups(self) -> tuple[str | None, ...]:
        return tuple(None if one is None else _decoded(one) for one in self._found.groups())

    def groupdict(self) -> dict[str, str | None]:
        named = self._found.groupdict().items()
        return {name.decode(): None if one is None else _decoded(one) for name, one in named}


class Pattern:
    """*size*: instructions, each of which one byte of a text may take."""

    __slots__ = ("_search", "size")

    def __init__(self, text: str, captures: bool) -> None:
        made = pattern.compiled(text, captures=captures)
        self._search = made.search
        self.size = pattern.size(made)

    def steps(self, text: str) -> int:
        """That a search in *text* takes at most: engine/searches.py."""
        return self.size * (len(text) if text.isascii() else len(text) * _LONGEST)

    def search(self, text: str) -> Match | None:
        """The leftmost match. A text may hold bytes that are no UTF-8 in the form of "surrogateescape"."""
        # RE2 takes what stands for such a byte for one character, as Python does.
        data = text.encode("utf-8", "surrogatepass")
        found = self._search(data)
        return None if found is None else Match(found, data)


@lru_cache(maxsize=8192)
def compiled(text: str, *, captures: bool = False) -> Pattern:
    """Raises ValueError, which the configuration's own look at the pattern forestalls."""
    return Pattern(text, captures)


def _characters(data: bytes) -> int:
    # Not by decoding: \B may be found between two bytes of one character.
    return len(data.translate(None, _CONTINUED))


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")
