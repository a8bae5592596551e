"""The DNSSEC prober against servers that misbehave, and on agents that lack what it needs."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dns.dnssec
import dns.flags
import dns.message
import dns.name
import dns.rdata
import pytest

from dnssec.resolving_helpers import World
from dnssec.signing_helpers import IN
from dnssec.zones_helpers import leaf, tree
from servers import dns as server
from servers.dns import Asked, Behaviour, dns_server
from servers.probing import Probed, bench, host_files
from vedette.checks.anchors import anchor
from vedette.checks.model import DnssecCheck, Endpoint
from vedette_agent.dnssec.anchors import root_anchors
from vedette_agent.dnssec.verdict import Question
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.probers.dnssec import probe_dnssec


def check(at: Endpoint | None, **more: Any) -> DnssecCheck:
    return DnssecCheck(
        name="chain",
        target="www.good.example A",
        interval=30.0,
        timeout=5.0,
        query_name="www.good.example",
        server=at,
        **more,
    )


def probe(behaviour: Behaviour, seconds: float = 5.0, **more: Any) -> Probed:
    async def main() -> Probed:
        async with dns_server(behaviour) as at, bench() as on:
            return await on.run(probe_dnssec, check(at.endpoint, **more), seconds)

    return asyncio.run(main())


def answering(world: World) -> Behaviour:
    """*world*, with the question in the letter case that was sent."""

    def behave(asked: Asked) -> None:
        question = asked.message.question[0]
        wire = world.answer(Question(question.name, dns.rdatatype.to_text(question.rdtype)))
        asked.reply(asked.wire[:2] + wire[2:])

    return behave


def test_queries_ask_for_signatures_and_forbid_the_server_to_judge() -> None:
    seen: list[dns.message.Message] = []
    world, anchors = tree(leaf("good.example.", time.time()))

    def behave(asked: Asked) -> None:
        seen.append(asked.message)
        answering(world)(asked)

    probed = probe(behave, anchors=tuple(map(anchor, anchors)))
    assert probed.error is None
    assert len(seen) == 6
    for message in seen:
        assert message.ednsflags & dns.flags.DO
        assert message.flags & dns.flags.CD
        assert message.flags & dns.flags.RD


@pytest.mark.parametrize(
    ("behaviour", "failure"),
    [
        (server.servfail, "dns.servfail"),
        (server.refused, "dns.refused"),
        (server.rcode(4), "dns.rcode"),
        (server.pointer_loop, "dns.malformed"),
        (server.healthy, "dns.bogus"),  # one that hands on no signatures
        (server.nodata, "dns.bogus"),
        (server.nxdomain, "dns.bogus"),
        (server.text_bomb, "dns.bogus"),
    ],
)
def test_a_server_that_does_not_help_fails_the_probe(behaviour: Behaviour, failure: str) -> None:
    assert probe(behaviour).failure == failure


def test_silence_is_a_timeout_that_names_the_question() -> None:
    error = probe(server.silent, 0.2).error
    assert isinstance(error, DeadlineExceeded)
    assert error.__notes__ == ["the question was www.good.example A"]


def test_of_a_silence_at_the_root_the_question_is_named_as_well() -> None:
    world, _ = tree(leaf("good.example.", time.time()))

    def behave(asked: Asked) -> None:
        if asked.message.question[0].name != dns.name.root:
            answering(world)(asked)

    error = probe(behave, 1.0).error
    assert isinstance(error, DeadlineExceeded)
    assert error.__notes__ == ["the question was . DNSKEY"]


def test_without_a_server_the_hosts_own_is_asked(tmp_path: Path) -> None:
    async def main() -> Probed:
        async with dns_server(server.servfail) as at:
            files = host_files(tmp_path, resolv_conf="nameserver 127.0.0.1\n", port=at.endpoint.port)
            async with bench(files=files) as on:
                return await on.run(probe_dnssec, check(None), 5.0)

    assert asyncio.run(main()).failure == "dns.servfail"


def test_without_any_server_the_probe_is_not_run(tmp_path: Path) -> None:
    async def main() -> Probed:
        async with bench(files=host_files(tmp_path)) as on:
            return await on.run(probe_dnssec, check(None), 5.0)

    assert isinstance(asyncio.run(main()).error, ProbeSpoiled)


# As the root zone has them.
KSKS = {
    20326: (
        "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWX"
        "gnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/"
        "EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzu"
        "DWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU="
    ),
    38696: (
        "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQ"
        "WOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/"
        "wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBu"
        "zZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc="
    ),
}


def test_the_anchors_that_agents_bring_are_those_of_the_roots_keys() -> None:
    made = set()
    for tag, text in KSKS.items():
        key = dns.rdata.from_text(IN, "DNSKEY", f"257 3 8 {text}")
        assert dns.dnssec.key_id(key) == tag
        made.add(str(dns.dnssec.make_ds(dns.name.root, key, "SHA256")).upper())
    assert {each.data for each in root_anchors()} == made
    assert {each.zone for each in root_anchors()} == {"."}


ABSENT = """
import sys
sys.modules["cryptography"] = None
from vedette.checks.model import DnssecCheck
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.probers.dnssec import prepared
from vedette_agent.probers.run import prepare
check = DnssecCheck(name="c", target="t", interval=30.0, timeout=5.0, query_name="example.com")
prepare([check])
try:
    prepared(check)
except ProbeSpoiled as exc:
    print(exc)
"""


def test_without_cryptography_the_probe_is_not_run_and_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ABSENT], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == (
        "configuration: dnssec checks need the Python package cryptography: "
        "pip install 'vedette[dnssec]' on this agent\n"
    )


def test_agents_without_such_checks_import_neither_cryptography_nor_this_kind() -> None:
    code = (
        "import sys, vedette_agent.app, vedette_agent.probers.run\n"
        "bad = ('cryptography', 'dns.dnssec', 'vedette_agent.dnssec', 'vedette_agent.probers.dnssec')\n"
        "print([name for name in sys.modules if name.startswith(bad)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
