"""Certificates that parse and whose parts cannot be read: cryptography says so when it is asked for one."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from servers.certificates import Issued, issued, trusted
from servers.probing import Probed, bench
from servers.quic import configured, doq, good, quic_server
from vedette.checks.model import DnsCheck, Endpoint, TlsOptions
from vedette_agent.probers.dns import probe_dns

CONSTRAINTS, NAMES = b"\x06\x03\x55\x1d\x13", b"\x06\x03\x55\x1d\x11"  # RFC 5280 4.2.1
DNS_NAME, X400_ADDRESS = b"\x82\x09localhost", b"\xa3\x09localhost"
ECDSA, NOBODYS = b"\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x2a\x86\x48\xce\x3d\x04\x03\x7f"
VERSION_3, VERSION_9 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08"


class Presented:
    """What aioquic's server takes for a certificate: it asks for nothing but the bytes."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    def public_bytes(self, encoding: Any) -> bytes:
        return self._der


@pytest.fixture(scope="module")
def ca() -> Issued:
    return issued(is_ca=True, common_name="ca")


@pytest.fixture(scope="module")
def leaf(ca: Issued) -> Issued:
    return issued("localhost", by=ca)


def ask(key: bytes, tls: TlsOptions, *chain: bytes) -> Probed:
    async def main(port: int) -> Probed:
        check = DnsCheck(
            name="t", target="t", interval=60, timeout=30, query_name="a.test",
            server=Endpoint("127.0.0.1", port), transport="quic", tls=tls,
        )  # fmt: skip
        async with bench() as on:
            return await on.run(probe_dns, check, 30.0)

    presented: Any = [Presented(der) for der in chain]
    with quic_server(configured(key, presented, "doq"), doq(good)) as port:
        return asyncio.run(main(port))


@pytest.mark.parametrize(
    ("old", "new"), [(CONSTRAINTS, NAMES), (DNS_NAME, X400_ADDRESS)], ids=["an extension twice", "x400"]
)
def test_names_that_cannot_be_read(leaf: Issued, ca: Issued, tmp_path: Path, old: bytes, new: bytes) -> None:
    """Without verification the probe is fine and knows no names; with it, the peer is to blame."""
    assert leaf.der.count(old) == 1
    odd = leaf.der.replace(old, new)
    unverified = ask(leaf.key_pem, TlsOptions(verify=False), odd)
    assert unverified.error is None
    assert unverified.record.tls is not None
    assert unverified.record.tls.alternative_names == []
    refused = ask(leaf.key_pem, TlsOptions(ca_file=trusted(tmp_path, ca)), odd)
    assert refused.failure == "tls.untrusted"


def test_a_version_that_nobody_knows_is_a_broken_handshake(leaf: Issued) -> None:
    assert leaf.der.count(VERSION_3) == 1
    odd = leaf.der.replace(VERSION_3, VERSION_9)
    assert ask(leaf.key_pem, TlsOptions(verify=False), odd).failure == "tls.handshake"


def test_an_algorithm_that_nobody_knows_behind_an_expired_leaf(ca: Issued, tmp_path: Path) -> None:
    """What is presented beside the chain is looked at, too, where no chain was built."""
    expired = issued("127.0.0.1", by=ca, since=-9, until=-2)
    odd = issued(by=ca, is_ca=True, common_name="other").der.replace(ECDSA, NOBODYS)
    tls = TlsOptions(ca_file=trusted(tmp_path, ca))
    assert ask(expired.key_pem, tls, expired.der).failure == "tls.expired"
    assert ask(expired.key_pem, tls, expired.der, odd).failure == "tls.untrusted"
