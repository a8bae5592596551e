"""Topic names of wire version 1. `<part>` is CRC-32 of the agent name mod 64, two digits, for ever."""

import re
from enum import StrEnum
from typing import NamedTuple
from zlib import crc32

from vedette.errors import WireError
from vedette.wire import limits

_ROOT = "vedette/v1"
_AGENT = re.compile(limits.AGENT_NAME)


class Kind(StrEnum):
    """The last level of a topic. The collector writes `ack` and `ask`, the agent all others."""

    LIVE = "live"
    REPLAY = "replay"
    PRESENCE = "presence"
    HEARTBEAT = "heartbeat"
    EVIDENCE = "evidence"
    ACK = "ack"
    ASK = "ask"


_KINDS = frozenset(kind.value for kind in Kind)


class Address(NamedTuple):
    agent: str
    kind: Kind


def part(agent: str) -> str:
    """The part that owns *agent*: "00" … "63"."""
    return f"{crc32(agent.encode()) % limits.PARTS:02d}"


def topic(agent: str, kind: Kind) -> str:
    return f"{_ROOT}/{part(agent)}/{agent}/{kind}"


def subscription(kind: Kind) -> str:
    """The filter that sees *kind* of every agent."""
    return f"{_ROOT}/+/+/{kind}"


def address(name: str) -> Address:
    """Who wrote what, from a topic name. Raises WireError("topic") for a name that `topic` never makes."""
    levels = name.split("/")
    if len(levels) == 5 and _AGENT.fullmatch(levels[3]):
        agent, kind = levels[3], levels[4]
        if kind in _KINDS and topic(agent, Kind(kind)) == name:
            return Address(agent, Kind(kind))
    raise WireError("topic", f"not a topic of wire version {limits.VERSION}: {name[:100]!r}")
