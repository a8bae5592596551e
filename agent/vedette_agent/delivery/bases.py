"""Decides which facts a result says whole and which as a difference. See `vedette.wire.facts.diff`.

There is one candidate for each check: the last facts that were sent whole. Once the collector has
acknowledged that result, and only then, the following ones say what differs from it.
"""

from collections.abc import Callable

import msgspec

from vedette.wire.facts import Facts
from vedette.wire.facts.diff import diff
from vedette.wire.messages import Result

_encode = msgspec.json.Encoder().encode


class _Base:
    __slots__ = ("facts", "is_known", "seq", "size")

    def __init__(self, seq: int, facts: Facts) -> None:
        self.seq = seq
        self.facts = facts
        self.size = 0  # encoded; 0 until it was wanted
        self.is_known = False  # whether the collector has it


class Bases:
    """*is_acked* says whether the collector has applied a seq of the present epoch."""

    def __init__(self, is_acked: Callable[[int], bool]) -> None:
        self._is_acked = is_acked
        self._bases: dict[str, _Base] = {}

    def shaped(self, result: Result, seq: int) -> Result:
        """*result* as it goes out under *seq*."""
        facts = result.facts
        if facts is None or result.bypass is not None:
            return result  # another way has other facts, and is no base for what goes the usual one
        base = self._bases.get(result.check)
        if base is None:
            self._bases[result.check] = _Base(seq, facts)
            return result
        if not base.is_known:
            if not self._is_acked(base.seq):
                if base.facts is not facts and base.facts != facts:
                    self._bases[result.check] = _Base(seq, facts)
                return result
            base.is_known = True
        if base.facts is facts:
            return msgspec.structs.replace(result, facts=None, diff={})
        difference = diff(base.facts, facts)
        if difference:
            if not base.size:
                base.size = len(_encode(base.facts))
            if len(_encode(difference)) > base.size // 2:
                self._bases[result.check] = _Base(seq, facts)
                return result
        return msgspec.structs.replace(result, facts=None, diff=difference)

    def forget(self) -> None:
        """What the collector has is not certain any more: say all facts whole again."""
        self._bases.clear()

    def lost(self, first: int, end: int) -> None:
        """Results first … end - 1 will never come: none of them is a base."""
        gone = [name for name, base in self._bases.items() if first <= base.seq < end]
        for name in gone:
            del self._bases[name]
