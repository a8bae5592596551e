"""HTTP/1.1 and HTTP/2 with a server that we did not write, packed and not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from servers.daemon import free_port, installed
from servers.nginx import Nginx
from servers.tls import trust
from stream.probing_helpers import http, probe
from vedette.checks.model import HttpExpect, TlsOptions
from vedette.checks.model.http import HeaderExpect
from vedette.wire.facts import HttpFacts
from vedette.wire.messages import Result
from vedette_agent.engine import tlscontext
from vedette_agent.probers.run import prepare

pytestmark = pytest.mark.skipif(
    installed("nginx") is None, reason="nginx is not installed. On Debian: apt-get install nginx"
)

TEXT = "in stock " * 400
HOSTS = """\
server {{
  listen 127.0.0.1:{encrypted} ssl http2;
  listen 127.0.0.1:{plain};
  listen 127.0.0.1:{unasked} http2;
  server_name localhost;
  ssl_certificate {directory}/chain.pem;
  ssl_certificate_key {directory}/key.pem;
  gzip on;
  gzip_types text/plain;
  gzip_proxied any;
  default_type text/plain;
  root {directory}/pages;
  location /old {{ return 301 /stock; }}
  location /method {{ return 200 $request_method; }}
}}
"""


class Web:
    def __init__(self, directory: Path) -> None:
        self.encrypted, self.plain, self.unasked = (free_port() for _ in range(3))
        ca = trustme.CA(key_type=trustme.KeyType.ECDSA)
        certificate = ca.issue_cert("localhost")
        self.options = TlsOptions(ca_file=trust(ca, directory))
        certificate.private_key_pem.write_to_path(str(directory / "key.pem"))
        (directory / "chain.pem").write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
        (directory / "pages").mkdir()
        (directory / "pages" / "stock").write_text(TEXT)
        ports = {"encrypted": self.encrypted, "plain": self.plain, "unasked": self.unasked}
        self.nginx = Nginx(
            directory / "nginx", HOSTS.format(directory=directory, **ports), tuple(ports.values())
        )


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    made = Web(tmp_path_factory.mktemp("web"))
    made.nginx.start()
    try:
        yield made
    finally:
        made.nginx.stop()


def _facts(result: Result) -> HttpFacts:
    assert (result.outcome, result.detail) == ("ok", None)
    assert result.facts is not None
    assert result.facts.http is not None
    return result.facts.http


@pytest.mark.parametrize("compression", [(), ("gzip",)])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("kind", ["encrypted", "unencrypted"])
def test_a_page(web: Web, kind: str, version: str, compression: tuple[str, ...]) -> None:
    """3,600 bytes, over a redirect; packed they are announced by no length, and not by the long one."""
    port = web.encrypted if kind == "encrypted" else web.plain if version == "HTTP/1.1" else web.unasked
    packed = HeaderExpect(name="content-encoding", matches=("^gzip$",))
    bare = HeaderExpect(name="content-encoding", lacks=(".",), required=False)
    expect = HttpExpect(
        versions=(version,),
        tls=kind == "encrypted",
        body_matches=("^(in stock )+$",),
        headers=(packed if compression else bare,),
    )
    scheme = "https" if kind == "encrypted" else "http"
    check = http(
        f"{scheme}://localhost:{port}/old",
        versions=(version,),
        compression=compression,
        tls=web.options,
        resolve={"localhost": "127.0.0.1"},
        expect=expect,
    )
    (result,) = probe(check)
    facts = _facts(result)
    assert (facts.status, facts.redirects, facts.body_bytes) == (200, 1, 3600)
    assert facts.content_length == (None if compression else 3600)
    assert facts.last_modified_us is not None


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize(("method", "body_bytes"), [("POST", 4), ("DELETE", 6), ("HEAD", 0)])
def test_methods(web: Web, version: str, method: str, body_bytes: int) -> None:
    check = http(
        f"https://localhost:{web.encrypted}/method",
        versions=(version,),
        method=method,
        body="x" * 100_000 if method == "POST" else None,
        tls=web.options,
        resolve={"localhost": "127.0.0.1"},
    )
    (result,) = probe(check)
    assert _facts(result).body_bytes == body_bytes


def test_no_stock_of_trust_is_read_while_probes_run(web: Web) -> None:
    """What `prepare` made is what the probe uses, with the versions that it offers."""
    check = http(
        f"https://localhost:{web.encrypted}/stock",
        versions=("HTTP/2", "HTTP/1.1"),
        tls=web.options,
        resolve={"localhost": "127.0.0.1"},
    )
    prepare([check])
    made = dict(tlscontext._contexts)
    assert any(key[-1] == ("h2", "http/1.1") and key[1] == web.options.ca_file for key in made)
    (result,) = probe(check)
    assert _facts(result).version == "2"
    assert tlscontext._contexts.keys() == made.keys()
