"""CPU per probe of the whole agent (schedule, engine, publishing, heartbeats) and of blackbox_exporter.

Both probe the same servers at the same rate, one after the other in each run: NSD for DNS, nginx for TCP,
HTTP and HTTPS (P-256), the kernel for ICMP. The agent, with its spool, publishes over Mosquitto to a real
collector with its store, whose counters say how many probes there were and that none failed. The exporter is
driven by a process whose CPU is not counted, with Go's defaults and again with GOMAXPROCS=1 and GOGC=400.
"""

import json
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from benchmarks import blackbox
from benchmarks.figure import Figure, median_figure
from benchmarks.page import Page
from benchmarks.proc import Child, cpu_seconds, pinned
from benchmarks.settings import Settings
from servers.daemon import free_port
from servers.mosquitto import Mosquitto
from servers.nginx import Nginx
from servers.nsd import Nsd, plain

KINDS = ("dns", "http", "https", "tcp", "icmp")
TUNING = {"GOMAXPROCS": "1", "GOGC": "400"}
AGENT = "bench-01"
WARM_UP = 3.0  # seconds: imports, first certificates, first batches

_ZONE = """\
$ORIGIN shop.example.
$TTL 60
@ IN SOA ns.shop.example. hostmaster.shop.example. {serial} 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
www IN A 192.0.2.10
www IN A 192.0.2.11
"""
_HOSTS = """\
server {{
  listen 127.0.0.1:{http};
  listen 127.0.0.1:{https} ssl;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  location / {{ return 200 "in stock\\n"; }}
}}
"""


@dataclass(frozen=True, kw_only=True)
class World:
    """Servers that answer at once, and what the exporter must be told of them."""

    dns_port: int
    http_port: int
    https_port: int
    ca_file: Path

    def check(self, kind: str, number: int) -> dict[str, object]:
        """One check for the agent's configuration."""
        probe: dict[str, object] = {
            "dns": {
                "dns": {"name": "www.shop.example", "type": "A", "resolver": f"127.0.0.1:{self.dns_port}"}
            },
            "http": {"http": {"url": f"http://127.0.0.1:{self.http_port}/"}},
            "https": {
                "http": {
                    "url": f"https://shop.example:{self.https_port}/",
                    "address": "127.0.0.1",
                    "tls": {"ca_file": str(self.ca_file)},
                }
            },
            "tcp": {"tcp": {"address": f"127.0.0.1:{self.http_port}"}},
            "icmp": {"icmp": {"host": "127.0.0.1"}},
            "tls": {
                "tls": {
                    "address": f"127.0.0.1:{self.https_port}",
                    "server_name": "shop.example",
                    "ca_file": str(self.ca_file),
                }
            },
            "path": {"path": {"host": "127.0.0.1"}},
            "udp": {
                "udp": {
                    "address": f"127.0.0.1:{self.dns_port}",
                    "send_hex": "0001 0100 0001 0000 0000 0000 00 0001 0001",
                    "expect_hex": "0001",
                }
            },
            # For their weight alone: nobody here serves these.
            "authority": {"authority": {"zone": "shop.example", "resolver": f"127.0.0.1:{self.dns_port}"}},
            "trace": {"trace": {"name": "www.shop.example", "roots": ["127.0.0.1"]}},
            "ntp": {"ntp": {"host": "127.0.0.1", "port": self.http_port}},
            "websocket": {"websocket": {"url": f"ws://127.0.0.1:{self.http_port}/"}},
            "grpc": {"grpc": {"address": f"127.0.0.1:{self.http_port}"}},
        }[kind]
        return {"name": f"{kind}-{number:04d}", "interval": "1s", "timeout": "1s", **probe}

    def modules(self) -> str:
        """The exporter's modules for the same probes, named as the kinds are. JSON is YAML."""
        modules: dict[str, dict[str, object]] = {
            "dns": {
                "prober": "dns",
                "dns": {"query_name": "www.shop.example", "query_type": "A", "transport_protocol": "udp"},
            },
            "http": {"prober": "http", "http": {"preferred_ip_protocol": "ip4"}},
            "https": {
                "prober": "http",
                "http": {
                    "preferred_ip_protocol": "ip4",
                    "tls_config": {"ca_file": str(self.ca_file), "server_name": "shop.example"},
                },
            },
            "tcp": {"prober": "tcp"},
            "icmp": {"prober": "icmp", "icmp": {"preferred_ip_protocol": "ip4"}},
        }
        return json.dumps({"modules": modules})

    def path(self, kind: str) -> str:
        """By which the exporter is asked for such a probe."""
        target = {
            "dns": f"127.0.0.1:{self.dns_port}",
            "http": f"http://127.0.0.1:{self.http_port}/",
            "https": f"https://127.0.0.1:{self.https_port}/",
            "tcp": f"127.0.0.1:{self.http_port}",
            "icmp": "127.0.0.1",
        }[kind]
        return blackbox.probe_url(kind, target)


def world(stack: ExitStack, scratch: Path) -> World:
    """Started servers; they end with *stack*."""
    scratch = Path(tempfile.mkdtemp(dir=scratch))
    nsd = Nsd(scratch / "nsd", {"shop.example.": plain(_ZONE)})
    nsd.start()
    stack.callback(nsd.stop)
    ca = trustme.CA()
    # trustme's own end, the year 3000, is beyond the contract's times, as no real certificate's is.
    leaf = ca.issue_cert("shop.example", not_after=datetime.now(UTC) + timedelta(days=90))
    ca_file, cert, key = scratch / "ca.pem", scratch / "leaf.pem", scratch / "leaf.key"
    ca.cert_pem.write_to_path(str(ca_file))
    cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    http, https = free_port(), free_port()
    hosts = _HOSTS.format(http=http, https=https, cert=cert, key=key)
    nginx = Nginx(scratch / "nginx", hosts, (http, https))
    nginx.start()
    stack.callback(nginx.stop)
    return World(dns_port=nsd.port, http_port=http, https_port=https, ca_file=ca_file)


def figures(settings: Settings) -> Iterator[Figure]:
    peer = blackbox.binary()
    with ExitStack() as stack:
        servers = world(stack, settings.scratch)
        for kind in [kind for kind in settings.kinds or KINDS if kind in KINDS]:
            ours: list[float] = []
            theirs: dict[str, list[float]] = {"default": [], "tuned": []}
            for _ in range(settings.runs):
                ours.append(agent_cpu(servers, kind, settings))
                if peer is not None:
                    theirs["default"].append(_exporter(servers, kind, settings, None))
                    theirs["tuned"].append(_exporter(servers, kind, settings, TUNING))
            note = f"{settings.rate}/s, with the spool"
            if kind == "https":
                note += f", {ssl.OPENSSL_VERSION}"
            if peer is None:
                note += f"; {blackbox.NAME} is not installed, so there is no peer"
            yield median_figure(
                f"cpu_per_probe_{kind}", ours, "us", peer and blackbox.NAME, theirs["default"], note
            )
            if peer is not None:
                tuned = f"{blackbox.NAME}, GOMAXPROCS=1 GOGC=400"
                yield median_figure(
                    f"cpu_per_probe_{kind}_tuned_peer", ours, "us", tuned, theirs["tuned"], note
                )


def agent_cpu(servers: World, kind: str, settings: Settings, *, is_spooled: bool = True) -> float:
    """Microseconds of the agent's CPU per probe."""
    checks = [servers.check(kind, number) for number in range(settings.rate)]
    with Pipeline(settings.scratch, checks, is_spooled=is_spooled) as pipeline:
        time.sleep(WARM_UP)
        before, cpu = pipeline.attempts(), cpu_seconds(pipeline.agent.pid)
        time.sleep(settings.seconds)
        spent, after = cpu_seconds(pipeline.agent.pid) - cpu, pipeline.attempts()
        failures = pipeline.total("vedette_probe_failures_total")
    if failures or after - before < 0.8 * settings.rate * settings.seconds:
        raise RuntimeError(
            f"{kind}: {after - before:g} probes in {settings.seconds:g} s, {failures:g} failed"
        )
    return spent / (after - before) * 1e6


def _exporter(servers: World, kind: str, settings: Settings, tuning: dict[str, str] | None) -> float:
    """Microseconds of the exporter's CPU per probe."""
    path = servers.path(kind)
    child, port = blackbox.start(settings.scratch, servers.modules(), tuning)
    with child:
        child.until_port(port)
        drive(port, [path], settings.rate, WARM_UP)
        cpu = cpu_seconds(child.pid)
        answered, succeeded = drive(port, [path], settings.rate, settings.seconds)
        spent = cpu_seconds(child.pid) - cpu
    if succeeded != answered or answered < 0.8 * settings.rate * settings.seconds:
        raise RuntimeError(f"{kind}: the exporter answered {answered}, {succeeded} of them with success")
    return spent / answered * 1e6


def drive(port: int, paths: Sequence[str], rate: int, seconds: float) -> tuple[int, int]:
    """As `blackbox.drive`, in a process of its own."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.blackbox"),
            *(str(port), str(rate), str(seconds), *paths),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    answered, succeeded = done.stdout.split()
    return int(answered), int(succeeded)


class Pipeline:
    """Mosquitto, a collector with its store and one agent that runs *checks*."""

    def __init__(
        self,
        scratch: Path,
        checks: list[dict[str, object]],
        core: int | None = None,
        *,
        is_spooled: bool = True,
        prepare: Callable[[Path], None] = lambda state: None,
    ) -> None:
        """With a *core* the agent has that one alone. *prepare* gets its state directory before it starts."""
        self._core = core
        self._is_spooled = is_spooled
        self._prepare = prepare
        self._stack = ExitStack()
        self._directory = Path(tempfile.mkdtemp(dir=scratch))
        self._config = self._directory / "vedette.yaml"
        self._config.write_text(json.dumps({"agents": [{"name": AGENT}], "checks": checks}))
        self.state = self._directory / "state"  # of the agent
        self.agent: Child

    def __enter__(self) -> "Pipeline":
        vedette = [sys.executable, "-m", "vedette"]
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self._directory)
            broker = stack.enter_context(Mosquitto())
            self._port = free_port()
            common = ["--config", str(self._config), "--broker", broker.url]
            own = ["--listen", f"127.0.0.1:{self._port}", "--state-dir", str(self._directory)]
            collector = stack.enter_context(
                Child([*vedette, "collector", "run", *common, *own], cwd=self._directory)
            )
            collector.until_port(self._port)
            self._prepare(self.state)
            spool = ["--state-dir", str(self.state)] if self._is_spooled else ["--no-spool"]
            words = [*vedette, "agent", "run", *common, "--name", AGENT, "--allow", "127.0.0.0/8", *spool]
            self.agent = stack.enter_context(Child(pinned(words, self._core), cwd=self._directory))
            deadline = time.monotonic() + 20
            while not self.attempts():
                self.agent.check()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"no results within 20 s:\n{self.agent.output()}{collector.output()}")
                time.sleep(0.1)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def attempts(self) -> float:
        return self.total("vedette_probe_attempts_total")

    def total(self, metric: str) -> float:
        """The sum of *metric* over all its series."""
        return self.page().total(metric)

    def page(self) -> Page:
        return Page.read(self._port)
