"""Who is gone, and when nobody can say."""

from collector.collector_helpers import LATER_EPOCH, Core, heartbeat, presence
from vedette_collector.absence import REMEMBERED_SECONDS, STALLED_SECONDS, Absence, Back, Gone
from vedette_collector.board import SILENT_SECONDS
from vedette_collector.cell import Moment

WALL = 1_800_000_000.0


class Fleet:
    """Two agents that say hello at 0, and a look every second."""

    def __init__(self) -> None:
        self.core = Core()
        self.absence = Absence()
        self.found: list[Gone | Back] = []
        self.at = 0.0

    def hear(self, *agents: str) -> None:
        for agent in agents:
            self.core.send(heartbeat(agent), now=self.now)

    @property
    def now(self) -> Moment:
        return Moment(WALL + self.at, self.at)

    def until(self, at: float, *talking: str, is_linked: bool = True) -> None:
        """*talking* send heartbeats meanwhile."""
        while self.at < at:
            self.at += 1.0
            if self.at % 10 == 0:
                self.hear(*talking)
            self.found += self.absence.look(self.core.board.agents, self.now, is_linked=is_linked)


def test_an_agent_that_falls_silent_is_gone_since_its_last_word() -> None:
    fleet = Fleet()
    fleet.hear("par-01", "fra-01")
    fleet.until(100, "par-01", "fra-01")
    fleet.until(100 + SILENT_SECONDS - 1, "par-01")
    assert fleet.found == []
    fleet.until(100 + SILENT_SECONDS + 2, "par-01")
    assert fleet.found == [Gone("fra-01", WALL + 100, "silent")]
    fleet.until(180, "par-01", "fra-01")
    assert fleet.found[1:] == [Back("fra-01", WALL + 140)]


def test_one_that_never_spoke_is_not_gone() -> None:
    fleet = Fleet()
    fleet.hear("par-01")
    fleet.until(300, "par-01")
    assert fleet.found == []


def test_one_that_came_and_went_between_two_looks_is_gone() -> None:
    fleet = Fleet()
    fleet.hear("par-01")
    fleet.until(59, "par-01")
    fleet.hear("fra-01")
    fleet.core.send(presence("fra-01", state="gone", reason="connection lost"), now=fleet.now)
    fleet.until(65, "par-01")
    assert fleet.found == [Gone("fra-01", WALL + 59, "connection lost")]


def test_a_will_is_a_loss_and_a_goodbye_is_not_a_silence() -> None:
    fleet = Fleet()
    fleet.hear("par-01", "fra-01")
    fleet.until(60, "par-01", "fra-01")
    fleet.core.send(presence(state="gone", reason="connection lost"), now=fleet.now)
    fleet.core.send(presence("fra-01", state="gone", reason="stopped"), now=fleet.now)
    fleet.until(61)
    assert [(each.agent, each.reason) for each in fleet.found if isinstance(each, Gone)] == [
        ("par-01", "connection lost"),
        ("fra-01", "stopped"),
    ]


def test_nobody_is_gone_while_our_own_link_is_down_or_has_just_come_back() -> None:
    fleet = Fleet()
    fleet.hear("par-01", "fra-01")
    fleet.until(60, "par-01", "fra-01")
    fleet.until(200, is_linked=False)
    fleet.core.send(presence(state="gone", reason="connection lost"), now=fleet.now)
    fleet.until(200 + SILENT_SECONDS, "fra-01")
    assert fleet.found == []
    fleet.until(200 + SILENT_SECONDS + 3, "fra-01")
    assert [each.agent for each in fleet.found] == ["par-01"]


def test_nobody_is_gone_because_we_stood_still() -> None:
    fleet = Fleet()
    fleet.hear("par-01", "fra-01")
    fleet.until(60, "par-01", "fra-01")
    fleet.at += 3600.0  # the process was suspended: what was said meanwhile is not read yet
    fleet.until(fleet.at + STALLED_SECONDS, "par-01")
    fleet.hear("fra-01")
    fleet.until(fleet.at + 100, "par-01", "fra-01")
    assert fleet.found == []


def test_after_a_start_nobody_is_gone_for_as_long_as_it_takes_to_hear_of_all() -> None:
    """Who was there before a restart and does not come back is missed; who left long ago is not."""
    fleet = Fleet()
    fleet.absence.remember("par-01", WALL - 5, WALL)
    fleet.absence.remember("fra-01", WALL - REMEMBERED_SECONDS - 1, WALL)
    fleet.until(SILENT_SECONDS)
    assert fleet.found == []
    fleet.until(SILENT_SECONDS + 3)
    assert fleet.found == [Gone("par-01", WALL - 5, "silent")]


def test_one_that_said_goodbye_while_we_were_away_is_not_missed() -> None:
    fleet = Fleet()
    fleet.absence.remember("par-01", WALL - 5, WALL)
    fleet.core.send(presence(state="gone", reason="stopped", epoch=LATER_EPOCH), now=fleet.now, retained=True)
    fleet.until(60)
    assert fleet.found == [Gone("par-01", WALL - 5, "stopped")]
