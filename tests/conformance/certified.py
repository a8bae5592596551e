"""The certificates of the TCP cases, made once for a run: their files, and when they expire.

one_root: signed by itself, for localhost, 1 day. with_addresses: also for 127.0.0.1 and ::1.
two_roots: a certificate for localhost, 2 days, and the root that is presented with it, 1 day; a younger root
of the same name and key, 3 days, is trusted as well. expired: for localhost, since yesterday.
"""

import ssl
from pathlib import Path
from typing import NamedTuple

from conformance.cases import Values
from servers.certificates import Issued, issued, serving


class Certified(NamedTuple):
    values: Values
    contexts: dict[str, ssl.SSLContext]


def certified(directory: Path) -> Certified:
    one = issued("localhost", common_name="one", is_ca=True, until=1)
    addresses = issued("localhost", "127.0.0.1", "::1", common_name="addresses", is_ca=True, until=1)
    older = issued(common_name="root", is_ca=True, until=1)
    younger = issued(common_name="root", is_ca=True, until=3, key=older.key)
    leaf = issued("localhost", common_name="server", by=older, until=2)
    expired = issued("localhost", common_name="expired", is_ca=True, since=-9, until=-1)
    return Certified(
        values={
            "one_root": _file(directory, "one_root", one),
            "one_root_expiry": _expiry(one),
            "with_addresses": _file(directory, "with_addresses", addresses),
            "with_addresses_expiry": _expiry(addresses),
            "two_roots": _file(directory, "two_roots", younger, older),
            "older_root_expiry": _expiry(older),
            "server_expiry": _expiry(leaf),
            "expired": _file(directory, "expired", expired),
            "expired_expiry": _expiry(expired),
        },
        contexts={
            "one_root": serving(directory, one),
            "with_addresses": serving(directory, addresses),
            "two_roots": serving(directory, leaf, older),
            "expired": serving(directory, expired),
        },
    )


def _file(directory: Path, name: str, *roots: Issued) -> str:
    path = directory / f"{name}.pem"
    path.write_bytes(b"".join(root.pem for root in roots))
    return str(path)


def _expiry(one: Issued) -> float:
    return one.certificate.not_valid_after_utc.timestamp()
