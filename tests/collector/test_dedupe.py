"""Every result is counted exactly once, whatever the broker repeats or reorders."""

from collections import Counter

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from vedette_collector.dedupe import MAX_RUNS, OPEN_EPOCHS, Dedupe

MAX_SEQ = 2**53 - 1


def test_a_range_is_new_once() -> None:
    dedupe = Dedupe()
    assert list(dedupe.take("a", "e", 0, 5, 0).offsets) == [0, 1, 2, 3, 4]
    again = dedupe.take("a", "e", 3, 5, 0)
    assert (list(again.offsets), again.duplicates) == ([2, 3, 4], 2)
    assert dedupe.marks("a") == [("e", 8)]


def test_the_mark_waits_for_a_hole_and_then_jumps() -> None:
    dedupe = Dedupe()
    dedupe.take("a", "e", 10, 5, 0)
    assert dedupe.marks("a") == [("e", 0)]
    dedupe.take("a", "e", 0, 10, 0)
    assert dedupe.marks("a") == [("e", 15)]


def test_first_sight_begins_where_the_sender_holds_acks() -> None:
    dedupe = Dedupe()
    fresh = dedupe.take("a", "e", 100, 2, 90)
    assert (list(fresh.offsets), fresh.missed) == ([0, 1], 0)
    assert dedupe.marks("a") == [("e", 90)]


def test_a_gap_that_the_sender_gave_up_does_not_stop_the_mark() -> None:
    """Seqs 5 … 9 never came; when the sender holds acks below 10, they are five missed results."""
    dedupe = Dedupe()
    dedupe.take("a", "e", 0, 5, 0)
    dedupe.take("a", "e", 10, 5, 0)
    fresh = dedupe.take("a", "e", 15, 1, 10)
    assert fresh.missed == 5
    assert dedupe.marks("a") == [("e", 16)]


def test_fresh_results_count_at_once_however_much_is_still_to_come() -> None:
    """After an outage 300,000 results wait; the newest batch comes first and takes one run."""
    dedupe = Dedupe()
    assert list(dedupe.take("a", "e", 300_000, 2, 0).offsets) == [0, 1]
    assert list(dedupe.take("a", "e", MAX_SEQ, 1, 0).offsets) == [0]
    assert list(dedupe.take("a", "e", 0, 100, 0).offsets) == list(range(100))
    assert dedupe.marks("a") == [("e", 100)]


def test_what_a_process_had_before_we_saw_it_is_not_missed() -> None:
    """A collector that starts anew sees a resend packed when no ack was held; later the sender says 90."""
    dedupe = Dedupe()
    dedupe.take("a", "e", 100, 10, 0)
    dedupe.take("a", "e", 50, 10, 0)
    assert dedupe.take("a", "e", 130, 10, 90).missed == 0
    assert dedupe.take("a", "e", 140, 10, 130).missed == 20
    assert dedupe.marks("a") == [("e", 150)]


def test_a_mark_may_be_raised_without_a_batch_and_into_a_run() -> None:
    dedupe = Dedupe()
    dedupe.take("a", "e", 0, 1, 0)
    dedupe.take("a", "e", 10, 10, 0)
    assert dedupe.pass_over("a", "e", 15) == 9
    assert dedupe.marks("a") == [("e", 20)]
    assert dedupe.pass_over("a", "e", 15) == 0
    assert dedupe.pass_over("a", "never seen", 15) == 0
    assert dedupe.marks("a") == [("e", 20)]


def test_more_gaps_than_can_be_remembered_settle_nothing() -> None:
    """Every other seq: 512 runs are kept, the next is refused, and filling a gap still works."""
    dedupe = Dedupe()
    for number in range(MAX_RUNS):
        assert dedupe.take("a", "e", 2 * number + 1, 1, 0).unsettled == 0
    refused = dedupe.take("a", "e", 2 * MAX_RUNS + 1, 1, 0)
    assert (list(refused.offsets), refused.unsettled) == ([], 1)
    assert len(dedupe._open["a"]["e"]._starts) == MAX_RUNS
    assert list(dedupe.take("a", "e", 0, 1, 0).offsets) == [0]
    assert dedupe.marks("a") == [("e", 2)]
    assert list(dedupe.take("a", "e", 2 * MAX_RUNS + 1, 1, 0).offsets) == [0]


def test_four_epochs_stay_open_and_the_one_unused_longest_goes() -> None:
    dedupe = Dedupe()
    for epoch in ("e1", "e2", "e3", "e4"):
        dedupe.take("a", epoch, 0, 1, 0)
    dedupe.take("a", "e1", 1, 1, 0)
    dedupe.take("a", "e5", 0, 1, 0)
    assert [epoch for epoch, _ in dedupe.marks("a")] == ["e3", "e4", "e1", "e5"]
    assert len(dedupe.marks("a")) == OPEN_EPOCHS


def test_a_later_epoch_has_the_higher_order() -> None:
    dedupe = Dedupe()
    first = dedupe.take("a", "e1", 0, 1, 0).order
    second = dedupe.take("a", "e2", 0, 1, 0).order
    assert dedupe.take("a", "e1", 1, 1, 0).order == first < second


def test_agents_do_not_share_epochs() -> None:
    dedupe = Dedupe()
    dedupe.take("a", "e", 0, 1, 0)
    assert list(dedupe.take("b", "e", 0, 1, 0).offsets) == [0]
    dedupe.retain({"b"})
    assert dedupe.marks("a") == []


class Delivery(RuleBasedStateMachine):
    """An agent that numbers results, over a network that repeats, reorders and loses acks.

    The agent restarts at will (a new epoch), claims only acks that it was given, and at most three of its
    processes have unsettled results at a time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.dedupe = Dedupe()
        self.epoch = 0
        self.produced = {0: 0}
        self.acked = {0: 0}
        self.counted: Counter[tuple[int, int]] = Counter()
        self.sent: list[tuple[int, int, int]] = []

    def _deliver(self, epoch: int, first: int, count: int) -> None:
        fresh = self.dedupe.take("a", f"{epoch:032x}", first, count, self.acked[epoch])
        assert len(fresh.offsets) + fresh.duplicates + fresh.unsettled == count
        assert fresh.missed == 0
        for offset in fresh.offsets:
            self.counted[epoch, first + offset] += 1

    @rule(count=st.integers(1, 40))
    def produce(self, count: int) -> None:
        self.sent.append((self.epoch, self.produced[self.epoch], count))
        self.produced[self.epoch] += count

    @rule(data=st.data(), lose=st.booleans())
    def deliver(self, data: st.DataObject, lose: bool) -> None:
        """Any of the last batches, in any order, and again if the network likes."""
        recent = [i for i, (epoch, _, _) in enumerate(self.sent) if epoch > self.epoch - 3]
        if recent:
            index = data.draw(st.sampled_from(recent))
            self._deliver(*self.sent[index])

    @rule(data=st.data())
    def deliver_cut_differently(self, data: st.DataObject) -> None:
        """A resend need not have the cuts of the first send."""
        total = self.produced[self.epoch]
        if total:
            first = data.draw(st.integers(0, total - 1))
            self._deliver(self.epoch, first, data.draw(st.integers(1, total - first)))

    @rule()
    def hear_the_acks(self) -> None:
        for epoch, low in self.dedupe.marks("a"):
            self.acked[int(epoch, 16)] = low

    @rule()
    def restart(self) -> None:
        self.epoch += 1
        self.produced[self.epoch] = self.acked[self.epoch] = 0

    @invariant()
    def counted_at_most_once(self) -> None:
        assert all(count == 1 for count in self.counted.values())

    @invariant()
    def everything_below_a_mark_was_counted(self) -> None:
        for epoch, low in self.dedupe.marks("a"):
            number = int(epoch, 16)
            assert all((number, seq) in self.counted for seq in range(low))

    def teardown(self) -> None:
        """At last everything comes through: then everything was counted exactly once."""
        for epoch, first, count in self.sent:
            if epoch > self.epoch - 3:
                self._deliver(epoch, first, count)
                assert all(self.counted[epoch, first + i] == 1 for i in range(count))


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
