"""What a TLS peer presented."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import Count, Message, Text, TimeUs


class TlsFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the peer presented, also when its verification failed."""

    version: Text | None = None  # "TLSv1.3"
    cipher: Text | None = None
    verified: bool = False
    subject: Text | None = None
    issuer: Text | None = None
    alternative_names: Annotated[list[Text], Meta(max_length=limits.MAX_ANSWERS)] = []
    serial_number: Text | None = None
    fingerprint_sha256: Text | None = None
    not_before_us: TimeUs | None = None
    not_after_us: TimeUs | None = None  # of the leaf
    earliest_not_after_us: TimeUs | None = None  # over the presented certificates, the first dozen at least
    presented: Count = 0  # certificates that came
    key_type: Text | None = None  # "RSA", "EC", "Ed25519", or an object identifier
    key_bits: Count | None = None
    signature_algorithm: Text | None = None  # by which the leaf was signed, in OpenSSL's words
    chain: Count = 0  # certificates from the leaf to the trust anchor; 0: not verified
    chain_not_after_us: TimeUs | None = None  # when the first of these ends
    alpn: Text | None = None  # the protocol that the peer chose
    ocsp: Literal["good", "revoked", "unknown", "missing", "invalid"] | None = None  # the stapled response
    ocsp_next_update_us: TimeUs | None = None
    refused: Text | None = None  # what ended the handshake, where a check demands that it ends so
