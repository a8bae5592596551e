"""From a capture to what each exchange took on the wire. Reads only IPv4 as our own two hosts speak it."""

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.on_wire.network import NEAR, NETWORK

_RECORD = struct.Struct("=IIII")
_SYN, _ACK = 0x02, 0x10
_APPLICATION_DATA = 23  # RFC 8446 5.1: also what everything encrypted pretends to be
_NEAR = bytes(map(int, NEAR.split(".")))
_FAR = bytes(map(int, NETWORK.split(".")))


class Exchange(NamedTuple):
    """*at*: nanoseconds since the epoch at which the request left. *took*: nanoseconds; None: no reply."""

    at: int
    took: int | None


Exchanges = dict[tuple[str, int], list[Exchange]]  # by kind and last byte of the address, in order of *at*


class _Flow:
    """One TCP connection: times by the packet, and the bytes that came back."""

    __slots__ = ("came", "first_sequence", "left", "syn", "syn_ack")

    def __init__(self, syn: int) -> None:
        self.syn = syn
        self.syn_ack: int | None = None
        self.first_sequence = 0
        self.left: list[int] = []  # when each of our segments with payload left
        self.came: list[tuple[int, int, bytes]] = []  # time, offset, payload

    def took(self, kind: str, page_bytes: int) -> Exchange | None:
        """None: not even a request was sent."""
        if kind == "tcp":
            return Exchange(self.syn, None if self.syn_ack is None else self.syn_ack - self.syn)
        if not self.left:
            return None
        first = self._page_record(page_bytes) if kind == "https" else self.came[0][0] if self.came else None
        asked = [at for at in self.left if first is None or at < first]
        return Exchange(self.syn, None if first is None else first - asked[-1])

    def _page_record(self, page_bytes: int) -> int | None:
        """When the first byte came of the one encrypted record that is long enough for the page."""
        data = b"".join(payload for _, _, payload in sorted(self.came, key=lambda each: each[1]))
        at = 0
        while at + 5 <= len(data):
            kind, _, length = struct.unpack_from(">BHH", data, at)
            if kind == _APPLICATION_DATA and length > page_bytes:
                return max((time, offset) for time, offset, _ in self.came if offset <= at)[0]
            at += 5 + length
        return None


def exchanges(pcap: Path, ports: dict[str, int], page_bytes: int) -> Exchanges:
    """What is in *pcap*. *ports* are those of the servers by kind."""
    kinds = {port: kind for kind, port in ports.items()}
    found: Exchanges = defaultdict(list)
    asked: dict[tuple[str, int, int, bytes], int] = {}
    flows: dict[tuple[int, int, int], _Flow] = {}
    replies: dict[tuple[str, int, int, bytes], int] = {}
    for at, packet in _packets(pcap):
        is_ours = packet[12:16] == _NEAR
        peer = packet[16:20] if is_ours else packet[12:16]
        if peer[:3] != _FAR:
            continue
        number = peer[3]
        body = packet[(packet[0] & 15) * 4 : int.from_bytes(packet[2:4], "big")]
        if packet[9] == 6:
            _segment(flows, kinds, number, is_ours, at, body)
            continue
        if packet[9] == 17:
            ports_there = int.from_bytes(body[0:2] if is_ours else body[2:4], "big")
            key = ("dns", number, ports_there, body[8:10])
        else:
            key = ("icmp", number, 0, body[4:8])
        (asked if is_ours else replies).setdefault(key, at)
    for key, at in asked.items():
        came = replies.get(key)
        found[key[:2]].append(Exchange(at, None if came is None else came - at))
    for (number, port, _), flow in flows.items():
        exchange = flow.took(kinds[port], page_bytes)
        if exchange is not None:
            found[kinds[port], number].append(exchange)
    for each in found.values():
        each.sort()
    return found


def _segment(
    flows: dict[tuple[int, int, int], _Flow],
    kinds: dict[int, str],
    number: int,
    is_ours: bool,
    at: int,
    body: bytes,
) -> None:
    source, target, sequence = struct.unpack_from(">HHI", body)
    flags = body[13]
    port, local = (target, source) if is_ours else (source, target)
    if port not in kinds:
        return
    flow = flows.get((number, port, local))
    if is_ours and flags & _SYN:
        if flow is None:
            flows[number, port, local] = _Flow(at)
        return
    if flow is None:
        return
    payload = body[(body[12] >> 4) * 4 :]
    if flags & _SYN:
        flow.syn_ack = flow.syn_ack or at
        flow.first_sequence = sequence + 1
    elif payload and is_ours:
        flow.left.append(at)
    elif payload:
        flow.came.append((at, sequence - flow.first_sequence & 0xFFFFFFFF, payload))


def _packets(pcap: Path) -> Iterator[tuple[int, bytes]]:
    data = pcap.read_bytes()
    at = 24
    while at < len(data):
        seconds, nanoseconds, length, _ = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        yield seconds * 1_000_000_000 + nanoseconds, data[at : at + length]
        at += length
