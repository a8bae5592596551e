"""`vedette check fleet FILE`, as a person or a pipeline runs it."""

import json
from pathlib import Path

import pytest

from vedette.cli import main

FLEET = """\
agents:
  - {name: par-01, tags: {network: AS3215, region: eu}}
  - {name: lon-01, tags: {network: AS2856, region: uk}}
checks:
  - {name: web, tags: {service: shop, provider: aws}, http: {url: https://www.example.com/}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def test_hints_are_told_and_are_no_error(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fleet", str(file)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(f"{file}: 2 agents, 1 check\n\n1 target with too few probes: ")
    assert "\n\n2 networks cannot be told from their only agent\n" in said.out
    assert "    AS2856 (lon-01), AS3215 (par-01)\n  → add a second agent in each of them\n" in said.out
    assert said.out.endswith(
        "Observed from 2 networks: AS3215 (1 agent), AS2856 (1 agent).\nOf others nothing can be said.\n"
    )


def test_strict_makes_hints_a_problem(file: Path) -> None:
    assert main(["check", "fleet", "--strict", str(file)]) == 1


def test_one_json_object_has_all_of_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "fleet", "--json", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["agents"], found["checks"]) == (2, 1)
    assert found["networks"] == {"AS3215": 1, "AS2856": 1}
    first = next(hint for hint in found["hints"] if hint["lint"] == "vantage_network_like_agent")
    assert first["count"] == 2
    assert first["examples"] == ["AS2856 (lon-01)", "AS3215 (par-01)"]
    assert set(first) == {"lint", "text", "advice", "count", "examples"}


def test_a_file_that_cannot_be_used_is_exit_2(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FLEET.replace("http:", "htpp:"))
    assert main(["check", "fleet", str(file)]) == 2
    assert 'did you mean "http"?' in capsys.readouterr().err


def test_help_names_both_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--help"]) == 0
    said = capsys.readouterr().out
    assert "config" in said
    assert "fleet" in said
    assert main(["check", "fleet", "--help"]) == 0
    assert "--strict" in capsys.readouterr().out
