"""Writes small files in MaxMind's format (version 2.0): a search tree of 24-bit records over IPv6."""

from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"


def written(path: Path, networks: Mapping[str, Mapping[str, Any]], *, kind: str = "Test-ASN") -> Path:
    """*networks* that do not overlap; IPv4 ones at ::/96, where readers look for them."""
    nodes: list[list[int | None]] = [[None, None]]
    data = bytearray()
    leaves: list[tuple[int, int, int]] = []
    for text, record in networks.items():
        network = ip_network(text)
        bits, length = int(network.network_address), network.prefixlen + (96 if network.version == 4 else 0)
        node = 0
        for depth in range(length - 1):
            side = bits >> (127 - depth) & 1
            if nodes[node][side] is None:
                nodes.append([None, None])
                nodes[node][side] = len(nodes) - 1
            node = nodes[node][side] or 0
        leaves.append((node, bits >> (128 - length) & 1, len(data)))
        data += _value(record)
    count = len(nodes)
    for node, side, offset in leaves:
        nodes[node][side] = count + 16 + offset
    tree = b"".join((count if to is None else to).to_bytes(3, "big") for node in nodes for to in node)
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "database_type": kind,
        "description": {"en": "made for a test"},
        "ip_version": 6,
        "languages": [],
        "node_count": count,
        "record_size": 24,
    }
    path.write_bytes(tree + bytes(16) + data + MARKER + _value(about))
    return path


def _value(value: object) -> bytes:
    match value:
        case str():
            raw = value.encode()
            size = bytes([2 << 5 | len(raw)] if len(raw) < 29 else [2 << 5 | 29, len(raw) - 29])
            return size + raw
        case int():
            return bytes([6 << 5 | 4]) + value.to_bytes(4, "big")
        case dict():
            return bytes([7 << 5 | len(value)]) + b"".join(map(_value, sum(value.items(), ())))
        case list():
            return bytes([len(value), 11 - 7]) + b"".join(map(_value, value))
        case _:
            raise TypeError(value)
