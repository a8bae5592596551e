"""Which samples a late batch becomes."""

import pytest
from msgspec.structs import replace

from remote.late_helpers import AGENT, CHECK, HOUR_US, NOW_US, OTHER, Books, assignment, failed, late, ok
from remote.reading_helpers import request
from vedette.wire.messages import Result
from vedette_collector.remote import encode
from vedette_collector.remote.counters import Outcome, RemoteCounters, Skipped
from vedette_collector.remote.encode import Sample
from vedette_collector.remote.samples import MAX_NAMED, History, ordered

MINUTE_US = 60_000_000
BEFORE = NOW_US - MINUTE_US
SPOILED = Result(check="a", outcome="not_run", started_us=BEFORE, reason="loop_lag")


def labels(added: dict[str, str]) -> list[dict[str, str]]:
    """Of the series of one result."""
    books = Books(added)
    samples = books.history.samples(late([ok(BEFORE, resolve_us=500)]), NOW_US, 0)
    read = request(encode.request(samples))
    assert all(each.labels == tuple(sorted(each.labels)) for each in read), "as remote write demands"
    return [dict(each.labels) for each in read]


def test_the_series_are_those_of_the_shipped_scrape() -> None:
    own = {
        "job": "vedette",
        "collector": "localhost:9960",
        "instance": CHECK.target,
        "check": "a",
        "agent": AGENT,
        "target": CHECK.target,
    }
    names = ("probe_success", "probe_duration_seconds", "probe_dns_lookup_time_seconds")
    assert labels({}) == [{"__name__": name, **own} for name in names]


def test_other_scrapes_have_other_labels() -> None:
    """An empty value takes one away: `collector=`."""
    for each in labels({"job": "dns", "collector": "", "instance": "c1:9960", "region": "eu", "Zone": "z"}):
        assert {k: v for k, v in each.items() if k != "__name__"} == {
            "job": "dns",
            "instance": "c1:9960",
            "region": "eu",
            "Zone": "z",
            "check": "a",
            "agent": AGENT,
            "target": CHECK.target,
        }


def test_values_are_those_of_the_live_series_at_the_end_of_the_probe() -> None:
    books = Books()
    entry = late([ok(BEFORE, duration_us=20_000, resolve_us=500), failed(BEFORE + 5_000_000)])
    at, then = (BEFORE + 20_000) // 1000, (BEFORE + 6_000_000) // 1000
    assert books.samples(entry) == [(at, 1.0), (at, 0.02), (at, 0.0005), (then, 0.0), (then, 1.0)]
    assert books.counted == {}


def test_the_agents_clock_is_corrected() -> None:
    """A host that believes in 1970 has the right times all the same."""
    books = Books()
    assert books.samples(late([ok(7_000_000, duration_us=0)], offset_us=BEFORE - 7_000_000))[0][0] == (
        BEFORE // 1000
    )


@pytest.mark.parametrize("ahead_us", [1_000, 10 * HOUR_US])
def test_nothing_ends_after_it_came(ahead_us: int) -> None:
    """A clock that is ahead writes nothing into the future, and the same when it is sent again later."""
    books = Books()
    entry = late([ok(NOW_US + ahead_us)])
    assert [at for at, _ in books.samples(entry)] == [NOW_US // 1000] * 2
    assert [at for at, _ in books.samples(entry, NOW_US + MINUTE_US)] == [NOW_US // 1000] * 2


def test_our_own_clock_that_was_set_back_makes_no_future_either() -> None:
    assert Books().samples(late([ok(NOW_US - 10)]), NOW_US - MINUTE_US)[0][0] == (NOW_US - MINUTE_US) // 1000


def test_what_is_older_than_the_window_is_cut_and_counted() -> None:
    books = Books()
    results = [ok(NOW_US - HOUR_US - 1, duration_us=0), ok(NOW_US - HOUR_US, duration_us=0)]
    assert len(books.samples(late(results))) == 2
    assert books.counted == {Outcome.TOO_OLD: 2}


def test_an_entry_from_before_the_window_is_not_even_read() -> None:
    books = Books()
    entry = replace(late([ok(BEFORE)], received_us=NOW_US - HOUR_US - 1), payload=b"?")
    assert books.samples(entry) == []
    assert (books.counters.skipped[Skipped.TOO_OLD], books.counters.skipped[Skipped.UNREADABLE]) == (1, 0)


def test_without_a_known_clock_nothing_is_written() -> None:
    books = Books()
    assert books.samples(late([ok(BEFORE, resolve_us=1)], offset_us=None)) == []
    assert books.counted == {Outcome.NO_CLOCK: 3}


def test_what_was_not_run_says_nothing() -> None:
    books = Books()
    assert books.samples(late([SPOILED])) == []
    assert books.counted == {}


def test_duplicates_and_what_was_rejected_are_left_out() -> None:
    books = Books()
    results = [ok(BEFORE + at * 1000, duration_us=0) for at in range(5)]
    entry = late(results, new=[(1, 4)], rejected=[(2, "unknown_check")])
    assert sorted({at for at, _ in books.samples(entry)}) == [BEFORE // 1000 + 1, BEFORE // 1000 + 3]


def test_a_check_that_probes_something_else_by_now_gets_nothing_of_before() -> None:
    books = Books()
    moved = CHECK.__class__(name="a", target="new A", interval=10.0, timeout=1.0, query_name="new")
    books.board.configure(assignment(moved))
    assert books.samples(late([ok(BEFORE)])) == []
    assert books.samples(late([ok(BEFORE, "b")])) == []
    assert books.counted == {Outcome.RETIRED: 4}
    assert len(books.samples(late([ok(BEFORE)], generation=books.board.generation))) == 2


def test_a_new_target_has_a_new_series() -> None:
    books = Books()
    (before, *_) = books.history.samples(late([ok(BEFORE)]), NOW_US, 0)
    moved = CHECK.__class__(name="a", target="new A", interval=10.0, timeout=1.0, query_name="new")
    books.board.configure(assignment(moved, OTHER))
    entry = late([ok(BEFORE)], generation=books.board.generation)
    (after, *_) = books.history.samples(entry, NOW_US, 0)
    (read,) = request(encode.request([after]))
    assert after.series != before.series
    assert dict(read.labels)["instance"] == "new A"


def test_a_payload_that_cannot_be_read_is_counted() -> None:
    books = Books()
    assert books.samples(replace(late([ok(BEFORE)]), payload=b"?", content_type="application/json")) == []
    assert books.counters.skipped[Skipped.UNREADABLE] == 1


def test_labels_that_are_kept_encoded_are_bounded() -> None:
    counters = RemoteCounters()
    history = History({}, lambda agent, check, generation: "t", counters)
    for first in range(0, MAX_NAMED + 500, 500):
        history.samples(late([ok(BEFORE, f"c{first + at}") for at in range(500)]), NOW_US, 0)
    assert 0 < len(history._names) <= MAX_NAMED


def test_two_of_one_series_and_millisecond_are_one() -> None:
    """The first stays, as at the receiver; and the order is series by series, by time."""
    counters = RemoteCounters()
    mixed = [Sample(b"b", 1, 1.0), Sample(b"a", 2, 1.0), Sample(b"a", 1, 0.0), Sample(b"a", 2, 0.0)]
    mixed.append(Sample(b"a", 2, 5.0))
    assert ordered(mixed, counters) == [Sample(b"a", 1, 0.0), Sample(b"a", 2, 1.0), Sample(b"b", 1, 1.0)]
    assert counters.samples[Outcome.SAME_TIME] == 2
    assert ordered([], counters) == []
