"""The peer's side: Debian's blackbox exporter under the same load; prints what it reports.

Run as `python -m benchmarks.on_wire.exporter SCRATCH LOAD`; load and output as those of `agent`.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import blackbox
from benchmarks.on_wire.network import ADDRESSES, NETWORK

WORKERS = 48  # probes in flight for each kind
METRICS = {
    "dns": 'probe_dns_duration_seconds{phase="request"}',
    "icmp": 'probe_icmp_duration_seconds{phase="rtt"}',
    "tcp": "probe_duration_seconds",  # it gives no connect time of its own
    "http": 'probe_http_duration_seconds{phase="processing"}',
    "https": 'probe_http_duration_seconds{phase="processing"}',
}


def modules(servers: dict[str, Any]) -> str:
    ip4 = {"preferred_ip_protocol": "ip4"}
    tls = {"ca_file": servers["ca_file"], "server_name": "shop.example"}
    question = {"query_name": "www.shop.example", "query_type": "A", "transport_protocol": "udp"}
    made = {
        "dns": {"prober": "dns", "dns": question | ip4},
        "icmp": {"prober": "icmp", "icmp": ip4},
        "tcp": {"prober": "tcp", "tcp": ip4},
        "http": {"prober": "http", "http": ip4},
        "https": {"prober": "http", "http": ip4 | {"tls_config": tls}},
    }
    return json.dumps({"modules": made})


def target(kind: str, number: int, servers: dict[str, Any]) -> str:
    host = f"{NETWORK}.{number}"
    match kind:
        case "icmp":
            return host
        case "http" | "https":
            return f"{kind}://{host}:{servers[kind]}/"
        case _:
            return f"{host}:{servers[kind]}"


async def main(scratch: Path, load: dict[str, Any]) -> None:
    servers = load["servers"]
    child, port = blackbox.start(scratch, modules(servers))
    said: list[tuple[str, int, float | None, str]] = []

    async def drive(kind: str, rate: int) -> None:
        loop = asyncio.get_running_loop()
        numbers = itertools.count()
        begin = loop.time()

        async def worker() -> None:
            async with blackbox.Asker(port) as asker:
                for number in numbers:
                    due = begin + number / rate
                    if max(due, loop.time()) >= begin + load["seconds"]:
                        return
                    await asyncio.sleep(due - loop.time())
                    address = number % ADDRESSES + 1
                    url = blackbox.probe_url(kind, target(kind, address, servers))
                    said.append((kind, address, reported(kind, await asker.ask(url)), "go"))

        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(worker())

    with child:
        child.until_port(port)
        async with asyncio.TaskGroup() as group:
            for kind, rate in load["rates"].items():
                group.create_task(drive(kind, rate))
    for each in said:
        print(json.dumps(each))


def reported(kind: str, page: bytes) -> float | None:
    """Seconds, of a probe that has succeeded."""
    values = dict(line.rsplit(" ", 1) for line in page.decode().splitlines() if not line.startswith("#"))
    return float(values[METRICS[kind]]) if values["probe_success"] == "1" else None


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
