"""What a configuration means: defaults, families, selection, names, the hash, and the file itself."""

import os
from pathlib import Path
from typing import Any

import pytest

from vedette.checks import compile as compiling
from vedette.checks import nodes, read
from vedette.checks.model import (
    Assignment,
    Check,
    DnsCheck,
    Endpoint,
    HttpCheck,
    IcmpCheck,
    TcpCheck,
    TlsCheck,
)
from vedette.checks.model.http import HeaderExpect
from vedette.checks.problems import MAX_TOLD, BadConfig
from vedette.errors import ConfigError

AGENTS = """\
agents:
  - name: par-01
    tags: {network: isp-a, region: eu-west}
  - name: nyc-01
    tags: {network: isp-b, region: us-east}
  - name: lab-01
"""


def loaded(checks: str, *, agents: str = AGENTS) -> Assignment:
    return read.loads(f"{agents}checks:\n{checks}".encode(), "test.yaml")


def check(written: str) -> Any:
    """The one check that `- {name: it, …}` makes."""
    (one,) = loaded(f"  - {{name: it, {written}}}\n").checks
    return one


def told(checks: str, *, agents: str = AGENTS) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        loaded(checks, agents=agents)
    return [problem.text for problem in caught.value.problems]


class TestDefaults:
    def test_without_a_word_a_check_runs_every_30_s_for_5_s_over_ipv4(self) -> None:
        one = check("dns: {name: api.example.com}")
        assert (one.interval, one.timeout, one.family) == (30.0, 5.0, 4)
        assert one.expect.rcodes == ("NOERROR",)
        assert one.expect.min_answers == 1

    def test_defaults_of_the_file_come_first_and_the_check_overrules_them(self) -> None:
        agents = "defaults: {interval: 1m, timeout: 500ms}\n" + AGENTS
        one, other = loaded(
            "  - {name: a, icmp: {host: a.example}}\n"
            "  - {name: b, interval: 2m, timeout: 1.5s, icmp: {host: a.example}}\n",
            agents=agents,
        ).checks
        assert (one.interval, one.timeout) == (60.0, 0.5)
        assert (other.interval, other.timeout) == (120.0, 1.5)

    def test_default_timeout_gives_way_to_a_shorter_interval(self) -> None:
        one = check("interval: 2s, dns: {name: api.example.com}")
        assert (one.interval, one.timeout) == (2.0, 2.0)

    def test_the_priority_of_a_check_is_that_of_all_it_stands_for(self) -> None:
        given = loaded(
            "  - {name: a, families: [ipv4, ipv6], priority: low, icmp: {host: a.example}}\n"
            "  - {name: b, icmp: {host: a.example}}\n"
        )
        assert [one.priority for one in given.checks] == ["low", "low", "normal"]


class TestKinds:
    def test_dns(self) -> None:
        one = check(
            "dns: {name: API.Example.com., type: AAAA, resolver: '[2001:DB8::53]:5353', transport: tcp, "
            "recursion: false, expect: {rcode: [NOERROR, NXDOMAIN], ttl: {max: 60}, authoritative: true, "
            "answers: {min: 2, max: 4, exact: ['2001:DB8:0::1'], within: ['2001:db8::/32']}}}"
        )
        assert isinstance(one, DnsCheck)
        assert one.target == "api.example.com AAAA @[2001:db8::53]:5353"
        assert (one.query_name, one.family, one.recursion_desired) == ("api.example.com", 6, False)
        assert one.server == Endpoint("2001:db8::53", 5353)
        assert one.expect.rcodes == ("NOERROR", "NXDOMAIN")
        assert one.expect.exact == ("2001:db8::1",)
        assert (one.expect.min_answers, one.expect.max_answers, one.expect.max_ttl) == (2, 4, 60)

    def test_resolver_without_a_port_is_asked_on_53(self) -> None:
        assert check("dns: {name: a.example, resolver: 192.0.2.53}").target == "a.example A @192.0.2.53:53"
        assert check("dns: {name: a.example, resolver: '2001:db8::53'}").server == Endpoint(
            "2001:db8::53", 53
        )

    @pytest.mark.parametrize(
        ("written", "asked"),
        [("'.'", "."), ("Bücher.example", "xn--bcher-kva.example"),
         ("_dmarc.example.com", "_dmarc.example.com"),
         ("'*.example.com'", "*.example.com"), ("'1.2.0.192.in-addr.arpa'", "1.2.0.192.in-addr.arpa")],
    )  # fmt: skip
    def test_dns_names(self, written: str, asked: str) -> None:
        assert check(f"dns: {{name: {written}}}").query_name == asked

    def test_http(self) -> None:
        one = check(
            "http: {url: 'https://WWW.Example.com', method: HEAD, headers: {X-A: b}, address: 192.0.2.1, "
            "max_body_bytes: 64kB, tls: {min_days_left: 14}, "
            "expect: {status: [200, 301-308], headers: {Content-Type: html}, body: {match: ok, lack: no}}}"
        )
        assert isinstance(one, HttpCheck)
        assert one.target == one.url == "https://www.example.com/"
        assert (one.address, one.max_body_bytes, one.headers) == ("192.0.2.1", 64_000, (("X-A", "b"),))
        assert one.tls.min_days_left == 14.0
        assert one.expect.statuses == ((200, 200), (301, 308))
        assert one.expect.headers == (HeaderExpect(name="content-type", matches=("html",)),)
        assert (one.expect.body_matches, one.expect.body_lacks) == (("ok",), ("no",))

    @pytest.mark.parametrize(
        ("written", "meant"),
        [("http://a.example:8080/p?q=1", "http://a.example:8080/p?q=1"), ("http://[2001:DB8::1]", "http://[2001:db8::1]/"),
         ("https://bücher.example/", "https://xn--bcher-kva.example/"), ("http://a.example?q", "http://a.example/?q")],
    )  # fmt: skip
    def test_urls(self, written: str, meant: str) -> None:
        assert check(f"http: {{url: '{written}'}}").url == meant

    def test_tcp_and_tls_and_icmp(self) -> None:
        tcp = check("tcp: {address: 'Mail.example.com:25', send: \"EHLO x\\r\\n\", expect: '^250'}")
        assert isinstance(tcp, TcpCheck)
        assert (tcp.target, tcp.host, tcp.port) == ("mail.example.com:25", "mail.example.com", 25)
        assert tcp.send == "EHLO x\r\n"
        tls = check("tls: {address: '[2001:DB8::1]:443', verify: false, ca_file: /ca.pem}")
        assert isinstance(tls, TlsCheck)
        assert (tls.target, tls.host, tls.family) == ("[2001:db8::1]:443", "2001:db8::1", 6)
        assert (tls.tls.verify, tls.tls.ca_file) == (False, "/ca.pem")
        icmp = check("icmp: {host: '2001:DB8::0', resolver: 192.0.2.53}")
        assert isinstance(icmp, IcmpCheck)
        assert (icmp.target, icmp.family, icmp.resolver) == ("2001:db8::", 6, Endpoint("192.0.2.53", 53))


class TestFamilies:
    def test_both_families_are_two_checks(self) -> None:
        assignment = loaded("  - {name: it, families: [ipv6, ipv4], icmp: {host: a.example}}\n")
        assert [(one.name, one.family) for one in assignment.checks] == [("it:ipv6", 6), ("it:ipv4", 4)]
        assert assignment.by_agent["par-01"] == ("it:ipv6", "it:ipv4")

    def test_one_family_keeps_the_name(self) -> None:
        assert check("families: [ipv6], icmp: {host: a.example}").name == "it"

    def test_literal_address_gives_the_family(self) -> None:
        assert check("icmp: {host: '2001:db8::1'}").family == 6
        assert check("http: {url: https://www.example.com/, address: '2001:db8::1'}").family == 6


class TestSelection:
    @pytest.mark.parametrize(
        ("agents", "selected"),
        [
            (None, {"par-01", "nyc-01", "lab-01"}),
            ("{network: isp-a}", {"par-01"}),
            ("{network: [isp-a, isp-b]}", {"par-01", "nyc-01"}),
            ("{network: [isp-a, isp-b], region: us-east}", {"nyc-01"}),
            ("{name: [lab-01, par-01]}", {"lab-01", "par-01"}),
            ("{name: [lab-01, par-01], region: eu-west}", {"par-01"}),
        ],
    )
    def test_and_over_keys_or_over_values(self, agents: str | None, selected: set[str]) -> None:
        selection = f"agents: {agents}, " if agents else ""
        by_agent = loaded(f"  - {{name: it, {selection}icmp: {{host: a.example}}}}\n").by_agent
        assert {name for name, checks in by_agent.items() if checks} == selected

    def test_selection_is_not_blamed_while_an_agent_is_wrong(self) -> None:
        """The tag that nobody has may stand on the agent whose name is misspelt."""
        agents = "agents: [{name: par-01}, {name: NYC, tags: {network: isp-b}}]\n"
        texts = told("  - {name: it, agents: {network: isp-b}, icmp: {host: a.example}}\n", agents=agents)
        assert len(texts) == 1
        assert "is not an agent name" in texts[0]

    def test_checks_of_an_agent_come_in_file_order(self) -> None:
        assignment = loaded(
            "  - {name: b, icmp: {host: a.example}}\n"
            "  - {name: z, agents: {name: nyc-01}, icmp: {host: a.example}}\n"
            "  - {name: a, icmp: {host: a.example}}\n"
        )
        assert [one.name for one in read.checks_of(assignment, "par-01")] == ["b", "a"]

    def test_unlisted_agent_is_refused_with_a_suggestion(self) -> None:
        assignment = loaded("  - {name: a, icmp: {host: a.example}}\n")
        with pytest.raises(ConfigError, match=r'no agent "par-1"; did you mean "par-01"\?'):
            read.checks_of(assignment, "par-1")


class TestHash:
    ONE = "  - {name: a, icmp: {host: a.example}}\n"
    TWO = "  - {name: b, tags: {x: '1', y: '2'}, dns: {name: b.example}}\n"

    def same(self, left: str, right: str, *, agents: str = AGENTS) -> bool:
        return loaded(left).config_hash == loaded(right, agents=agents).config_hash

    def test_layout_comments_order_and_spelled_out_defaults_leave_it_alone(self) -> None:
        spelled = (
            "  # a comment\n"
            "  - name: b\n    tags: {y: '2', x: '1'}\n    interval: 30s\n    timeout: 5000ms\n"
            "    dns:\n      name: B.example.\n      type: A\n      expect: {rcode: [NOERROR]}\n" + self.ONE
        )
        assert self.same(self.ONE + self.TWO, spelled)

    @pytest.mark.parametrize(
        "other",
        [
            TWO,
            ONE + TWO.replace("b.example", "c.example"),
            ONE + TWO.replace("{name: b,", "{name: b, interval: 31s,"),
            ONE + TWO.replace("{name: b,", "{name: b, agents: {name: par-01},"),
            ONE + TWO.replace("'2'", "'3'"),
            ONE + TWO.replace("dns: {name: b.example}", "icmp: {host: b.example}"),
        ],
    )
    def test_whatever_agents_would_do_differently_changes_it(self, other: str) -> None:
        assert not self.same(self.ONE + self.TWO, other)

    def test_tags_of_agents_count(self) -> None:
        assert not self.same(self.ONE, self.ONE, agents=AGENTS.replace("eu-west", "eu-north"))

    def test_named_resolvers_count_but_not_their_order(self) -> None:
        one, two = "{name: a, addresses: [192.0.2.1, 192.0.2.2]}", "{name: b, addresses: [192.0.2.3]}"
        turned = "{name: a, addresses: [192.0.2.2, 192.0.2.1]}"
        named = f"{AGENTS}resolvers: [{one}, {two}]\n"
        assert not self.same(self.ONE, self.ONE, agents=named)
        assert (
            loaded(self.ONE, agents=named).config_hash
            == loaded(self.ONE, agents=f"{AGENTS}resolvers: [{two}, {turned}]\n").config_hash
        )

    def test_it_is_the_same_for_ever(self) -> None:
        """Agents and collectors of different releases compare it. A new field at its default keeps it."""
        assert loaded(self.ONE + self.TWO).config_hash == (
            "599b1f1737990a4600ca4d18a1f4f326f78480be0cea81fc3a694b630e3aa3e9"
        )


class TestFile:
    def problem(self, path: Path) -> str:
        with pytest.raises(BadConfig) as caught:
            read.load(path)
        return str(caught.value)

    def test_missing_file(self, tmp_path: Path) -> None:
        path = tmp_path / "no.yaml"
        assert self.problem(path) == f"{path}: no such file; check the path"

    def test_directory(self, tmp_path: Path) -> None:
        assert self.problem(tmp_path) == f"{tmp_path}: is a directory; name the file in it"

    def test_pipe(self, tmp_path: Path) -> None:
        """One that nobody writes to does not hold us up."""
        path = tmp_path / "pipe"
        os.mkfifo(path)
        assert self.problem(path) == f"{path}: is a pipe or a device; save the configuration to a file"

    def test_device(self) -> None:
        said = "/dev/zero: is a pipe or a device; save the configuration to a file"
        assert self.problem(Path("/dev/zero")) == said

    def test_path_through_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "a.yaml"
        assert self.problem(path) == f"{path}: cannot be read (Not a directory); check the path"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_unreadable_file(self, tmp_path: Path) -> None:
        path = tmp_path / "secret.yaml"
        path.touch(mode=0o000)
        assert self.problem(path) == f"{path}: may not be read by this user; change its mode or owner"

    def test_byte_order_mark_is_no_content(self, tmp_path: Path) -> None:
        path = tmp_path / "windows.yaml"
        path.write_text(
            f"{AGENTS}checks:\n  - {{name: a, icmp: {{host: a.example}}}}\n", encoding="utf-8-sig"
        )
        assert len(read.load(path).checks) == 1


class TestCaps:
    def test_file_of_4_mib_is_read_and_one_byte_more_is_not(self) -> None:
        text = f"{AGENTS}checks: [{{name: a, icmp: {{host: a.example}}}}]\n#".encode()
        filled = text + b" " * (read.MAX_BYTES - len(text))
        assert len(read.loads(filled, "x").checks) == 1
        with pytest.raises(BadConfig, match="more than 4 MiB"):
            read.loads(filled + b" ", "x")

    def test_vast_file_is_left_after_the_cap(self, tmp_path: Path) -> None:
        """Of a TiB of holes no more than the cap is read."""
        path = tmp_path / "vast.yaml"
        path.touch()
        os.truncate(path, 1 << 40)
        with pytest.raises(BadConfig, match="more than 4 MiB"):
            read.load(path)

    def test_depth(self) -> None:
        deepest = "[" * nodes.MAX_DEPTH + "]" * nodes.MAX_DEPTH
        nodes.compose(deepest)
        with pytest.raises(nodes.Unreadable, match="nested deeper"):
            nodes.compose(f"[{deepest}]")

    def test_aliases_count_as_what_they_stand_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A root list, a named list of three and two aliases to it: ten nodes."""
        text = "[&a [x, y], *a, *a]"
        monkeypatch.setattr(nodes, "MAX_NODES", 10)
        nodes.compose(text)
        monkeypatch.setattr(nodes, "MAX_NODES", 9)
        with pytest.raises(nodes.Unreadable, match="more than 9 values"):
            nodes.compose(text)

    def test_checks_are_counted_as_they_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiling, "MAX_CHECKS", 2)
        both = "  - {name: a, families: [ipv4, ipv6], icmp: {host: a.example}}\n"
        assert len(loaded(both).checks) == 2
        assert told(both + "  - {name: b, icmp: {host: a.example}}\n") == [
            "more than 2 checks; split the configuration"
        ]

    def test_pairs_of_agent_and_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compiling, "MAX_ASSIGNED", 3)
        one = "  - {name: a, icmp: {host: a.example}}\n"
        assert len(loaded(one).by_agent) == 3
        assert told(one + one.replace("a,", "b,")) == [
            "more than 3 pairs of agent and check; select fewer agents"
        ]

    def test_a_hundred_problems_are_told_and_the_rest_counted(self) -> None:
        wrong = "".join(f"  - {{name: c{at}}}\n" for at in range(MAX_TOLD + 5))
        with pytest.raises(BadConfig) as caught:
            loaded(wrong)
        lines = str(caught.value).splitlines()
        assert len(lines) == MAX_TOLD + 1
        assert lines[-1] == "test.yaml: and 5 more problems; mend these first"


def test_every_check_is_a_member_of_the_model() -> None:
    every = Path(__file__).parent / "good" / "every_kind.yaml"
    assert {type(one) for one in read.load(every).checks} == set(Check.__args__)


def test_a_header_in_the_wrong_place_is_not_repeated() -> None:
    """The message stands in logs and on the status page, and the header may be a key."""
    said = told('  - {name: it, http: {url: "https://a.example/", headers: "Authorization: s3cret"}}\n')
    assert said == ["expected a mapping, found text; write `key: value` lines under it"]
