"""`vedette probe` as a person or a script uses it: words in, lines or JSON out, an exit code."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import trustme

from servers.http import answer, answers
from servers.tcp import TcpServer, says, silent
from servers.tls import context, day, tls, trust
from vedette.checks.model import DnsCheck
from vedette_agent.oneshot.words import asked

KEYS = ["check", "target", "outcome", "failure", "detail", "duration_seconds", "phases", "facts"]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vedette", "probe", *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_json_has_the_stable_keys_and_exit_code_0() -> None:
    with TcpServer(answers(answer("200 OK", b"in stock"))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        done = _run("http", url, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, list(told)) == (0, "", KEYS)
    assert (told["check"], told["target"], told["outcome"], told["failure"]) == ("http", url, "ok", None)
    assert set(told["phases"]) == {"connect", "processing", "transfer"}
    assert told["duration_seconds"] == pytest.approx(sum(told["phases"].values()), abs=1e-5)
    assert told["facts"]["http"] == {"status": 200, "version": "1.1", "content_length": 8, "body_bytes": 8}
    assert told["facts"]["address"] == "127.0.0.1"


def test_a_failure_says_what_came_and_what_was_expected() -> None:
    with TcpServer(answers(answer("502 Bad Gateway"))) as server:
        done = _run("http", f"http://127.0.0.1:{server.port}/")
        accepted = _run("http", f"http://127.0.0.1:{server.port}/", "--expect-status", "200,500-599")
    assert (done.returncode, accepted.returncode) == (1, 0)
    first, *rest = done.stdout.splitlines()
    assert first.startswith(f"fail http.status  http http://127.0.0.1:{server.port}/  ")
    assert rest[0] == "  502, expected 200-299"
    assert f"127.0.0.1:{server.port}" in "\n".join(rest)
    assert "\x1b" not in done.stdout


def test_a_bad_certificate_is_shown(tmp_path: Path) -> None:
    ca = trustme.CA()
    cert = ca.issue_cert("shop.example", not_before=day(-20), not_after=day(-10))
    ca_file = trust(ca, tmp_path)
    with TcpServer(tls(context(cert))) as server:
        target = f"localhost:{server.port}"
        refused = _run("tls", target, "--ca-file", ca_file)
        accepted = _run("tls", target, "--insecure")
    assert (refused.returncode, accepted.returncode) == (1, 0)
    assert refused.stdout.startswith(f"fail tls.hostname  tls {target}")
    assert "asked for localhost; presented: for shop.example" in refused.stdout
    assert "  tls         TLS_" in refused.stdout, "the version is not known and not named"
    for shown in (refused.stdout, accepted.stdout):
        assert "for shop.example" in shown
        assert "expired 10 days ago" in shown
        assert "not verified" in shown


def test_ctrl_c_ends_a_probe_without_a_word() -> None:
    """Exit code 130, as a shell reports SIGINT, and no traceback."""
    greeted = threading.Event()

    def waits(connection: socket.socket) -> None:
        greeted.set()
        silent(connection)

    with TcpServer(waits) as server:
        # Whoever runs the tests in a shell's background hands down that SIGINT is ignored.
        command = ["env", "--default-signal=INT", sys.executable, "-m", "vedette"]
        words = [*command, "probe", "http", f"http://127.0.0.1:{server.port}/"]
        with subprocess.Popen(
            [*words, "--timeout", "30"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as asked:
            assert greeted.wait(20)
            asked.send_signal(signal.SIGINT)
            said = asked.communicate(timeout=20)
    assert (asked.returncode, said) == (130, (b"", b""))


def test_what_was_not_run_is_not_a_failure_of_the_target(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with TcpServer(silent) as server:
        done = _run("tls", f"127.0.0.1:{server.port}", "--ca-file", missing, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert (told["outcome"], told["failure"], told["duration_seconds"]) == ("not_run", "configuration", None)


def test_the_timeout_is_kept() -> None:
    with TcpServer(silent) as server:
        done = _run("http", f"http://127.0.0.1:{server.port}/", "--timeout", "0.3", "--json")
    told = json.loads(done.stdout)
    assert told["failure"] in ("http.timeout", "loop_lag")
    assert told["duration_seconds"] is None or 0.3 <= told["duration_seconds"] < 0.5


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        (["dns", "shop.example", "--server", "127.0.0.1:1"], "net.refused"),
        (["dns", "shop.example", "--server", "127.0.0.1:1", "--tcp"], "tcp.refused"),
        (["dns", "shop.example", "--server", "https://127.0.0.1:1/dns-query"], "tcp.refused"),
        (["tcp", "127.0.0.1:1"], "tcp.refused"),
        (["tcp", "[::1]:1"], "tcp.refused"),
        (["http", "http://localhost:1/", "-6"], "tcp.refused"),
    ],
)
def test_each_kind_and_family(words: list[str], failure: str) -> None:
    done = _run(*words, "--json")
    assert (done.returncode, json.loads(done.stdout)["failure"]) == (1, failure)


def test_a_literal_address_decides_the_family() -> None:
    done = _run("tcp", "[::1]:1", "--json")
    assert json.loads(done.stdout)["facts"]["address"] == "::1"


def test_both_families_are_asked_where_both_are_named() -> None:
    done = _run("http", "http://localhost:1/", "-4", "-6", "-4", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["facts"]["address"] for result in told] == ["127.0.0.1", "::1"]


def test_the_words_for_dns_know_what_the_file_knows() -> None:
    """`--type ANY` and `--server host` are values of the file; a port not given is the transport's."""
    assert _dns("--type", "any").rdtype == "ANY"
    assert _dns("--server", "host").server is None
    server = _dns("--server", "192.0.2.53", "--with", "transport: tls").server
    assert server == ("192.0.2.53", 853)


def _dns(*words: str) -> DnsCheck:
    (check,) = asked(["dns", "shop.example", *words]).checks
    assert isinstance(check, DnsCheck)
    return check


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tcp", "example.com"], '"example.com" is not host:port; write example.com:443'),
        (["tcp", "example.com:0"], "port 0 is out of bounds"),
        (["http", "example.com"], '"example.com" is not an http or https URL'),
        (["http", "https://u:p@example.com/"], "http checks name them under auth"),
        (["dns", "example.com", "--type", "AAA"], 'did you mean "AAAA"?'),
        (["dns", "example.com", "--type", "AXFR"], "AXFR is no type of records to ask for"),
        (["http", "http://example.com/", "--expect-status", "abc"], "'abc' are no status codes; write codes"),
        (["dns", "a..b"], "empty label"),
        (["dns", "example.com", "--server", "ns.example.com"], "write a literal address"),
        (["icmp", "a b"], "not a DNS label"),
        (["icmp", "127.0.0.1", "--timeout", "soon"], "'soon' is not a timeout"),
        (["icmp", "127.0.0.1", "--timeout", "0"], "more than 0"),
        (["http", "http://a/", "--expect-status", "20"], "are no status codes; write codes and ranges"),
        (["tcp", "[::1]:1", "-4"], "::1 is an IPv6 address; remove -4"),
        (["dns", "a.test", "--server", "127.0.0.1", "-4", "-6"], "127.0.0.1 is an IPv4 address; remove -6"),
        (["gopher", "example.com"], "invalid choice"),
        ([], "KIND"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_code_2(words: list[str], said: str) -> None:
    done = _run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def _on_a_terminal(environment: dict[str, str]) -> bytes:
    leader, follower = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-m", "vedette", "probe", "tcp", "127.0.0.1:1"],
            stdout=follower,
            env=os.environ | {"TERM": "xterm"} | environment,
            timeout=30,
            check=False,
        )
        return os.read(leader, 4096)
    finally:
        os.close(leader)
        os.close(follower)


def test_color_is_for_terminals_and_no_color_is_honoured() -> None:
    assert _on_a_terminal({"NO_COLOR": ""}).startswith(b"\x1b[31mfail")
    assert b"\x1b" not in _on_a_terminal({"NO_COLOR": "1"})
    assert b"\x1b" not in _on_a_terminal({"TERM": "dumb"})


def test_what_a_target_says_cannot_steer_the_terminal() -> None:
    """An escape sequence in a body is shown as text."""
    with TcpServer(says(b"\x1b]0;owned\x07", then=silent)) as server:
        done = _run("tls", f"127.0.0.1:{server.port}", "--insecure")
        page = answer("200 \x1b[2J", b"")
    with TcpServer(answers(page)) as server:
        more = _run("http", f"http://127.0.0.1:{server.port}/")
    assert "\x1b" not in done.stdout + more.stdout


def test_a_dns_probe_imports_neither_http_nor_aiomqtt() -> None:
    """It starts fast: what other kinds of probe need stays out."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom vedette_agent.commands import probe\n"
            "probe(['dns', 'shop.example', '--server', '127.0.0.1:1'])\n"
            "print(*sorted({'httptools', 'aiomqtt', 'aiohttp', 'vedette_agent.app'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == ""
