"""Packets that wait for the socket, sent together.

The library sends each packet by a call of its own, and for the kernel a call is what costs: an ack of four
bytes as much as a batch of results.
"""

from collections import deque
from typing import Any, Final

MOST_BYTES: Final = 64 * 1024  # in one call
_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
_DISCONNECT: Final = 0xE0


def join(queue: deque[Any]) -> None:
    """Make one packet of as many from the front of *queue* as may go in one call.

    Those that the library has to know about when they are gone stay alone: a PUBLISH of QoS 0, a DISCONNECT.
    """
    parts: list[bytes] = []
    size = 0
    while queue and size < MOST_BYTES and not _is_watched(queue[0]):
        packet = queue.popleft()
        rest = bytes(packet["packet"][packet["pos"] :])
        parts.append(rest)
        size += len(rest)
    if parts:
        whole = b"".join(parts)
        queue.appendleft(
            {
                "command": _PUBACK,  # after which the library does nothing more
                "mid": 0,
                "qos": 0,
                "pos": 0,
                "to_process": size,
                "packet": whole,
                "info": None,
            }
        )


def _is_watched(packet: dict[str, Any]) -> bool:
    kind: int = packet["command"] & 0xF0
    return kind == _DISCONNECT or (kind == _PUBLISH and not packet["qos"])
