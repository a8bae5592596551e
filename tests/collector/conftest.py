"""The configuration that the collectors of these tests begin with."""

from pathlib import Path

import pytest

from collector.running_helpers import CONFIG


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vedette.yaml"
    path.write_text(CONFIG)
    return path
