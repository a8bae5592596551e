"""From the first finding to the last change, second by second; what is quiet is in test_incident_holding."""

from typing import Any

import pytest
from msgspec.structs import replace

from vedette_collector.verdicts.case import Settings
from vedette_collector.verdicts.evidence import Finding, Share
from vedette_collector.verdicts.incidents import Incidents
from verdicts.life_helpers import T0, Life, finding

MINUTE, HOUR = 60.0, 3600.0


@pytest.fixture
def life() -> Life:
    return Life()


def shop(at: float = T0, **more: Any) -> Finding:
    return finding("target:shop-1", at=at, **more)


def test_a_page_waits_two_seconds_for_the_answers_of_others(life: Life) -> None:
    assert life.run(2, shop()) == []
    (opened,) = life.run(1, shop())
    assert (opened.what, opened.severity, opened.paged) == ("opened", "page", True)
    (incident,) = life.incidents.open()
    assert (incident.id[:14], incident.began, incident.opened) == ("20251020-0650-", T0, T0 + 2)


def test_a_ticket_waits_five_seconds_and_wakes_nobody(life: Life) -> None:
    only = finding("agent:bt-1", agents=("bt-1",))
    assert life.run(5, only) == []
    (opened,) = life.run(1, only)
    assert (opened.severity, opened.paged) == ("ticket", False)


def test_what_is_seen_for_a_moment_now_and_then_is_no_incident(life: Life) -> None:
    for _ in range(20):
        assert life.run(1, shop()) == []
        assert life.run(9) == []
    assert life.incidents.open() == []


def test_what_this_fleet_cannot_be_sure_of_opens_nothing(life: Life) -> None:
    assert life.run(HOUR, shop(certainty="insufficient"), step=10) == []
    assert life.incidents.all == {}


def test_a_headline_that_cannot_settle_is_said_after_ten_seconds(life: Life) -> None:
    """Target, zone and product take turns at the top each second."""
    names = ("target:cf-1", "product:cloudflare-cdn", "provider:cloudflare")
    for turn in range(20):
        life.run(
            1,
            *(finding(name, score=200.0 if turn % 3 == place else 50.0) for place, name in enumerate(names)),
        )
    assert life.changes[0].what == "opened"
    assert life.changes[0].at <= T0 + 10


def test_a_ticket_that_becomes_a_page_pages_once(life: Life) -> None:
    life.run(MINUTE, shop(agents=("bt-1",)))
    assert life.paged == []
    changes = life.run(MINUTE, shop())
    assert [(each.what, each.severity, each.paged) for each in changes] == [("updated", "page", True)]
    life.run(MINUTE, shop(agents=("bt-1",)))
    life.run(MINUTE, shop())
    assert len(life.paged) == 1
    assert life.incidents.open()[0].severity == "page"


def test_the_alert_of_a_page_is_not_kept_up_by_what_is_merely_slow(life: Life) -> None:
    """A target that is slow for days after an outage must be able to fire its alert again."""
    life.run(MINUTE, shop())
    (incident,) = life.incidents.open()
    life.run(30 * MINUTE, shop(track="slow"), step=10)
    assert incident.state == "open"
    assert not life.incidents.is_alerting(incident, life.now)
    life.run(10, shop())
    assert life.incidents.is_alerting(incident, life.now)


def _doubtful() -> Finding:
    return shop(certainty="ambiguous", rivals=(finding("product:cloudflare-cdn").component,))


def test_while_another_explains_nearly_as_much_both_are_said(life: Life) -> None:
    (opened,) = life.run(3, _doubtful())
    assert opened.paged
    assert opened.headline.startswith("Target shop-1 or product cloudflare-cdn: ")


def test_a_doubt_about_whether_it_is_the_prober_wakes_nobody(life: Life) -> None:
    life.run(MINUTE, shop(certainty="ambiguous", rivals=(finding("agent:bt-1").component,)))
    assert [each.severity for each in life.incidents.open()] == ["ticket"]


def test_what_was_said_without_a_doubt_stays_so(life: Life) -> None:
    """Also after a restart. Scores go up and down with every result."""
    life.run(MINUTE, shop())
    assert life.run(MINUTE, _doubtful()) == []
    (incident,) = life.incidents.open()
    assert incident.findings["target:shop-1"].rivals == ()
    again = Life(now=life.now)
    again.incidents.restore([incident])
    assert again.run(MINUTE, _doubtful()) == []
    assert again.incidents.open()[0].findings["target:shop-1"].certainty == "certain"


def test_what_comes_back_may_be_doubted_anew(life: Life) -> None:
    life.run(MINUTE, shop())
    life.run(10 * MINUTE)
    changes = life.run(MINUTE, _doubtful())
    assert "or product cloudflare-cdn" in changes[0].headline


def test_a_doubt_that_was_said_goes_when_it_is_settled(life: Life) -> None:
    life.run(MINUTE, _doubtful())
    (updated,) = life.run(MINUTE, shop())
    assert "product cloudflare-cdn" not in updated.headline
    assert life.run(MINUTE, _doubtful()) == []


def test_ambiguous_becomes_certain(life: Life) -> None:
    unsure = shop(certainty="ambiguous", alternatives=(finding("product:cloudflare-cdn").component,))
    life.run(MINUTE, unsure)
    (updated,) = life.run(MINUTE, shop())
    assert updated.what == "updated"
    assert "or product cloudflare-cdn" not in updated.headline


def test_what_the_fleet_cannot_tell_apart_is_said_also_when_doubts_are_over(life: Life) -> None:
    zone, provider = (finding(text).component for text in ("zone:shop.example", "provider:aws"))
    life.run(MINUTE, shop())
    later = shop(certainty="ambiguous", alternatives=(zone,), rivals=(provider,))
    (updated,) = life.run(MINUTE, later)
    assert updated.headline.startswith("Target shop-1 or DNS zone shop.example: ")
    (incident,) = life.incidents.open()
    told = incident.findings["target:shop-1"]
    assert (told.certainty, told.alternatives, told.rivals) == ("ambiguous", (zone,), ())


def test_what_nothing_avoids_stays_ambiguous_without_its_rivals(life: Life) -> None:
    alone = finding("tld:com", certainty="ambiguous", outside=Share(0, 0))
    life.run(MINUTE, alone)
    life.run(MINUTE, replace(alone, rivals=(finding("provider:aws").component,)))
    told = life.incidents.open()[0].findings["tld:com"]
    assert (told.certainty, told.rivals) == ("ambiguous", ())


def test_another_rival_is_an_update(life: Life) -> None:
    life.run(MINUTE, _doubtful())
    (updated,) = life.run(MINUTE, shop(certainty="ambiguous", rivals=(finding("provider:aws").component,)))
    assert updated.headline.startswith("Target shop-1 or provider aws: ")


def test_one_look_without_a_rival_is_no_certainty(life: Life) -> None:
    """Nor does it wake anybody: scores go up and down by less than what makes a rival."""
    doubtful = shop(certainty="ambiguous", rivals=(finding("agent:bt-1").component,))
    life.run(MINUTE, doubtful)
    life.run(1, shop())
    life.run(MINUTE, doubtful)
    (incident,) = life.incidents.open()
    assert (incident.severity, incident.findings["target:shop-1"].certainty) == ("ticket", "ambiguous")


def test_a_look_with_a_rival_counts_for_no_certainty(life: Life) -> None:
    """However long ago the look before was: it may have had one until now."""
    life.run(MINUTE, _doubtful())
    life.run(10, _doubtful(), step=10)
    life.run(10, shop(), step=10)
    life.run(10, _doubtful(), step=10)
    assert life.incidents.open()[0].findings["target:shop-1"].certainty == "ambiguous"


def test_what_fails_in_another_way_may_be_doubted_anew(life: Life) -> None:
    """Names that do not resolve have other rivals than connections that fail."""
    life.run(MINUTE, shop(track="slow"))
    life.run(MINUTE, _doubtful())
    (incident,) = life.incidents.open()
    assert incident.findings["target:shop-1"].certainty == "ambiguous"


def test_a_rival_that_goes_is_an_update_though_it_stays_ambiguous(life: Life) -> None:
    zone, product = (finding(text).component for text in ("zone:shop.example", "product:cloudflare-cdn"))
    life.run(MINUTE, shop(certainty="ambiguous", alternatives=(zone,), rivals=(product,)))
    (updated,) = life.run(MINUTE, shop(certainty="ambiguous", alternatives=(zone,)))
    assert updated.headline.startswith("Target shop-1 or DNS zone shop.example: ")


def test_next_at_says_when_time_alone_changes_something(life: Life) -> None:
    """Driven by nothing but these times it goes through the same life."""
    incidents, now, told = Incidents(), T0, []
    incidents.update([shop()], now, life.world)
    for _ in range(3):
        assert incidents.next_at is not None
        assert incidents.next_at > now
        now = incidents.next_at
        told += [each.what for each in incidents.update([shop()], now, life.world)]
        if told:
            break
    assert told == ["opened"]
    incidents.update([], now, life.world)
    for _ in range(8):
        if incidents.next_at is None:
            break
        assert incidents.next_at > now
        now = incidents.next_at
        told += [each.what for each in incidents.update([], now, life.world)]
    assert told == ["opened", "quieted", "closed"]
    assert 15 * MINUTE <= now - T0 <= 17 * MINUTE


def test_a_clock_that_steps_back_ends_nothing_and_stops_nothing(life: Life) -> None:
    life.run(MINUTE, shop())
    life.now -= 2 * HOUR
    assert life.run(MINUTE, shop()) == []
    life.run(10 * MINUTE, step=10)
    (incident,) = life.incidents.open()
    assert incident.state == "quiet"
    life.run(6 * MINUTE, step=10)
    assert life.incidents.open() == []


def test_something_is_due_at_the_very_end_of_the_time_in_which_it_may_come_back(life: Life) -> None:
    incidents = Incidents()
    for second in range(3):
        incidents.update([shop()], T0 + second, life.world)
    incidents.update([], T0 + 32, life.world)  # the grace of 30 s ends now
    assert [each.state for each in incidents.open()] == ["open"]
    assert incidents.next_at is not None
    assert incidents.next_at < T0 + 32.1
    (quieted,) = incidents.update([], incidents.next_at, life.world)
    assert quieted.what == "quieted"


def test_what_is_over_when_the_clock_steps_back_does_not_stay_open_until_it_catches_up(life: Life) -> None:
    life.run(MINUTE, shop())
    life.now -= 2 * HOUR
    assert [each.what for each in life.run(5 * MINUTE)] == ["quieted"]


def test_ids_sort_by_begin_and_differ_for_one_begin(life: Life) -> None:
    life.run(MINUTE, *(finding(f"target:shop-{number}") for number in (1, 2, 3)))
    ids = [each.id for each in life.incidents.open()]
    assert len(set(ids)) == 3
    assert all(each.startswith("20251020-0650-") and len(each) == 22 for each in ids)


def test_an_open_incident_comes_before_a_quiet_one_and_a_page_before_a_ticket(life: Life) -> None:
    life.run(MINUTE, shop())
    ticket = finding("agent:bt-1", at=life.now, agents=("bt-1",))
    page = finding("target:shop-2", at=life.now)
    life.run(5 * MINUTE, ticket, page)
    assert [(each.state, each.severity) for each in life.incidents.open()] == [
        ("open", "page"),
        ("open", "ticket"),
        ("quiet", "page"),
    ]


class TestTelemetry:
    """While nearly everybody is silent, nothing else is known."""

    LOST = finding("telemetry:broker", track="silence", inside=Share(11, 11), outside=Share(0, 0))

    def test_nothing_else_opens(self, life: Life) -> None:
        life.run(HOUR, self.LOST, shop(), step=5)
        assert [str(each.component) for each in life.incidents.open()] == ["telemetry:broker"]

    def test_nothing_else_ends_and_it_is_said(self, life: Life) -> None:
        life.run(MINUTE, shop())
        life.run(3 * HOUR, self.LOST, step=10)
        shop_1 = next(each for each in life.incidents.open() if "shop" in str(each.component))
        assert (shop_1.state, shop_1.frozen) == ("open", True)
        assert life.incidents.is_alerting(shop_1, life.now)
        assert any("telemetry" in each for each in life.incidents.report(shop_1, life.now).notes)

    def test_afterwards_there_is_time_to_see_again(self, life: Life) -> None:
        life.run(MINUTE, shop())
        life.run(HOUR, self.LOST, step=10)
        life.run(40, step=1)
        changes = life.run(MINUTE, shop())
        assert not any("shop" in str(each.component) for each in changes)
        shop_1 = next(each for each in life.incidents.open() if "shop" in str(each.component))
        assert (shop_1.state, shop_1.frozen, shop_1.reopened) == ("open", False, 0)

    def test_the_first_silent_agents_are_part_of_it(self, life: Life) -> None:
        """They are missed some seconds before the others."""
        first = finding("vantage_network:AS2856", track="silence", agents=("bt-1", "bt-2"))
        life.run(12, first)
        life.run(MINUTE, self.LOST)
        assert [str(each.component) for each in life.incidents.all.values()] == ["telemetry:broker"]
        assert len(life.paged) == 1

    def test_even_if_they_were_said_already(self, life: Life) -> None:
        first = finding("vantage_network:AS2856", track="silence", agents=("bt-1", "bt-2"))
        life.run(30, first)
        life.run(MINUTE, self.LOST)
        (incident,) = life.incidents.open()
        assert str(incident.component) == "telemetry:broker"
        assert len(life.paged) == 1

    def test_a_quiet_incident_is_held_for_as_long_as_it_could_be_seen(self, life: Life) -> None:
        life.run(MINUTE, shop())
        life.run(10 * MINUTE, step=10)
        life.run(HOUR, self.LOST, step=10)
        changes = life.run(4 * MINUTE, step=10)
        assert not any("shop" in str(each.component) for each in changes)


class TestRestart:
    def test_the_same_incident_goes_on_without_a_page(self, life: Life) -> None:
        life.run(MINUTE, shop())
        (kept,) = life.incidents.open()
        again = Life(now=life.now + 20)
        again.incidents.restore([kept])
        assert again.incidents.is_alerting(kept, again.now)
        assert again.run(100) == []
        assert again.run(MINUTE, shop()) == []
        assert list(again.incidents.all) == [kept.id]
        assert kept.state == "open"

    def test_what_is_over_by_then_goes_quiet(self, life: Life) -> None:
        life.run(MINUTE, shop())
        (kept,) = life.incidents.open()
        again = Life(now=life.now + 20)
        again.incidents.restore([kept])
        assert [each.what for each in again.run(5 * MINUTE)] == ["quieted"]

    def test_a_quiet_one_is_not_closed_before_everything_was_probed_again(self, life: Life) -> None:
        life.run(MINUTE, shop())
        life.run(5 * MINUTE)
        (kept,) = life.incidents.open()
        again = Life(now=life.now + 2 * HOUR)
        again.incidents.restore([kept])
        assert again.run(30) == []
        changes = again.run(10, shop(again.now))
        assert [(each.what, each.incident, each.paged) for each in changes] == [("reopened", kept.id, True)]

    def test_a_second_fault_still_pages(self, life: Life) -> None:
        life.run(MINUTE, shop())
        again = Life(now=life.now + 20)
        again.incidents.restore(life.incidents.open())
        again.run(MINUTE, finding("target:shop-2", at=again.now))
        assert len(again.paged) == 1


class TestBounds:
    def test_closed_ones_leave_by_number(self) -> None:
        life = Life(Incidents(Settings(kept_closed=3)))
        for _ in range(6):
            life.run(20, shop(life.now))
            life.run(20 * MINUTE, step=60)
        assert [each.state for each in life.incidents.all.values()] == ["closed"] * 3
        newest = life.changes[-1].incident
        assert newest in life.incidents.all

    def test_and_by_age(self, life: Life) -> None:
        life.run(20, shop())
        life.run(20 * MINUTE, step=60)
        life.run(23 * HOUR, step=600)
        assert len(life.incidents.all) == 1
        life.run(2 * HOUR, step=600)
        assert life.incidents.all == {}

    def test_components_of_one_incident(self) -> None:
        life = Life(Incidents(Settings(most_findings=5)))
        life.run(10, shop())
        for number in range(20):
            name = f"target:shop-1+x{number}"
            life.run(400, shop(), finding(name, at=T0, score=1.0, track="slow"), step=100)
        (incident,) = life.incidents.open()
        assert len(incident.findings) <= 5
        assert "target:shop-1" in incident.findings

    def test_cases_at_a_time(self) -> None:
        """Pages have as much room again as tickets."""
        life = Life(Incidents(Settings(most_cases=4)))
        seldom = [finding(f"zone:z{number}", track="dns", agents=("bt-1",)) for number in range(40)]
        life.run(20, *seldom)
        assert [each.severity for each in life.incidents.all.values()] == 4 * ["ticket"]
        life.run(20, *seldom, *(finding(f"zone:z{number}", track="dns") for number in range(50, 90)))
        assert sorted(each.severity for each in life.incidents.all.values()) == 4 * ["page"] + 4 * ["ticket"]
