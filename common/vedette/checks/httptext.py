"""The small languages of `http:`. As in `formats`: a ValueError says what is wrong and what to do."""

import json
import re
from typing import Final

from vedette.checks import formats
from vedette.checks.problems import quoted

# What other methods mean to a server is the operator's business; these mean something to the connection.
_OF_THE_CONNECTION: Final = frozenset(("CONNECT", "TRACE", "PRI"))
# RFC 9113 8.2.2: fields of the connection have no place in HTTP/2; TE only to announce trailers.
NOT_IN_HTTP2: Final = frozenset(("keep-alive", "proxy-connection", "te", "upgrade"))
ENV_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,127}"


def method(text: str) -> str:
    """RFC 9110 9.1: any token, as written. Methods are case-sensitive."""
    if not formats.TOKEN.fullmatch(text) or len(text) > 32:
        raise ValueError(f"{quoted(text)} is not a method; write a word such as GET or PURGE")
    if text.upper() in _OF_THE_CONNECTION:
        raise ValueError(f"{text} speaks to the connection and not to a resource; use another method")
    if text != text.upper() and text.upper() in _KNOWN:
        raise ValueError(f"{quoted(text)} is another method than {text.upper()}; write {text.upper()}")
    return text


_KNOWN: Final = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))


def json_text(text: str) -> str:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"{quoted(text)} is not JSON ({exc}); mend it") from exc
    return text


def env_name(text: str) -> str:
    if not re.fullmatch(ENV_NAME, text):
        raise ValueError(
            f"{quoted(text)} is not the name of an environment variable; write one such as API_TOKEN"
        )
    return text


def user_name(text: str) -> str:
    """RFC 7617 2: without a colon, which ends it."""
    if not text or ":" in text or not text.isprintable():
        raise ValueError(f"{quoted(text)} is not a user name; it is not empty and has no colon (RFC 7617 2)")
    return text
