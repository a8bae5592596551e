"""What stands in a text to send for what a pattern has captured: `\\1`, or `{name}`; `\\\\1` is itself."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

CAPTURE: Final = re.compile(r"(?P<literal>\\\\[1-9])|\\(?P<number>[1-9])|\{(?P<name>[A-Za-z_]\w{0,63})\}")


class TooLong(Exception):
    """Captures came to more than was allowed."""


def filled(text: str, groups: Sequence[str | None], names: Mapping[str, str], most: int) -> str:
    """*text* with each capture put in literally; braces around what is no name stay as they are.

    Raises TooLong rather than make more than *most* characters: what was captured is a peer's, and may be
    asked for a thousand times.
    """
    pieces: list[str] = []
    size = done = 0
    for found in CAPTURE.finditer(text):
        if found["literal"]:
            value = found["literal"][1:]
        elif found["number"]:
            at = int(found["number"]) - 1
            value = (groups[at] if at < len(groups) else None) or ""
        else:
            value = names.get(found["name"], found[0])
        pieces += (text[done : found.start()], value)
        size += found.start() - done + len(value)
        if size > most:
            raise TooLong
        done = found.end()
    pieces.append(text[done:])
    return "".join(pieces)
