"""Signs a zone as its owner would, and spoils it as accidents do. RFC 4035."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

Source = Callable[[int], str]
_DAY = timedelta(days=1)


class Signer:
    """One key (ECDSA P-256, key and zone signing in one) for one zone."""

    def __init__(self, origin: str, text: str) -> None:
        self._origin = dns.name.from_text(origin)
        self._text = text
        self._private = ec.generate_private_key(ec.SECP256R1())
        self._public = dns.dnssec.make_dnskey(
            self._private.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257
        )

    @property
    def anchor(self) -> str:
        """The DS record a validating resolver is configured with."""
        ds = dns.dnssec.make_ds(self._origin, self._public, dns.dnssectypes.DSDigest.SHA256)
        return f"{self._origin} DS {ds}"

    def signed(self) -> Source:
        return lambda serial: self._sign(serial, -_DAY, 14 * _DAY).to_text()

    def expired(self, name: str, rdtype: str) -> Source:
        """One signature that ran out yesterday, as when the signer stands still."""

        def source(serial: int) -> str:
            zone, old = self._sign(serial, -_DAY, 14 * _DAY), self._sign(serial, -15 * _DAY, -_DAY)
            zone.replace_rdataset(name, old.find_rdataset(name, "RRSIG", rdtype))
            return zone.to_text()

        return source

    def tampered(self, name: str, rdtype: str, rdata: str) -> Source:
        """Signed, and then one record set replaced without a new signature."""

        def source(serial: int) -> str:
            zone = self._sign(serial, -_DAY, 14 * _DAY)
            forged = dns.rdata.from_text(dns.rdataclass.IN, rdtype, rdata)
            ttl = zone.find_rdataset(name, forged.rdtype).ttl
            zone.replace_rdataset(name, dns.rdataset.from_rdata(ttl, forged))
            return zone.to_text()

        return source

    def _sign(self, serial: int, inception: timedelta, expiration: timedelta) -> dns.zone.Zone:
        zone = dns.zone.from_text(
            self._text.replace("{serial}", str(serial)), origin=self._origin, relativize=False
        )
        now = datetime.now(UTC)
        with zone.writer() as txn:
            dns.dnssec.sign_zone(
                zone,
                txn=txn,
                keys=[(self._private, self._public)],
                add_dnskey=True,
                dnskey_ttl=60,
                inception=now + inception,
                expiration=now + expiration,
            )
        return zone
