"""The sentences of an incident."""

from vedette_collector.verdicts.incident import Incident


def headline(incident: Incident) -> str:
    return str(incident.component)
