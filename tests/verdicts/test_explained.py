"""Which checks and agents keep quiet because an incident has told of them."""

from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.evidence import Finding, Share, Track
from vedette_collector.verdicts.explained import explained
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology

DYN = Entity(Kind.AUTHORITY, "dyn")
EAST, WEST = Entity(Kind.REGION, "us-east"), Entity(Kind.REGION, "us-west")
RESOLVER = Entity(Kind.RESOLVER, "192.0.2.53")
AGENTS = {"nyc-01": EAST, "nyc-02": EAST, "sea-01": WEST}


def _check(name: str, *more: Entity, own_resolver: bool = False) -> CheckTraits:
    return CheckTraits(
        entities=(Entity(Kind.TARGET, name), *more),
        stages=frozenset({Stage.DNS}),
        interval=30.0,
        own_resolver=own_resolver,
    )


TOPOLOGY = Topology(
    agents={name: (Entity(Kind.AGENT, name), region) for name, region in AGENTS.items()},
    own_resolvers={"nyc-01": (RESOLVER,)},
    checks={
        "shop": _check("shop.example.com", DYN),
        "mail": _check("mail.example.net"),
        "web": _check("web.example.org", own_resolver=True),
    },
    assigned={name: tuple(AGENTS) for name in ("shop", "mail", "web")},
)


def incident(
    *blamed: Component,
    name: str = "20261020-0648-00000001",
    track: Track = "dns",
    agents: tuple[str, ...] = (),
) -> Incident:
    findings = {
        str(each): Finding(
            component=each,
            track=track,
            score=40.0,
            certainty="certain",
            inside=Share(2, 2),
            outside=Share(0, 7),
            agents=agents,
            networks=(),
            targets=(),
            codes=(("dns.timeout", 4),),
            began=0.0,
            last=30.0,
        )
        for each in blamed
    }
    return Incident(
        id=name,
        state="open",
        severity="page",
        component=blamed[0],
        findings=findings,
        active=[str(blamed[0])],
        began=0.0,
        opened=1.0,
        changed=1.0,
    )


def test_a_check_is_explained_when_its_failures_go_through_all_that_is_blamed() -> None:
    """Two probes of us-east fail at the blamed authority: that check, and no other that fails there."""
    one = incident(component((DYN, EAST)))
    failing = [("nyc-01", "shop"), ("nyc-02", "shop"), ("nyc-01", "mail"), ("nyc-02", "mail")]
    assert explained(TOPOLOGY, [one], failing).checks == {"shop": one.id}


def test_a_check_that_fails_mostly_elsewhere_is_not_explained() -> None:
    """Half is not more than half."""
    one = incident(component((DYN, EAST)))
    assert explained(TOPOLOGY, [one], [("nyc-01", "shop"), ("sea-01", "shop")]).checks == {}
    failing = [("nyc-01", "shop"), ("nyc-02", "shop"), ("sea-01", "shop")]
    assert explained(TOPOLOGY, [one], failing).checks == {"shop": one.id}


def test_a_group_is_any_of_its_members() -> None:
    one = incident(component((EAST, WEST)))
    assert explained(TOPOLOGY, [one], [("nyc-01", "mail"), ("sea-01", "mail")]).checks == {"mail": one.id}


def test_what_was_blamed_first_still_explains() -> None:
    one = incident(component((DYN,)), component((Entity(Kind.TARGET, "mail.example.net"),)))
    assert explained(TOPOLOGY, [one], [("sea-01", "mail")]).checks == {"mail": one.id}


def test_the_resolver_of_a_host_counts_for_checks_that_ask_it() -> None:
    one = incident(component((RESOLVER,)))
    failing = [("nyc-01", "web"), ("nyc-01", "mail")]
    assert explained(TOPOLOGY, [one], failing).checks == {"web": one.id}


def test_silent_agents_are_explained_and_their_checks_are_not() -> None:
    one = incident(component((EAST,)), track="silence", agents=("nyc-01", "nyc-02"))
    found = explained(TOPOLOGY, [one], [("nyc-01", "mail")])
    assert found.agents == {"nyc-01": one.id, "nyc-02": one.id}
    assert found.checks == {}


def test_of_two_incidents_the_one_that_accounts_for_more_has_the_check() -> None:
    east = incident(component((EAST,)))
    dyn = incident(component((DYN,)), name="20261020-0700-00000002")
    failing = [("nyc-01", "shop"), ("nyc-02", "shop"), ("sea-01", "shop")]
    assert explained(TOPOLOGY, [east, dyn], failing).checks == {"shop": dyn.id}


def test_names_that_are_no_longer_configured_explain_nothing() -> None:
    one = incident(component((DYN,)))
    assert explained(TOPOLOGY, [one], [("gone", "shop"), ("nyc-01", "gone")]).checks == {}
