"""The files that people copy: the example configuration, the containers, and what they refer to."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from vedette import cli
from vedette.checks import read
from vedette.checks.model import Check

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
EXAMPLE = DEPLOY / "example" / "vedette.yaml"
SERVICES = {"broker", "collector", "agent", "prometheus", "alertmanager", "grafana"}


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def test_the_example_is_valid_and_shows_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "config", str(EXAMPLE)]) == 0
    assert {type(check) for check in read.load(EXAMPLE).checks} == set(get_args(Check))


def test_the_example_names_a_schema_that_is_there() -> None:
    first = EXAMPLE.read_text().splitlines()[0]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert match is not None
    assert (EXAMPLE.parent / match[1]).is_file()


def test_the_example_uses_reserved_names_and_addresses_alone() -> None:
    """RFC 2606 and RFC 5737: nobody's machines are probed by who copies it."""
    text = EXAMPLE.read_text()
    hosts = re.findall(r"\b(?:[a-z0-9-]+\.)+(?:com|net|org)\b", text)
    assert hosts
    assert {".".join(host.split(".")[-2:]) for host in hosts} == {"example.com"}
    for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text):
        assert address.startswith(("192.0.2.", "198.51.100.", "203.0.113."))


def test_compose_has_the_whole_pipeline_with_pinned_images() -> None:
    services = compose()["services"]
    assert set(services) == SERVICES
    for name, service in services.items():
        if "build" not in service:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name
        for other in service.get("depends_on", []):
            assert other in services


def test_compose_mounts_files_that_exist() -> None:
    """But for pki/, which make-certs.sh fills; and every one of those is a name that it makes."""
    made = {f"{name}.{kind}" for name in ("ca", "broker", "par-01") for kind in ("pem", "key")}
    made |= {f"collector-{one}.{kind}" for one in ("live", "replay", "control") for kind in ("pem", "key")}
    volumes = set(compose()["volumes"])
    for service in compose()["services"].values():
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            assert target.startswith("/")
            if source.startswith("./pki/"):
                assert source.removeprefix("./pki/") in made
                assert source != "./pki/ca.key", "the authority's key has no business in a container"
            elif source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in volumes


def test_compose_publishes_nothing_but_the_agents_listener_to_the_world() -> None:
    """Pages without a password stay on the machine."""
    ports = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == ["8883:8883"]


def test_our_containers_may_write_nothing_and_hold_no_capability() -> None:
    for name in ("agent", "collector"):
        service = compose()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "privileged" not in service


def test_collector_and_agent_keep_their_state_on_volumes_of_their_own() -> None:
    kept = {
        name: volume.partition(":")[0]
        for name in ("agent", "collector")
        for volume in compose()["services"][name]["volumes"]
        if volume.endswith(":/var/lib/vedette")
    }
    assert kept == {"agent": "agent", "collector": "collector"}


@pytest.mark.parametrize("name", ["agent", "collector"])
def test_the_commands_in_compose_are_commands_of_vedette(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every flag is one that `vedette … run --help` knows."""
    words = compose()["services"][name]["command"]
    assert cli.main([*words[:2], "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert {word.partition("=")[0] for word in words[2:]} <= known


@pytest.mark.parametrize("name", ["agent", "collector"])
def test_the_commands_in_the_units_are_commands_of_vedette(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unit = (DEPLOY / "systemd" / f"vedette-{name}.service").read_text()
    match = re.search(r"^ExecStart=/opt/vedette/bin/vedette (.*)$", unit, flags=re.MULTILINE)
    assert match is not None
    assert cli.main([*match[1].split()[:2], "--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z-]+", match[1])) <= known


def test_the_image_is_locked_two_staged_and_not_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert text.count("\nFROM ") + text.startswith("FROM ") == 2
    assert "--require-hashes --only-binary :all: -r requirements/run.txt" in text
    assert re.search(r"^USER 65532:65532$", text, flags=re.MULTILINE)
    allowed = set(
        re.findall(r"^!(\S+)$", (DEPLOY / "Dockerfile.dockerignore").read_text(), flags=re.MULTILINE)
    )
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / one).exists() for one in copied)
