"""The certificates of the shop's sites: a good one, and the three that every operator meets once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class Site:
    """One site's PEM file, private key and chain together as nginx reads them; and what is in it now."""

    def __init__(self, authority: trustme.CA, host: str, file: Path) -> None:
        self._authority = authority
        self._host = host
        self.file = file
        self.not_after = now()
        self.valid()

    def valid(self, days: int = 60) -> None:
        self._issue(self._host, now() - _DAY, now() + days * _DAY)

    def expired(self) -> None:
        self._issue(self._host, now() - 90 * _DAY, now() - _DAY)

    def of_another_host(self) -> None:
        self._issue("www.elsewhere.example", now() - _DAY, now() + 60 * _DAY)

    def self_signed(self) -> None:
        """For the right host and in its time, but nobody vouches for it."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self._host)])
        self.not_after = now() + 60 * _DAY
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now() - _DAY)
            .not_valid_after(self.not_after)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(self._host)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._write(private + certificate.public_bytes(pem))

    def _issue(self, host: str, not_before: datetime, not_after: datetime) -> None:
        self.not_after = not_after
        leaf = self._authority.issue_cert(host, not_before=not_before, not_after=not_after)
        self._write(leaf.private_key_and_cert_chain_pem.bytes())

    def _write(self, pem: bytes) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(pem)
        fresh.rename(self.file)
