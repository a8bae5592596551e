"""A server that answers that it does not serve us: it works, for others."""

from typing import Final

from vedette.wire.failure import Failure

CODE: Final = "http.denied"  # in verdicts, for `http.status` with one of
# unauthorized, forbidden, too many requests (RFC 9110, RFC 6585), unavailable for legal reasons (RFC 7725)
STATUSES: Final = frozenset({401, 403, 429, 451})


def code(failure: str, status: int | None) -> str:
    """The failure code by which verdicts know it."""
    return CODE if failure == Failure.HTTP_STATUS and status in STATUSES else failure
