"""Tags that were probably meant otherwise. They are free, so that none of these is an error."""

import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from vedette.checks.model import Assignment
from vedette_collector.fleet.hint import Hint, counted, hint
from vedette_collector.verdicts.traits import AGENT_TAGS, CHECK_TAGS, REGION_TAG, RESOLVER_TAG

_STANDARD: Final = {
    "agent": frozenset({*(word for words in AGENT_TAGS.values() for word in words), RESOLVER_TAG}),
    "check": frozenset({*(word for words in CHECK_TAGS.values() for word in words), REGION_TAG}),
}
_SIGNS: Final = re.compile(r"[ ._-]+")  # us-east1 and us-east-1 are regions of two providers
_ELSEWHERE: Final = {("check", "network"): "asn", ("check", "site"): "region", ("agent", "provider"): "site"}


def misspelt(assignment: Assignment) -> Iterator[Hint]:
    found: dict[str, str] = {}
    tagged = [("agent", each.tags) for each in assignment.agents] + [
        ("check", c.tags) for c in assignment.checks
    ]
    for side, tags in tagged:
        for tag in tags:
            if tag in found or tag in _STANDARD[side]:
                continue
            near = _ELSEWHERE.get((side, tag)) or next(
                iter(get_close_matches(tag, sorted(_STANDARD[side]), n=1, cutoff=0.8)), None
            )
            if near is not None:
                found[f"`{tag}` of {side}s"] = near
    if found:
        yield hint(
            "tag_like_a_standard_one",
            f"{counted(len(found), 'tag')} that verdicts do not know, like one that they do",
            "write the standard tag, if it is meant",
            [f"{tag}: `{near}`?" for tag, near in sorted(found.items())],
        )
    yield from _values(tagged)


def _values(tagged: list[tuple[str, dict[str, str]]]) -> Iterator[Hint]:
    """Values of one tag that differ in letter case and signs alone are two things to a verdict."""
    forms: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for side, tags in tagged:
        for tag in tags.keys() & _STANDARD[side]:
            plain = _SIGNS.sub("-", tags[tag].casefold())
            forms[side, tag, plain].add(tags[tag])
    several = sorted((tag, sorted(values)) for (_, tag, _), values in forms.items() if len(values) > 1)
    if several:
        yield hint(
            "values_alike",
            f"{counted(len(several), 'value')} written in several ways: each way is another thing",
            "write one of them everywhere",
            [f"{tag}: {' / '.join(values)}" for tag, values in several],
        )


def ignored(assignment: Assignment) -> Iterator[Hint]:
    """What says nothing for want of something else."""
    lone = [c.name for c in assignment.checks if REGION_TAG in c.tags and "provider" not in c.tags]
    if lone:
        yield hint(
            "region_without_provider",
            f"{counted(len(lone), 'check')} with a tag `region` and no `provider`: the region says nothing",
            "add tags: {provider: …}",
            lone,
        )
    known = {one.name for one in assignment.resolvers}
    unknown = sorted({a.tags[RESOLVER_TAG] for a in assignment.agents if RESOLVER_TAG in a.tags} - known)
    if known and unknown:
        yield hint(
            "unknown_resolver",
            f"{counted(len(unknown), 'resolver')} named by a tag of agents and not under resolvers",
            "add it there, with its addresses",
            unknown,
        )
