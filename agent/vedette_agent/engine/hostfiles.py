"""/etc/hosts and /etc/resolv.conf as they are now: read again when they change, never beyond a bound.

Of resolv.conf only the name servers count. Names are probed as they are written: no search list and no
ndots, so that a check means the same on every host.
"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from vedette.checks.model import Endpoint, Family

MAX_BYTES = 1 << 20  # of either file; a line that the bound cuts is ignored
MAX_SERVERS = 3  # as resolv.conf(5): MAXNS
DNS_PORT = 53

T = TypeVar("T")


class _File(Generic[T]):
    """One file, parsed. Costs a stat(2) a look."""

    __slots__ = ("_parse", "_path", "_state", "_value")

    def __init__(self, path: Path, parse: Callable[[Iterator[list[str]]], T]) -> None:
        self._path = path
        self._parse = parse
        self._state: tuple[int, int, int] | None = None
        self._value = parse(iter(()))

    def value(self) -> T:
        try:
            found = os.stat(self._path)
            state = (found.st_mtime_ns, found.st_size, found.st_ino)
            if state != self._state:
                self._value = self._parse(_lines(self._path))
                self._state = state
        except OSError:  # it may be missing, or be replaced at this moment: what was known holds
            pass
        return self._value


class OwnServer(Endpoint):
    """A name server that the operator of this host chose: it is asked whatever the address policy says."""

    __slots__ = ()


class HostFiles:
    """What the host itself says about names and name servers."""

    __slots__ = ("_hosts", "_servers")

    def __init__(
        self,
        hosts: Path = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
        port: int = DNS_PORT,
    ) -> None:
        self._hosts = _File(hosts, _parse_hosts)
        self._servers = _File(resolv_conf, lambda lines: _parse_resolv_conf(lines, port))

    def address(self, name: str, family: Family) -> str | None:
        """What the hosts file says for *name* (lower case, without the final dot)."""
        return self._hosts.value().get((name, family))

    def servers(self) -> tuple[OwnServer, ...]:
        """The host's name servers, in the order to ask them."""
        return self._servers.value()


def literal(text: str, family: Family) -> str | None:
    """*text* in canonical form if it is an address of *family*; IPv6 may name its interface (RFC 4007)."""
    address, scope, interface = text.partition("%")
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    if scope and (family == 4 or not interface):
        return None
    try:
        return socket.inet_ntop(kind, socket.inet_pton(kind, address)) + scope + interface
    except (OSError, ValueError):
        return None


def is_literal(text: str) -> bool:
    """Whether *text* is an address and no name: TLS does not send it (RFC 6066 3), and verifies it as one."""
    return literal(text, 4) is not None or literal(text, 6) is not None


def _lines(path: Path) -> Iterator[list[str]]:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        data = data[: data.rfind(b"\n", 0, MAX_BYTES) + 1]
    for line in data.decode("utf-8", "replace").splitlines():
        if words := line.split("#")[0].split(";")[0].split():
            yield words


def _parse_hosts(lines: Iterator[list[str]]) -> dict[tuple[str, Family], str]:
    found: dict[tuple[str, Family], str] = {}
    families: tuple[Family, ...] = (4, 6)
    for address, *names in lines:
        for family in families:
            canonical = literal(address, family)
            if canonical is not None:
                for name in names:
                    found.setdefault((name.lower().removesuffix("."), family), canonical)
    return found


def _parse_resolv_conf(lines: Iterator[list[str]], port: int) -> tuple[OwnServer, ...]:
    found = []
    for words in lines:
        if words[0] == "nameserver" and len(words) > 1:
            address = literal(words[1], 4) or literal(words[1], 6)
            if address is not None:
                found.append(OwnServer(address, port))
    return tuple(found[:MAX_SERVERS])
