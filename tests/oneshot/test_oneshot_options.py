"""`vedette probe` with every option of a kind, with a check of a file, and with what was sent and came."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from servers.http import answer, answers
from servers.http2 import http2
from servers.tcp import TcpServer, says, silent
from servers.tls import context, tls
from vedette.checks.schema import KINDS
from vedette_agent.oneshot.section import TARGETS, Unusable, checks_from
from vedette_agent.oneshot.words import asked

VALUES = {"name": "shop.example", "zone": "shop.example", "host": "127.0.0.1", "address": "127.0.0.1:9"}
SERVICES = {"http": "http://127.0.0.1/", "websocket": "ws://127.0.0.1/"}
FILE = """
agents: [{name: par-01}]
checks:
  - name: shop
    families: [ipv4, ipv6]
    timeout: 2s
    tcp: {address: "localhost:PORT"}
  - name: shop-again
    tcp: {address: "127.0.0.1:PORT"}
"""


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vedette", "probe", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_takes_a_target_and_its_options(kind: str) -> None:
    more = ["--with", "send: x"] if kind == "udp" else []
    target = SERVICES.get(kind) or VALUES[TARGETS[kind]]
    found = asked([kind, target, *more, "--timeout", "7"])
    assert [(check.name, check.timeout) for check in found.checks] == [(kind, 7.0)]


def test_options_are_merged_into_the_flags() -> None:
    flags = ["http", "https://shop.example/", "--expect-status", "200,300-304", "--insecure"]
    fragments = [
        "expect: {headers: {server: nginx}}",
        "tls: {server_name: other.example}",
        "method: HEAD\nmax_redirects: 0",
    ]
    (check,) = asked([*flags, *(word for one in fragments for word in ("--with", one))]).checks
    told = {"method": "HEAD", "max_redirects": 0}
    assert {name: getattr(check, name) for name in told} == told
    expect, options = getattr(check, "expect"), getattr(check, "tls")  # noqa: B009
    assert expect.statuses == ((200, 200), (300, 304))
    assert [rule.name for rule in expect.headers] == ["server"]
    assert (options.verify, options.server_name) == (False, "other.example")


def test_several_resolvers_are_several_probes() -> None:
    found = asked(["dns", "shop.example", "--with", "resolvers: [127.0.0.1, 127.0.0.2]"]).checks
    assert len(found) == 2


@pytest.mark.parametrize(
    ("fragment", "told"),
    [
        ("tpye: MX", 'dns: unknown key "tpye"; did you mean "type"?'),
        ("type: [", "--with"),
        ("MX", "--with \"MX\": is no key with a value; write --with 'key: value'"),
        ("name: b.example", '--with "name: b.example": name is given already; say it once'),
        ("expect: {rcode: NOPE}", "dns.expect.rcode"),
        ("expect: {ttl: {min: 1, max: x}}", "dns.expect.ttl.max"),
    ],
)
def test_a_wrong_option_says_what_to_write(fragment: str, told: str) -> None:
    with pytest.raises(Unusable) as caught:
        checks_from("dns", {"name": "a.example"}, [fragment], {})
    assert told in caught.value.told[0]


def test_all_that_is_wrong_is_told_at_once_and_the_exit_code_is_2() -> None:
    done = _run("dns", "shop.example", "--with", "tpye: MX", "--with", "recursion: 3")
    assert (done.returncode, done.stdout) == (2, "")
    *_, first, second = done.stderr.splitlines()
    assert first.startswith('vedette probe: error: dns: unknown key "tpye"')
    assert second.startswith("dns.recursion: ")


def test_a_check_of_a_file_runs_as_written(tmp_path: Path) -> None:
    """All variants without a suffix, and one failure is exit code 1; with it, that one."""
    file = tmp_path / "c.yaml"
    with TcpServer(silent) as server:
        file.write_text(FILE.replace("PORT", str(server.port)))
        both = _run("--config", str(file), "shop", "--json")
        one = _run("--config", str(file), "shop:ipv4", "--json")
    told = [json.loads(line) for line in both.stdout.splitlines()]
    assert [(each["check"], each["outcome"]) for each in told] == [("shop:ipv4", "ok"), ("shop:ipv6", "fail")]
    assert (both.returncode, one.returncode) == (1, 0)
    assert json.loads(one.stdout)["check"] == "shop:ipv4"
    missing = _run("--config", str(file), "shopp")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == f'vedette: {file} has no check "shopp"; did you mean "shop"?\n'
    assert _run("--config", str(tmp_path / "none.yaml"), "shop").returncode == 2
    assert _run("--config", str(file)).returncode == 2


def test_a_trace_shows_the_exchange_without_secrets_also_on_success() -> None:
    with TcpServer(answers(answer("200 OK", b"you are s3cr3t-t0ken"))) as server:
        words = ["http", f"http://127.0.0.1:{server.port}/", "--trace"]
        words += ["--with", "headers: {X-Token: s3cr3t-t0ken}"]
        done = _run(*words)
        told = json.loads(_run(*words, "--json").stdout)
    assert done.returncode == 0
    assert "s3cr3t" not in done.stdout + json.dumps(told)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert "GET / HTTP/1.1" in lines
    assert "HTTP/1.1 200 OK" in lines
    assert any(line.startswith("X-Token:") for line in lines)
    assert [note["event"] for note in told["trace"]] == ["target.address", "http.request", "http.response"]
    times = [note["at_seconds"] for note in told["trace"]]
    assert times == sorted(times)


def test_one_is_told_as_one() -> None:
    with TcpServer(answers(answer("302 Found", b"", "Location: /again"))) as server:
        done = _run("http", f"http://127.0.0.1:{server.port}/")
    assert "http.redirects" in done.stdout
    assert done.stdout.rstrip().endswith(", 1 redirect")


def test_a_trace_shows_an_http2_body_and_no_secret_in_it() -> None:
    with TcpServer(http2((":status", "503"), body=b"we are closed, s3cr3t-t0ken")) as server:
        words = ["http", f"http://127.0.0.1:{server.port}/", "--with", "versions: [HTTP/2]"]
        done = _run(*words, "--with", "headers: {X-Token: s3cr3t-t0ken}", "--trace")
    assert done.returncode == 1
    assert "we are closed, [hidden]" in done.stdout
    assert "s3cr3t" not in done.stdout


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (answer("404 No", b"X-Token was s3cr3t-t0ken"), "X-Token was [hidden]"),
        (b"HTTP/1.1 101 Sw", "HTTP/1.1 101 Sw"),
    ],
)
def test_a_trace_shows_the_handshake_of_a_websocket_also_one_that_is_cut(said: bytes, told: str) -> None:
    with TcpServer(answers(said)) as server:
        words = ["websocket", f"ws://127.0.0.1:{server.port}/feed", "--trace"]
        done = _run(*words, "--with", "headers: {X-Token: s3cr3t-t0ken}")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert "GET /feed HTTP/1.1" in lines
    assert "X-Token: [hidden]" in lines
    assert told in lines
    assert "s3cr3t" not in done.stdout


def test_a_trace_shows_certificates_and_escapes_what_steers_terminals() -> None:
    cert = trustme.CA().issue_cert("shop.example")
    with TcpServer(tls(context(cert))) as server:
        done = _run("tls", f"127.0.0.1:{server.port}", "--insecure", "--trace")
    assert "tls.certificate" in done.stdout
    assert "issuer " in done.stdout
    assert "valid from 20" in done.stdout
    with TcpServer(says(b"220 welcome to the quiet server \x1b]0;owned\x07\r\n", then=silent)) as server:
        done = _run("tcp", f"127.0.0.1:{server.port}", "--with", "expect: '^220'", "--trace")
    assert done.returncode == 0
    assert "220 welcome to the quiet server \\x1b]0;owned\\x07" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_trace_shows_dns_messages_in_words() -> None:
    done = _run("dns", "shop.example", "--server", "127.0.0.1:1", "--trace")
    assert done.returncode == 1
    assert "dns.query" in done.stdout
    assert ";QUESTION" in done.stdout
    assert "IN A" in done.stdout
