"""A fleet small enough to reason about, scenarios for it, and what an engine might have said."""

from pathlib import Path

from vedette_collector.replay.fleet import Fleet, read_fleet
from vedette_collector.replay.record import Event, Named, Run, Seen, Shown
from vedette_collector.replay.scenario import Scenario, read_scenarios
from vedette_collector.replay.score import Scored, score
from vedette_collector.replay.world import World
from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.evidence import Certainty, Track
from vedette_collector.verdicts.incident import Severity, State

FLEET = """
agents:
- {agent: one-1, asn: AS1, region: north, resolvers: [9.9.9.9, own-1]}
- {agent: one-2, asn: AS1, region: north, resolvers: [9.9.9.9, own-1]}
- {agent: two-1, asn: AS2, region: north, resolvers: [9.9.9.9, 8.8.8.8], hijack_cone: true}
- {agent: three-1, asn: AS3, region: south, resolvers: [9.9.9.9, 8.8.8.8]}
- {agent: four-1, asn: AS4, region: south, resolvers: [9.9.9.9, 8.8.8.8], access: mobile}
- {agent: five-1, asn: AS5, region: south, resolvers: [9.9.9.9, 8.8.8.8]}
targets:
- {service: shop, provider: cloud, region: west, product: cdn}
- {service: news, provider: cloud, region: west, product: cdn}
- {service: mail, provider: cloud, region: east}
- {service: chat, zone: chat.example, authority: dns-house}
- {service: talk, zone: chat.example, authority: dns-house}
- {service: bank, host_os: windows}
- {service: inside, asn: AS1}
- {service: wiki, depends_on: mail, provider: cloud, region: east}
resolvers:
- {resolver: 9.9.9.9, public: true, validating: true, nta: false}
- {resolver: 8.8.8.8, public: true, validating: true, nta: true}
- {resolver: own-1, public: false, validating: false, nta: false}
"""
HOUR = "t_offset_min: 0, duration_min: 60"
SILENT = f"{{{HOUR}, scope: {{vantage: {{asn: [AS1, AS2]}}}}, symptom: {{layer: agent, code: silent}}}}"
DOWN = f"{{{HOUR}, scope: {{target: {{service: shop}}}}, symptom: {{layer: tcp, code: timeout}}}}"


def written(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def fleet(directory: Path, text: str = FLEET) -> Fleet:
    return read_fleet(written(directory, "fleet.yaml", text))


def world(directory: Path, text: str = FLEET, interval: float = 30.0) -> World:
    return World(fleet(directory, text), interval)


def scenario(directory: Path, text: str, of: World) -> Scenario:
    """*text*: the phases and verdicts of one scenario, indented by two."""
    whole = f"schema_version: 1\nscenarios:\n- id: tried\n{text}"
    return read_scenarios(written(directory, "scenarios.yaml", whole), of.fleet)[0]


def of(*texts: str) -> Component:
    """`of("target:shop", "vantage_network:AS1")`"""
    pairs = (text.split(":", 1) for text in texts)
    return component(Entity(Kind(kind), name) for kind, name in pairs)


def named(
    *texts: str,
    track: Track = "connection",
    certainty: Certainty = "certain",
    alternatives: tuple[Component, ...] = (),
    rivals: tuple[Component, ...] = (),
) -> Named:
    return Named(of(*texts), track, certainty, alternatives, rivals)


class Told:
    """A run, as if an engine had said what the calls say. Phases are seen from their begin on, by all."""

    def __init__(self, of: World, told: Scenario, end: float = 7200.0) -> None:
        self.run = Run(end=end)
        self._open: dict[str, Shown] = {}
        for phase in told.phases:
            seen = Seen(in_scope=0)
            self.run.seen.append(seen)
            if phase.symptom.is_silence:
                hit = of.agents(phase.scope)
            else:
                hit = of.probes(phase.scope, phase.symptom.stage) if phase.symptom.is_visible else []
            seen.in_scope = len(hit)
            for each in hit:
                seen.show(each, phase.begin)

    def says(
        self,
        at: float,
        *names: Named,
        incident: str = "a",
        state: State = "open",
        severity: Severity = "page",
        paged: bool | None = None,
    ) -> "Told":
        what = "updated" if incident in self._open else "opened"
        is_page = severity == "page" and what == "opened" if paged is None else paged
        self._event(
            at, "quieted" if state == "quiet" else what, incident, names[0].component, severity, is_page
        )
        self._open[incident] = Shown(incident, state, severity, names)
        self._show(at)
        return self

    def closes(self, at: float, incident: str = "a") -> "Told":
        shown = self._open.pop(incident)
        self._event(at, "closed", incident, shown.named[0].component, shown.severity, False)
        self._show(at)
        return self

    def _event(
        self, at: float, what: str, incident: str, said: Component, severity: Severity, paged: bool
    ) -> None:
        self.run.events.append(Event(at, what, incident, f"it is {said}", said, severity, paged))

    def _show(self, at: float) -> None:
        self.run.screens.append((at, tuple(self._open.values())))


def tried(directory: Path, phases: str, expected: str) -> tuple[World, Scenario, Told]:
    place = world(directory)
    one = scenario(directory, f"  phases: [{phases}]\n  expected_verdict: [{expected}]\n", place)
    return place, one, Told(place, one)


def scored(case: tuple[World, Scenario, Told]) -> Scored:
    place, one, told = case
    return score(place, one, told.run, 0.01)


def down(
    directory: Path, expected: str = "{at_min: 2, kind: target, entity: shop}"
) -> tuple[World, Scenario, Told]:
    return tried(directory, DOWN, expected)
