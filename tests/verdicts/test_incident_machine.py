"""Whatever is found in whatever order: what holds for every incident."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import msgpack
from msgspec.structs import replace

from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.incident import Change, Incident
from vedette_collector.verdicts.incidents import Incidents
from verdicts.life_helpers import T0, finding, world

WORLD = world()
# What may follow what, for one incident.
NEXT = {
    None: {"opened"},
    "opened": {"updated", "quieted", "closed"},
    "updated": {"updated", "quieted", "closed"},
    "quieted": {"reopened", "closed"},
    "reopened": {"updated", "quieted", "closed"},
    "closed": set(),
}

COMPONENTS = (
    ("target:shop-1", "connection"),
    ("target:shop-1", "slow"),
    ("target:shop-2", "dns"),
    ("target:usw2-web-1", "connection"),
    ("target:usw2-web-2", "connection"),
    ("provider_region:aws/us-west-2", "connection"),
    ("target:dynamodb.us-east-1", "dns"),
    ("dependency:dynamodb", "connection"),
    ("product:aws-nlb", "connection"),
    ("authority_dns:dyn", "dns"),
    ("authority_dns:dyn & vantage_region:us-east", "dns"),
    ("agent:vf-1", "silence"),
    ("vantage_network:AS5378", "silence"),
    ("provider_network:AS5378", "connection"),
    ("telemetry:broker", "silence"),
)
findings = st.builds(
    lambda what, **more: finding(what[0], track=what[1], **more),
    st.sampled_from(COMPONENTS),
    score=st.sampled_from([20.0, 100.0, 300.0]),
    agents=st.sampled_from([("bt-1",), ("bt-1", "aws-1", "vf-1")]),
    certainty=st.sampled_from(["certain", "certain", "ambiguous", "insufficient"]),
    is_partial=st.booleans(),
)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.incidents, self.twin = Incidents(), Incidents()
        self.said: dict[str, list[Change]] = {}
        self.ended: dict[str, bytes] = {}
        self.present: list[Finding] = []
        self.present_for = 0.0
        self.updated_at: float | None = None

    def update(self, found: list[Finding]) -> None:
        self.updated_at = self.now
        changes = self.incidents.update(found, self.now, WORLD)
        assert changes == self.twin.update(list(reversed(found)), self.now, WORLD)
        for change in changes:
            before = self.said.setdefault(change.incident, [])
            assert change.what in NEXT[before[-1].what if before else None]
            before.append(change)

    @rule(
        found=st.lists(findings, max_size=4, unique_by=lambda each: (each.component, each.track)),
        seconds=st.sampled_from([1, 3, 20, 60, 400]),
        step=st.sampled_from([1.0, 2.5, 10.0]),
    )
    def find(self, found: list[Finding], seconds: int, step: float) -> None:
        began = self.now
        self.present = [replace(each, began=began, last=began) for each in found]
        for _ in range(min(int(seconds / step) + 1, 40)):
            self.update(self.present)
            self.now += step
        self.present_for = self.now - step - began

    @rule(hours=st.sampled_from([0.1, 0.5, 3.0, 13.0]))
    def be_quiet(self, hours: float) -> None:
        self.present = []
        for _ in range(12):
            self.update([])
            self.now += hours * 300
        self.update([])

    @rule(seconds=st.sampled_from([0.5, 30.0, 7_200.0]))
    def step_back(self, seconds: float) -> None:
        self.now -= seconds

    @rule()
    def restart(self) -> None:
        """Only what a store keeps survives."""
        self.present_for, self.updated_at = 0.0, None
        for name in ("incidents", "twin"):
            kept = [msgpack.encode(each) for each in getattr(self, name).all.values()]
            again = Incidents()
            again.restore(msgpack.decode(each, type=Incident) for each in kept)
            setattr(self, name, again)
        assert {each.id for each in self.incidents.open()} == {
            name for name, said in self.said.items() if said[-1].what != "closed"
        }

    @invariant()
    def nobody_is_woken_twice_by_one_incident(self) -> None:
        for said in self.said.values():
            assert sum(change.paged for change in said) <= 1
            if any(change.severity == "page" for change in said):
                assert sum(change.paged for change in said) == 1
                first = next(place for place, change in enumerate(said) if change.severity == "page")
                assert all(change.severity == "page" for change in said[first:])

    @invariant()
    def an_incident_is_whole(self) -> None:
        for incident in self.incidents.all.values():
            assert str(incident.component) in incident.findings
            assert set(incident.active) <= set(incident.findings)
            assert (incident.state == "open") == bool(incident.active)
            if incident.state == "open":
                assert incident.active[0] == str(incident.component)
            assert (incident.state == "quiet") <= (incident.quiet_since is not None)
            assert (incident.closed is not None) == (incident.state == "closed")
            assert incident.began <= incident.opened
            self.incidents.report(incident, self.now)

    @invariant()
    def what_is_closed_stays_as_it_is(self) -> None:
        for incident in self.incidents.all.values():
            if incident.state == "closed":
                encoded = msgpack.encode(incident)
                assert self.ended.setdefault(incident.id, encoded) == encoded
                assert not self.incidents.is_alerting(incident, self.now)

    @invariant()
    def what_stays_is_said(self) -> None:
        """Every finding is part of an open incident then, even if we were blind until shortly before."""
        telling = [each for each in self.present if each.certainty != "insufficient"]
        if self.present_for < 62 or self.incidents.is_frozen:
            return
        active = {key for each in self.incidents.open() for key in each.active}
        assert {str(each.component) for each in telling} <= active

    @invariant()
    def next_time_is_ahead(self) -> None:
        if self.incidents.next_at is not None and self.updated_at is not None:
            assert self.incidents.next_at > self.updated_at


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=14, deadline=None)
TestMachine = Machine.TestCase
