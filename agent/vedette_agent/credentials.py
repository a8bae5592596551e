"""What only this host knows: secrets and bodies that checks name by file or environment variable.

A file is read again when it has changed, at the price of a stat(2) a look. What is read stays in memory and
goes nowhere but into the requests it is for.
"""

import base64
import os
from typing import Final

from vedette.checks.model.http import SecretHeader
from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled

MAX_SECRET_BYTES: Final = 16 * 1024
MAX_BODY_BYTES: Final = 1 << 20
REMEMBERED: Final = 256  # files

_State = tuple[int, int, int]
_files: dict[str, tuple[_State, bytes]] = {}


def header(secret: SecretHeader) -> tuple[str, str]:
    """Name and value. Raises ProbeSpoiled(configuration), which names the place and never the secret."""
    where = f"file {secret.file}" if secret.file is not None else f"environment variable {secret.env}"
    value = _text(secret, where)
    match secret.form:
        case "basic":  # RFC 7617 2: UTF-8 is what the field's own charset parameter would say
            pair = f"{secret.username}:{value}".encode()
            return secret.name, f"Basic {base64.b64encode(pair).decode()}"
        case "bearer":
            value = f"Bearer {value}"
        case "plain":
            pass
    if not (value.isascii() and value.isprintable()):
        raise _spoiled(f"{where}: not printable ASCII, as a header must be (RFC 9110 5.5)")
    return secret.name, value


def body(path: str) -> bytes:
    """The file that a check sends. Raises ProbeSpoiled(configuration)."""
    return _read(path, MAX_BODY_BYTES, f"file {path}")


def _text(secret: SecretHeader, where: str) -> str:
    if secret.file is not None:
        try:
            # An editor ends a file with a line break, and no secret does.
            text = _read(secret.file, MAX_SECRET_BYTES, where).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise _spoiled(f"{where}: not UTF-8") from None
    else:
        text = os.environ.get(secret.env or "", "")
    if not text:
        raise _spoiled(f"{where}: no secret in it" if secret.file is not None else f"{where} is not set")
    return text


def _read(path: str, most: int, where: str) -> bytes:
    try:
        found = os.stat(path)
        state = (found.st_mtime_ns, found.st_size, found.st_ino)
        known = _files.get(path)
        if known is not None and known[0] == state:
            return known[1]
        with open(path, "rb", opener=_at_once) as file:
            data = file.read(most + 1) or b""
    except OSError as exc:
        raise _spoiled(f"{where}: {exc.strerror}") from exc
    if len(data) > most:
        raise _spoiled(f"{where}: more than {most} bytes")
    if len(_files) >= REMEMBERED:
        del _files[next(iter(_files))]
    _files[path] = (state, data)
    return data


def _at_once(path: str, flags: int) -> int:
    """A pipe without a writer would hold the event loop."""
    return os.open(path, flags | os.O_NONBLOCK)


def _spoiled(said: str) -> ProbeSpoiled:
    return ProbeSpoiled(NotRun.CONFIGURATION, said)
