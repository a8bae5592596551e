"""What goes into a verdict and what comes out of the localization."""

from typing import Literal

from msgspec import Struct

from vedette_collector.verdicts.component import Component, Entity

Bypass = Literal["resolver", "authority", "no_validation", "last_good", "family"]
Certainty = Literal["certain", "ambiguous", "insufficient"]
Track = Literal["dns", "connection", "slow", "silence"]  # what was compared with what


class Observation(Struct, frozen=True, kw_only=True):
    """One result, as far as verdicts go. `not_run` results are no observations."""

    agent: str
    check: str
    at: float  # when the probe ended: seconds since the Unix epoch by the corrected clock
    ok: bool
    code: str = ""  # failure code; empty when ok
    attempt: int = 1  # 2: the immediate repeat of a first failure
    asked: bool = False  # the collector asked for it
    bypass: Bypass | None = None  # another way to the same target; it says nothing about the check itself


class Share(Struct, frozen=True):
    """What failed, of how many."""

    failed: int
    total: int

    @property
    def rate(self) -> float:
        return self.failed / self.total if self.total else 0.0


class First(Struct, frozen=True, kw_only=True):
    """One of the first failures: its evidence record, if there is one, is found by agent and check."""

    agent: str
    check: str
    at: float
    code: str


class Exonerated(Struct, frozen=True, kw_only=True):
    """What the failing probes share as well, and what works for others."""

    entity: Entity
    elsewhere: Share  # probes through it that do not go through the blamed component


class Finding(Struct, frozen=True, kw_only=True):
    """One component that explains failures, and why."""

    component: Component
    track: Track
    score: float  # nats by which this explains the failures better than chance, its cost taken off
    certainty: Certainty
    inside: Share  # probes (agents where they are silent, or attempts) that go through the component
    outside: Share  # those of the same track that do not
    agents: tuple[str, ...]  # that saw it fail, or are silent
    networks: tuple[str, ...]  # of these agents
    targets: tuple[str, ...]  # that were seen failing
    codes: tuple[tuple[str, int], ...]  # failure codes, most frequent first
    began: float  # when the first of these failures was seen
    last: float  # when the newest was
    alternatives: tuple[Component, ...] = ()  # which this fleet cannot tell from it
    rivals: tuple[Component, ...] = ()  # which explain nearly as much: a few more failures will tell
    exonerated: tuple[Exonerated, ...] = ()
    firsts: tuple[First, ...] = ()  # oldest first, at most 5
    confirmed: int = 0  # probes that failed again when they were repeated at once, or at the next interval
    asked: Share = Share(0, 0)  # probes that the collector asked for
    bypasses: tuple[tuple[Bypass, Share], ...] = ()  # failed when going around
    is_partial: bool = False  # some probes through it succeed
    of_attempts: bool = False  # inside and outside count the first attempts of some intervals, not probes


class Question(Struct, frozen=True, kw_only=True):
    """Probes to run at once."""

    agent: str
    checks: tuple[str, ...]
