"""One question for the time."""

from vedette.checks.model.base import BaseCheck, Endpoint


class NtpCheck(BaseCheck, frozen=True, kw_only=True, tag="ntp"):
    host: str
    port: int = 123
    resolver: Endpoint | None = None
    max_offset: float | None = None  # seconds, either way
    max_stratum: int | None = None
    max_root_dispersion: float | None = None  # seconds
