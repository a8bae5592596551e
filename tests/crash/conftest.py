"""What only `make soak` runs, and where the figures go."""

import os
from collections.abc import Callable

import pytest

SOAK = "VEDETTE_SOAK"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get(SOAK) != "1":
        skip = pytest.mark.skip(reason=f"minutes, not seconds: runs with {SOAK}=1")
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(skip)


@pytest.fixture
def say(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """One line of figures."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(f"\n{request.node.name}: {text}", flush=True)

    return line
