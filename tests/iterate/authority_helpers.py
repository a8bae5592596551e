"""One authority probe of the tree, alone, beside a server that misbehaves, and through a resolver."""

import asyncio
from typing import Any

import dns.flags
import dns.rdatatype

from iterate.tree_helpers import NOBODY, ROOT, SHOP_1, SHOP_2
from servers.dns import Asked, Behaviour, dns_server
from servers.probing import Probed, bench
from vedette.checks.model import AuthorityCheck, NamedServer
from vedette.wire.facts import AuthorityFacts
from vedette_agent.engine.policy import Policy
from vedette_agent.probers.authority import probe_authority

MOST = 20.0
ZONE = "shop.example"


def check(port: int, zone: str = ZONE, **more: Any) -> AuthorityCheck:
    common = {"name": "t", "target": zone, "interval": 60.0, "timeout": MOST, "roots": (ROOT,), **more}
    return AuthorityCheck(zone=zone, port=port, **common)


def ask(of: AuthorityCheck, seconds: float = MOST, policy: Policy | None = None) -> Probed:
    async def main() -> Probed:
        async with bench(policy=policy) as on:
            return await on.run(probe_authority, of, seconds)

    return asyncio.run(main())


def beside(behaviour: Behaviour, of: AuthorityCheck, seconds: float = MOST) -> Probed:
    """With a server at NOBODY that behaves so."""

    async def main() -> Probed:
        async with dns_server(behaviour, NOBODY, of.port), bench() as on:
            return await on.run(probe_authority, of, seconds)

    return asyncio.run(main())


def facts(probed: Probed) -> AuthorityFacts:
    assert probed.record.authority is not None
    return probed.record.authority


def listed(**at: str) -> dict[str, Any]:
    return {
        "roots": (),
        "servers": tuple(NamedServer(name=name, addresses=(address,)) for name, address in at.items()),
    }


def resolving(asked: Asked) -> None:
    """A resolver. Knows the servers of ZONE, one of moved.example, and nothing without recursion."""
    kind = dns.rdatatype.to_text(asked.message.question[0].rdtype)
    if not asked.message.flags & dns.flags.RD:
        asked.reply(asked.response(rcode=5))
    elif kind == "NS" and "moved" in asked.name.lower():
        asked.reply(asked.response("@ 60 NS ns1.shop.example."))
    elif kind == "NS":
        asked.reply(asked.response("@ 60 NS ns1.shop.example.", "@ 60 NS ns2.test."))
    else:
        asked.reply(asked.response(f"@ 60 A {SHOP_1 if 'ns1' in asked.name.lower() else SHOP_2}"))
