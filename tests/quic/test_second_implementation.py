"""HTTP/3 with a server that aioquic's authors have not written: Caddy, on quic-go."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from servers.caddy import Caddy
from servers.daemon import free_port, installed
from servers.probing import Probed, bench
from servers.tls import trust
from vedette.checks.model import HttpCheck, HttpExpect, TlsOptions
from vedette_agent.probers.http import probe_http
from vedette_agent.probers.run import prepare

pytestmark = pytest.mark.skipif(installed("caddy") is None, reason="caddy is not installed")

SECONDS = 30.0
SIZE = 3_000_000
SITE = """
    respond /hello "hello"
    redir /old /hello 301
    respond /missing "none" 404
    respond /echo "{http.request.method} {http.request.header.X-Key} {http.request.body}"
    encode gzip
    root * {dir}
    file_server
"""


class Site(NamedTuple):
    port: int
    ca_file: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("caddy")
    ca = trustme.CA()
    (directory / "large.bin").write_bytes(b"a" * SIZE)
    (directory / "packed.txt").write_text("in stock\n" * 1000)
    port = free_port()
    server = Caddy(directory, port, ca.issue_cert("www.test"), SITE.replace("{dir}", str(directory)))
    server.start()
    try:
        yield Site(port, trust(ca, directory))
    finally:
        server.stop()


def probe(site: Site, path: str, **settings: Any) -> Probed:
    tls = TlsOptions(ca_file=site.ca_file, server_name=settings.pop("server_name", None))
    check = HttpCheck(
        name="t", target="t", interval=60, timeout=SECONDS, url=f"https://www.test:{site.port}{path}",
        versions=("HTTP/3",), resolve={"www.test": "127.0.0.1"}, tls=tls, **settings,
    )  # fmt: skip
    prepare([check])

    async def main() -> Probed:
        async with bench() as on:
            return await on.run(probe_http, check, SECONDS)

    return asyncio.run(main())


def test_a_response_with_all_its_facts(site: Site) -> None:
    probed = probe(site, "/hello", expect=HttpExpect(versions=("HTTP/3",), body_matches=("^hello$",)))
    assert probed.error is None
    assert probed.record.http is not None
    assert probed.record.tls is not None
    assert (probed.record.http.version, probed.record.http.status, probed.record.http.body_bytes) == (
        "3",
        200,
        5,
    )
    assert (probed.record.tls.alpn, probed.record.tls.verified, probed.record.tls.chain) == ("h3", True, 2)
    assert set(probed.record.phases) == {"connect", "processing", "transfer"}


def test_method_fields_and_body_reach_the_server(site: Site) -> None:
    expect = HttpExpect(body_matches=("^PUT v a+$",))
    probed = probe(site, "/echo", method="PUT", headers=(("X-Key", "v"),), body="a" * 5000, expect=expect)
    assert probed.error is None


def test_a_body_larger_than_what_comes_at_once(site: Site) -> None:
    probed = probe(site, "/large.bin", max_body_bytes=SIZE, expect=HttpExpect(body_matches=("^a+$",)))
    assert probed.error is None
    assert probed.record.http is not None
    assert probed.record.http.body_bytes == SIZE


def test_a_body_that_is_too_large(site: Site) -> None:
    assert probe(site, "/large.bin", max_body_bytes=SIZE // 3).failure == "http.too_large"


def test_a_compressed_body(site: Site) -> None:
    expect = HttpExpect(body_matches=("^(in stock\n)+$",))
    probed = probe(site, "/packed.txt", compression=("gzip",), expect=expect)
    assert probed.error is None
    assert probed.record.http is not None
    assert probed.record.http.body_bytes == 9000


def test_a_redirect_is_followed(site: Site) -> None:
    assert probe(site, "/old", expect=HttpExpect(body_matches=("^hello$",))).error is None


def test_a_status_that_was_not_expected(site: Site) -> None:
    assert probe(site, "/missing").failure == "http.status"


def test_a_name_that_it_does_not_serve(site: Site) -> None:
    """Its TLS says so, in an alert."""
    probed = probe(site, "/hello", server_name="other.test")
    assert probed.failure in ("tls.handshake", "tls.hostname")


def test_a_certificate_of_nobody(site: Site, tmp_path: Path) -> None:
    probed = probe(site._replace(ca_file=trust(trustme.CA(), tmp_path)), "/hello")
    assert probed.failure == "tls.untrusted"
