"""The pipeline under test: broker on the shipped files, collector and agents as processes of their own."""

import json
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers.daemon import Daemon, accepts, free_port, program
from servers.prometheus import get
from servers.shipped_broker import FILES, Broker, configuration, make_pki
from system.world.series import Series, exposed

AGENTS = ("fra-01", "par-01")
# The command as it was installed, beside the interpreter that runs the tests.
VEDETTE = str(Path(sys.executable).with_name("vedette"))


class Pipeline:
    """`start` returns when collector and agents run; whether they also meet is for the tests to see."""

    def __init__(self, directory: Path, checks: str) -> None:
        directory.mkdir(parents=True)
        self._stack = ExitStack()
        self._config = directory / "vedette.yaml"
        self._config.write_text(checks)
        self.checks = checks
        self._pki = make_pki(directory / "pki", *AGENTS)
        self._ports = Broker(free_port(), free_port(), self._pki)
        conf = directory / "mosquitto.conf"
        self._acl = directory / "acl"
        conf.write_text(configuration(directory, self._ports).replace(str(FILES / "acl"), str(self._acl)))
        self._acl.write_text((FILES / "acl").read_text())
        self.broker = Daemon(
            [program("mosquitto", "mosquitto"), "-c", str(conf)], directory / "mosquitto.log"
        )
        self.port = free_port()
        self.collector = Daemon(
            [
                *(VEDETTE, "collector", "run", "--config", str(self._config)),
                *self._broker_options(self._ports.collectors_port, "{identity}"),
                *("--listen", f"127.0.0.1:{self.port}", "--state-dir", str(directory / "state")),
            ],
            directory / "collector.log",
        )
        self.agents = {
            name: Daemon(
                [
                    *(VEDETTE, "agent", "run", "--config", str(self._config), "--name", name),
                    *self._broker_options(self._ports.agents_port, name),
                    *("--allow", "127.0.0.0/8"),
                ],
                directory / f"{name}.log",
            )
            for name in AGENTS
        }

    def start(self) -> None:
        for daemon in (self.broker, self.collector, *self.agents.values()):
            self._stack.callback(daemon.stop)
        self.start_broker()
        self.start_collector()
        for name in self.agents:
            self.start_agent(name)

    def stop(self) -> None:
        self._stack.close()

    def daemons(self) -> dict[str, Daemon]:
        agents = {f"agent {name}": daemon for name, daemon in self.agents.items()}
        return {"broker": self.broker, "collector": self.collector, **agents}

    def start_broker(self) -> None:
        self.broker.start(lambda: accepts(self._ports.agents_port) and accepts(self._ports.collectors_port))

    def grant(self, acks: bool = True) -> None:
        """Restart the broker with the shipped rights, or with rights under which nobody may write *acks*."""
        rights = (FILES / "acl").read_text()
        line = "topic write vedette/v1/+/+/ack\n"
        assert line in rights
        self._acl.write_text(rights if acks else rights.replace(line, ""))
        # Mosquitto 2.0.11 reads its rights again on SIGHUP too, and then hangs up on whoever writes next.
        self.broker.stop()
        self.start_broker()

    def start_collector(self) -> None:
        self.collector.start(lambda: accepts(self.port))

    def start_agent(self, name: str) -> None:
        self.agents[name].start(lambda: True)

    def configure(self, text: str) -> None:
        """Give all three another file and tell them (SIGHUP); `checks` is what they began with."""
        fresh = self._config.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self._config)
        for daemon in (self.collector, *self.agents.values()):
            daemon.signal(signal.SIGHUP)

    def api(self, path: str) -> Any:
        """What the collector answers below /api/v1/."""
        status, body = get(self.port, f"/api/v1/{path}")
        assert status == 200, (status, body)
        return json.loads(body)

    def metrics(self) -> Series:
        """What the collector exposes now; nothing while it is away."""
        return exposed(self.port)

    def _broker_options(self, port: int, identity: str) -> tuple[str, ...]:
        return (
            *("--broker", f"mqtts://127.0.0.1:{port}", "--ca", str(self._pki.ca)),
            *("--cert", str(self._pki.directory / f"{identity}.pem")),
            *("--key", str(self._pki.directory / f"{identity}.key")),
        )
