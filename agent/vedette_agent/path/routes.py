"""The routes of one check that were seen, so that a run can tell whether its own is another one.

A hop that stays silent once is no other route: two routes are the same where both know the hop and agree on
all of them. What one run does not know of a route another one did, and both together have one name.
"""

import hashlib
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

KEPT: Final = 4  # routes of a check

Route = tuple[str | None, ...]  # the address of each hop; None is silent


class Seen(NamedTuple):
    name: str | None  # 16 hexadecimal digits; None while no hop was ever seen
    is_changed: bool  # since the run before
    changes: int  # of all runs


class _Known(NamedTuple):
    name: str
    hops: Route
    is_whole: bool


class Routes:
    """In the order of their last use. A route keeps the name of its first sight."""

    __slots__ = ("_changes", "_known", "about")

    def __init__(self, about: object) -> None:
        """*about*: what decides the route. Routes about something else say nothing."""
        self.about = about
        self._known: list[_Known] = []
        self._changes = 0

    def take(self, route: Sequence[str | None], *, is_whole: bool) -> Seen:
        """The route of a run; *is_whole*: its last hop is the target, so that its length counts."""
        hops = tuple(route)
        while hops and hops[-1] is None:
            hops = hops[:-1]
        if not hops:
            return Seen(self._known[-1].name if self._known else None, False, self._changes)
        mine = _Known(named(hops), hops, is_whole)
        same = next((known for known in reversed(self._known) if _agree(known, mine)), None)
        is_changed = bool(self._known) and same is not self._known[-1]
        if same is not None:
            self._known.remove(same)
            mine = _merged(same, mine)
        self._known = [*self._known[1 - KEPT :], mine]
        self._changes += is_changed
        return Seen(mine.name, is_changed, self._changes)


def named(route: Route) -> str:
    """The same for the same hops everywhere; a silent hop is one of them."""
    text = "\n".join(address or "*" for address in route)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _agree(known: _Known, mine: _Known) -> bool:
    longer = len(mine.hops) - len(known.hops)
    if (known.is_whole and longer > 0) or (mine.is_whole and longer < 0):
        return False
    return all(a == b or a is None or b is None for a, b in zip(known.hops, mine.hops, strict=False))


def _merged(known: _Known, mine: _Known) -> _Known:
    hops = tuple(a or b for a, b in zip_longest(known.hops, mine.hops))
    return _Known(known.name, hops, known.is_whole or mine.is_whole)
