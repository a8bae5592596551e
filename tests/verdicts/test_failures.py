"""Failures as bits give what failures one by one give."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from vedette_collector.verdicts.failures import Failures, Through
from vedette_collector.verdicts.members import Parts, Path


@dataclass(eq=False)
class _Failure:
    probe: tuple[int, int]
    path: Path
    since: float
    code: str
    is_asked: bool = False


_legs = st.lists(st.integers(0, 5), max_size=3, unique=True).map(tuple)
_failures = st.lists(
    st.builds(
        _Failure,
        probe=st.tuples(st.integers(0, 3), st.integers(0, 3)),
        path=st.lists(_legs, min_size=2, max_size=3).map(tuple),
        since=st.integers(0, 9).map(float),
        code=st.sampled_from(("dns.nodata", "dns.timeout", "tcp.refused")),
        is_asked=st.booleans(),
    ),
    max_size=40,
)
_groups = st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True).map(tuple)
_parts = st.lists(_groups, min_size=1, max_size=3).map(tuple)


def _entities(each: _Failure) -> set[int]:
    return {entity for leg in each.path for entity in leg}


def _goes(each: _Failure, parts: Parts) -> bool:
    return all(_entities(each) & set(group) for group in parts)


@given(_failures, _parts, st.floats(-1.0, 10.0))
def test_what_is_selected_are_those_that_go_through(
    given_ones: list[_Failure], parts: Parts, since: float
) -> None:
    failures = Failures(given_ones)
    found = failures.selected(failures.through(parts, failures.since(since)))
    oldest_first = sorted(given_ones, key=lambda each: each.since)
    assert found == [each for each in oldest_first if each.since >= since and _goes(each, parts)]
    if found:
        within = failures.through(parts, failures.since(since))
        assert failures.oldest(within) is found[0]
        assert failures.middle(within) is found[(len(found) - 1) // 2]
    assert failures.selected(failures.asked) == [each for each in oldest_first if each.is_asked]


@given(_failures, _parts, st.lists(st.integers(0, 6), unique=True))
def test_counts_and_codes_are_those_of_one_by_one(
    given_ones: list[_Failure], parts: Parts, entities: list[int]
) -> None:
    failures = Failures(given_ones)
    within = failures.through(parts, failures.since(0.0))
    inside = [each for each in given_ones if _goes(each, parts)]
    counts = Counter(entity for each in inside for entity in _entities(each))
    assert failures.counts(within) == counts
    assert failures.counts(within, entities) == {each: counts[each] for each in entities if counts[each]}
    for entity, usual in failures.usual_codes(within, counts).items():
        codes = Counter(each.code for each in inside if entity in _entities(each))
        assert usual == min(codes, key=lambda code: (-codes[code], code))


@given(_failures, st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3))))
def test_those_of_some_probes_are_told_apart(
    given_ones: list[_Failure], probes: set[tuple[int, int]]
) -> None:
    failures = Failures(given_ones)
    assert failures.of(probes).bit_count() == sum(each.probe in probes for each in given_ones)
    assert all(each.probe in probes for each in failures.selected(failures.of(probes)))


@given(_failures, st.lists(_parts, max_size=3))
def test_through_any_of_some_components(given_ones: list[_Failure], components: list[Parts]) -> None:
    is_through = Through(components)
    for each in given_ones:
        entities = tuple(entity for leg in each.path for entity in leg)
        assert is_through(entities) == any(_goes(each, parts) for parts in components)
