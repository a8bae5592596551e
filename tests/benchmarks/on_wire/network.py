"""Two hosts and a slow path between them, in network namespaces that end with this process.

    near (prober, capture) --veth-- middle (relay: every frame waits DELAY) --veth-- far (servers)

Each namespace is held by a `cat` that reads a pipe of ours: when this process ends, however it does, the
pipe closes, `cat` ends and the kernel takes the namespace, its links and addresses away.
"""

import json
import os
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from servers.daemon import until

NEAR = "10.77.0.1"
FAR = "10.77.0.2"
NETWORK = "10.78.1"  # its addresses are all the far host's: one for each probe in flight
ADDRESSES = 250
INTERFACE = "near0"  # the prober's; what passes here is the truth
_TESTS = Path(__file__).parents[2]

_LINKS = f"""
ip link add {INTERFACE} address 02:00:00:00:00:01 netns {{near}} type veth peer name near1 netns {{middle}}
ip link add far0 address 02:00:00:00:00:02 netns {{far}} type veth peer name far1 netns {{middle}}
"""
_NEAR = f"""
ip link set lo up
ip addr add {NEAR}/30 dev {INTERFACE}
ip link set {INTERFACE} up
ip neigh replace {FAR} lladdr 02:00:00:00:00:02 dev {INTERFACE} nud permanent
ip route add {NETWORK}.0/24 via {FAR}
echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range
"""
_MIDDLE = """
ip link set near1 up
ip link set far1 up
"""
_FAR = f"""
ip link set lo up
ip addr add {FAR}/30 dev far0
ip link set far0 up
ip neigh replace {NEAR} lladdr 02:00:00:00:00:01 dev far0 nud permanent
ip route add local {NETWORK}.0/24 dev lo
"""


def problem() -> str | None:
    """Why there can be no such network here; None when there can."""
    if os.geteuid() != 0:
        return "network namespaces and packet capture need root"
    try:
        done = subprocess.run(
            ["unshare", "--net", "ip", "link", "add", "near0", "type", "veth", "peer", "name", "near1"],
            check=False,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except FileNotFoundError as exc:
        return f"{exc.filename} is not installed"
    return None if done.returncode == 0 else f"no network namespaces here: {done.stderr.strip()}"


class Helper:
    """A Python module of ours in a namespace. It says one line when it is ready and ends when told to."""

    def __init__(self, namespace: "Namespace", module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            namespace.command(python(module, *arguments)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.end()
            raise RuntimeError(f"{module} ended with {self._process.returncode} before it was ready")
        self.said: Any = json.loads(line)

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()


class Namespace:
    """A network namespace without a name."""

    def __init__(self) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        self.pid = self._holder.pid
        here, there = Path("/proc/self/ns/net"), Path(f"/proc/{self.pid}/ns/net")
        until(lambda: there.readlink() != here.readlink(), "a network namespace", 5.0, step=0.005)

    def command(self, argv: list[str]) -> list[str]:
        """*argv*, to be run in here."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *argv]

    def run(self, script: str) -> None:
        done = subprocess.run(
            self.command(["sh", "-ec", script]),
            check=False,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=20,
        )
        if done.returncode:
            raise RuntimeError(f"{script.strip()}\n{done.stderr}")

    def end(self) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)


class Network:
    """The three namespaces, the relay and the servers, for as long as the block lasts."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._stack = ExitStack()
        self.near: Namespace
        self.servers: dict[str, Any]  # see `far`

    def __enter__(self) -> "Network":
        with ExitStack() as stack:
            near, middle, far = (self._namespace(stack) for _ in range(3))
            middle.run(_LINKS.format(near=near.pid, middle=middle.pid, far=far.pid))
            plain = shlex.join(python("benchmarks.on_wire.offload"))
            near.run(f"{_NEAR}{plain} {INTERFACE}")
            middle.run(_MIDDLE)
            far.run(f"{_FAR}{plain} far0")
            stack.callback(Helper(middle, "benchmarks.on_wire.relay", "near1", "far1").end)
            servers = Helper(far, "benchmarks.on_wire.far", str(self._scratch / "far"))
            stack.callback(servers.end)
            self.near, self.servers = near, servers.said
            self._stack = stack.pop_all()
        return self

    @staticmethod
    def _namespace(stack: ExitStack) -> Namespace:
        made = Namespace()
        stack.callback(made.end)
        return made

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def environment() -> dict[str, str]:
    paths = [str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
