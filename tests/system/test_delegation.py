"""One-shot probes against real authorities: what a person sees who asks the wrong server."""

import json
import subprocess
from typing import Any

import pytest

from system.world.pipeline import VEDETTE
from system.world.shop import Shop

pytestmark = pytest.mark.system
NAME = "till.branch.shop.example"


def probe(*words: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [VEDETTE, "probe", *words, "--json"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_parent_refers_and_that_is_no_answer(shop: Shop) -> None:
    """RFC 1034 4.2.1: the authority of the parent knows who to ask; a prober that asked it got nothing."""
    code, said = probe("dns", NAME, "--server", f"127.0.0.1:{shop.authority.port}")
    assert (code, said["outcome"], said["failure"]) == (1, "fail", "dns.nodata")


def test_child_authority_answers(shop: Shop) -> None:
    code, said = probe("dns", NAME, "--server", f"127.0.0.1:{shop.branch.port}")
    assert (code, said["outcome"], said["failure"]) == (0, "ok", None)
    assert said["facts"]["dns"]["answers"] == ["192.0.2.100"]
    assert said["facts"]["dns"]["authoritative"]


@pytest.mark.parametrize("transport", [(), ("--tcp",)], ids=["udp", "tcp"])
def test_resolver_follows_the_delegation(shop: Shop, transport: tuple[str, ...]) -> None:
    code, said = probe("dns", NAME, "--server", f"127.0.0.1:{shop.resolver.port}", *transport)
    assert (code, said["facts"]["dns"]["answers"]) == (0, ["192.0.2.100"])


def test_alias_chain_is_told_in_order(shop: Shop) -> None:
    _, said = probe("dns", "www.shop.example", "--server", f"127.0.0.1:{shop.resolver.port}")
    chain = [name.rstrip(".") for name in said["facts"]["dns"]["cname_chain"]]
    assert chain == ["www.shop.example.cdn.example", "c7.edge.cdn.example", "pop-par2.edge.cdn.example"]


@pytest.mark.parametrize(
    ("rdtype", "answers"),
    [
        ("AAAA", ["::1"]),
        ("MX", ["10 mx1.shop.example", "20 mx2.shop.example"]),
        ("CAA", ['0 issue "ca.example"']),
        (  # the strings of one record are one text, as RFC 7208 3.3 joins them
            "TXT",
            [
                "v=spf1 ip4:192.0.2.0/24 include:_spf.mail.example -all",
                "verification=8f14e45fceea167a5a36dedd4bea2543",
            ],
        ),
    ],
)
def test_records_are_told_as_people_write_them(shop: Shop, rdtype: str, answers: list[str]) -> None:
    _, said = probe("dns", "shop.example", "--type", rdtype, "--server", f"127.0.0.1:{shop.authority.port}")
    assert said["facts"]["dns"]["answers"] == answers
