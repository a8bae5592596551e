"""Unbound as the resolver in front of test authorities. It keeps nothing longer than a second."""

from collections.abc import Mapping
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query

from servers.daemon import Daemon, free_port, program

_CONF = """\
server:
  interface: 127.0.0.1
  port: {port}
  username: ""
  chroot: ""
  directory: "{dir}"
  pidfile: "{dir}/unbound.pid"
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  so-reuseport: no
  do-ip6: no
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "validator iterator"
  # A change at an authority is seen within a second, and so is its return after it was away.
  cache-max-ttl: 1
  cache-max-negative-ttl: 1
  val-bogus-ttl: 1
  infra-host-ttl: 1
  infra-keep-probing: yes
  # On loopback 50 ms without an answer is already silence: SERVFAIL comes before a probe's own timeout.
  unknown-server-time-limit: 50
  infra-cache-max-rtt: 400
  serve-expired: no
  # Nothing but the stub zones below: no root, no priming, no internet.
  local-zone: "." refuse
"""
_OPEN = '  local-zone: "{zone}" transparent\n'
_ANCHOR = '  trust-anchor: "{ds}"\n'
_STUB = "stub-zone:\n  name: {zone}\n  stub-addr: 127.0.0.1@{port}\n  stub-no-cache: yes\n"


class Unbound:
    """A validating resolver: *stubs* maps zone names to authority ports, *anchors* are DS records as text."""

    def __init__(
        self, directory: Path, stubs: Mapping[str, int], anchors: tuple[str, ...] = (), more: str = ""
    ) -> None:
        """*more*: further lines of its server section."""
        self.port = free_port()
        self._probe = next(iter(stubs))
        directory.mkdir(parents=True)
        conf = directory / "unbound.conf"
        conf.write_text(
            _CONF.format(port=self.port, dir=directory)
            + "".join(_OPEN.format(zone=zone) for zone in stubs)
            + "".join(_ANCHOR.format(ds=ds) for ds in anchors)
            + more
            + "".join(_STUB.format(zone=zone, port=port) for zone, port in stubs.items())
        )
        self.daemon = Daemon(
            [program("unbound", "unbound"), "-d", "-c", str(conf)], directory / "unbound.log"
        )

    def start(self) -> None:
        self.daemon.start(self._answers)

    def stop(self) -> None:
        self.daemon.stop()

    def _answers(self) -> bool:
        query = dns.message.make_query(self._probe, "SOA")
        try:
            answer = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return False
        return bool(answer.answer and answer.flags & dns.flags.RA)
