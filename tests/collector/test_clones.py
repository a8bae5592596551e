"""Two processes of one name are noticed; a restart and a late heartbeat are not taken for that."""

from collector.collector_helpers import EPOCH, LATER_EPOCH, NOW, Core, heartbeat
from collector.exposition_helpers import text, value
from vedette_collector.cell import Moment
from vedette_collector.clones import REMEMBERED, SUSPECTED_SECONDS, Clones


def test_two_processes_that_speak_in_turn_are_a_clone() -> None:
    clones = Clones()
    clones.heard(heartbeat(sent_us=1, next_seq=10), 0.0)
    clones.heard(heartbeat(sent_us=2, next_seq=5, epoch=LATER_EPOCH), 1.0)
    assert not clones.is_suspected(1.0)
    clones.heard(heartbeat(sent_us=11, next_seq=20), 10.0)
    assert clones.is_suspected(10.0)
    assert clones.is_suspected(9.0 + SUSPECTED_SECONDS)
    assert not clones.is_suspected(10.0 + SUSPECTED_SECONDS)


def test_a_restart_is_none() -> None:
    clones = Clones()
    for number in range(3 * REMEMBERED):
        for beat in (1, 2, 3):
            clones.heard(heartbeat(epoch=f"{number:032x}", sent_us=beat, next_seq=beat), float(number))
    assert not clones.is_suspected(float(3 * REMEMBERED))
    assert len(clones._heard) == REMEMBERED


def test_a_heartbeat_of_before_the_restart_that_comes_late_is_none() -> None:
    """Nor is the same one twice."""
    clones = Clones()
    clones.heard(heartbeat(sent_us=9, next_seq=10), 0.0)
    clones.heard(heartbeat(sent_us=20, next_seq=5, epoch=LATER_EPOCH), 1.0)
    clones.heard(heartbeat(sent_us=9, next_seq=10), 2.0)
    clones.heard(heartbeat(sent_us=8, next_seq=9), 2.0)
    assert not clones.is_suspected(2.0)


def test_the_metric_says_so_for_ten_minutes() -> None:
    core = Core()
    core.send(heartbeat(epoch=EPOCH, sent_us=1, next_seq=10))
    core.send(heartbeat(epoch=LATER_EPOCH, sent_us=2, next_seq=10))
    assert value(text(core), "vedette_agent_clone_suspected", agent="par-01") == 0
    core.send(heartbeat(epoch=EPOCH, sent_us=3, next_seq=11))
    assert value(text(core), "vedette_agent_clone_suspected", agent="par-01") == 1
    assert value(text(core), "vedette_agent_clone_suspected", agent="fra-01") == 0
    later = NOW.mono + SUSPECTED_SECONDS + 1
    assert value(text(core, Moment(NOW.wall, later)), "vedette_agent_clone_suspected", agent="par-01") == 0
