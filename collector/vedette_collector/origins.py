"""Who announces an address: a file in MaxMind's format with autonomous systems, read whole into memory.

It is not mapped: a file that is cut short while it is mapped would end the process. The readers of the format
in C only map, so this one is Python's; what it found is remembered by who asks.
"""

import os
import stat
import struct
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import islice
from pathlib import Path
from typing import Any, Final

import maxminddb
from maxminddb.errors import InvalidDatabaseError

from vedette.errors import ConfigError
from vedette_collector.verdicts import naming
from vedette_collector.verdicts.learned import Origin

MAX_BYTES: Final = 256 << 20
_TRIED: Final = 100  # networks that are read at the start
# What the reader comes to in bytes that are no such file, or a damaged one.
_DAMAGED: Final = (
    InvalidDatabaseError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    struct.error,
    RecursionError,
    OverflowError,
    MemoryError,
)


class Database:
    """Of networks by address, in memory."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError for a file that is not there, damaged, or about something else."""
        try:
            with open(path, "rb", opener=_without_waiting) as file:
                about = os.fstat(file.fileno())
                if not stat.S_ISREG(about.st_mode):
                    raise ConfigError(f"{path}: not a file; name one in MaxMind's format")
                if about.st_size > MAX_BYTES:
                    raise ConfigError(
                        f"{path}: more than {MAX_BYTES >> 20} MiB; use one of autonomous systems"
                    )
                self._path, self._stamp = path, _stamp(about)
                self._reader = maxminddb.open_database(file, maxminddb.MODE_FD)
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be read ({exc.strerror}); check the path") from exc
        except _DAMAGED as exc:
            raise ConfigError(
                f"{path}: not a file in MaxMind's format, or a damaged one; fetch it again"
            ) from exc
        try:
            found = [_network(record) for _, record in islice(self._reader, _TRIED)]
        except _DAMAGED as exc:
            raise ConfigError(f"{path}: damaged; fetch it again") from exc
        if not any(found):
            raise ConfigError(
                f"{path}: names no autonomous systems; use a database of these, such as one of ASNs"
            )

    def is_current(self) -> bool:
        """Whether the file is still the one that was read."""
        try:
            return _stamp(self._path.stat()) == self._stamp
        except OSError:
            return False

    def __call__(self, address: str) -> Origin | None:
        """None: not in the file, or no address."""
        try:
            literal = ip_address(address)
            record, bits = self._reader.get_with_prefix_len(literal)
            network = _network(record)
            if network is None:
                return None
            return Origin(network, str(ip_network(f"{literal}/{bits}", strict=False)))
        except _DAMAGED:
            return None


def _stamp(about: os.stat_result) -> tuple[int, int, int]:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _network(record: Any) -> str | None:
    """In one form, from the fields that databases of several makers have."""
    if isinstance(record, Mapping):
        for field in ("autonomous_system_number", "asn"):
            said = record.get(field)
            if isinstance(said, int | str) and not isinstance(said, bool) and (name := str(said)).strip():
                network = naming.network(name)
                return network if network.startswith("AS") and network[2:].isdigit() else None
    return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
