"""Which lines of a child a person at the terminal should see. The rest stays in its log."""

import re
from collections.abc import Callable

_SERIOUS = re.compile(r"\blevel=(warning|error|critical)\b|\bError\b")
_LINES = 5
_WINDOW_SECONDS = 60.0
_LINE_CHARACTERS = 300


class Chatter:
    """Passes warnings and worse, at most a few a minute from each child, and says when it holds some back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[str, tuple[float, int]] = {}

    def shown(self, child: str, line: str) -> str | None:
        """What to print for *line*; None for nothing."""
        if not _SERIOUS.search(line):
            return None
        now = self._clock()
        began, count = self._windows.get(child, (now, 0))
        if now - began >= _WINDOW_SECONDS:
            began, count = now, 0
        self._windows[child] = (began, count + 1)
        if count < _LINES:
            return f"{child}: {line[:_LINE_CHARACTERS]}"
        return f"{child}: more of this stays in its log for a while" if count == _LINES else None
