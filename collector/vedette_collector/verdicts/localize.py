"""From what fails to findings: the best component, then the best of what it leaves unexplained, and so on.

Failures that share nothing are left alone: one probe that fails is no incident.
"""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache, partial
from heapq import nsmallest
from itertools import chain, islice
from statistics import median
from typing import Final, NamedTuple

from vedette_collector.verdicts.component import VANTAGES, Component, Kind
from vedette_collector.verdicts.evidence import Bypass, Certainty, Exonerated, Finding, First, Share, Track
from vedette_collector.verdicts.failures import F
from vedette_collector.verdicts.index import Index
from vedette_collector.verdicts.members import Parts, Probe
from vedette_collector.verdicts.sample import Candidate, Sample, named
from vedette_collector.verdicts.scan import Best, best, is_worth_telling
from vedette_collector.verdicts.score import Settings
from vedette_collector.verdicts.tracker import Event, State, Tracker
from vedette_collector.verdicts.tracks import KINDS, TRACKS
from vedette_collector.verdicts.twins import twins

FEWEST: Final = 3  # probes through what is told
MOST: Final = 8  # findings of one track in one decision
WINDOWS: Final = (
    0.3,
    1.0,
)  # of what is remembered: a fault that has just begun is diluted in the whole of it
FIRSTS: Final = 5
MOST_OTHERS: Final = 4
EXONERATED: Final = 6
MOST_SHARED: Final = 40  # of what they have in common, what most of them have
HEALTHY: Final = 0.05  # an entity of which elsewhere at most this share fails is exonerated,
MOST_AMBIENT: Final = 0.15  # that is taken for noise before noise was measured
ENOUGH: Final = 5  # when at least so many probes say so
PLAIN: Final = 0.5  # of what goes through a component fails: the newest results will go on to show it
LASTING: Final = 0.5  # intervals over which a partial fault must have failed
FADING: Final = 2.0  # intervals without any failure after which a partial fault is over
_WAY: Final = frozenset(
    {Kind.FAMILY, Kind.TRANSIT, Kind.RESOLVER, Kind.RESOLVER_CLASS, Kind.CLIENT_STACK, Kind.CA_CHAIN}
)


class Explained(NamedTuple):
    """What a decision came to: the findings, and for each its parts, by which later failures are its own."""

    findings: list[Finding]
    parts: list[tuple[Track, Parts]]
    plain: list[tuple[Track, Parts]]  # of these, what the newest results show beyond doubt
    looked_back: set[Track]  # tracks in which a longer window explained something
    noise: dict[Track, tuple[float, float]]  # share that fails without a cause: twice in a row, and once


def localize(
    tracker: Tracker,
    now: float,
    noise: dict[Track, tuple[float, float]],
    settings: Settings,
    looking_back: Container[Track],
    known: Sequence[Parts] = (),
    settled: Sequence[Parts] = (),
) -> Explained:
    """*looking_back*: the tracks in which the longer windows are worth the work. *known*: what incidents name
    that are not closed; *settled*: of these, what those name that do not grow any more."""
    found = Explained([], [], [], set(), {})
    for track in TRACKS:
        if not tracker.failing[track] and not tracker.recent[track]:
            continue
        _track(tracker, track, now, noise.get(track), settings, found, track in looking_back, known, settled)
    return found


def _track(
    tracker: Tracker,
    track: Track,
    now: float,
    measured: tuple[float, float] | None,
    settings: Settings,
    found: Explained,
    is_looking_back: bool,
    known: Sequence[Parts],
    settled: Sequence[Parts],
) -> None:
    index = tracker.index
    explained: list[Parts] = []
    noise = measured or (0.0, 0.0)
    twice = max(settings.repeated_noise, noise[0])
    newest = sample = Sample(
        index,
        track,
        tracker.newest(track),
        lambda parts, without: float(index.count(track, parts, without)),
        around=cache(partial(tracker.around, track, now)),
    )
    # One cause has symptoms in several tracks.
    blamed = list(dict.fromkeys(chain((parts for _, parts in chain(tracker.blamed, found.parts)), known)))
    for _ in range(MOST):
        told = best(sample, twice, settings, blamed, settled)
        if told is None:
            break
        chosen = told.chosen
        # What fails twice in a row too seldom to be told may well be told for how often it fails once.
        if is_worth_telling(chosen, twice, settings, blamed):
            explained.append(chosen.parts)
            found.parts.append((track, chosen.parts))
            if chosen.failed >= PLAIN * chosen.total:
                found.plain.append((track, chosen.parts))
            found.findings.append(_finding(tracker, sample, newest, told, sample.inside(chosen.parts)))
        sample = sample.without(chosen.parts)
    quiet_twice = sample.failed / sample.total if sample.total else 0.0

    quiet_once = noise[1]
    # What was told and is not told by the newest results may have become too seldom for them.
    if is_looking_back or any(parts not in explained for other, parts in tracker.blamed if other == track):
        quiet_once = _look_back(tracker, now, measured, settings, found, newest, explained, blamed, settled)
    found.noise[track] = (quiet_twice, quiet_once)


def _look_back(
    tracker: Tracker,
    now: float,
    measured: tuple[float, float] | None,
    settings: Settings,
    found: Explained,
    newest: Sample[State],
    explained: list[Parts],
    blamed: Sequence[Parts],
    settled: Sequence[Parts],
) -> float:
    """The share of first attempts that fails without a cause, in the longest window."""
    index, track = newest.index, newest.track
    once = max(settings.single_noise, measured[1] if measured else 0.0)
    remembered = tracker.remembered_seconds(now)
    failures = tracker.remembered(track, now - remembered)
    quiet = 0.0
    for share in WINDOWS:
        seconds = share * remembered
        # Soon after the start: at least one result each, however they are spread over the interval.
        results = partial(_results, index, track, max(seconds, tracker.interval))
        sample = Sample(index, track, failures, results, tuple(explained), since=now - seconds)
        if measured is None:
            once = max(once, _ambient(sample))
        for _ in range(MOST):
            told = best(sample, once, settings, blamed, settled)
            if told is None:
                break
            chosen = told.chosen
            found.looked_back.add(track)
            inside = sample.inside(chosen.parts)
            is_told = is_worth_telling(chosen, once, settings, blamed)
            window = share * tracker.memory_seconds
            if is_told and _still_fails(index, track, chosen, inside, now, window):
                explained.append(chosen.parts)
                found.parts.append((track, chosen.parts))
                found.findings.append(_finding(tracker, sample, newest, told, inside))
            sample = sample.without(chosen.parts)
        quiet = sample.failed / sample.total if sample.total else 0.0
    return quiet


def _ambient(sample: Sample[Event]) -> float:
    """What fails now and then everywhere, before it was measured: half of the targets, and half of the
    agents, fail at least so often. Only up to a bound, for what breaks so much may be broken."""
    index = sample.index
    least = []
    for kind in (Kind.TARGET, Kind.AGENT):
        shares = []
        for entity in index.of_kind(kind):
            total = sample.count(((entity,),))
            if total > 0.0:
                shares.append(sample.by_entity.get(entity, 0) / total)
        least.append(median(shares) if shares else 0.0)
    return min(*least, MOST_AMBIENT)


def _results(index: Index, track: Track, seconds: float, parts: Parts, without: tuple[Parts, ...]) -> float:
    """How many of the probes through *parts* ended in *seconds*."""
    return index.exposure(track, parts, without) * seconds


def _still_fails(
    index: Index, track: Track, chosen: Candidate, inside: Sequence[Event], now: float, window: float
) -> bool:
    """Whether it failed for a while, and lately, as far as one can say at its rate, in a *window* of seconds.

    That very many probes fail once in one moment and succeed when repeated is over before anybody looks.
    """
    first, last = inside[0].since, inside[-1].since
    count = index.count(track, chosen.parts)
    interval = count / max(index.exposure(track, chosen.parts), 1e-9)
    expected = interval * chosen.total / max(chosen.failed, 1) / max(count, 1)
    # What is probed once an hour may have one result in the whole window, among much that is probed often.
    lasting = LASTING * min(interval, window)
    return now - last <= max(FADING * interval, 3 * expected) and last - first >= lasting


def _finding(
    tracker: Tracker,
    sample: Sample[F],
    newest: Sample[State],
    told: Best,
    inside: Sequence[State | Event],
) -> Finding:
    index, track, chosen = tracker.index, sample.track, told.chosen
    failed = sample.failed - chosen.failed
    outside = Share(failed, max(failed, round(sample.total - chosen.total)))
    probes = {each.probe for each in inside}
    confirmed = sum(1 for probe in probes if probe in tracker.failing[track])
    count = index.count(track, chosen.parts)
    paths = [inside[0].entities, *_paths(inside, chosen.parts)]
    alternatives = _others(index, chosen, twins(index, track, chosen.parts, paths))
    rivals = _others(index, chosen, [each.parts for each in told.close])
    agents = sorted({each.probe[1] for each in inside})
    targets = _names(sample, chosen.parts, Kind.TARGET)
    is_window = sample.around is None
    # One that fails since yesterday did not begin this.
    since = inside[0].since if is_window else sample.onset(chosen.parts)
    codes, firsts, bypasses, last = _seen(tracker, inside, since)
    return Finding(
        component=named(index, chosen.parts),
        track=track,
        score=chosen.surprise,
        certainty=_certainty(
            index, track, chosen, alternatives, rivals, count, len(agents), len(targets), outside.total
        ),
        inside=Share(chosen.failed, round(chosen.total)),
        outside=outside,
        agents=tuple(index.agents[agent] for agent in agents),
        networks=_names(sample, chosen.parts, Kind.NETWORK),
        targets=targets,
        codes=codes,
        began=since,
        last=last,
        alternatives=alternatives,
        rivals=rivals,
        exonerated=_exonerated(sample, newest, chosen.parts, probes),
        firsts=firsts,
        confirmed=confirmed,
        asked=tracker.answers.share(probes),
        bypasses=bypasses,
        is_partial=chosen.failed < 0.9 * chosen.total,
        of_attempts=is_window,
    )


def _names(sample: Sample[F], parts: Parts, kind: Kind) -> tuple[str, ...]:
    entities = sample.index.entities
    return tuple(sorted({entities[each].name for each in sample.by_kinds({kind}, parts)}))


def _seen(
    tracker: Tracker, inside: Sequence[State | Event], onset: float
) -> tuple[tuple[tuple[str, int], ...], tuple[First, ...], tuple[tuple[Bypass, Share], ...], float]:
    index = tracker.index
    codes: Counter[str] = Counter()
    ways: dict[Bypass, list[bool]] = {}
    began: dict[Probe, State | Event] = {}
    last = 0.0
    for each in inside:
        codes[each.code] += 1
        last = max(last, each.last if isinstance(each, State) else each.since)
        before = began.get(each.probe)
        if before is None or each.since < before.since:
            began[each.probe] = each
    for probe in began:
        state = tracker.states.get(probe)
        for way, worked in state.bypasses.items() if state is not None else ():
            ways.setdefault(way, []).append(worked)
    since = [(each.since, probe, each.code) for probe, each in began.items() if each.since >= onset]
    firsts = [
        First(agent=index.agents[probe[1]], check=index.checks[probe[0]], at=at, code=code)
        for at, probe, code in nsmallest(FIRSTS, since)
    ]
    return (
        tuple(sorted(codes.items(), key=lambda each: (-each[1], each[0]))),
        tuple(firsts),
        tuple((way, Share(len(worked) - sum(worked), len(worked))) for way, worked in sorted(ways.items())),
        last,
    )


def _paths(inside: Sequence[State | Event], parts: Parts) -> Iterator[tuple[int, ...]]:
    """Of a group, what one failure through each member goes through."""
    for entity in (each for group in parts if len(group) > 1 for each in group):
        yield from islice((each.entities for each in inside if entity in each.entities), 1)


def _others(index: Index, chosen: Candidate, others: Iterable[Parts]) -> tuple[Component, ...]:
    mine = named(index, chosen.parts)
    found = dict.fromkeys(each for each in (named(index, parts) for parts in others) if each != mine)
    return tuple(islice(found, MOST_OTHERS))


def _certainty(
    index: Index,
    track: Track,
    chosen: Candidate,
    alternatives: Sequence[Component],
    rivals: Sequence[Component],
    count: int,
    agents: int,
    targets: int,
    avoid: int,
) -> Certainty:
    """*agents* saw it fail, at *targets*, of the *count* probes that go through it. *avoid* do not, beside
    what is explained: without any to compare with, it may as well be everything."""
    kinds = {index.kinds[group[0]] for group in chosen.parts}
    if count < FEWEST:
        return "insufficient"
    if kinds & (VANTAGES | _WAY) == kinds:  # nothing that is probed is blamed: several things must show it
        if targets < 2:
            return "insufficient"
    elif agents < 2:
        return "insufficient"
    elif not kinds & VANTAGES and index.networks(track, chosen.parts) < min(2, index.networks(track, ())):
        return "insufficient"  # others could look, and do not
    return "ambiguous" if alternatives or rivals or not avoid else "certain"


def _exonerated(
    sample: Sample[F], newest: Sample[State], parts: Parts, probes: Container[Probe]
) -> tuple[Exonerated, ...]:
    """What most of these failures go through as well, and what works where the component is not involved."""
    index, track = sample.index, sample.track
    blamed = {entity for group in parts for entity in group}
    allowed = KINDS[track] - {Kind.AGENT, Kind.PLANE, Kind.FAMILY, Kind.CLIENT_STACK, Kind.ACCESS}
    shared = sample.by_kinds(allowed, parts)
    usual = nsmallest(MOST_SHARED, shared.keys() - blamed, key=lambda entity: (-shared[entity], entity))
    # Failures of this component among the newest results do not speak against the entity.
    elsewhere = newest.others(usual, probes)
    found: list[tuple[int, Exonerated]] = []
    for entity, failed in zip(usual, elsewhere, strict=True):
        total = index.count(track, ((entity,),)) - index.count(track, ((entity,), *parts))
        if total >= ENOUGH and failed <= HEALTHY * total:
            share = Exonerated(entity=index.entities[entity], elsewhere=Share(failed, total))
            found.append((shared[entity], share))
    found.sort(key=lambda each: (-each[0], each[1].elsewhere.total, each[1].entity))
    return tuple(each for _, each in found[:EXONERATED])
