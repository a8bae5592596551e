"""One request of remote write at a time. What the receiver answers is bounded in time and size."""

import ssl
from typing import Final, Self

import aiohttp

import vedette
from vedette_collector.remote.counters import Failure
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.verdict import Answer

REQUEST_SECONDS: Final = 30.0
MAX_TEXT_BYTES: Final = 4096  # of an answer that are read; the reason of a refusal is a line

_HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": f"vedette/{vedette.__version__}",
    "Accept-Encoding": "identity",
}


class Unanswered(Exception):
    """No answer came that could be read."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure


class Client:
    """An async context manager. Knows no proxies and no cookies, and follows no redirects."""

    def __init__(self, settings: Settings, request_seconds: float = REQUEST_SECONDS) -> None:
        """Raises ConfigError for a CA file that cannot be used."""
        self._settings = settings
        self._seconds = request_seconds
        self._tls = settings.tls_context()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1, ssl=True if self._tls is None else self._tls),
            timeout=aiohttp.ClientTimeout(total=self._seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers=_HEADERS,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(self, body: bytes) -> Answer:
        """Raises Unanswered; ConfigError when the secret cannot be read."""
        assert self._session is not None
        authorization = self._settings.authorization()
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            async with self._session.post(
                self._settings.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                text = b"" if response.status < 300 else await _beginning(response.content)
                return Answer(
                    response.status, text.decode(errors="replace"), response.headers.get("Retry-After")
                )
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise Unanswered(_named(exc), str(exc)[:200] or type(exc).__name__) from exc


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    text = b""
    while len(text) < MAX_TEXT_BYTES and (piece := await content.read(MAX_TEXT_BYTES - len(text))):
        text += piece
    return text


def _named(exc: Exception) -> Failure:
    match exc:
        case TimeoutError():
            return Failure.TIMEOUT
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failure.TLS
        case aiohttp.ServerDisconnectedError() | OSError():
            return Failure.CONNECT
        case _:
            return Failure.PROTOCOL
