"""Where the broker is and who we are there."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from vedette.ciphers import offer_no_finite_field
from vedette.errors import ConfigError
from vedette.timefloor import TimeFloor

IDENTITY = "{identity}"  # stands for the identity in a user name and in file names
_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker(Struct, frozen=True, kw_only=True):
    """Files are read again for every connection, so that renewed certificates and passwords are taken up."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None  # None: the host's trust store
    cert_file: str | None = None
    key_file: str | None = None
    floor: TimeFloor | None = None  # while our clock is behind it, certificates are held to it

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        username: str | None = None,
        password_file: str | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
    ) -> "Broker":
        """From `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`. Raises ConfigError."""
        host, port, tls = _split(url)
        if not tls and (ca_file or cert_file or key_file):
            raise ConfigError(f"broker {url}: certificates need TLS; write mqtts://{host}")
        if bool(cert_file) != bool(key_file):
            raise ConfigError(f"broker {url}: --cert and --key go together")
        if password_file and not username:
            raise ConfigError(f"broker {url}: --password-file needs --username")
        return cls(
            host=host,
            port=port,
            tls=tls,
            username=username,
            password_file=password_file,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"

    def of(self, identity: str) -> "Broker":
        """The same broker as *identity* sees it. Raises ConfigError when one of its files cannot be used."""

        def named(text: str | None) -> str | None:
            return None if text is None else text.replace(IDENTITY, identity)

        own = replace(
            self,
            username=named(self.username),
            password_file=named(self.password_file),
            cert_file=named(self.cert_file),
            key_file=named(self.key_file),
        )
        own.password()
        own.tls_context()
        return own

    def password(self) -> str | None:
        """The first line of the password file. Raises ConfigError."""
        if self.password_file is None:
            return None
        try:
            return Path(self.password_file).read_text().partition("\n")[0].rstrip("\r")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{self.password_file}: cannot read the password: {_why(exc)}") from exc

    def tls_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises ConfigError that names the file."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"{self.ca_file}: cannot read the CA certificates: {_why(exc)}") from exc
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        offer_no_finite_field(context)
        if self.cert_file is not None and self.key_file is not None:
            for name in (self.cert_file, self.key_file):
                try:
                    with Path(name).open("rb"):
                        pass  # load_cert_chain does not say which of the two it could not open
                except OSError as exc:
                    raise ConfigError(f"{name}: cannot read: {_why(exc)}") from exc
            try:
                # An encrypted key would ask on the terminal: an empty password fails instead.
                context.load_cert_chain(self.cert_file, self.key_file, password="")
            except (OSError, ssl.SSLError, ValueError) as exc:
                raise ConfigError(
                    f"{self.cert_file}, {self.key_file}: not a certificate and its key: {_why(exc)}"
                ) from exc
        return context


def _split(url: str) -> tuple[str, int, bool]:
    hint = "expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"broker {url}: {exc}; {hint}") from exc
    if parts.scheme not in _PORTS:
        raise ConfigError(f"broker {url}: {hint}")
    if parts.username is not None or parts.password is not None:
        # Every user of the host can read a command line.
        raise ConfigError("broker URL: no user name or password in it; use --username and --password-file")
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError(f"broker {url}: {hint}")
    if port == 0:
        raise ConfigError(f"broker {url}: port 0 cannot be connected to")
    return parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "mqtts"


def _why(exc: Exception) -> str:
    match exc:
        case ssl.SSLError():
            return exc.reason or str(exc)
        case OSError(strerror=str(text)):
            return text
        case _:
            return str(exc)
