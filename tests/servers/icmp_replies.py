"""ICMP probes in a network namespace whose host is mute: what answers is a program that can do it wrong.

Run by root as `unshare --net python -m servers.icmp_replies`, with one JSON object a line: "does", what the
answerer does, and the fields of an IcmpCheck. Each line out is the result, as JSON.
"""

import asyncio
import json
import socket
import struct
import subprocess
import sys
from typing import Any

import msgspec

from servers.forged_icmp import host_unreachable
from servers.icmp_namespace import SYSCTL
from servers.probing import bench
from vedette.checks.model import IcmpCheck
from vedette_agent import outcome
from vedette_agent.engine.icmp import checksum
from vedette_agent.probers.icmp import probe_icmp


class Answerer:
    """Does one of: answer, twice, again (the first reply once more with the second), swap, lose_second, tail,
    token, cut, grow, silence; or error QUOTED, which says that the host is unreachable and quotes so many
    bytes of the echo, and error QUOTED, answer.
    """

    def __init__(self, does: str) -> None:
        self._does = does
        self._seen = 0
        self._held: list[bytes] = []
        self._ear = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._ear.setblocking(False)
        asyncio.get_running_loop().add_reader(self._ear, self._hear)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ear)
        self._ear.close()
        self._wire.close()

    def _hear(self) -> None:
        request = self._ear.recv(65536)[20:]
        if request[0] != 8:
            return
        self._seen += 1
        error, _, then = self._does.partition(", ")
        if error.startswith("error "):
            host_unreachable("127.0.0.1", "127.0.0.1", request[: int(error.removeprefix("error "))])
            if not then:
                return
        reply = bytearray(request)
        reply[0] = 0
        match self._does:
            case "tail":
                reply[-1] ^= 1
            case "token":
                reply[8] ^= 1
            case "cut":
                del reply[-1]
            case "grow":
                reply += b"\0"
        self._held.append(bytes(reply))
        if self._does == "swap" and self._seen % 2:
            return
        if self._does == "again" and self._seen == 1:
            self._send(bytes(reply))
            return  # and it is still held
        for held in reversed(self._held):
            lost = self._does == "silence" or (self._does == "lose_second" and self._seen == 2)
            for _ in range(0 if lost else 2 if self._does == "twice" else 1):
                self._send(held)
        self._held.clear()

    def _send(self, reply: bytes) -> None:
        plain = reply[:2] + bytes(2) + reply[4:]
        whole = plain[:2] + struct.pack(">H", checksum(plain)) + plain[4:]
        self._wire.sendto(whole, ("127.0.0.1", 0))


async def probed(does: str, fields: dict[str, Any]) -> dict[str, Any]:
    check = msgspec.convert(
        {"name": "t", "target": "t", "interval": 60.0, "timeout": 0.6, "host": "127.0.0.1", **fields},
        IcmpCheck,
        strict=False,
    )
    answerer = Answerer(does)
    try:
        async with bench() as on:
            done = await on.run(probe_icmp, check, check.timeout)
    finally:
        answerer.close()
    made = outcome.result(check, done.record, done.error, started_us=0, elapsed=done.seconds, stalled=0.0)
    result: dict[str, Any] = msgspec.to_builtins(made)
    return result


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (SYSCTL / "icmp_echo_ignore_all").write_text("1")
    for line in sys.stdin:
        case = json.loads(line)
        print(json.dumps(asyncio.run(probed(case.pop("does"), case))), flush=True)
