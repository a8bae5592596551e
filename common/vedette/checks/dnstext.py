"""The small languages of `dns:`: record types, classes, servers.

As in `formats`, each function takes what the file says; a ValueError says what is wrong and what to do.
"""

import re
from difflib import get_close_matches
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from vedette.checks import formats
from vedette.checks.model import Endpoint
from vedette.checks.problems import quoted

HOST: Final = "host"  # the word for the host's own name servers

# The types of the IANA registry with a mnemonic that dnspython knows. All others are TYPEnnn (RFC 3597 5).
TYPES: Final = tuple(
    """
    A A6 AAAA AFSDB AMTRELAY ANY APL AVC BRID CAA CDNSKEY CDS CERT CNAME CSYNC DHCID DLV DNAME DNSKEY DS DSYNC
    EUI48 EUI64 GPOS HHIT HINFO HIP HTTPS IPSECKEY ISDN KEY KX L32 L64 LOC LP MB MD MF MG MINFO MR MX NAPTR
    NID NINFO NS NSAP NSEC NSEC3 NSEC3PARAM NULL NXT OPENPGPKEY PTR PX RESINFO RP RRSIG RT SIG SMIMEA SOA SPF
    SRV SSHFP SVCB TA TLSA TXT URI WALLET WKS X25 ZONEMD
    """.split()  # noqa: SIM905  # seventy words in quotes would fill a page
)
# RFC 6895 3.1: QTYPEs other than ANY ask for transfers and mail agents; meta-types are no records of a zone.
META: Final = frozenset({"OPT", "TKEY", "TSIG", "IXFR", "AXFR", "MAILB", "MAILA", "NXNAME"})
_META_NUMBERS: Final = frozenset({0, 41, 128, *range(249, 255)})
_GENERIC: Final = re.compile(r"TYPE(0|[1-9][0-9]{0,4})")

DEFAULT_PORT: Final = {"udp": 53, "tcp": 53, "tls": 853, "https": 443, "quic": 853}


def record_type(text: str) -> str:
    """In capitals: a mnemonic, or TYPEnnn."""
    name = text.upper()
    if name in META:
        raise ValueError(f"{name} is no type of records to ask for; ask for another one")
    if name in TYPES:
        return name
    found = _GENERIC.fullmatch(name)
    if found is None:
        near = get_close_matches(name, TYPES, n=1)
        hint = f"did you mean {quoted(near[0])}?" if near else "write a mnemonic such as AAAA, or TYPE65280"
        raise ValueError(f"{quoted(text)} is not a record type; {hint}")
    number = int(found[1])
    if number > 65535 or number in _META_NUMBERS:
        raise ValueError(f"{name} is no type of records to ask for; use the number of another one")
    return name


class Server(NamedTuple):
    """A server as written. *host*: a literal address, a name, or None for the host's own name servers."""

    host: str | None
    port: int | None  # None: the transport's own


OWN: Final = Server(None, None)


def server(text: str) -> Server:
    """`host`, an address or a name, each with a port or without."""
    if text == HOST:
        return OWN
    literal = formats.address_or_none(text)
    if literal is not None:
        return Server(str(literal), None)
    found = re.fullmatch(r"(?:\[([^\]]*)\]|([^:\[\]]+))(?::([0-9]{1,5}))?", text)
    if found is None:
        raise ValueError(
            f"{quoted(text)} is not the address of a resolver; write a literal address, "
            "with a port or without, such as 192.0.2.53:53 or [2001:db8::53]:53, or host"
        )
    host = str(formats.address(found[1])) if found[1] is not None else formats.host(found[2])
    return Server(host, formats.port(found[3]) if found[3] else None)


def addressed_server(text: str) -> Server:
    """As `server`, but for `host`, which is another one on every agent."""
    if text == HOST:
        raise ValueError(f"{quoted(text)} is another resolver on every agent; write the address of one")
    return server(text)


def resolver_name(text: str) -> str:
    if not re.fullmatch(formats.SUFFIX, text):
        raise ValueError(
            f"{quoted(text)} is not a name of a resolver; use 1 to 63 letters, digits, dots, hyphens, "
            "underscores"
        )
    return text


def literal_server(text: str) -> Endpoint | None:
    """`host`, which is None, or a literal address with a port or without."""
    return None if text == HOST else formats.endpoint(text)


def https_url(text: str) -> str:
    """A URL of a DNS server (RFC 8484). Plain HTTP is no DoH."""
    made = formats.url(text)
    if not made.startswith("https:"):
        raise ValueError(f"{quoted(text)} is not encrypted; DNS over HTTPS needs https:// (RFC 8484 5)")
    return made


def suffix_of(host: str) -> str:
    """What tells a server apart that was given no name: its address or host, in the letters of a suffix."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", host)[:63]


def url_endpoint(url: str) -> tuple[str, int, str]:
    """Host, port, and path with query of a URL that `https_url` accepts."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return formats.url_host(url), parts.port or DEFAULT_PORT["https"], path


def resolver(text: str) -> Server | str:
    """A server, or the URL of one."""
    return https_url(text) if "://" in text else server(text)
