"""How tests share two workers: a file stays together, for its fixtures, and so do tests of whole systems."""

import os
import socket
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from vedette_agent.engine import stamps

SOAK = "VEDETTE_SOAK"
TOGETHER = ("system", "crash", "up")  # whole processes: two such files at a time are too much for two cores

# A busy machine is slow, and no property of ours fails for that.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    is_soak = os.environ.get(SOAK) == "1"
    skip = pytest.mark.skip(reason=f"minutes, not seconds: runs with {SOAK}=1")
    for item in items:
        if item.get_closest_marker("soak") and not is_soak:
            item.add_marker(skip)
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = folder if folder in TOGETHER else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


_states = count()


@pytest.fixture(scope="session", autouse=True)
def no_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a program keeps where nobody told it another place stays out of the home directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))
        patch.delenv("STATE_DIRECTORY", raising=False)
        yield


@pytest.fixture(autouse=True)
def own_state(
    no_home: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no test finds there what another one left."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / f"state-{next(_states)}"))


@pytest.fixture(scope="session", autouse=True)
def stamping() -> Iterator[None]:
    """Linux stamps arrivals while any socket wants it, and begins a moment after the first does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wanting:
        stamps.enable(wanting)
        yield
