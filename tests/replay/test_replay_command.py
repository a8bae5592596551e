"""`vedette replay`: options, what it prints, and that a seed is a seed."""

import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from replay.replay_helpers import FLEET, written
from vedette.cli import main

SCENARIOS = """
schema_version: 1
scenarios:
- id: shop-down
  title: one target
  phases:
  - {t_offset_min: 0, duration_min: 9, scope: {target: {service: shop}}, symptom: {layer: tcp, code: reset}}
  expected_verdict: [{at_min: 2, kind: target, entity: shop}]
- id: calm
  phases: []
  expected_verdict: [{at_min: 20, kind: none, entity: none}]
"""
KEYS = {
    *(
        "id",
        "seed",
        "right_headline",
        "headline",
        "time_to_first_right_s",
        "surplus_components",
        "wrong_pages",
    ),
    *("pages", "incidents", "premature_closes", "wrong_headline_share"),
}


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    scenarios = written(tmp_path, "scenarios.yaml", SCENARIOS)
    return [str(scenarios), "--fleet", str(written(tmp_path, "fleet.yaml", FLEET))]


def scores(capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    main(["replay", *argv, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"scenarios"}
    found: list[dict[str, Any]] = told["scenarios"]
    return found


def test_scores_have_the_keys_that_are_promised(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    found = scores(capsys, *files)
    assert [each["id"] for each in found] == ["shop-down", "calm"]
    for each in found:
        assert set(each) > KEYS
    down = found[0]
    assert down["right_headline"] is True
    assert down["time_to_first_right_s"] <= 60
    assert (down["pages"], down["wrong_pages"], down["incidents"]) == (1, 0, 1)
    assert down["quorum"]["right_targets"] is True


def test_same_seed_gives_the_same_and_another_seed_not(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first = scores(capsys, *files, "--seeds", "2", "--jobs", "1")
    assert first == scores(capsys, *files, "--seeds", "2", "--jobs", "2")
    assert [each["seed"] for each in first] == [1, 2, 1, 2]
    assert first[0]["time_to_first_right_s"] != first[1]["time_to_first_right_s"]


def test_table_says_it_for_people(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *files, "--id", "shop-down"]) == 0
    told = capsys.readouterr().out
    assert "right headline: 1 of 1 (100.0%)" in told
    assert "majority quorum per target: 1 pages" in told


def test_wrong_headline_is_exit_code_1(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(files[0])
    path.write_text(
        SCENARIOS.replace("kind: target, entity: shop", "kind: product, entity: cdn"), encoding="utf-8"
    )
    assert main(["replay", *files, "--id", "shop-down"]) == 1
    assert "not right at 120 s: product cdn" in capsys.readouterr().out


def test_what_has_nothing_to_do_with_the_outage_is_not_right(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name must not pass for lack of anything that could be wrong."""
    path = Path(files[0])
    path.write_text(SCENARIOS.replace("kind: target, entity: shop", "kind: target, entity: shpo"))
    assert main(["replay", *files, "--id", "shop-down"]) == 1
    told = capsys.readouterr().out
    assert "no expected verdict has to do with what this fleet sees" in told
    assert "not judged, for nothing visible hits it: target shpo" in told
    (score,) = scores(capsys, *files, "--id", "shop-down")
    assert score["not_judged"] == [{"at_s": 120.0, "kind": "target", "entity": ["shpo"]}]


def test_files_are_read_once(files: list[str]) -> None:
    """They may be pipes, and may change while all is played."""
    command = [sys.executable, "-m", "vedette", "replay", "/dev/stdin", *files[1:], "--jobs", "2", "--json"]
    done = subprocess.run(command, input=SCENARIOS, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each["id"] for each in json.loads(done.stdout)["scenarios"]] == ["shop-down", "calm"]


def test_quiet_days_are_counted(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *files, "--quiet-days", "1", "--json", "--interval", "5m"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["scenarios"] == []
    assert told["quiet"] == {"days": 1, "seed": 1, "pages": 0, "tickets": 0, "incidents": 0, "headlines": []}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--id", "shop-dwn"], 'did you mean "shop-down"?'),
        (["--noise", "1"], "is no share from 0 to 0.5"),
        (["--interval", "30"], "is not a duration"),
        (["--seeds", "0"], "is no number from 1 on"),
        (["--seeds", "\u00b2"], "is no number from 1 on"),
        (["--fleet", "/nowhere/fleet.yaml"], "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_exit_code_2(
    files: list[str], capsys: pytest.CaptureFixture[str], argv: list[str], told: str
) -> None:
    assert main(["replay", *files, *argv]) == 2
    assert told in capsys.readouterr().err


def test_processes_end_with_the_command_that_began_them(files: list[str]) -> None:
    command = [sys.executable, "-m", "vedette", "replay", "--quiet-days", "400", "--jobs", "2", *files[1:]]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            workers = _workers(process.pid, seconds=60.0)
            ends = [os.pidfd_open(pid) for pid in workers]
        finally:
            process.kill()
    for end in ends:
        assert select.select([end], [], [], 30.0)[0]
        os.close(end)


def _workers(pid: int, seconds: float) -> list[int]:
    """The two processes that play, once they were begun."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = [
            int(child)
            for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
            and len(list(Path(f"/proc/{child}/task").iterdir())) > 1  # it follows its parent
        ]
        if len(found) == 2:
            return found
        threading.Event().wait(0.05)
    raise TimeoutError("no processes")
