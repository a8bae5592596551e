"""What verdicts cannot know for want of a second network, a tag, or another way to the target."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import ceil, log

from vedette.checks import bypass
from vedette.checks.model import Assignment, Check
from vedette_collector.fleet.hint import Hint, counted, hint
from vedette_collector.fleet.survey import Survey
from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.score import DEFAULTS, surprise
from vedette_collector.verdicts.topology import Stage, Topology
from vedette_collector.verdicts.traits import AGENT_TAGS, CHECK_TAGS
from vedette_collector.verdicts.what import host_of, resolver_of, stages_of


def observed(topology: Topology) -> dict[str, int]:
    """Vantage networks, by number of agents; of others nothing can be said."""
    names = (e.name for entities in topology.agents.values() for e in entities if e.kind == Kind.NETWORK)
    return dict(Counter(names).most_common())


def unseen(survey: Survey) -> Iterator[Hint]:
    """Targets that too few networks see for a verdict to be more than a guess."""
    known = observed(survey.topology)
    if not known:
        return
    few = {target: seen for target, seen in survey.networks_of_targets().items() if len(seen) < 2}
    if few:
        blind = "no incident is opened for a fault of one of them alone"
        alone = "whether others see a fault of it too, nobody can tell"
        yield hint(
            "seen_from_one_network",
            f"{counted(len(few), 'target')} seen from fewer than 2 networks: "
            f"{blind if len(known) > 1 else alone}",
            "select agents of a second network for their checks",
            [f"{target} ({', '.join(seen) or 'no network'})" for target, seen in sorted(few.items())],
        )


def too_few(survey: Survey) -> Iterator[Hint]:
    """Targets of which all probes that fail are still too few to be told from chance."""
    few: dict[str, str] = {}
    for stage, kinds, targets in survey.probes_of_targets():
        if not targets:
            continue
        needed = _needed(len(targets), kinds)
        what = "DNS" if stage is Stage.DNS else "connections"
        for target, probes in targets.items():
            if probes < needed:
                found = f"{what}: {probes} of the {needed} needed"
                few[target] = f"{few[target]}, {found}" if target in few else found
    if few:
        yield hint(
            "too_few_probes",
            f"{counted(len(few), 'target')} with too few probes: if all of them fail it may be chance, "
            "and no incident is opened",
            "let more agents run their checks, or add checks through another resolver, family or port",
            [f"{target} ({found})" for target, found in sorted(few.items())],
        )


def _needed(targets: int, kinds: int) -> int:
    """Failing probes of one of *targets* that convince, where *kinds* of entity could be blamed."""
    wanted = DEFAULTS.threshold + log(targets) + log(kinds)
    return ceil(wanted / surprise(1, 1, DEFAULTS.repeated_noise))


def untagged(topology: Topology) -> Iterator[Hint]:
    for kind in (Kind.NETWORK, Kind.REGION):
        without = [
            agent for agent, entities in topology.agents.items() if kind not in {e.kind for e in entities}
        ]
        word = AGENT_TAGS[kind][0]
        if without:
            yield hint(
                f"no_{word}",
                f"{counted(len(without), 'agent')} of {len(topology.agents)} without a tag `{word}`: "
                f"a fault of their {word} is never named",
                f"add tags: {{{word}: …}}",
                without,
            )
    without = [
        name
        for name, traits in topology.checks.items()
        if Kind.PROVIDER not in {e.kind for e in traits.entities}
    ]
    if without:
        yield hint(
            "no_provider",
            f"{counted(len(without), 'check')} of {len(topology.checks)} without a tag `provider`: "
            "a fault of who hosts the target is told target by target",
            "add tags: {provider: …}, and region: … beside it",
            without,
        )


def one_way(assignment: Assignment) -> Iterator[Hint]:
    """Checks of a name where a fault of its resolver, or of DNS, looks like one of the target."""
    resolvers: dict[str, set[str]] = defaultdict(set)
    connected: set[str] = set()
    targets = {check.name: _target(check) for check in assignment.checks}
    stages = {check.name: stages_of(check) for check in assignment.checks}
    for check in assignment.checks:
        if Stage.DNS in stages[check.name]:
            resolvers[host_of(check)].add(str(resolver_of(check)))
        else:
            connected.add(targets[check.name])
    ways = {check.name: bypass.ways(check) for check in assignment.checks}
    alone = [
        check.name
        for check in assignment.checks
        if check.bypass.ways == () or (Stage.DNS in stages[check.name] and "resolver" not in ways[check.name])
        if Stage.DNS in stages[check.name] and len(resolvers[host_of(check)]) < 2
    ]
    if alone:
        yield hint(
            "one_resolver",
            f"{counted(len(alone), 'check')} of names through one resolver alone: "
            "a fault of the resolver looks like one of the name",
            "add a second one for all: defaults: {bypass: {resolver: …}}",
            alone,
        )
    stuck = [
        check.name
        for check in assignment.checks
        if len(stages[check.name]) == 2
        and targets[check.name] not in connected
        and "last_good" not in ways[check.name]
    ]
    if stuck:
        yield hint(
            "no_other_way",
            f"{counted(len(stuck), 'check')} with no way around DNS: "
            "while the name does not resolve, nobody knows whether the target works",
            "allow bypass, or add a check of the same target with a pinned address",
            stuck,
        )


def never_tagged(topology: Topology) -> Iterator[Hint]:
    have = {entity.kind for entities in topology.agents.values() for entity in entities}
    have |= {entity.kind for traits in topology.checks.values() for entity in traits.entities}
    minor = {kind: words[0] for kind, words in {**AGENT_TAGS, **CHECK_TAGS}.items() if kind not in have}
    for told in (Kind.NETWORK, Kind.REGION, Kind.PROVIDER, Kind.TARGET):
        minor.pop(told, None)
    if minor:
        yield hint(
            "never_tagged",
            f"{counted(len(minor), 'standard tag')} used nowhere: faults of these kinds are never named, "
            "unless results show them",
            "add those in which your agents or targets differ",
            [f"`{word}`" for word in minor.values()],
        )


def _target(check: Check) -> str:
    return check.tags.get("service") or host_of(check)
