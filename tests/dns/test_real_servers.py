"""The DNS prober against NSD and Unbound: every transport, flag and EDNS option that they know."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from servers.daemon import free_port
from servers.nsd import Nsd, plain
from servers.probing import Probed, bench, host_files
from servers.tls import trust
from servers.unbound import Unbound
from vedette.checks.model import DnsCheck, DnsExpect, Endpoint, TlsOptions
from vedette.checks.model.dns import (
    Doh,
    ExtendedErrorsExpect,
    Patterns,
    QueryOptions,
    RecordsExpect,
    SectionsExpect,
)
from vedette_agent.probers.dns import probe_dns

ZONE = """\
$ORIGIN shop.test.
$TTL 300
@ IN SOA ns.shop.test. admin.shop.test. {serial} 3600 600 86400 60
@ IN NS ns.shop.test.
ns IN A 127.0.0.1
www IN A 192.0.2.1
www IN A 192.0.2.2
www IN TYPE65280 \\# 3 010203
mail IN MX 10 mx.shop.test.
mx IN A 192.0.2.25
many IN TXT "%s"
"""
BOGUS = "bogus.test. DS 12345 13 2 " + "ab" * 32
MORE = """\
  interface: 127.0.0.1@{tls}
  interface: 127.0.0.1@{https}
  tls-port: {tls}
  https-port: {https}
  http-endpoint: "/dns-query"
  tls-service-key: "{key}"
  tls-service-pem: "{pem}"
  ede: yes
  nsid: "ascii_cache-1"
  hide-version: no
"""


class Site:
    """NSD behind Unbound, and what is needed to reach Unbound encrypted."""

    def __init__(self, directory: Path) -> None:
        ca = trustme.CA()
        self.ca_file = trust(ca, directory)
        leaf = ca.issue_cert("dns.test", "127.0.0.1")
        leaf.private_key_pem.write_to_path(str(directory / "key.pem"))
        for blob in leaf.cert_chain_pems:
            blob.write_to_path(str(directory / "cert.pem"), append=True)
        text = ZONE % '" "'.join("x" * 250 for _ in range(40))
        zones = {"shop.test.": plain(text), "bogus.test.": plain(text.replace("shop", "bogus"))}
        self.nsd = Nsd(directory / "nsd", zones)
        self.tls, self.https = free_port(), free_port()
        more = MORE.format(
            tls=self.tls, https=self.https, key=directory / "key.pem", pem=directory / "cert.pem"
        )
        stubs = {"shop.test.": self.nsd.port, "bogus.test.": self.nsd.port}
        self.unbound = Unbound(directory / "unbound", stubs, (BOGUS,), more)

    def probe(self, port: int, files: Path, expect: dict[str, Any] | None = None, **check: Any) -> Probed:
        what = {
            "name": "t", "target": "t", "interval": 30.0, "timeout": 5.0, "query_name": "www.shop.test",
            "server": Endpoint("127.0.0.1", port), **check,
        }  # fmt: skip
        made = DnsCheck(expect=DnsExpect(**(expect or {})), **what)

        async def main() -> Probed:
            async with bench(files=host_files(files, "127.0.0.1 dns.test\n")) as on:
                return await on.run(probe_dns, made, 10.0)

        return asyncio.run(main())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.nsd.start()
        made.unbound.start()
        yield made
    finally:
        made.unbound.stop()
        made.nsd.stop()


def test_dns_over_tls_is_answered_and_its_certificate_verified(site: Site, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=site.ca_file, server_name="dns.test")
    probed = site.probe(site.tls, tmp_path, transport="tls", tls=options, expect={"flags": {"ra": True}})
    assert probed.error is None
    facts = probed.record.dns
    assert facts is not None
    assert (facts.transport, facts.answers) == ("tls", ["192.0.2.1", "192.0.2.2"])
    assert probed.record.phases.keys() == {"connect", "tls", "request"}
    assert probed.record.tls is not None
    assert probed.record.tls.verified


def test_dns_over_tls_by_name_looks_the_name_up_first(site: Site, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=site.ca_file)
    probed = site.probe(0, tmp_path, server=Endpoint("dns.test", site.tls), transport="tls", tls=options)
    assert probed.error is None
    assert (probed.record.address, probed.record.resolver) == ("127.0.0.1", f"127.0.0.1:{site.tls}")


def test_a_server_of_another_name_is_not_believed(site: Site, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=site.ca_file, server_name="other.test")
    probed = site.probe(site.tls, tmp_path, transport="tls", tls=options)
    assert "hostname mismatch" in str(probed.error).lower()
    assert probed.record.dns is None


def test_a_certificate_that_ends_soon_fails_the_check_with_its_facts(site: Site, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=site.ca_file, server_name="dns.test", min_days_left=3650.0 * 1000)
    probed = site.probe(site.tls, tmp_path, transport="tls", tls=options)
    assert probed.failure == "tls.expires_soon"
    assert probed.record.dns is not None


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_dns_over_https_is_answered_over_http_2(site: Site, tmp_path: Path, method: str) -> None:
    probed = site.probe(
        site.https,
        tmp_path,
        transport="https",
        doh=Doh(url=f"https://dns.test:{site.https}/dns-query", method=method),  # type: ignore[arg-type]
        tls=TlsOptions(ca_file=site.ca_file),
    )
    assert probed.error is None
    assert probed.record.dns is not None
    assert (probed.record.dns.transport, probed.record.dns.answers) == ("https", ["192.0.2.1", "192.0.2.2"])
    assert probed.record.http is not None
    assert (probed.record.http.status, probed.record.http.version) == (200, "2")
    assert probed.record.resolver == f"https://dns.test:{site.https}/dns-query"


def test_a_wrong_path_over_https_is_told_by_its_status(site: Site, tmp_path: Path) -> None:
    doh = Doh(url=f"https://dns.test:{site.https}/nothing-here")
    options = TlsOptions(ca_file=site.ca_file)
    probed = site.probe(site.https, tmp_path, transport="https", doh=doh, tls=options)
    assert (probed.failure, probed.detail) == ("http.status", "404 instead of a DNS answer; expected 200")


def test_padding_fills_whole_blocks(site: Site, tmp_path: Path) -> None:
    options = TlsOptions(ca_file=site.ca_file, server_name="dns.test")
    probed = site.probe(site.tls, tmp_path, transport="tls", tls=options, options=QueryOptions(padding=True))
    assert probed.error is None
    (sent,) = [what for _, event, what in probed.record.notes if event == "dns.query"]
    assert len(sent) % 128 == 0


def test_a_bogus_zone_is_a_servfail_that_says_why(site: Site, tmp_path: Path) -> None:
    probed = site.probe(site.unbound.port, tmp_path, query_name="www.bogus.test")
    assert probed.failure == "dns.servfail"
    assert "; the server says: " in probed.detail
    assert probed.record.dns is not None
    (error,) = probed.record.dns.extended_errors
    assert error.code in (6, 9, 10)
    # From its cache Unbound says it in a more general way.
    expected = {"rcodes": ("SERVFAIL",), "extended_errors": ExtendedErrorsExpect(lacks=(17,), most=2)}
    assert site.probe(site.unbound.port, tmp_path, expected, query_name="www.bogus.test").error is None


def test_with_checking_disabled_a_bogus_zone_is_answered(site: Site, tmp_path: Path) -> None:
    options = QueryOptions(checking_disabled=True)
    expect = {"flags": {"cd": True, "ad": False}}
    assert (
        site.probe(site.unbound.port, tmp_path, expect, query_name="www.bogus.test", options=options).error
        is None
    )


def test_the_instance_names_itself_when_asked_to(site: Site, tmp_path: Path) -> None:
    options = QueryOptions(nsid=True)
    probed = site.probe(site.unbound.port, tmp_path, {"nsid": "^cache-[0-9]$"}, options=options)
    assert probed.error is None
    assert probed.record.dns is not None
    assert probed.record.dns.nsid == "cache-1"
    probed = site.probe(site.unbound.port, tmp_path, {"nsid": "^edge"}, options=options)
    assert probed.detail == "'cache-1' answered; expected one that matches '^edge'"
    probed = site.probe(site.unbound.port, tmp_path, {"nsid": "cache"})
    assert probed.detail == "the server does not name itself; expected 'cache'"


@pytest.mark.parametrize("server", ["nsd", "unbound"])
def test_the_version_of_a_server_is_a_text_of_class_chaos(site: Site, tmp_path: Path, server: str) -> None:
    probed = site.probe(
        getattr(site, server).port,
        tmp_path,
        {"patterns": Patterns(every=(f"(?i)^{server}",))},
        query_name="version.bind" if server == "unbound" else "version.server",
        rdtype="TXT",
        options=QueryOptions(rdclass="CH"),
    )
    assert probed.error is None


def test_an_unknown_type_is_asked_and_shown_by_number(site: Site, tmp_path: Path) -> None:
    probed = site.probe(site.nsd.port, tmp_path, {"exact": (r"\# 3 010203",)}, rdtype="TYPE65280")
    assert probed.error is None


def test_any_gives_records_with_their_types(site: Site, tmp_path: Path) -> None:
    """NSD gives one set of them, as RFC 8482 lets it."""
    probed = site.probe(site.nsd.port, tmp_path, rdtype="ANY")
    assert probed.error is None
    assert probed.record.dns is not None
    assert probed.record.dns.answers == ["A 192.0.2.1", "A 192.0.2.2"]


def test_an_authority_is_held_to_all_three_sections(site: Site, tmp_path: Path) -> None:
    sections = SectionsExpect(
        answer=RecordsExpect(exact=("Mail.shop.test. MX 10 mx.shop.test",)),
        authority=RecordsExpect(
            contains=("shop.test NS ns.shop.test.",),
            patterns=Patterns(every=(r"^shop\.test\. 300 IN NS ns\.shop\.test\.$",), none=("example",)),
        ),
        additional=RecordsExpect(min_records=2, max_records=2, within=("192.0.2.0/24", "127.0.0.0/8")),
    )
    expect = {"sections": sections, "flags": {"aa": True}}
    check = {"query_name": "mail.shop.test", "rdtype": "MX", "recursion_desired": False}
    assert site.probe(site.nsd.port, tmp_path, expect, **check).error is None
    lacking = SectionsExpect(authority=RecordsExpect(contains=("shop.test NS ns2.shop.test",)))
    probed = site.probe(site.nsd.port, tmp_path, {"sections": lacking}, **check)
    assert probed.failure == "dns.wrong_answer"
    assert probed.detail == (
        "mail.shop.test MX, authority section: got shop.test NS ns.shop.test.; "
        "shop.test NS ns2.shop.test is missing"
    )


def test_a_version_of_edns_that_nobody_knows_is_refused(site: Site, tmp_path: Path) -> None:
    options = QueryOptions(edns_version=1)
    for port in (site.nsd.port, site.unbound.port):
        assert site.probe(port, tmp_path, {"rcodes": ("BADVERS",)}, options=options).error is None


def test_without_edns_the_answer_has_none(site: Site, tmp_path: Path) -> None:
    probed = site.probe(site.unbound.port, tmp_path, options=QueryOptions(edns=False))
    assert probed.error is None
    assert probed.record.dns is not None
    assert probed.record.dns.additional_rrs == 0


def test_a_large_answer_is_truncated_and_then_whole(site: Site, tmp_path: Path) -> None:
    """40 strings of 250 bytes go over TCP, and the check can tell."""
    check = {"query_name": "many.shop.test", "rdtype": "TXT"}
    probed = site.probe(site.nsd.port, tmp_path, {"flags": {"tc": True}}, **check)
    assert probed.error is None
    assert probed.record.dns is not None
    assert (probed.record.dns.transport, probed.record.dns.truncated) == ("tcp", True)
    probed = site.probe(site.nsd.port, tmp_path, {"flags": {"tc": False}}, **check)
    assert probed.detail == "the answer for many.shop.test is truncated (TC set); expected the opposite"


def test_a_client_subnet_is_sent_as_written(site: Site, tmp_path: Path) -> None:
    options = QueryOptions(client_subnet="203.0.112.0/21")
    probed = site.probe(site.nsd.port, tmp_path, options=options)
    assert probed.error is None
    (sent,) = [what for _, event, what in probed.record.notes if event == "dns.query"]
    assert bytes.fromhex("0008 0007 0001 1500 cb0070".replace(" ", "")) in bytes(sent)  # type: ignore[arg-type]
