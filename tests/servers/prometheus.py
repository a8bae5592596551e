"""Real Prometheus and Alertmanager on loopback, on the shipped files: only addresses and durations change."""

import http.client
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from servers.daemon import Daemon, free_port, program

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules" / "vedette.yml"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMERS = (
    "for|keep_firing_for|group_wait|group_interval|repeat_interval"
    "|scrape_interval|scrape_timeout|evaluation_interval"
)


def quick(text: str, factor: float = 240.0) -> str:
    """The same file with every timer divided by *factor*, and never below a second."""

    def shrink(match: re.Match[str]) -> str:
        seconds = int(match[2]) * _UNITS[match[3]]
        return f"{match[1]}{max(1, round(seconds / factor))}s"

    return re.sub(rf"^(\s*(?:{_TIMERS}): )(\d+)([smhd])$", shrink, text, flags=re.MULTILINE)


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one GET on loopback; (0, b"") while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


class Sample(NamedTuple):
    labels: dict[str, str]
    value: float


class Prometheus:
    """One that runs. Every answer that is not a success is an AssertionError with Prometheus' own words."""

    def __init__(self, port: int) -> None:
        self.port = port

    def api(self, path: str, **parameters: str) -> Any:
        status, body = get(self.port, f"/api/v1/{path}?{urlencode(parameters)}")
        answer = json.loads(body or b"{}")
        assert status == 200, f"{path} {parameters}: {status} {answer.get('error', body[:300])}"
        return answer["data"]

    def query(self, expression: str) -> list[Sample]:
        """An instant query; a scalar comes back as one sample without labels."""
        data = self.api("query", query=expression)
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(one["metric"], float(one["value"][1])) for one in data["result"]]

    def value(self, expression: str) -> float | None:
        """The value of the only sample; None when there is none."""
        samples = self.query(expression)
        assert len(samples) <= 1, samples
        return samples[0].value if samples else None

    def alerts(self, state: str = "firing") -> list[dict[str, str]]:
        """Labels of the alerts in this state."""
        return [alert["labels"] for alert in self.api("alerts")["alerts"] if alert["state"] == state]


def shipped_prometheus(collectors: Sequence[int], alertmanager_port: int | None = None) -> str:
    """The shipped prometheus.yml, pointed at these ports and with quick timers."""
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    targets = ", ".join(f"127.0.0.1:{port}" for port in collectors)
    for shipped, here in (
        ("[localhost:9960]", f"[{targets}]"),
        ("[localhost:9093]", f"[127.0.0.1:{alertmanager_port}]" if alertmanager_port else "[]"),
    ):
        assert shipped in text, f"prometheus.yml no longer says {shipped}"
        text = text.replace(shipped, here)
    return quick(text)


def shipped_alertmanager(webhook_port: int) -> str:
    """The shipped alertmanager.yml, sending to this port and with quick timers."""
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    assert "127.0.0.1:9095" in text
    return quick(text.replace("127.0.0.1:9095", f"127.0.0.1:{webhook_port}"))


@contextmanager
def prometheus(
    directory: Path,
    configuration: str,
    rules: str | None = None,
    *,
    port: int | None = None,
    options: Sequence[str] = (),
) -> Iterator[Prometheus]:
    """Ready. *rules* stands as rules/vedette.yml beside the configuration; the shipped file without it."""
    (directory / "rules").mkdir(parents=True, exist_ok=True)
    (directory / "rules" / "vedette.yml").write_text(quick(RULES.read_text()) if rules is None else rules)
    (directory / "prometheus.yml").write_text(configuration)
    port = free_port() if port is None else port
    argv = [
        program("prometheus", "prometheus"),
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        # An alert of the first seconds finds no Alertmanager yet; the usual minute is too long to wait.
        "--rules.alert.resend-delay=1s",
        *options,
    ]
    with _running(argv, directory / "prometheus.log", port):
        yield Prometheus(port)


@contextmanager
def alertmanager(directory: Path, configuration: str) -> Iterator[int]:
    """Ready, without a cluster; its port."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "alertmanager.yml").write_text(configuration)
    port = free_port()
    argv = [
        program("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={directory / 'alertmanager.yml'}",
        f"--storage.path={directory / 'alerts'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _running(argv, directory / "alertmanager.log", port):
        yield port


@contextmanager
def _running(argv: list[str], log: Path, port: int) -> Iterator[None]:
    daemon = Daemon(argv, log)
    daemon.start(lambda: get(port, "/-/ready")[0] == 200, within=30)
    try:
        yield
    finally:
        daemon.stop()
