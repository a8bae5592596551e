"""The authority prober among servers that are lame, silent or not there."""

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from iterate.authority_helpers import ask, beside, check, facts, listed
from iterate.tree_helpers import NOBODY, SHOP_1, SHOP_2, Tree
from servers import dns as server
from servers.dns import Asked, Behaviour
from vedette_agent.engine.record import NotInTime


def test_a_lame_server_is_told(on_loopback: Tree) -> None:
    probed = ask(check(on_loopback.port, "lame.example"))
    assert probed.failure == "dns.lame"
    assert probed.detail == f"ns1.lame.example [{SHOP_1}] is lame: it says REFUSED"
    said = facts(probed)
    assert (said.answering, said.lame, said.servers[0].rcode) == (0, 1, "REFUSED")
    assert (said.delegation_differs, said.servers_differ) == (None, None)


def upward(asked: Asked) -> None:
    response = dns.message.make_response(asked.message)
    response.authority.append(dns.rrset.from_text(".", 60, "IN", "NS", "a.root."))
    asked.reply(response.to_wire())


def no_authority(asked: Asked) -> None:
    asked.reply(asked.response("@ 60 SOA ns. root. 7 1 1 1 1"))


def alias(asked: Asked) -> None:
    asked.reply(asked.response("@ 60 CNAME other.test.", flags=dns.flags.AA))


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (upward, "it refers upwards, to ."),
        (no_authority, "it answers without authority (AA clear)"),
        (server.servfail, "it says SERVFAIL"),
        (server.rcode(3), "it says NXDOMAIN without authority"),
        (alias, "it says that dead.example. is an alias"),
    ],
)
def test_each_way_to_be_lame_has_its_words(on_loopback: Tree, behaviour: Behaviour, why: str) -> None:
    probed = beside(behaviour, check(on_loopback.port, "dead.example"))
    assert probed.failure == "dns.lame"
    assert probed.detail == f"ns1.dead.example [{NOBODY}] is lame: {why}"


def test_a_silent_server_fails_the_check_and_the_others_are_told_all_the_same(on_loopback: Tree) -> None:
    made = check(on_loopback.port, **listed(ns1=SHOP_1, ns9=NOBODY, ns2=SHOP_2))
    probed = beside(server.silent, made, 3.0)
    assert isinstance(probed.error, NotInTime)
    assert probed.failure == "dns.timeout"
    assert probed.detail.startswith(f"ns9 [{NOBODY}] did not answer, ")
    said = facts(probed)
    assert [one.failure for one in said.servers] == [None, "dns.timeout", None]
    assert (said.known, said.answering, said.serials) == (3, 2, 1)


def test_a_closed_port_is_told(on_loopback: Tree) -> None:
    assert ask(check(on_loopback.port, "dead.example")).failure == "net.refused"
