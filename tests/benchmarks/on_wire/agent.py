"""The agent's side: its runner, engine and probers in one process, for some seconds; prints what they report.

Run as `python -m benchmarks.on_wire.agent LOAD` with a load as JSON: {"rates": {kind: probes a second},
"seconds": …, "servers": …}. Each line is [kind, address, reported seconds or null, clock].
"""

import asyncio
import json
import sys
from typing import Any

from benchmarks.on_wire.network import ADDRESSES, NETWORK
from vedette.checks.model import Check, DnsCheck, Endpoint, HttpCheck, IcmpCheck, TcpCheck, TlsOptions
from vedette.wire.messages import Phase, Result
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere
from vedette_agent.engine.run import Engine
from vedette_agent.runner import Runner

TIMEOUT = 5.0  # seconds
PHASES: dict[str, Phase] = {
    "dns": "request",
    "icmp": "rtt",
    "tcp": "connect",
    "http": "processing",
    "https": "processing",
}


def check(kind: str, number: int, interval: float, servers: dict[str, Any]) -> Check:
    host = f"{NETWORK}.{number}"
    common: dict[str, Any] = {
        "name": f"{kind} {number}",
        "target": host,
        "interval": interval,
        "timeout": TIMEOUT,
    }
    match kind:
        case "dns":
            server = Endpoint(host, servers["dns"])
            return DnsCheck(**common, query_name="www.shop.example", server=server)
        case "icmp":
            return IcmpCheck(**common, host=host)
        case "tcp":
            return TcpCheck(**common, host=host, port=servers["tcp"])
        case "http":
            return HttpCheck(**common, url=f"http://shop.example:{servers['http']}/", address=host)
        case _:
            tls = TlsOptions(ca_file=servers["ca_file"])
            return HttpCheck(**common, url=f"https://shop.example:{servers['https']}/", address=host, tls=tls)


async def main(load: dict[str, Any]) -> None:
    results: list[Result] = []
    loop = asyncio.get_running_loop()
    engine = Engine(loop)
    io = Io(engine, policy=Anywhere())
    runner = Runner("accuracy", engine, io, results.append, lambda now: None)
    checks = []
    for kind, rate in load["rates"].items():
        addresses = min(rate, ADDRESSES)
        checks += [
            check(kind, number, addresses / rate, load["servers"]) for number in range(1, addresses + 1)
        ]
    runner.assign(checks)
    runner.start()
    await asyncio.sleep(load["seconds"])
    runner.assign(())
    until = loop.time() + TIMEOUT
    while len(engine) and loop.time() < until:
        await asyncio.sleep(0.05)
    engine.stop()
    io.close()
    for result in results:
        kind, number = result.check.split()
        took = result.phases_us.get(PHASES[kind]) if result.outcome == "ok" else None
        print(json.dumps([kind, int(number), None if took is None else took / 1e6, result.clock]))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
