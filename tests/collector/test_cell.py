"""What a result changes in what is known of one check from one agent."""

from collector.collector_helpers import DNS, LATER_EPOCH, NOW, Core, batch, failed, ok, spoiled
from vedette_collector.cell import BARS, BUCKETS, EPISODES, Cell, Moment


def at(seconds: float) -> Moment:
    return Moment(NOW.wall + seconds, NOW.mono + seconds)


def test_counters_histogram_and_state() -> None:
    cell = Cell(DNS, "par-01")
    cell.apply(ok(duration_us=12_000), (1, 0), at(0))
    cell.apply(failed(duration_us=5_000_000), (1, 1), at(10))
    cell.apply(spoiled(), (1, 2), at(20))
    assert (cell.attempts, cell.failures, cell.not_run) == (2, {"dns.nodata": 1}, {"loop_lag": 1})
    assert sum(cell.buckets) == 1
    assert cell.buckets[BUCKETS.index(0.025)] == 1
    assert cell.changed_at == at(10).wall


def test_a_bound_belongs_to_its_bucket() -> None:
    """`le` is inclusive: exactly 10 ms counts under 0.01, and 11 s only under +Inf."""
    cell = Cell(DNS, "par-01")
    cell.apply(ok(duration_us=10_000), (1, 0), at(0))
    cell.apply(ok(duration_us=11_000_000), (1, 1), at(0))
    assert cell.buckets[BUCKETS.index(0.01)] == 1
    assert cell.buckets[-1] == 1


def test_an_older_result_counts_but_does_not_overwrite() -> None:
    cell = Cell(DNS, "par-01")
    cell.apply(ok(), (1, 5), at(0))
    cell.apply(failed(), (1, 4), at(1))
    assert (cell.attempts, cell.state(at(1).mono), len(cell.bars)) == (2, "ok", 1)


def test_a_new_epoch_is_newer_whatever_its_seqs_and_its_clock_say() -> None:
    core = Core()
    core.send(batch(failed(), first=1000, acked=1000), now=at(0))
    core.send(batch(ok(), epoch=LATER_EPOCH), now=at(1))
    assert core.board.cells["par-01"]["api-dns"].state(at(1).mono) == "ok"
    core.send(batch(failed(), first=1001), now=at(2))
    assert core.board.cells["par-01"]["api-dns"].state(at(2).mono) == "ok"


def test_a_spoiled_run_leaves_the_verdict_until_it_expires() -> None:
    """Interval 10 s: a verdict is shown for 60 s, then the spoiled run after it, then nothing."""
    cell = Cell(DNS, "par-01")
    cell.apply(ok(), (1, 0), at(0))
    cell.apply(spoiled(), (1, 1), at(50))
    assert cell.state(at(60).mono) == "ok"
    assert cell.state(at(61).mono) == "not_run"
    assert cell.state(at(111).mono) == "no_data"


def test_history_is_bounded_and_keeps_the_newest() -> None:
    cell = Cell(DNS, "par-01")
    for seq in range(BARS + 10):
        cell.apply(failed(duration_us=seq), (1, seq), at(seq))
    bars = cell.bars.all()
    assert (len(bars), len(cell.episodes)) == (BARS, EPISODES)
    assert (bars[0].at, bars[-1].at) == (at(10).wall, at(BARS + 9).wall)
    assert bars[-1].outcome == "fail"


def test_the_same_failure_again_is_no_change() -> None:
    cell = Cell(DNS, "par-01")
    assert cell.apply(failed(), (1, 0), at(0))
    assert not cell.apply(failed(), (1, 1), at(1))
    assert cell.apply(failed(reason="dns.timeout"), (1, 2), at(2))
    assert cell.changed_at == at(0).wall
