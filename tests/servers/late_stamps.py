"""Probes on a loopback whose packets queue, so that a transmit stamp comes when `sendmsg` is long over.

Run by root as `unshare --net python -m servers.late_stamps CASE...`; prints the clock of each, as JSON.
A case is icmp, udp, ntp or dns; then "asleep" if the loop stands still until stamp and answer are both there.
"""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import dns.message
import dns.rrset

from servers.ntp import packet
from servers.probing import bench
from servers.udp import Reply, UdpServer
from vedette.checks.model import DnsCheck, Endpoint, IcmpCheck, NtpCheck, UdpCheck
from vedette_agent.engine import stamps
from vedette_agent.probers.dns import probe_dns
from vedette_agent.probers.icmp import probe_icmp
from vedette_agent.probers.ntp import probe_ntp
from vedette_agent.probers.udp import probe_udp

COMMON: Final[dict[str, Any]] = {"name": "t", "target": "t", "interval": 60.0, "timeout": 10.0}
FILLER: Final = 1200  # bytes ahead of a probe's; the link takes 10,000 a second, and 400 at once
TRIES: Final = 5  # the first packets may come without a stamp
SLEEP: Final = 0.4


def answer(wire: bytes, reply: Reply) -> None:
    if len(wire) == 48:
        reply(packet(wire))
    elif wire[:4] == b"ping":
        reply(wire)
    else:
        made = dns.message.make_response(dns.message.from_wire(wire))
        made.answer.append(dns.rrset.from_text(made.question[0].name, 60, "IN", "A", "192.0.2.1"))
        reply(made.to_wire())


def probe_of(kind: str, port: int) -> tuple[Callable[..., Any], Any]:
    here: dict[str, Any] = {"host": "127.0.0.1", **COMMON}
    match kind:
        case "icmp":
            return probe_icmp, IcmpCheck(**here)
        case "udp":
            return probe_udp, UdpCheck(port=port, payload=b"ping", **here)
        case "ntp":
            return probe_ntp, NtpCheck(port=port, **here)
        case _:
            return probe_dns, DnsCheck(query_name="a.example", server=Endpoint("127.0.0.1", port), **COMMON)


async def clock_of(kind: str, port: int, *, asleep: bool) -> str:
    async with bench() as on:
        prober, check = probe_of(kind, port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
            sink.bind(("127.0.0.1", 0))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as filler:
                for _ in range(FILLER // 300):
                    filler.sendto(bytes(258), sink.getsockname())  # 300 with the headers
        if asleep:
            on.loop.call_soon(time.sleep, SLEEP)
        done = await on.run(prober, check, 10.0)
        return repr(done.error) if done.error is not None else done.record.clock


def best(case: str, port: int) -> str:
    """ "kernel" if the kernel's clock was taken once."""
    kind, _, asleep = case.partition(" ")
    clock = ""
    for _ in range(TRIES):
        clock = asyncio.run(clock_of(kind, port, asleep=bool(asleep)))
        if clock == "kernel":
            break
    return clock


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    queue = "tc qdisc add dev lo root tbf rate 80kbit burst 400 limit 100000"
    if subprocess.run(queue.split(), check=False).returncode:
        print(json.dumps(dict.fromkeys(sys.argv[1:], "no queue")))
        sys.exit()
    with UdpServer(answer) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wanting:
        stamps.enable(wanting)
        print(json.dumps({case: best(case, server.port) for case in sys.argv[1:]}))
