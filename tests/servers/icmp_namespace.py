"""Probes in a network namespace of their own, where this host's echo replies and ICMP permissions can be set.

Run by root as `unshare --net python -m servers.icmp_namespace CASE...`; prints what came of each, as JSON.
A case is "raw" or "datagram", then what is wrong with the reply that we forge: "nothing", "ident",
"sequence", "code", "token", "source", "stub" for one without a whole header, or "silence" for no reply.
After "error" it is what is wrong with an ICMP error about the echo: "nothing", "ident", "sequence", "kind",
"token", "address", or "stub" for less than the echo's header. The case "denied" drops all privileges first.
"""

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from servers.forged_icmp import host_unreachable
from servers.probing import Probed, bench
from vedette.checks.model import IcmpCheck
from vedette_agent.engine.icmp import checksum, permission_problem
from vedette_agent.probers.icmp import probe_icmp

SYSCTL = Path("/proc/sys/net/ipv4")
CHECK = IcmpCheck(name="t", target="t", interval=30, timeout=5, host="127.0.0.1")
NOBODY = 65534


async def with_forged_reply(wrong: str) -> Probed:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        wire.setblocking(False)
        wire.bind(("127.0.0.5" if wrong == "source" else "0.0.0.0", 0))
        # Requests are seen by a socket of their own, since a bound one gets only what is sent to it.
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as ear:
            ear.setblocking(False)
            loop = asyncio.get_running_loop()
            loop.add_reader(ear, lambda: forge(ear.recv(4096)[20:], wire, wrong))
            broken: list[str] = []
            loop.set_exception_handler(lambda _, context: broken.append(repr(context.get("exception"))))
            try:
                async with bench() as on:
                    done = await on.run(probe_icmp, CHECK, 0.2)
            finally:
                loop.remove_reader(ear)
            assert not broken, broken
            return done


def forge(request: bytes, wire: socket.socket, wrong: str) -> None:
    kind, _, _, ident, sequence = struct.unpack_from(">BBHHH", request)
    if kind != 8 or wrong == "silence":
        return
    if wrong.startswith("error "):
        host_unreachable("127.0.0.1", *spoiled(request, wrong.removeprefix("error ")))
        return
    if wrong == "stub":
        wire.sendto(b"\0\0\xff\xff", ("127.0.0.1", 0))
        return
    payload = bytearray(request[8:])
    payload[0] ^= wrong == "token"
    code = int(wrong == "code")
    head = struct.pack(">BBHHH", 0, code, 0, ident ^ (wrong == "ident"), sequence ^ (wrong == "sequence"))
    total = checksum(head + payload)
    wire.sendto(head[:2] + total.to_bytes(2, "big") + head[4:] + payload, ("127.0.0.1", 0))


def spoiled(request: bytes, wrong: str) -> tuple[str, bytes]:
    """Whom an error says the echo was for, and what it quotes of it."""
    quote = bytearray(request)
    where = {"kind": 0, "ident": 4, "sequence": 6, "token": 8}.get(wrong)
    if where is not None:
        quote[where] ^= 1
    return "127.0.0.8" if wrong == "address" else "127.0.0.1", bytes(quote[: 7 if wrong == "stub" else None])


def outcome(case: str) -> str:
    socket_kind, _, wrong = case.partition(" ")
    allowed = "0 2147483647" if socket_kind == "datagram" else "1 0"
    (SYSCTL / "ping_group_range").write_text(allowed)
    if socket_kind == "denied":
        problem = permission_problem([4])
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        wrong = f"{problem} {permission_problem([4])} "
    probed = asyncio.run(with_forged_reply(wrong) if socket_kind != "denied" else alone())
    return (wrong if socket_kind == "denied" else "") + repr(probed.error)


async def alone() -> Probed:
    async with bench() as on:
        return await on.run(probe_icmp, CHECK, 0.2)


def in_namespace(cases: list[str]) -> dict[str, str]:
    """What came of each of *cases*. Raises CalledProcessError where no namespace can be made."""
    command = ["unshare", "--net", sys.executable, "-m", "servers.icmp_namespace", *cases]
    paths = [str(Path(__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, check=True, capture_output=True, env=environment, timeout=60)
    outcomes: dict[str, str] = json.loads(done.stdout)
    return outcomes


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (SYSCTL / "icmp_echo_ignore_all").write_text("1")
    print(json.dumps({case: outcome(case) for case in sys.argv[1:]}))
