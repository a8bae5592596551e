"""Short courses of events, each of which loses or doubles results unless one guard of the product holds."""

import time
from collections.abc import Callable
from typing import Final

from crash.mutations import Story
from crash.plant import APPLIED, Plant
from crash.watch import Page
from servers.daemon import until

DUPLICATES: Final = "vedette_results_duplicates_total"


def agent_dies_offline(plant: Plant) -> None:
    """The results of a while without a broker are on disk alone, and the last of them are nowhere."""
    plant.kill("broker")
    pause(1.5)
    for name in plant.names:
        plant.until_spooled(name)
        plant.kill(name)
    plant.bring_back("broker")
    for name in plant.names:
        plant.bring_back(name)
    pause(1.0)


def nobody_listens(plant: Plant) -> None:
    """What the broker acknowledged, and no collector ever read, is gone."""
    plant.kill("collector")
    pause(2.0)
    plant.kill("broker")
    plant.bring_back("broker")
    plant.bring_back("collector")
    pause(1.0)


def collector_dies_mid_commit(plant: Plant) -> None:
    """What it read is not on its disk; *plant* has slow commits."""
    for _ in range(3):
        pause(0.7)
        plant.kill("collector")
        plant.bring_back("collector")
    pause(1.0)


def acks_get_lost(plant: Plant) -> None:
    """What is applied and durable comes again, to a collector that was killed meanwhile."""
    for uplink in plant.uplinks.values():
        uplink.swallow("down")
    before = total(plant, APPLIED)
    plant.until(lambda page: page.total(APPLIED) > before, "results are applied")
    pause(1.5)
    plant.kill("collector")
    for uplink in plant.uplinks.values():
        uplink.cut()
    plant.bring_back("collector")
    for uplink in plant.uplinks.values():
        uplink.mend()
    pause(3.0)


def total(plant: Plant, name: str) -> float:
    found: Page = plant.until(lambda page: True, "a page")
    return found.total(name)


def pause(seconds: float) -> None:
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, "time passes", seconds + 60, step=0.02)


STORIES: Final[dict[Story, Callable[[Plant], None]]] = {
    "agent dies offline": agent_dies_offline,
    "nobody listens": nobody_listens,
    "collector dies mid-commit": collector_dies_mid_commit,
    "acks get lost": acks_get_lost,
}
SLOW_COMMITS: Final = {"collector dies mid-commit": 0.5}
