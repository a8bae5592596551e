"""A real Mosquitto on deploy/mosquitto's files: only paths, addresses and the uid are changed."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from servers.daemon import Daemon, accepts, free_port, program

FILES = Path(__file__).parents[2] / "deploy" / "mosquitto"


class Pki(NamedTuple):
    """What make-certs.sh left in a directory."""

    directory: Path

    @property
    def ca(self) -> Path:
        return self.directory / "ca.pem"

    def pair(self, identity: str) -> tuple[Path, Path]:
        return self.directory / f"{identity}.pem", self.directory / f"{identity}.key"


class Broker(NamedTuple):
    agents_port: int
    collectors_port: int
    pki: Pki


def make_certs(directory: Path, *words: str) -> None:
    """Run the shipped script; CalledProcessError holds what it said."""
    subprocess.run([str(FILES / "make-certs.sh"), str(directory), *words], check=True, capture_output=True)


def make_pki(directory: Path, *agents: str) -> Pki:
    """An authority, a broker on loopback, a collector's three identities, and *agents*."""
    make_certs(directory, "ca")
    make_certs(directory, "broker", "localhost", "127.0.0.1")
    make_certs(directory, "collector")
    if agents:
        make_certs(directory, "agent", *agents)
    return Pki(directory)


def configuration(directory: Path, broker: Broker) -> str:
    """The shipped mosquitto.conf with this directory's paths and ports."""
    text = (FILES / "mosquitto.conf").read_text()
    for shipped, here in (
        ("/etc/mosquitto/vedette/acl", str(FILES / "acl")),
        ("/etc/mosquitto/vedette/", f"{broker.pki.directory}/"),
        ("/var/lib/mosquitto/", f"{directory}/"),
        ("listener 8883\n", f"listener {broker.agents_port} 127.0.0.1\n"),
        ("listener 8884 127.0.0.1", f"listener {broker.collectors_port} 127.0.0.1"),
    ):
        text, count = re.subn(re.escape(shipped), here, text)
        assert count, f"mosquitto.conf no longer says {shipped!r}"
    # Started as root it would become `mosquitto`, who may not read a test's directory.
    return f"{text}\nuser root\n"


@contextmanager
def shipped_broker(directory: Path, pki: Pki) -> Iterator[Broker]:
    """Ready on both listeners. The same directory again is a restart with the state kept."""
    broker = Broker(free_port(), free_port(), pki)
    file = directory / "mosquitto.conf"
    file.write_text(configuration(directory, broker))
    daemon = Daemon([program("mosquitto", "mosquitto"), "-c", str(file)], directory / "mosquitto.log")
    daemon.start(lambda: accepts(broker.agents_port) and accepts(broker.collectors_port))
    try:
        yield broker
    finally:
        daemon.stop()
