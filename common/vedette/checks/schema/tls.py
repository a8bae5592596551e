"""`tls:` as people write it, and the TLS part of other kinds."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.types import AbsolutePath, Host, HostPort, Regex, Resolver, Section, text_of

TlsVersion = Literal["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]


CipherName = Annotated[
    str, text_of(formats.cipher, max_length=64, examples=["ECDHE-ECDSA-AES128-GCM-SHA256"])
]


AlpnName = Annotated[str, text_of(formats.alpn, max_length=255, examples=["h2", "http/1.1"])]


Refusal = Literal["expired", "not_yet_valid", "untrusted", "hostname", "revoked", "handshake"]


Opening = Literal["smtp", "imap", "pop3", "ftp", "ldap", "postgres", "xmpp"]


class TlsSettings(Section, frozen=True, kw_only=True):
    """How a TLS peer is verified, and what it is offered."""

    verify: Annotated[
        bool, Meta(description="false accepts any certificate; it is reported all the same")
    ] = True
    ca_file: (
        Annotated[AbsolutePath, Meta(description="PEM file on the agent, instead of its trust store")] | None
    ) = None
    server_name: Annotated[Host, Meta(description="for SNI and verification, instead of the host")] | None = (
        None
    )
    min_days_left: (
        Annotated[float, Meta(ge=0, le=3650, description="fail when a certificate expires sooner")] | None
    ) = None
    cert_file: (
        Annotated[
            AbsolutePath, Meta(description="PEM file on the agent: the client certificate and its chain")
        ]
        | None
    ) = None
    key_file: (
        Annotated[
            AbsolutePath, Meta(description="PEM file of its key, unencrypted; in cert_file without this")
        ]
        | None
    ) = None
    min_version: (
        Annotated[
            TlsVersion, Meta(description="oldest to offer; TLSv1.2, or max_version where that is older")
        ]
        | None
    ) = None
    max_version: Annotated[TlsVersion, Meta(description="newest to offer")] | None = None
    ciphers: (
        Annotated[
            list[CipherName],
            Meta(
                min_length=1, max_length=64, description="to offer, for TLSv1.2 and older, by OpenSSL's names"
            ),
        ]
        | None
    ) = None


class TlsExpect(Section, frozen=True, kw_only=True):
    """What a handshake must come to."""

    version: (
        Annotated[list[TlsVersion], Meta(min_length=1, max_length=4, description="one of them is agreed on")]
        | None
    ) = None
    cipher: Annotated[Regex, Meta(description="found in OpenSSL's name of the agreed suite")] | None = None
    alpn: (
        Annotated[list[AlpnName], Meta(min_length=1, max_length=16, description="one of them is chosen")]
        | None
    ) = None


class TlsProbe(TlsSettings, frozen=True, kw_only=True):
    """One TLS handshake."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    start_tls: (
        Annotated[Opening, Meta(description="ask for TLS in this protocol; without it TLS begins at once")]
        | None
    ) = None
    alpn: (
        Annotated[
            list[AlpnName],
            Meta(min_length=1, max_length=16, description="protocols to offer, the preferred first"),
        ]
        | None
    ) = None
    must_refuse: (
        Annotated[
            bool | Refusal,
            Meta(description="the handshake has to fail, in this way; true: in any of them"),
        ]
        | None
    ) = None
    ocsp: (
        Annotated[
            Literal["good", "present"],
            Meta(description="a valid stapled OCSP response is demanded; good: that says so (extra `ocsp`)"),
        ]
        | None
    ) = None
    expect: TlsExpect | None = None
