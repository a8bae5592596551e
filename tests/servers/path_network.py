"""A known path of network namespaces, and one more router for another way.

    near --- first --- second --- far          far's addresses are FAR[4] and FAR[6]
                 \\---- other ----/

Each namespace is held by a `cat` that reads a pipe of ours: all of it goes with this process.
"""

import json
import subprocess
from contextlib import ExitStack
from typing import Any, Final

from benchmarks.on_wire.network import Namespace, environment, python

FAR: Final = {4: "10.91.9.9", 6: "fd91:9::9"}
# What the routers answer from: the interface on which a packet came.
FIRST: Final = {4: "10.91.1.1", 6: "fd91:1::1"}
SECOND: Final = {4: "10.91.2.2", 6: "fd91:2::2"}
OTHER: Final = {4: "10.91.3.2", 6: "fd91:3::2"}

_NAMES: Final = ("near", "first", "second", "other", "far")
# number of the link, its ends; the first has host part 1, the other 2, but `first` is always 1
_LINKS: Final = (
    (1, "first", "near"),
    (2, "first", "second"),
    (3, "first", "other"),
    (4, "second", "far"),
    (5, "other", "far"),
)
_EVERYWHERE: Final = """
ip link set lo up
for key in net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
  net.ipv4.conf.default.rp_filter=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 \
  net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
do echo "${key#*=}" > /proc/sys/$(echo "${key%=*}" | tr . /); done
"""


class PathNetwork:
    """To be used with `with`. `route` chooses the way, `mute` silences a router's own messages."""

    def __enter__(self) -> "PathNetwork":
        with ExitStack() as stack:
            self.of = {name: self._namespace(stack) for name in _NAMES}
            for namespace in self.of.values():
                namespace.run(_EVERYWHERE)
            for number, one, two in _LINKS:
                a, b = self.of[one], self.of[two]
                mac = f"02:00:00:00:0{number}:0"
                a.run(
                    f"ip link add to{two} address {mac}1 type veth "
                    f"peer name to{one} address {mac}2 netns {b.pid}"
                )
                for end, host, to in ((a, 1, two), (b, 2, one)):
                    peer = 3 - host
                    known = f"lladdr {mac}{peer} dev to{to} nud permanent"
                    # Neighbours are known: to look for them takes a second when the first question is lost.
                    end.run(
                        f"ip addr add 10.91.{number}.{host}/24 dev to{to}\n"
                        f"ip addr add fd91:{number}::{host}/64 dev to{to} nodad\nip link set to{to} up\n"
                        f"ip neigh replace 10.91.{number}.{peer} {known}\n"
                        f"ip neigh replace fd91:{number}::{peer} {known}"
                    )
            self.of["far"].run(f"ip addr add {FAR[4]}/32 dev lo; ip addr add {FAR[6]}/128 dev lo nodad")
            self._routes("near", "10.91.1.1", "fd91:1::1")
            self._routes("far", "10.91.4.1", "fd91:4::1")
            for router, link in (("second", 4), ("other", 5)):
                self._routes(router, f"10.91.{link - 2}.1", f"fd91:{link - 2}::1")
                self._routes(router, f"10.91.{link}.2", f"fd91:{link}::2", to_far=True)
            self.way("second")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def way(self, router: str) -> None:
        """Packets to `far` go by *router*: second or other."""
        link = {"second": 2, "other": 3}[router]
        self._routes("first", f"10.91.{link}.2", f"fd91:{link}::2", to_far=True)

    def mute(self, name: str, *, is_mute: bool = True) -> None:
        """What a router says itself finds no route any more; what it forwards does."""
        verb = "add" if is_mute else "del"
        for family in (4, 6):
            self.of[name].run(f"ip -{family} rule {verb} iif lo priority 1 blackhole")

    def refuse(self, name: str, *, is_refusing: bool = True) -> None:
        """A router says that `far` cannot be reached."""
        verb = "add" if is_refusing else "del"
        for address in FAR.values():
            self.of[name].run(f"ip route {verb} unreachable {address} metric 1")

    def _routes(self, name: str, via4: str, via6: str, *, to_far: bool = False) -> None:
        to4, to6 = (f"{FAR[4]}/32", f"{FAR[6]}/128") if to_far else ("default", "default")
        self.of[name].run(
            f"ip route replace {to4} via {via4} metric 10; ip -6 route replace {to6} via {via6} metric 10"
        )

    @staticmethod
    def _namespace(stack: ExitStack) -> Namespace:
        made = Namespace()
        stack.callback(made.end)
        return made


class Prober:
    """Runs checks in `near`, one after the other in one process, without any privilege."""

    def __init__(self, network: PathNetwork) -> None:
        self._process = subprocess.Popen(
            network.of["near"].command(python("servers.path_agent")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )

    def run(self, **check: Any) -> dict[str, Any]:
        """What came of a PathCheck with these fields."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(check).encode() + b"\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()
