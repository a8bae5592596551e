"""The shipped rules and routes by promtool and amtool, and what every alert must carry."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from servers.prometheus import DEPLOY, RULES

ROOT = Path(__file__).parents[2]
RULE_TESTS = sorted(Path(__file__).parent.glob("*.test.yml"))
ALERTMANAGER = DEPLOY / "alertmanager" / "alertmanager.yml"

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def cases() -> list[dict[str, Any]]:
    return [case for path in RULE_TESTS for case in load(path)["tests"]]


def alerts() -> dict[str, Any]:
    rules = [rule for group in load(RULES)["groups"] for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def severities(name: str) -> set[str]:
    """What the alert may carry: an incident says its own."""
    said: str = alerts()[name]["labels"]["severity"]
    return {"page", "ticket"} if said == "{{ $labels.severity }}" else {said}


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)


@needs_promtool
def test_promtool_finds_no_fault() -> None:
    rules = run("promtool", "check", "rules", "--lint=all", RULES)
    assert rules.returncode == 0, rules.stderr
    configuration = run("promtool", "check", "config", DEPLOY / "prometheus" / "prometheus.yml")
    assert configuration.returncode == 0, configuration.stderr


@needs_promtool
@pytest.mark.timeout(400)  # seconds of work: hours of every alert
def test_each_alert_fires_when_it_should_and_not_when_it_should_not() -> None:
    answer = run("promtool", "test", "rules", *RULE_TESTS)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("case", "right", "wrong"),
    [
        (
            "silent agents do not vote",
            "and on (job, agent) vedette_agent_connected == 1)\n      - record",
            ")\n      - record",
        ),
        (
            "two collectors report",
            "max without (collector) (probe_success",
            "sum by (job, check, target) (probe_success",
        ),
        ("two vantages disagree", "count > 0.5 *", "count >= 0.5 *"),
        ("two of three vantages fail", "count <= 0.5 *", "count > 0 *"),
        ("two of three vantages fail", "keep_firing_for: 5m", "keep_firing_for: 1m"),
        (
            "the failing agents vanish",
            "(job, check, target) check:vedette_votes:count",
            "(job, check, target) probe_success",
        ),
        ("a slow check", "          unless on (job, check) (2 *", "          unless on (job, check) (0 *"),
        ("a probe that is spoiled", "          unless on (job, check, agent) probe_success\n", ""),
        (
            "a certificate has expired",
            "last_over_time(probe_ssl_earliest_cert_expiry[1h])",
            "probe_ssl_earliest_cert_expiry",
        ),
        ("no longer assigned", "          and on (job, check, agent) vedette_check_assigned)", "          )"),
        ("ten days left", "min by (job, check, target) (last", "max by (job, check, target) (last"),
        ("fifteen days left", "14 * 86400", "21 * 86400"),
        ("a certificate has expired", "- time() <", "- time() > 0 <"),
        ("the collector is down", 'absent(up{job="vedette"} == 1)', 'absent(up{job="vedette"})'),
        ("books that do not add up", "abs(vedette_ledger_residual)", "(vedette_ledger_residual)"),
        (
            "an agent and the collector disagree",
            "          or max by (job, agent) (vedette_ledger_disagreement) > 0\n",
            "",
        ),
        (
            "a first loss for a reason",
            "          or sum by (job, agent, reason) (vedette_results_declared_lost_total)\n",
            "",
        ),
        (
            "a loss of long ago",
            "          and on (job, agent) vedette_results_produced_total offset 15m\n",
            "",
        ),
        ("results stay pending", "age_seconds) > 900", "age_seconds) > 90000"),
        ("a backlog that grows", "          or max by (job, agent) (vedette_results_pending) > 1000\n", ""),
        (
            "a backlog that gets smaller",
            "(delta(vedette_results_pending[15m])) > 0)",
            "(vedette_results_pending))",
        ),
        ("an agent that is away", "          and on (job, agent) vedette_agent_connected == 1\n", ""),
        ("fresh results come late", "histogram_quantile(0.99, sum", "histogram_quantile(0.5, sum"),
        ("a spool is full", 'state=~"full|failing"', 'state=~"full"'),
        (
            "results are left to their agents",
            "          or max by (job, instance) (rate(vedette_coll",
            "          unless (rate(vedette_coll",
        ),
        ("a backup was put back", "timestamp_seconds) < 3600", "timestamp_seconds) < 36000"),
        ("the collector is down", "          job: vedette\n", ""),
        (
            "silent agents do not vote",
            "for the same reason.\n        for: 2m",
            "for the same reason.\n        for: 0s",
        ),
        ("one clock is bad", "(vedette_agent_clock_bad) == 1", "(vedette_agent_clock_bad) >= 0"),
        ("one clock is bad", "within that time.\n        for: 5m", "within that time.\n        for: 0s"),
        ("one agent has too much", "_shed_total[2m])) > 0", "_shed_total[2m])) >= 0"),
        ("one agent has too much", "_shed_total[2m])) > 0", "_shed_total[10m])) > 0"),
        (
            "one agent has too much",
            "things out is for.\n        for: 5m",
            "things out is for.\n        for: 0s",
        ),
        ("always as one alert", "          ) == 1\n", "          ) >= 0\n"),
        (
            "the headline changes",
            "max by (job, incident, severity)",
            "max by (job, incident, severity, kind)",
        ),
        ("a ticket becomes a page", " unless on (job, collector) up == 1\n", "\n"),
        ("a scrape is missed", " unless on (job, collector) up == 1\n", "\n"),
        (
            "a scrape is missed",
            "          or last_over_time(vedette_incident[15m]) unless on (job, collector) up == 1\n",
            "",
        ),
        ("stays away", "or last_over_time(vedette_incident[15m])", "or last_over_time(vedette_incident[1h])"),
        (
            "two collectors tell",
            "max by (job, incident, severity)",
            "max by (job, incident, severity, instance)",
        ),
        ("does not end", "after an error.\n        expr: max", "after an error.\n        expr: -max"),
        (
            "does not end",
            "_waiting_seconds) > 30\n        for: 1m",
            "_waiting_seconds) > 30\n        for: 0s",
        ),
        ("none has a series", " or 0 * count by (job, collector) (up)) > 0", ") > 0"),
        ("have a series, and then no more", "(vedette_incident == 1)", "(vedette_incident)"),
        (
            "that none explains does",
            "          unless on (job, check) vedette_check_explained\n        # Vantages already",
            "        # Vantages already",
        ),
        (
            "failing from one vantage of two",
            "          unless on (job, check) vedette_check_explained\n        # Five minutes",
            "        # Five minutes",
        ),
        (
            "neither reported nor waited for",
            "_connected) == 0 unless on (job, agent) vedette_agent_explained",
            "_connected) == 0",
        ),
        (
            "neither reported nor waited for",
            "(vedette_check_assigned unless on (job, agent) vedette_agent_explained)",
            "(vedette_check_assigned)",
        ),
    ],
)
def test_the_rule_tests_notice_a_rule_that_went_wrong(
    tmp_path: Path, case: str, right: str, wrong: str
) -> None:
    """Each guard of a rule, broken one at a time, and the case that stands for it."""
    text = RULES.read_text()
    assert right in text
    (tmp_path / "rules.yml").write_text(text.replace(right, wrong))
    document = load(RULE_TESTS[0])
    document["tests"] = [one for one in cases() if case in one["name"]]
    assert len(document["tests"]) == 1
    document["rule_files"] = ["rules.yml"]
    (tmp_path / "test.yml").write_text(json.dumps(document))  # JSON is YAML
    answer = run("promtool", "test", "rules", tmp_path / "test.yml")
    assert answer.returncode != 0
    assert "exp:" in answer.stdout + answer.stderr, (
        "an alert that differs, and not a file that cannot be read"
    )


def test_every_series_of_the_rule_tests_carries_job_and_instance() -> None:
    """Without them an `on ()` that drops labels passes here and never fires live."""
    for case in cases():
        for series in case["input_series"]:
            assert re.search(r"\bjob=", series["series"]), series
            assert re.search(r"\binstance=", series["series"]), series


def test_every_alert_is_tested_both_ways() -> None:
    """But the one that always fires."""
    expected: dict[str, set[bool]] = {}
    for case in cases():
        for one in case["alert_rule_test"]:
            expected.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    expected["VedetteDeadMansSwitch"].add(False)
    assert expected == {name: {True, False} for name in alerts()}


@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_has_a_severity_a_text_and_a_runbook(name: str) -> None:
    alert = alerts()[name]
    assert severities(name) <= {"page", "ticket", "heartbeat"}
    assert set(alert["annotations"]) - {"incident_url"} == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{{{{ $externalLabels.vedette_runbooks }}}}/{name}.md"
    text = (ROOT / "docs" / "runbooks" / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert "```sh" in text.partition("## Diagnosis")[2], "a diagnosis has exact commands"


def test_every_runbook_belongs_to_an_alert() -> None:
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} == set(alerts())


@needs_amtool
def test_amtool_finds_no_fault() -> None:
    answer = run("amtool", "check-config", ALERTMANAGER)
    assert answer.returncode == 0, answer.stderr


@needs_amtool
@pytest.mark.parametrize("name", sorted(alerts()))
def test_an_alert_goes_where_its_severity_says(name: str) -> None:
    routes = ("amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}")
    for severity in severities(name):
        labels = (f"alertname={name}", f"severity={severity}", "job=vedette", "check=web")
        assert run(*routes, f"--verify.receivers={severity}", *labels).returncode == 0
        for other in {"page", "ticket", "heartbeat"} - {severity}:
            assert run(*routes, f"--verify.receivers={other}", *labels).returncode == 1


def test_an_incident_waits_for_nothing() -> None:
    """The collector has confirmed it: it is told with the first evaluation, and grouped with nothing else."""
    assert not {"for", "keep_firing_for"} & set(alerts()["VedetteIncident"])
    (route,) = (
        one
        for one in load(ALERTMANAGER)["route"]["routes"]
        if one["matchers"] == ['alertname="VedetteIncident"']
    )
    assert route["group_wait"] == "0s"
    assert "incident" in route["group_by"]
    assert all("group_wait" not in one for one in route["routes"]), "they inherit it"
