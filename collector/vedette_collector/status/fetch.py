"""Gets what a collector tells, or says why not. Whatever answers is bounded in size and time."""

import json
import queue
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from vedette.errors import ConfigError, VedetteError

SECONDS: Final = 10.0
MAX_BYTES: Final = 16 * 1024 * 1024
LEDGER: Final = "/api/v1/ledger?limit=10000"
INCIDENTS: Final = "/api/v1/incidents?limit=100"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def told(url: str, path: str) -> dict[str, Any]:
    """What the collector at *url* answers under *path*, a JSON object. Raises VedetteError."""
    hint = f"--url {url}: expected http://HOST:PORT, such as http://127.0.0.1:9960"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as exc:
        raise ConfigError(hint) from exc
    if parts.username is not None:  # and is not repeated on a screen either
        raise ConfigError("--url has a user or a password, which would not be sent: leave them out")
    if not usable:
        raise ConfigError(hint)
    body = _within(f"{url.rstrip('/')}{path}", url)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise VedetteError(f"{url} does not answer as a collector does: no JSON") from exc
    if not isinstance(answer, dict):
        raise VedetteError(f"{url} does not answer as a collector does: no JSON object")
    return answer


def _within(address: str, url: str) -> bytes:
    """The body, within SECONDS in all: a timeout of a socket bounds each of its reads alone."""
    answers: queue.SimpleQueue[bytes | VedetteError] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(_got(address, url)), daemon=True).start()
    try:
        answer = answers.get(timeout=SECONDS)
    except queue.Empty:
        raise VedetteError(f"{url} did not answer within {SECONDS:.0f} s") from None
    if isinstance(answer, VedetteError):
        raise answer
    return answer


def _got(address: str, url: str) -> bytes | VedetteError:
    # No proxy: a collector is near, and a variable that means the web must not hide it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    try:
        with opener.open(address, timeout=SECONDS) as answer:
            body: bytes = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as exc:
        with exc:
            path = urlsplit(address).path
            return VedetteError(f"{url} does not answer as a collector does: status {exc.code} for {path}")
    except (OSError, HTTPException, ValueError) as exc:
        reason = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        return VedetteError(f"{url} cannot be reached: {reason}. Is the collector running, and is it there?")
    if len(body) > MAX_BYTES:
        return VedetteError(f"{url} does not answer as a collector does: more than {MAX_BYTES >> 20} MiB")
    return body
