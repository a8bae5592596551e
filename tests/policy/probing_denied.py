"""A program: probes targets that are denied, under an audit hook that sees what is given to a socket.

`probing_denied.py COUNT [anywhere]` prints one JSON object. The hook (PEP 578) is called by the interpreter's
own socket module right before the system call, whoever makes it, and here it stops the call too.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from odd_urls import NETWORKS_4, NETWORKS_6, urls

from vedette.checks.model import (
    Check,
    DnsCheck,
    Endpoint,
    Family,
    GrpcCheck,
    HttpCheck,
    IcmpCheck,
    NtpCheck,
    TcpCheck,
    TlsCheck,
    TlsOptions,
    UdpCheck,
    WebsocketCheck,
)
from vedette_agent import outcome
from vedette_agent.engine.hostfiles import HostFiles
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere, Policy
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine, Run
from vedette_agent.http.request import BadTarget, following, opening
from vedette_agent.probers.run import prober

SENDING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
REDIRECTED = opening("http://shop.example/", "GET", (), None)[0]

reached: list[str] = []


def watch(event: str, args: tuple[Any, ...]) -> None:
    if event in SENDING:
        reached.append(f"{event} {args[-1]}")
        raise PermissionError(1, "stopped by the test")


def common(name: str) -> dict[str, Any]:
    return {"name": name, "target": name, "interval": 60.0, "timeout": 5.0}


def web_checks(count: int) -> Iterator[Check | None]:
    """Every other URL comes by way of a redirect; None for one that is not even followed."""
    for number, url in enumerate(urls(count, seed=1)):
        family: Family = 6 if "[" in url else 4
        try:
            asked = following(REDIRECTED, 302, url).url if number % 2 else url
        except BadTarget:
            yield None
        else:
            yield HttpCheck(url=asked, family=family, **common("web"))


def other_checks() -> Iterator[Check]:
    """The other kinds, for both ends of each network."""
    ends = [str(network[at]) for network in (*NETWORKS_4, *NETWORKS_6) for at in (0, -1)]
    for address in ends:
        family: Family = 6 if ":" in address else 4
        yield TcpCheck(host=address, port=80, family=family, **common("tcp"))
        yield TlsCheck(host=address, port=443, family=family, tls=TlsOptions(verify=False), **common("tls"))
        yield IcmpCheck(host=address, family=family, **common("icmp"))
        yield UdpCheck(host=address, port=7, payload=b"?", family=family, **common("datagram"))
        yield NtpCheck(host=address, family=family, **common("ntp"))
        yield GrpcCheck(host=address, port=50051, family=family, **common("grpc"))
        yield WebsocketCheck(
            host=address, port=80, authority="shop.example", path="/", family=family, **common("websocket")
        )
        yield DnsCheck(
            query_name="shop.example", server=Endpoint(address, 53), family=family, **common("udp")
        )
        yield DnsCheck(
            query_name="shop.example",
            server=Endpoint(address, 53),
            transport="tcp",
            family=family,
            **common("stream"),
        )
        yield HttpCheck(url="http://shop.example/", address=address, family=family, **common("pinned"))
        yield TcpCheck(
            host="shop.example",
            port=80,
            resolver=Endpoint(address, 53),
            family=family,
            **common("by-resolver"),
        )


async def run(count: int, policy: Policy) -> dict[str, Any]:
    engine = Engine(asyncio.get_running_loop())
    nothing = Path("/dev/null")  # no hosts and no name server: a name leads nowhere
    io = Io(engine, files=HostFiles(nothing, nothing), policy=policy)
    said: Counter[str] = Counter()
    waited: list[str] = []

    def probe(check: Check) -> None:
        record = Record()
        ended: list[BaseException | None] = []

        def done(run: Run, error: BaseException | None) -> None:
            ended.append(error)

        engine.start(prober(check, io, record), record, check.timeout, done)
        if not ended:
            waited.append(repr(check))
            return
        result = outcome.result(check, record, ended[0], started_us=1, elapsed=0.0, stalled=0.0)
        said[f"{result.outcome} {result.reason}"] += 1

    for each in other_checks():
        probe(each)
    others = dict(said)
    said.clear()
    for one in web_checks(count):
        if one is None:
            said["not followed"] += 1
        else:
            probe(one)
    engine.stop()
    io.close()
    found = {"others": others, "web": dict(said), "waited": waited[:5]}
    return {**found, "reached": len(reached), "first": reached[:5]}


if __name__ == "__main__":
    sys.addaudithook(watch)
    chosen: Policy = Anywhere() if sys.argv[2:] == ["anywhere"] else Policy()
    print(json.dumps(asyncio.run(run(int(sys.argv[1]), chosen))))
