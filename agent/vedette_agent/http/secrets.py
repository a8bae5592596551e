"""Hides in texts for people what a check sends: a target that echoes its request would publish passwords.

What counts is the header values (but for those that say nothing of who asks) and the body. Targets repeat
them cut, escaped or in part, so it is not only the whole that is hidden, but every run of PIECE characters.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import groupby
from typing import Final
from urllib.parse import quote, unquote_plus

PIECE: Final = 8
# Bytes of a body that are looked for, and of these in all spellings: each byte of a body makes each character
# of a text dearer, and a text of 300 must not take 20 ms.
MAX_BODY: Final = 32 * 1024
MAX_SPELLED: Final = 512
MIN_SECRET: Final = 4  # shorter ones are in every text, and no secrets
SEARCHED: Final = 8 * 1024 * 1024  # pairs of a character and one of the secrets
HIDDEN: Final = "[hidden]"

# Not secret, and what an operator wants to see in a text.
_OPEN: Final = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-type",
        "host",
        "pragma",
        "user-agent",
    }
)
_SEPARATORS: Final = re.compile(r"[\s;,]+")


class Secrets:
    """Made by `sent`."""

    def __init__(self, values: set[str], bodies: Iterable[str] = ()) -> None:
        """*bodies* are looked for as they are, *values* in all spellings."""
        spelled = {each for value in values for each in _spellings(value)}.union(bodies)
        self._long = "\0".join(each for each in spelled if len(each) >= PIECE)
        self._short = tuple(each for each in spelled if MIN_SECRET <= len(each) < PIECE)

    @property
    def searchable(self) -> int:
        """How many characters `hide` may look through in some 20 ms: long bodies make each one dear."""
        return SEARCHED // max(len(self._long) + PIECE * len(self._short), 1)

    def hide(self, text: str, start: int = 0, end: int | None = None) -> str:
        """`text[start:end]` without the secrets, also those that the cut leaves only a part of."""
        stop = len(text) if end is None else min(end, len(text))
        if not self._long and not self._short:
            return text[start:stop]
        low = max(0, start - PIECE)
        seen = text[low : stop + PIECE]
        hidden = [False] * len(seen)
        for at in range(len(seen)):
            piece = seen[at : at + PIECE]
            if len(piece) == PIECE and piece in self._long:
                hidden[at : at + PIECE] = [True] * PIECE
            for short in self._short:
                if piece.startswith(short):
                    hidden[at : at + len(short)] = [True] * len(short)
        runs = groupby(range(start - low, stop - low), hidden.__getitem__)
        return "".join(HIDDEN if hide else "".join(seen[at] for at in run) for hide, run in runs)


@lru_cache(maxsize=512)
def sent(headers: tuple[tuple[str, str], ...], body: bytes | None) -> Secrets:
    values = {part for name, value in headers if name.lower() not in _OPEN for part in _parts(value)}
    if body is None:
        return Secrets(values)
    text = body[:MAX_BODY].decode("utf-8", "replace")
    bodies = {text, unquote_plus(text)}
    return Secrets(values | {each[:MAX_SPELLED] for each in bodies}, bodies)


def _parts(value: str) -> set[str]:
    """*value*, what is after the word that says what it is (`Bearer …`, `name=…`), and a Basic password."""
    found = {value.strip()}
    for number, word in enumerate(_SEPARATORS.split(value.strip())):
        _, _, given = word.partition("=")
        if given.strip("="):
            found.add(given.strip('"'))
        elif number:
            found.add(word)
            found |= _decoded(word)
    return found


def _decoded(word: str) -> set[str]:
    """RFC 7617: user name and password in base64."""
    try:
        text = base64.b64decode(word, validate=True).decode()
    except (binascii.Error, ValueError):
        return set()
    _, colon, password = text.partition(":")
    return {text, password} if colon else set()


def _spellings(value: str) -> set[str]:
    """As it is, and escaped for the places in which a target may repeat it, or we."""
    import html  # not before there are secrets: its names of characters are large

    bare = {value, html.escape(value), quote(value), quote(value, safe="")}
    return bare | {json.dumps(each)[1:-1] for each in bare} | {repr(each)[1:-1] for each in bare}
