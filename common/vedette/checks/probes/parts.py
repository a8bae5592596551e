"""What several kinds share."""

from typing import Final

from vedette.checks import formats, model
from vedette.checks.problems import Path
from vedette.checks.report import Report
from vedette.checks.schema.tls import TlsSettings

_VERSIONS: Final = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def options(settings: TlsSettings, path: Path, report: Report) -> model.TlsOptions:
    low, high = settings.min_version, settings.max_version
    if low and high and _VERSIONS.index(low) > _VERSIONS.index(high):
        report.about((*path, "max_version"), f"max_version {high} is older than min_version {low}; swap them")
    if settings.ciphers and high in (None, "TLSv1.3"):
        report.about(
            (*path, "ciphers"),
            "TLSv1.3 has suites of its own, which these do not bound; add max_version: TLSv1.2",
        )
    if settings.key_file and not settings.cert_file:
        report.about((*path, "key_file"), "a key without a certificate is not used; add cert_file")
    return model.TlsOptions(
        cert_file=settings.cert_file,
        key_file=settings.key_file,
        min_version=low,
        max_version=high,
        ciphers=tuple(settings.ciphers or ()),
        verify=settings.verify,
        ca_file=settings.ca_file,
        server_name=None if settings.server_name is None else formats.host(settings.server_name),
        min_days_left=settings.min_days_left,
    )


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolver_of(written: str | None) -> model.Endpoint | None:
    return None if written is None else formats.endpoint(written)
