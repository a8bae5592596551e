"""NSD as the authority for zones that a test may edit while it runs."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from servers.daemon import Daemon, free_port, program, until

_CONF = """\
server:
{addresses}
  port: {port}
  username: ""
  chroot: ""
  zonesdir: "{dir}"
  database: ""
  pidfile: "{dir}/nsd.pid"
  xfrdfile: "{dir}/xfrd.state"
  zonelistfile: "{dir}/zone.list"
  xfrdir: "{dir}"
  server-count: 1
  # The zone files carry the only serial: a change is seen by asking for it.
  zonefiles-check: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: yes
  control-interface: "{dir}/nsd.sock"
"""
_ZONE = 'zone:\n  name: "{name}"\n  zonefile: "{file}"\n'


Source = Callable[[int], str]  # the text of a zone with the given serial


def plain(text: str) -> Source:
    """A zone file as written, `{serial}` in its SOA."""
    return lambda serial: text.replace("{serial}", str(serial))


class Nsd:
    """One NSD on a loopback port. Every publication of a zone counts its serial up."""

    def __init__(
        self,
        directory: Path,
        zones: dict[str, Source],
        addresses: Sequence[str] = ("127.0.0.1",),
        port: int | None = None,
    ) -> None:
        """*addresses* are those it listens on; without a *port* one that is free."""
        self.port = free_port() if port is None else port
        self._address = addresses[0]
        self._directory = directory
        self._serials = dict.fromkeys(zones, 0)
        directory.mkdir(parents=True)
        self._conf = directory / "nsd.conf"
        self._conf.write_text(
            _CONF.format(
                addresses="\n".join(f"  ip-address: {address}@{self.port}" for address in addresses),
                port=self.port,
                dir=directory,
            )
            + "".join(_ZONE.format(name=name, file=f"{name}zone") for name in zones)
        )
        for name, source in zones.items():
            self._write(name, source)
        self.daemon = Daemon([program("nsd", "nsd"), "-d", "-c", str(self._conf)], directory / "nsd.log")

    def start(self) -> None:
        self.daemon.start(self._serves_all)

    def stop(self) -> None:
        self.daemon.stop()

    def publish(self, name: str, source: Source) -> None:
        """Serve *source* as zone *name*. Returns when NSD answers from it."""
        self._write(name, source)
        done = subprocess.run(
            [program("nsd-control", "nsd"), "-c", str(self._conf), "reload", name],
            check=False,
            capture_output=True,
            text=True,
            timeout=10,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.daemon.tail()
        until(self._serves_all, lambda: f"NSD serves the new {name}: {self.daemon.tail()}", 15.0, step=0.05)

    def serial(self, name: str) -> int | None:
        """The serial that is served now; None when nothing is."""
        query = dns.message.make_query(name, "SOA")
        try:
            answer = dns.query.udp(query, self._address, port=self.port, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return None
        for rrset in answer.answer:
            if rrset.rdtype == dns.rdatatype.SOA:
                return int(rrset[0].serial)
        return None

    def _serves_all(self) -> bool:
        return all(self.serial(name) == serial for name, serial in self._serials.items())

    def _write(self, name: str, source: Source) -> None:
        self._serials[name] += 1
        path = self._directory / f"{name}zone"
        fresh = path.with_suffix(".new")
        fresh.write_text(source(self._serials[name]))
        fresh.rename(path)
