"""Quiet, the hold and what comes back within it, second by second."""

from typing import Any

import pytest

from vedette_collector.verdicts.evidence import Finding
from verdicts.life_helpers import T0, Life, finding

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
def life() -> Life:
    return Life()


def shop(at: float = T0, **more: Any) -> Finding:
    return finding("target:shop-1", at=at, **more)


def test_a_dip_shorter_than_an_interval_is_not_the_end(life: Life) -> None:
    life.run(60, shop())
    assert life.run(29) == []
    assert life.run(60, shop()) == []


def test_quiet_begins_when_it_was_last_seen(life: Life) -> None:
    life.run(60, shop())
    (quieted,) = life.run(5 * MINUTE)
    (incident,) = life.incidents.open()
    assert (quieted.what, incident.state, incident.quiet_since) == ("quieted", "quiet", T0 + 59)
    assert incident.active == []


def test_the_alert_outlasts_a_quarter_of_an_hour_of_quiet(life: Life) -> None:
    life.run(60, shop())
    (incident,) = life.incidents.open()
    life.run(14 * MINUTE, step=10)
    assert life.incidents.is_alerting(incident, life.now)
    life.run(2 * MINUTE, step=10)
    assert not life.incidents.is_alerting(incident, life.now)


def test_flapping_every_few_minutes_is_one_incident_one_page_one_alert(life: Life) -> None:
    """As Cloudflare's oscillation of 18 November 2025: bad for five minutes, good for five."""
    cdn = finding("product:cloudflare-cdn")
    for _ in range(9):
        life.run(5 * MINUTE, cdn, step=5)
        (incident,) = life.incidents.open()
        life.run(5 * MINUTE, step=5)
        assert life.incidents.is_alerting(incident, life.now)
    assert len(life.incidents.all) == 1
    assert len(life.paged) == 1
    assert incident.reopened == 8
    assert 290 <= incident.lulls <= 310


def test_a_long_lull_is_remembered_by_the_alert_for_at_most_an_hour(life: Life) -> None:
    life.run(3 * HOUR, shop(), step=10)
    life.run(2 * HOUR, step=10)
    life.run(60, shop())
    (incident,) = life.incidents.open()
    life.run(59 * MINUTE, step=10)
    assert life.incidents.is_alerting(incident, life.now)
    life.run(2 * MINUTE, step=10)
    assert not life.incidents.is_alerting(incident, life.now)


@pytest.mark.parametrize(
    ("lasted", "held"),
    [(MINUTE, 15 * MINUTE), (130 * MINUTE, 390 * MINUTE), (20 * HOUR, 12 * HOUR)],
)
def test_held_for_three_times_as_long_as_it_lasted(life: Life, lasted: float, held: float) -> None:
    life.run(lasted, shop(), step=10)
    life.run(held - MINUTE, step=10)
    (incident,) = life.incidents.all.values()
    assert incident.state == "quiet"
    changes = life.run(2 * MINUTE, step=10)
    assert [each.what for each in changes] == ["closed"]
    assert incident.closed is not None
    assert not life.incidents.is_alerting(incident, life.now)


def test_a_second_wave_within_the_hold_is_the_same_incident(life: Life) -> None:
    """Dyn, 21 October 2016: 130 minutes from one region, 150 of quiet, then from everywhere."""
    near = finding("authority_dns:dyn & vantage_region:us-east", track="dns")
    life.run(130 * MINUTE, near, step=10)
    life.run(150 * MINUTE, step=10)
    changes = life.run(MINUTE, finding("authority_dns:dyn", at=life.now, track="dns"))
    assert life.told(changes) == [("reopened", "authority_dns:dyn")]
    assert len(life.incidents.all) == 1
    assert life.paged == [next(iter(life.incidents.all))] * 2  # its alert had ended, and fires again


def test_after_the_hold_it_is_a_new_incident(life: Life) -> None:
    life.run(MINUTE, shop())
    life.run(HOUR, step=10)
    life.run(MINUTE, shop(life.now))
    assert [each.state for each in life.incidents.all.values()] == ["closed", "open"]
    assert len(set(life.paged)) == 2


def test_a_blip_within_the_hold_does_not_reopen(life: Life) -> None:
    life.run(MINUTE, shop())
    life.run(5 * MINUTE)
    assert life.run(1, shop()) == []
    assert life.run(10) == []
