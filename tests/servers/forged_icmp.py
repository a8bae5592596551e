"""ICMP errors about datagrams that no router had any trouble with: sent by raw sockets on loopback."""

import socket
import struct
from typing import Final

import pytest

from vedette_agent.engine.icmp import checksum

FORGER: Final = "127.0.0.9"


def _may_forge() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except PermissionError:
        return False
    return True


needs_forgery = pytest.mark.skipif(not _may_forge(), reason="forging ICMP needs CAP_NET_RAW")


def port_unreachable(client: tuple[str, int], server: tuple[str, int], length: int, quoted: bytes) -> None:
    """RFC 792, from FORGER, about a datagram of *length* bytes from *client* to *server*; *quoted* of it."""
    datagram = struct.pack(">HHHH", client[1], server[1], 8 + length, 0) + quoted
    _send(client[0], 3, packet(client[0], server[0], socket.IPPROTO_UDP, datagram))


def host_unreachable(asker: str, asked: str, quoted: bytes) -> None:
    """The same, code 1, about an ICMP message of which *quoted* is the start."""
    _send(asker, 1, packet(asker, asked, socket.IPPROTO_ICMP, quoted))


def packet(source: str, to: str, protocol: int, content: bytes) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 1, 0, 64, protocol, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(to) + content


def _send(to: str, code: int, about: bytes) -> None:
    body = bytes(4) + about
    head = struct.pack(">BBH", 3, code, checksum(struct.pack(">BBH", 3, code, 0) + body))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        wire.bind((FORGER, 0))
        wire.sendto(head + body, (to, 0))
