"""`vedette backtest`: what the verdicts would have said about results in the store of a collector."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.collector_helpers import Core
from vedette.checks.read import load
from vedette.cli import main
from vedette.wire import codec
from vedette.wire.facts import Facts
from vedette.wire.facts.http import HttpFacts
from vedette.wire.messages import Batch, Result
from vedette.wire.topics import Kind, topic
from vedette_collector.cell import Moment
from vedette_collector.store import entry as entries
from vedette_collector.store.database import Database, Writing

CONFIG = """
agents:
- {name: one-1, tags: {network: AS1}}
- {name: one-2, tags: {network: AS1}}
- {name: one-3, tags: {network: AS1}}
- {name: two-1, tags: {network: AS2}}
- {name: two-2, tags: {network: AS2}}
- {name: three-1, tags: {network: AS3}}
- {name: four-1, tags: {network: AS4}}
checks:
- {name: shop, http: {url: "https://192.0.2.1/"}, tags: {service: shop}}
- {name: news, http: {url: "https://192.0.2.2/"}, tags: {service: news}}
- {name: mail, http: {url: "https://192.0.2.3/"}, tags: {service: mail}}
"""
BEGIN = 1_800_000_000.0
MINUTES = 20

Fate = Callable[[float, str, str], str | None]  # by seconds since the begin, agent and check


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "vedette.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def kept(state: Path, config: Path, fate: Fate, *, kind: Kind = Kind.LIVE) -> None:
    """A store as a collector has it: each probe every 30 s. *fate*: a failure code, "ok"; None: silence.

    A status may stand after the code, as in `http.status 503`.
    """
    (state / "collector").mkdir()
    database = Database(state / "collector" / "store.db")
    core = Core(load(config))
    seqs = dict.fromkeys(core.board.cells, 0)
    rows = []
    was_ok: set[tuple[str, str]] = set()
    agents, checks = list(core.board.cells), ["shop", "news", "mail"]
    for turn in range(MINUTES * 2):
        for place, agent in enumerate(agents):
            for which, check in enumerate(checks):
                at = turn * 30.0 + place * 4.0 + which
                code = fate(at, agent, check)
                if code is None:
                    continue
                found = [_result(at, check, code)]
                if code != "ok" and (agent, check) in was_ok:
                    found.append(_result(at + 0.5, check, code, attempt=2))
                was_ok.discard((agent, check)) if code != "ok" else was_ok.add((agent, check))
                message = Batch(
                    v=1,
                    agent=agent,
                    epoch="0" * 31 + "1",
                    first_seq=seqs[agent],
                    acked=seqs[agent],
                    offset_us=0,
                    results=found,
                )
                seqs[agent] += len(found)
                payload, content_type = codec.encode(message)
                now = Moment(BEGIN + at + 0.6, at + 1000.0)
                entry = core.take(topic(agent, kind), payload, content_type, now=now)
                assert entry is not None
                rows.append(entries.row(entry))
    database.write(Writing(entries=rows))
    database.close()


def _result(at: float, check: str, code: str, attempt: int = 1) -> Result:
    is_ok = code == "ok"
    return Result(
        check=check,
        outcome="ok" if is_ok else "fail",
        started_us=round((BEGIN + at) * 1e6),
        duration_us=20_000,
        reason=None if is_ok else code.partition(" ")[0],
        facts=Facts(http=HttpFacts(status=int(code.partition(" ")[2]))) if " " in code else None,
        attempt=attempt,
    )


def found(state: Path, config: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    argv = ["backtest", "--state-dir", str(state), "--config", str(config), "--json", *more]
    assert main(argv) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def target_down(at: float, agent: str, check: str) -> str:
    return "tcp.refused" if check == "shop" and 600 <= at < 900 else "ok"


def test_outage_would_have_been_one_page(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, config, target_down)
    told = found(tmp_path, config, capsys)
    assert (told["results"], told["skipped"], told["gaps"], told["pages"]) == (847, 0, 0, 1)
    assert told["from"] == "2027-01-15T08:00:00.600Z"
    (incident,) = told["incidents"]
    assert incident["component"] == "target:shop"
    assert incident["severity"] == "page"
    assert "2027-01-15T08:10:00.000Z" < incident["paged"] < "2027-01-15T08:11:00.000Z"
    changes = [each["what"] for each in incident["changes"]]
    assert (changes[0], changes[-1]) == ("opened", "quieted")


@pytest.mark.parametrize(("status", "said"), [("403", "access is denied"), ("503", "wrong HTTP status")])
def test_a_denial_is_told_from_an_error(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str], status: str, said: str
) -> None:
    def fate(at: float, agent: str, check: str) -> str:
        return f"http.status {status}" if check == "shop" and at >= 600 else "ok"

    kept(tmp_path, config, fate)
    (incident,) = found(tmp_path, config, capsys)["incidents"]
    assert f"Target shop: {said} (http.status" in json.dumps(incident)


def test_people_read_it_too(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, config, target_down)
    assert main(["backtest", "--state-dir", str(tmp_path), "--config", str(config)]) == 0
    told = capsys.readouterr().out
    assert "1 incidents, 1 pages" in told
    assert "opened (page, would have paged): Target shop: connections are refused" in told


def test_only_what_was_asked_for_is_played(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, config, target_down)
    told = found(tmp_path, config, capsys, "--until", "2027-01-15T08:09:00Z")
    assert told["incidents"] == []
    assert told["results"] == 18 * 21
    assert told["until"] < "2027-01-15T08:09:00Z"
    later = found(tmp_path, config, capsys, "--since", str(BEGIN + 1000))
    assert later["incidents"] == []


def test_agents_of_one_network_that_are_not_heard_are_told(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def dark(at: float, agent: str, check: str) -> str | None:
        return None if agent.startswith("one-") and at >= 600 else "ok"

    kept(tmp_path, config, dark)
    told = found(tmp_path, config, capsys)
    assert [each["component"] for each in told["incidents"]] == ["vantage_network:AS1"]


def test_time_without_a_collector_is_nobodys_silence(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, config, lambda at, agent, check: None if 600 <= at < 900 else "ok")
    told = found(tmp_path, config, capsys)
    assert told["gaps"] == 1
    assert told["incidents"] == []


def test_results_of_another_configuration_are_left_out(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, config, target_down)
    config.write_text(CONFIG.replace("name: shop", "name: shop-2"), encoding="utf-8")
    told = found(tmp_path, config, capsys)
    assert told["skipped"] == 847 - 2 * 7 * 40
    assert told["incidents"] == []


def test_late_results_are_left_out(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, config, target_down, kind=Kind.REPLAY)
    told = found(tmp_path, config, capsys)
    assert told["skipped"] == told["results"] == 847
    assert told["incidents"] == []


def test_store_is_read_and_not_written(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, config, target_down)
    path = tmp_path / "collector" / "store.db"
    before = path.read_bytes()
    path.chmod(0o400)
    found(tmp_path, config, capsys)
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a#b", "a?mode=rwc&b", "a%41b"])
def test_a_store_may_stand_in_any_directory(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Its path stands in a URI; nothing is made where the first part of it leads."""
    state = tmp_path / name
    state.mkdir()
    kept(state, config, target_down)
    assert found(state, config, capsys)["pages"] == 1
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "vedette.yaml"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--since", "2027-01-02", "--until", "2027-01-01"], "--since is not before --until; swap them"),
        (["--state-dir", "/nowhere"], "/nowhere/collector/store.db is not there; name the --state-dir"),
        (["--since", "yesterday"], "'yesterday' is no time"),
    ],
)
def test_what_cannot_be_read_is_exit_code_2(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str], more: list[str], told: str
) -> None:
    assert main(["backtest", "--state-dir", str(tmp_path), "--config", str(config), *more]) == 2
    assert told in capsys.readouterr().err
