"""`vedette check config FILE` and `vedette schema`, as a person or a pipeline runs them."""

import json
from pathlib import Path

import jsonschema
import pytest

from vedette.cli import main

CHECKS = Path(__file__).parents[1] / "checks"
GOOD = """\
agents:
  - {name: par-01, tags: {network: isp-a}}
  - {name: nyc-01}
checks:
  - {name: api, interval: 1s, icmp: {host: 192.0.2.1}}
  - {name: web, interval: 10s, families: [ipv4, ipv6], http: {url: https://www.example.com/}}
  - {name: mail, agents: {network: isp-a}, tcp: {address: "mail.example.com:25"}}
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yaml"
    path.write_text(GOOD)
    return path


def test_good_file_is_summed_up(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config", str(good)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[:4] == [
        f"{good}: fine",
        "  agent   checks  probes/s",
        "  par-01       4     1.233",
        "  nyc-01       3     1.200",
    ]
    assert lines[4] == "2 agents, 4 checks, 2.433 probes/s in all"
    assert lines[5].startswith("config hash ")


def test_one_is_not_told_as_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("agents: [{name: par-01}]\nchecks: [{name: api, icmp: {host: 192.0.2.1}}]\n")
    assert main(["check", "config", str(path)]) == 0
    assert "1 agent, 1 check, 0.033 probes/s in all" in capsys.readouterr().out.splitlines()


def test_good_file_as_json(good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config", "--json", str(good)]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["valid"], verdict["checks"], len(verdict["config_hash"])) == (True, 4, 64)
    assert verdict["agents"][1] == {"name": "nyc-01", "checks": 3, "probes_per_second": 1.2}


def test_problem_stands_over_its_line_and_a_caret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("agents: [{name: par-01}]\nchecks:\n  - name: api\n    dns: {nmae: a.example}\n")
    assert main(["check", "config", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"{path}:4:10: checks[0].dns: name is missing; add it\n"
        "        dns: {nmae: a.example}\n"
        "             ^\n"
        f'{path}:4:11: checks[0].dns: unknown key "nmae"; did you mean "name"?\n'
        "        dns: {nmae: a.example}\n"
        "              ^\n"
    )


def test_caret_stays_in_sight_on_a_long_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f'agents: [{{name: par-01, tags: {{note: "{"x" * 500}", Bad: y}}}}]\nchecks: []\n')
    assert main(["check", "config", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    caret = next(at for at, line in enumerate(lines) if "Bad" in line and line.startswith("    "))
    assert len(lines[caret]) < 120
    assert lines[caret][lines[caret + 1].index("^") :].startswith("Bad")


def test_problems_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config", "--json", str(CHECKS / "bad" / "many_at_once.yaml")]) == 1
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["valid"] is False
    assert verdict["problems"][0] == {
        "line": 8,
        "column": 5,
        "path": "checks[0]",
        "text": 'unknown key "intervall"; did you mean "interval"?',
    }


def test_missing_file_is_a_problem_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "config", "/nowhere.yaml"]) == 1
    assert capsys.readouterr().err == "/nowhere.yaml: no such file; check the path\n"


@pytest.mark.parametrize("argv", [["check"], ["check", "config"], ["check", "rules", "x"], ["schema", "x"]])
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert "usage: vedette" in capsys.readouterr().err


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))
