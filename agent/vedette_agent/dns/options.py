"""What the OPT record of a response says: its options (RFC 6891 6.1.2). No socket, no clock."""

from collections.abc import Iterator
from typing import Final, NamedTuple

NSID: Final = 3  # RFC 5001
CLIENT_SUBNET: Final = 8  # RFC 7871
PADDING: Final = 12  # RFC 7830
EXTENDED_ERROR: Final = 15  # RFC 8914

MAX_OPTIONS: Final = 64  # the rest is not looked at: servers send three or four
MAX_TEXT: Final = 512  # bytes

# The registry of codes, https://www.iana.org/assignments/dns-parameters, in the words of their RFCs.
PURPOSES: Final = (
    "Other Error", "Unsupported DNSKEY Algorithm", "Unsupported DS Digest Type", "Stale Answer",
    "Forged Answer", "DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired", "Signature Not Yet Valid",
    "DNSKEY Missing", "RRSIGs Missing", "No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready",
    "Blocked", "Censored", "Filtered", "Prohibited", "Stale NXDOMAIN Answer", "Not Authoritative",
    "Not Supported", "No Reachable Authority", "Network Error", "Invalid Data",
    "Signature Expired before Valid", "Too Early", "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy", "Synthesized", "Invalid Query Type", "Rate Limited", "Over Quota",
)  # fmt: skip


class ExtendedError(NamedTuple):
    code: int
    text: str  # the server's own words; often none

    def __str__(self) -> str:
        purpose = PURPOSES[self.code] if self.code < len(PURPOSES) else "unassigned"
        return f"{purpose} ({self.code})" + (f": {self.text}" if self.text else "")


def extended_errors(data: bytes) -> tuple[ExtendedError, ...]:
    """*data* is that of the OPT record. An option too short to hold a code is no error."""
    return tuple(
        ExtendedError(
            int.from_bytes(value[:2], "big"),
            # A final NUL is not sent (RFC 8914 2), and some send it.
            value[2 : 2 + MAX_TEXT].rstrip(b"\0").decode("utf-8", "backslashreplace"),
        )
        for code, value in _options(data)
        if code == EXTENDED_ERROR and len(value) >= 2
    )


def nsid(data: bytes) -> str | None:
    """As text where it is printable ASCII, as most make it, else in hexadecimal digits; None without one."""
    for code, value in _options(data):
        if code == NSID:
            said = value[:MAX_TEXT]
            text = said.decode("ascii", "replace")
            return text if said.isascii() and text.isprintable() else said.hex()
    return None


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Code and value of each. What is cut off at the end is left out."""
    at = 0
    for _ in range(MAX_OPTIONS):
        if at + 4 > len(data):
            return
        code, length = int.from_bytes(data[at : at + 2], "big"), data[at + 2] << 8 | data[at + 3]
        at += 4 + length
        if at > len(data):
            return
        yield code, data[at - length : at]
