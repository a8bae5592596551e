"""The shop: the servers that the agents watch; healthy when started, each able to fail as in the field."""

import contextlib
import re
import socket
from contextlib import ExitStack
from pathlib import Path

import trustme

from servers.daemon import Daemon, free_port
from servers.nginx import Nginx
from servers.nsd import Nsd, plain
from servers.unbound import Unbound
from system.world.certificates import Site
from system.world.dnssec import Signer
from system.world.listener import MailServer

_HERE = Path(__file__).parent
SHOP, CDN, BANK, BRANCH = "shop.example.", "cdn.example.", "bank.example.", "branch.shop.example."
_PING = "  - name: host\n    icmp: {host: 127.0.0.1}\n"
_WELCOME = "<!doctype html><title>Shop</title><p>Welcome to the shop.\n"
_SORRY = "<!doctype html><title>Shop</title><p>We will be right back.\n"


def zone_text(name: str) -> str:
    return (_HERE / "zones" / f"{name}zone").read_text()


def may_ping() -> bool:
    """Whether the kernel lets this user send an ICMP echo, by either kind of socket."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP):
            return True
    return False


def check_list() -> str:
    """checks.yaml as this host can run it; nothing is filled in yet."""
    text = (_HERE / "checks.yaml").read_text()
    return text if may_ping() else text.replace(_PING, "")


def filled(text: str, **words: object) -> str:
    """*text* with its `@words` filled in; KeyError for one that nobody gives."""
    return re.sub(r"@([a-z]+)\b", lambda match: str(words[match[1]]), text)


class Shop:
    """Authority, resolver, web servers and mail on loopback. `start` returns when all answer."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._stack = ExitStack()
        self._documents = directory / "www"
        self._documents.mkdir(parents=True)
        self.ca_file = directory / "shop-ca.pem"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.www = Site(authority, "www.shop.example", directory / "www.pem")
        self.pay = Site(authority, "pay.shop.example", directory / "pay.pem")

        self.signer = Signer(BANK, zone_text(BANK))
        self.authority = Nsd(
            directory / "authority",
            {SHOP: plain(zone_text(SHOP)), CDN: plain(zone_text(CDN)), BANK: self.signer.signed()},
        )
        self.branch = Nsd(directory / "branch", {BRANCH: plain(zone_text(BRANCH))})
        self.resolver = Unbound(
            directory / "resolver",
            dict.fromkeys((SHOP, CDN, BANK), self.authority.port) | {BRANCH: self.branch.port},
            anchors=(self.signer.anchor,),
        )
        self.ports = {name: free_port() for name in ("http", "www", "pay", "backend")}
        self.web = Nginx(
            directory / "web",
            filled((_HERE / "hosts.conf").read_text(), dir=directory, **self.ports),
            tuple(self.ports[name] for name in ("http", "www", "pay")),
        )
        self.backend = Nginx(
            directory / "backend",
            filled((_HERE / "backend.conf").read_text(), **self.ports),
            (self.ports["backend"],),
        )
        self.mail = MailServer()

    def start(self) -> None:
        self.welcome()
        for server in (self.authority, self.branch, self.resolver, self.web, self.backend, self.mail):
            self._stack.callback(server.stop)
            server.start()

    def stop(self) -> None:
        self._stack.close()

    def daemons(self) -> dict[str, Daemon]:
        return {
            "authority": self.authority.daemon,
            "branch authority": self.branch.daemon,
            "resolver": self.resolver.daemon,
            "web server": self.web.daemon,
            "backend": self.backend.daemon,
        }

    def checks(self) -> str:
        """The agents' and the collector's configuration file."""
        return filled(
            check_list(),
            authority=f"127.0.0.1:{self.authority.port}",
            resolver=f"127.0.0.1:{self.resolver.port}",
            ca=self.ca_file,
            mail=self.mail.port,
            **self.ports,
        )

    def welcome(self) -> None:
        (self._documents / "index.html").write_text(_WELCOME)

    def apologize(self) -> None:
        """The maintenance page, with status 200: a fault that only the body tells."""
        (self._documents / "index.html").write_text(_SORRY)

    def edit(self, zone: str, old: str, new: str) -> None:
        """Publish a zone with the line *old* replaced by *new*; `mend` brings the file back."""
        text = zone_text(zone)
        assert old in text, f"{old!r} is not in zone {zone}"
        self.authority.publish(zone, plain(text.replace(old, new)))

    def mend(self, zone: str) -> None:
        self.authority.publish(zone, self.signer.signed() if zone == BANK else plain(zone_text(zone)))
