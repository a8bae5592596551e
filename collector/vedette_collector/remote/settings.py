"""Where late results are written to, and who we are there."""

import argparse
import re
import ssl
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from vedette.ciphers import offer_no_finite_field
from vedette.errors import ConfigError

WINDOW_SECONDS: Final = 3600.0
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OWN: Final = {"__name__", "check", "agent", "target"}  # what tells series apart is not for an option
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_SECRET: Final = 64 * 1024


class Settings(Struct, frozen=True, kw_only=True):
    """The secret is read again for every request, so that a renewed one is taken up."""

    url: str
    labels: dict[str, str] = {}
    window_seconds: float = WINDOW_SECONDS
    username: str | None = None
    password_file: str | None = None
    bearer_file: str | None = None
    ca_file: str | None = None  # None: the host's trust store

    def check(self) -> None:
        """Raises ConfigError for what cannot work."""
        _check_url(self.url)
        for name in self.labels:
            if not _LABEL.fullmatch(name):
                raise ConfigError(f"--remote-write-label {name}: not the name of a label")
            if name in _OWN:
                raise ConfigError(f"--remote-write-label {name}: this one comes from the configuration")
        if self.bearer_file and self.username:
            raise ConfigError("--remote-write-bearer-file and --remote-write-username exclude each other")
        if bool(self.username) != bool(self.password_file):
            raise ConfigError("--remote-write-username and --remote-write-password-file go together")
        if self.ca_file and not self.is_tls:
            raise ConfigError(f"--remote-write-ca: certificates need https, not {self.url}")
        self.authorization()
        self.tls_context()

    @property
    def is_tls(self) -> bool:
        return self.url.startswith("https:")

    def authorization(self) -> str | None:
        """The header, with the secret of now. Raises ConfigError."""
        if self.bearer_file is not None:
            return f"Bearer {_secret(self.bearer_file)}"
        if self.username is not None and self.password_file is not None:
            pair = f"{self.username}:{_secret(self.password_file)}"
            return f"Basic {b64encode(pair.encode()).decode()}"
        return None

    def tls_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises ConfigError that names the file."""
        if not self.is_tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as exc:  # SSLError is one
            raise ConfigError(f"{self.ca_file}: cannot read the CA certificates: {exc.strerror}") from exc
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        offer_no_finite_field(context)
        return context


def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "remote write",
        "late results, with their own times, to Prometheus or whatever takes remote write 1.0 "
        "(docs/remote-write.md)",
    )
    group.add_argument("--remote-write-url", metavar="URL", help="such as http://localhost:9090/api/v1/write")
    group.add_argument(
        "--remote-write-label",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a label that a scrape adds, as often as there are; without a value: that it does not add "
        "(default: job=vedette, collector=localhost:9960, instance is the target)",
    )
    group.add_argument(
        "--remote-write-window",
        metavar="DURATION",
        help="how old a sample may be: out_of_order_time_window of the receiver (default: 1h)",
    )
    group.add_argument("--remote-write-username", metavar="U")
    group.add_argument("--remote-write-password-file", metavar="FILE", help="its first line is the password")
    group.add_argument("--remote-write-bearer-file", metavar="FILE", help="its first line is the token")
    group.add_argument("--remote-write-ca", metavar="FILE", help="PEM; default: the host's trust store")


def settings_from(args: argparse.Namespace) -> Settings | None:
    """None when nothing is to be written. Raises ConfigError."""
    if args.remote_write_url is None:
        for name, value in vars(args).items():
            if name.startswith("remote_write_") and value:
                raise ConfigError(f"--{name.replace('_', '-')} needs --remote-write-url")
        return None
    settings = Settings(
        url=args.remote_write_url,
        labels=_pairs(args.remote_write_label),
        window_seconds=_seconds(args.remote_write_window),
        username=args.remote_write_username,
        password_file=args.remote_write_password_file,
        bearer_file=args.remote_write_bearer_file,
        ca_file=args.remote_write_ca,
    )
    settings.check()
    return settings


def _check_url(url: str) -> None:
    hint = "expected http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH"
    try:
        parts = urlsplit(url)
        is_usable = parts.port != 0
    except ValueError as exc:
        raise ConfigError(f"--remote-write-url: {exc}; {hint}") from exc
    if parts.username is not None or parts.password is not None:
        # Every user of the host can read a command line.
        raise ConfigError(
            "--remote-write-url: no user name or password in it; use --remote-write-username and "
            "--remote-write-password-file"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or not is_usable:
        raise ConfigError(f"--remote-write-url {url}: {hint}")


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"--remote-write-label {text}: expected NAME=VALUE")
        if name in pairs:
            raise ConfigError(f"--remote-write-label {name}: twice")
        pairs[name] = value
    return pairs


def _seconds(text: str | None) -> float:
    if text is None:
        return WINDOW_SECONDS
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if match is None:
        raise ConfigError(f"--remote-write-window {text}: expected a duration such as 30m or 1h")
    return float(int(match[1]) * _UNITS[match[2]])


def _secret(file: str) -> str:
    try:
        with Path(file).open("rb") as reader:
            secret = reader.read(_MAX_SECRET).partition(b"\n")[0].rstrip(b"\r").decode()
    except (OSError, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or "not UTF-8"
        raise ConfigError(f"{file}: cannot read the secret: {why}") from exc
    if not secret or not secret.isprintable():
        raise ConfigError(f"{file}: its first line is not a secret: it is empty or has control characters")
    return secret
