"""What several kinds share."""

from vedette.checks import formats, model
from vedette.checks.schema.tls import TlsSettings


def options(settings: TlsSettings) -> model.TlsOptions:
    return model.TlsOptions(
        verify=settings.verify,
        ca_file=settings.ca_file,
        server_name=None if settings.server_name is None else formats.host(settings.server_name),
        min_days_left=settings.min_days_left,
    )


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def resolver_of(written: str | None) -> model.Endpoint | None:
    return None if written is None else formats.endpoint(written)
