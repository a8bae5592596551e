"""Says which agents are gone and which are back. Pure; looked at now and then.

Who hears nothing cannot tell who is silent: while our own link to the broker is down, or shortly after, or
when we stood still ourselves, nobody counts as gone.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from vedette_collector.board import SILENT_SECONDS, AgentState
from vedette_collector.cell import Moment

STALLED_SECONDS: Final = 5.0  # between two looks: we stood still, and so did what came for us
STOPPED: Final = "stopped"  # the goodbye of an agent that was told to stop
REMEMBERED_SECONDS: Final = 12 * 3600.0  # over a restart of ours: as long as an incident is held


class Gone(NamedTuple):
    agent: str
    at: float  # when it was heard of last, by our wall clock
    reason: str  # stopped, connection lost, silent


class Back(NamedTuple):
    agent: str
    at: float


class Absence:
    """Of the agents that spoke since the start, or not long before."""

    def __init__(self) -> None:
        self.hearing_since: float | None = None  # monotonic; None: the link is down
        self._looked: float | None = None
        self._heard: dict[str, float] = {}  # wall time of the last word of those that are there
        self.gone: dict[str, Gone] = {}

    def remember(self, agent: str, at: float, now: float) -> None:
        """It was heard of before a restart, at the wall time *at*: it is missed if it does not come back."""
        if now - at <= REMEMBERED_SECONDS:
            self._heard[agent] = at

    def look(self, agents: Mapping[str, AgentState], now: Moment, *, is_linked: bool) -> list[Gone | Back]:
        """What changed since the last look."""
        stalled = self._looked is not None and now.mono - self._looked > STALLED_SECONDS
        self._looked = now.mono
        if not is_linked:
            self.hearing_since = None
            return []
        if self.hearing_since is None or stalled:
            self.hearing_since = now.mono
        found: list[Gone | Back] = []
        may_judge = now.mono - self.hearing_since > SILENT_SECONDS
        for name, state in agents.items():
            if state.heard is not None and state.is_connected(now.mono):
                self._heard[name] = now.wall - (now.mono - state.heard)
                if self.gone.pop(name, None) is not None:
                    found.append(Back(name, now.wall))
            elif name not in self.gone:
                at, reason = self._heard.get(name, state.seen_at), _reason(state)
                if at is not None and (may_judge or reason == STOPPED):
                    self._heard.pop(name, None)
                    self.gone[name] = Gone(name, at, reason)
                    found.append(self.gone[name])
        for name in [name for name in self._heard if name not in agents]:
            del self._heard[name]
        for name in [name for name in self.gone if name not in agents]:
            del self.gone[name]
        return found


def _reason(state: AgentState) -> str:
    said = state.presence
    if state.heard is not None or said is None or said.state != "gone":
        return "silent"
    return said.reason or "connection lost"
