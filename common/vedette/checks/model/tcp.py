"""One TCP connection."""

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tls import Opening, TlsOptions


class DialogueStep(Struct, frozen=True, kw_only=True):
    """What is awaited, then what is said, then whether TLS begins."""

    expect: str | None = None  # regular expression, ^ and $ at lines
    expect_bytes: bytes | None = None  # instead: found as they are
    send: str | None = None  # as UTF-8, with captures
    send_bytes: bytes | None = None  # instead: as they are
    start_tls: bool = False


class TcpCheck(BaseCheck, frozen=True, kw_only=True, tag="tcp"):
    host: str
    port: int
    resolver: Endpoint | None = None
    send: str | None = None  # after connect, as UTF-8
    expect: str | None = None  # regular expression, searched in the first 64 KiB that come
    dialogue: tuple[DialogueStep, ...] = ()  # instead of the two
    tls: TlsOptions | None = None  # None: without TLS
    start_tls: Opening | None = None  # the protocol in which TLS is asked for before all else

    @property
    def begins_with_tls(self) -> bool:
        """TLS before the first byte: there are options for it, and nothing begins it later."""
        later = self.start_tls is not None or any(step.start_tls for step in self.dialogue)
        return self.tls is not None and not later
