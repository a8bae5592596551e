"""Stories that need one guard each: they end well, and without the guard they do not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crash.mutations import MUTATIONS, Story
from crash.oracle import Verdict
from crash.plant import plant
from crash.stories import DUPLICATES, SLOW_COMMITS, STORIES

pytestmark = pytest.mark.timeout(400)
QUICK = ("puback_counts_as_ack", "dedupe_is_not_restored")  # one of each side
SETTLED = 20.0  # seconds


def told(directory: Path, story: Story, mutation: str | None = None) -> Verdict:
    """How *story* ended. AssertionError when the books never come to rest."""
    where = MUTATIONS[mutation].where if mutation else None
    with plant(
        directory,
        agents=1,
        checks=50,
        heartbeat=1.0,
        agent_mutation=mutation if where == "agent" else None,
        collector_mutation=mutation if where == "collector" else None,
        commit_seconds=SLOW_COMMITS.get(story, 0.0),
    ) as made:
        made.start()
        STORIES[story](made)
        made.hush()
        page = made.settle(SETTLED)
        verdict = made.verdict(page)
        if set(verdict.lost) - ({"crash"} if story == "agent dies offline" else set()):
            verdict.faults.append(f"lost: {verdict.lost}")
        if not mutation:
            assert story != "acks get lost" or page.total(DUPLICATES) > 0, "nothing came twice"
            assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
            made.finish()
        return verdict


@pytest.mark.soak
@pytest.mark.parametrize("story", list(STORIES))
def test_story_ends_well(tmp_path: Path, say: Callable[[str], None], story: Story) -> None:
    say(str(told(tmp_path, story)))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.soak) for n in MUTATIONS]
)
def test_without_the_guard_it_fails(tmp_path: Path, say: Callable[[str], None], name: str) -> None:
    try:
        faults = told(tmp_path, MUTATIONS[name].story, name).faults
    except AssertionError as exc:
        faults = [str(exc).partition("\n")[0]]
    assert faults, "nobody noticed"
    say(f"noticed: {faults[0][:200]}")
