"""Decides what an agent leaves out when it has more to do than it can. Knows the time as a number.

In this order, each step on top of those before:

    1 detail   evidence of failures, repeats of first ones, other ways to a target, lists among the facts that
               people alone read
    2 replay   what an outage left behind goes at the lowest rate
    3 phases   results without the times of their phases
    4 checks   checks of low priority are not run, and say so; asks are not answered

Never whether a target is up or down, the heartbeat, or the count of what was produced. What is left out is
counted. A level is taken as soon as the load asks for it, and given up one at a time, each after ten quiet
seconds: an agent at its limit would else change its mind with every look.
"""

from collections import Counter, deque
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from vedette.wire.facts import Facts

WINDOW: Final = 5.0  # seconds over which stalls are judged: one alone is no overload
STALLED: Final = 0.7  # of that time: then the load is 1. A busy host is late now and then
ENTER: Final = (0.6, 0.7, 0.8, 0.9)  # load from which a level is taken, in the order of the steps
MARGIN: Final = 0.15  # below that it is quiet again
QUIET_SECONDS: Final = 10.0


class Step(IntEnum):
    DETAIL = 1
    REPLAY = 2
    PHASES = 3
    CHECKS = 4


class Load(NamedTuple):
    """Shares of what there is: 0 is idle, 1 is all of it."""

    memory: float  # results that are in memory alone
    running: float  # probes in flight
    queue: float  # what waits for the disk
    stalled: float  # seconds, ever growing, by which the event loop was late


class Shedding:
    def __init__(self) -> None:
        self.level = 0  # every step up to it is taken
        self._left_out: Counter[Step] = Counter()
        self._stalls: deque[tuple[float, float]] = deque()  # when seen, and seconds until then
        self._quiet_since: float | None = None

    @property
    def counts(self) -> dict[str, int]:
        """What was left out, by step: results and evidence, seconds of replay, results, runs."""
        return {step.name.lower(): count for step, count in sorted(self._left_out.items())}

    def count(self, step: Step) -> None:
        self._left_out[step] += 1

    def observe(self, now: float, load: Load) -> None:
        """To be called about once a second."""
        share = max(load.memory, load.running, load.queue, self._lag(now, load.stalled))
        wanted = sum(share >= least for least in ENTER)
        if wanted >= self.level:
            self.level = wanted
            self._quiet_since = None
        elif share >= ENTER[self.level - 1] - MARGIN:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = now
        elif now - self._quiet_since >= QUIET_SECONDS:
            self.level -= 1
            self._quiet_since = now
        if self.level >= Step.REPLAY:
            self.count(Step.REPLAY)

    def _lag(self, now: float, stalled: float) -> float:
        self._stalls.append((now, stalled))
        while len(self._stalls) > 1 and self._stalls[1][0] <= now - WINDOW:
            self._stalls.popleft()
        since, before = self._stalls[0]
        return (stalled - before) / max(now - since, WINDOW) / STALLED


def without_lists(facts: Facts) -> Facts:
    """*facts* without what only people read. Lists that series are made of stay, and all else."""
    made = facts
    if facts.dns is not None and (facts.dns.answers or facts.dns.cname_chain):
        made = _replace(made, dns=_replace(facts.dns, answers=[], cname_chain=[]))
    if facts.tls is not None and facts.tls.alternative_names:
        made = _replace(made, tls=_replace(facts.tls, alternative_names=[]))
    if facts.dnssec is not None and facts.dnssec.zones:
        made = _replace(made, dnssec=_replace(facts.dnssec, zones=[]))
    if facts.trace is not None and facts.trace.answers:
        made = _replace(made, trace=_replace(facts.trace, answers=[]))
    return made


_replace = msgspec.structs.replace
