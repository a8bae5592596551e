"""Bad files and what people are told about them, word for word; good files that must stay good.

After a change of wording: `python tests/checks/test_gallery.py` rewrites the expectations; read the diff.
"""

from pathlib import Path

import pytest

from vedette.checks import read
from vedette.checks.problems import BadConfig

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = sorted((HERE / "good").glob("*.yaml"))


def told(path: Path) -> str:
    with pytest.raises(BadConfig) as caught:
        read.loads(path.read_bytes(), path.name)
    return f"{caught.value}\n"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_file_is_explained_word_for_word(path: Path) -> None:
    assert told(path) == path.with_suffix(".txt").read_text(encoding="utf-8")


def test_every_message_has_a_place_a_fault_and_a_remedy() -> None:
    lines = [line for path in BAD for line in path.with_suffix(".txt").read_text("utf-8").splitlines()]
    assert len(BAD) >= 40
    assert [line for line in lines if ";" not in line] == []
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good_file_is_read(path: Path) -> None:
    assignment = read.load(path)
    assert assignment.checks
    assert set(assignment.by_agent) == {agent.name for agent in assignment.agents}


if __name__ == "__main__":
    for bad in BAD:
        bad.with_suffix(".txt").write_text(told(bad), encoding="utf-8")
