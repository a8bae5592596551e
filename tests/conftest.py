"""How tests share two workers: a file stays together, for its fixtures, and so do all system tests."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vedette_agent.engine import stamps

SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        group = "system" if SYSTEM in item.path.parents else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def stamping() -> Iterator[None]:
    """Linux stamps arrivals while any socket wants it, and begins a moment after the first does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wanting:
        stamps.enable(wanting)
        yield
