"""All hints about a fleet, most important first. Pure."""

from vedette.checks.model import Assignment
from vedette_collector.fleet import alike, gaps, slips
from vedette_collector.fleet.hint import Hint
from vedette_collector.fleet.survey import Survey
from vedette_collector.verdicts.topology import Topology


def hints(assignment: Assignment, topology: Topology) -> list[Hint]:
    survey = Survey(topology)
    return [
        *slips.misspelt(assignment),
        *slips.ignored(assignment),
        *gaps.unseen(survey),
        *gaps.too_few(survey),
        *gaps.untagged(topology),
        *alike.alike(survey),
        *gaps.one_way(assignment),
        *gaps.never_tagged(topology),
        *alike.everywhere(survey),
    ]
