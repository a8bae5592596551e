"""The systemd units: valid, hardened to a number, and in step with the programs they start."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
NAMES = ("vedette-agent.service", "vedette-collector.service")
HIGHEST_EXPOSURE = 2.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")


def lines(name: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", (UNITS / name).read_text(), flags=re.MULTILINE)


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_exposure_is_at_most_two(name: str) -> None:
    """0 is a process that can do nothing, 9.6 a service without any of these lines."""
    argv = ["systemd-analyze", "security", "--offline=true", "--no-pager"]
    argv += [f"--threshold={int(HIGHEST_EXPOSURE * 10)}", str(UNITS / name)]
    answer = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-400:] + answer.stderr
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer.stdout)
    assert found is not None
    assert float(found[1]) <= HIGHEST_EXPOSURE


@needs_systemd
@pytest.mark.parametrize("name", NAMES)
def test_systemd_finds_no_fault(name: str, tmp_path: Path) -> None:
    """A mistyped directive is only a warning at boot; here it fails."""
    unit = tmp_path / name
    text = (UNITS / name).read_text()
    assert "/opt/vedette/bin/vedette" in text
    unit.write_text(text.replace("/opt/vedette/bin/vedette", shutil.which("true") or "/bin/true"))
    answer = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_only_the_agent_may_open_raw_sockets() -> None:
    assert (
        lines(NAMES[0], "CapabilityBoundingSet") == lines(NAMES[0], "AmbientCapabilities") == ["CAP_NET_RAW"]
    )
    assert lines(NAMES[1], "CapabilityBoundingSet") == [""]
    assert lines(NAMES[1], "AmbientCapabilities") == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_on_the_command_line_is_a_credential(name: str) -> None:
    """What the command line names under %d is loaded, and nothing is loaded in vain."""
    (command,) = lines(name, "ExecStart")
    named = set(re.findall(r"%d/(\S+)", command))
    for template in [n for n in named if "{identity}" in n]:
        named.remove(template)
        named |= {
            template.replace("{identity}", i)
            for i in ("collector-live", "collector-replay", "collector-control")
        }
    assert named == {line.partition(":")[0] for line in lines(name, "LoadCredential")}


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_in_the_settings_file(name: str) -> None:
    (command,) = lines(name, "ExecStart")
    (settings,) = lines(name, "EnvironmentFile")
    used = set(re.findall(r"\$\{?(\w+)\}?", command))
    text = (UNITS / Path(settings).name).read_text()
    assert used == set(re.findall(r"^(\w+)=", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_it_starts_again_for_ever(name: str) -> None:
    assert lines(name, "Restart") == ["always"]
    assert lines(name, "StartLimitIntervalSec") == ["0"]
    assert lines(name, "Type") == ["notify"]


@pytest.mark.parametrize("name", NAMES)
def test_one_that_stands_still_is_started_again(name: str) -> None:
    assert lines(name, "WatchdogSec") == ["60"]


@pytest.mark.parametrize("name", NAMES)
def test_a_reload_sees_the_new_configuration(name: str) -> None:
    """SIGHUP, and a path that is not a copy made at start."""
    assert lines(name, "ExecReload") == ["/bin/kill -HUP $MAINPID"]
    assert "--config /etc/vedette/vedette.yaml" in lines(name, "ExecStart")[0]
