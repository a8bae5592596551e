"""A target that fails over IPv4, in a fleet in which it may be all of it or not."""

from msgspec.structs import replace

from vedette_collector.verdicts.component import Entity, Kind
from vedette_collector.verdicts.contrast import is_contrast
from vedette_collector.verdicts.groups import weighed
from vedette_collector.verdicts.members import Parts
from vedette_collector.verdicts.score import DEFAULTS
from verdicts.fleet_helpers import Play, fleet

NOISE = DEFAULTS.repeated_noise


def sixteen(interval: float = 30.0) -> Play:
    """Sixteen agents probe each target by each check."""
    return Play(fleet(networks=8, interval=interval))


def with_ports(number: int) -> Play:
    """The same, and t4 by so many checks more."""
    topology = fleet(networks=8)
    checks = dict(topology.checks)
    for port in range(number):
        entities = tuple(each for each in checks["t4:ipv6"].entities if each.kind != Kind.FAMILY)
        checks[f"t4:port{port}"] = replace(checks["t4:ipv6"], entities=entities)
    return Play(replace(topology, checks=checks, assigned=dict.fromkeys(checks, tuple(topology.agents))))


def parts_of(play: Play, *entities: Entity) -> Parts:
    numbers = [play.engine.tracker.index.number(each) for each in entities]
    return tuple((number,) for number in numbers if number is not None)


T4 = Entity(Kind.TARGET, "t4")
IPV4 = Entity(Kind.FAMILY, "ipv4")


def is_ipv4_alone(play: Play) -> bool:
    sample = play.sample()
    base, group = (weighed(sample, parts_of(play, *each), NOISE) for each in ((T4,), (T4, IPV4)))
    return is_contrast(sample, base, group, NOISE, DEFAULTS)


def known(play: Play, what: str, *entities: Entity) -> int:
    """How many of the answers that are *what* go through all of *entities*."""
    sample = play.sample()
    return sample.answers(getattr(sample.around, what), parts_of(play, *entities))


def fail_when_asked(play: Play, probes: list[tuple[str, str]]) -> None:
    """The repeat of what was asked for is one that the agent makes by itself."""
    for agent, check in probes:
        play.say(agent, check, "tcp.timeout", asked=True)
        play.say(agent, check, "tcp.timeout", attempt=2)


def one_sees_it_and_others_are_asked(play: Play, own: int = 1, asked: int = 12) -> None:
    probes = play.probes("t4:ipv4")
    play.fail(probes[:own])
    play.now += 1.0
    fail_when_asked(play, probes[own : own + asked])


def work_when_asked(play: Play, count: int) -> None:
    for agent, check in play.probes("t4:ipv6")[:count]:
        play.say(agent, check, "", asked=True)
