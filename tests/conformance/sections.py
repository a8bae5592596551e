"""DNS servers that fill the sections of every response as a table says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from conformance.cases import Values, need_ipv6
from servers import dns as misbehaving
from servers.dns import Asked, Behaviour, dns_server, refusing


@asynccontextmanager
async def serving(written: Any, servers: Mapping[str, Any]) -> AsyncIterator[Values]:
    """The server of a case: the name of one in *servers*, or such a mapping.

    `behaviour` is one of servers.dns, `address: both` is 127.0.0.1 and ::1 on one port, and `transport: tcp`
    has nobody at UDP.
    """
    server = servers[written] if isinstance(written, str) else written
    is_both = server.get("address") == "both"
    if is_both:
        need_ipv6()
    async with AsyncExitStack() as stack:
        if server.get("transport") == "tcp":
            taken = stack.enter_context(refusing("::1"))
            listener = await asyncio.start_server(lambda *_: None, taken.address, taken.port)
            stack.callback(listener.close)
            yield {"port": taken.port}
            return
        behaviour = getattr(misbehaving, server["behaviour"]) if "behaviour" in server else _answering(server)
        first = await stack.enter_async_context(dns_server(behaviour))
        while is_both:
            with suppress(OSError):  # somebody else may have this port at ::1
                await stack.enter_async_context(dns_server(behaviour, "::1", first.endpoint.port))
                break
            first = await stack.enter_async_context(dns_server(behaviour))
        port = first.endpoint.port
        yield {"port": port, "address": f"127.0.0.1:{port}"}


def _answering(server: Mapping[str, Any]) -> Behaviour:
    def behave(asked: Asked) -> None:
        response = dns.message.make_response(asked.message)
        question = asked.message.question[0]
        if "without_recursion" in server and not asked.message.flags & dns.flags.RD:
            response.set_rcode(dns.rcode.from_text(server["without_recursion"]))
            asked.reply(response.to_wire())
            return
        response.set_rcode(dns.rcode.from_text(server.get("rcode", "NOERROR")))
        rdclass = "" if question.rdclass == dns.rdataclass.IN else f"{question.rdclass.name} "
        answers = server.get("answer", {})
        kind = f"{rdclass}{dns.rdatatype.to_text(question.rdtype)}"
        for section, lines in (
            (response.answer, answers.get(kind, answers.get("other", ()))),
            (response.authority, server.get("authority", ())),
            (response.additional, server.get("additional", ())),
        ):
            section += [_record(line) for line in lines]
        asked.reply(response.to_wire(max_size=65535))

    return behave


def _record(line: str) -> dns.rrset.RRset:
    owner, ttl, rdclass, rdtype, data = line.split(maxsplit=4)
    return dns.rrset.from_text(owner, int(ttl), rdclass, rdtype, data)
