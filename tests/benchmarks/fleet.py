"""A configuration of any size and results that look like a fleet's, for the collector's figures."""

from hashlib import sha256

from vedette.checks.model import Assignment, DnsCheck, HttpCheck, Vantage
from vedette.wire import codec, limits
from vedette.wire.facts import DnsFacts, Facts, HttpFacts, TlsFacts
from vedette.wire.messages import Batch, Result

EPOCH = "0" * 31 + "1"
DAY_US = 86_400_000_000


def assignment(agents: int, checks: int) -> Assignment:
    """Half of the checks are DNS, half HTTPS; every agent runs every check."""
    kinds: list[DnsCheck | HttpCheck] = []
    for number in range(checks):
        host = f"host-{number:04d}.example.com"
        if number % 2:
            url = f"https://{host}/"
            kinds.append(HttpCheck(name=f"web-{number:04d}", target=url, interval=30, timeout=5, url=url))
        else:
            kinds.append(
                DnsCheck(
                    name=f"dns-{number:04d}", target=f"{host} A", interval=30, timeout=5, query_name=host
                )
            )
    names = tuple(check.name for check in kinds)
    vantages = tuple(Vantage(name=f"agent-{number:04d}") for number in range(agents))
    return Assignment(
        agents=vantages,
        checks=tuple(kinds),
        by_agent={vantage.name: names for vantage in vantages},
        config_hash="0" * 64,
    )


def result(check: str, number: int) -> Result:
    """An ordinary success; *number* varies its digits as reality would."""
    us = 900 + number * 7919 % 9000
    if check.startswith("dns"):
        answer = f"192.0.2.{number % 250}"
        return Result(
            check=check,
            outcome="ok",
            started_us=1_800_000_000_000_000 + number * 9973,
            duration_us=us,
            phases_us={"request": us},
            clock="kernel",
            facts=Facts(
                resolver="192.0.2.53:53",
                dns=DnsFacts(
                    rcode="NOERROR",
                    answers=[answer],
                    answer_hash=sha256(answer.encode()).hexdigest()[:16],
                    answer_rrs=1,
                    additional_rrs=1,
                    ttl_seconds=60,
                ),
            ),
        )
    phases = {"resolve": us // 4, "connect": us // 3, "tls": us, "processing": us * 2, "transfer": us // 9}
    return Result(
        check=check,
        outcome="ok",
        started_us=1_800_000_000_000_000 + number * 9973,
        duration_us=sum(phases.values()),
        phases_us=phases,  # type: ignore[arg-type]  # the keys are literals
        clock="kernel",
        facts=Facts(
            address=f"192.0.2.{number % 250}",
            port=443,
            resolver="192.0.2.53:53",
            http=HttpFacts(status=200, version="1.1", content_length=512, body_bytes=512),
            tls=TlsFacts(
                version="TLSv1.3",
                cipher="TLS_AES_256_GCM_SHA384",
                verified=True,
                subject="CN=www.example.com",
                issuer="CN=Example CA",
                fingerprint_sha256=sha256(check.encode()).hexdigest(),
                not_after_us=1_800_000_000_000_000 + 60 * DAY_US,
                earliest_not_after_us=1_800_000_000_000_000 + 60 * DAY_US,
            ),
        ),
    )


def payload(agent: str, first_seq: int, results: list[Result]) -> tuple[bytes, str]:
    return codec.encode(
        Batch(
            v=limits.VERSION, agent=agent, epoch=EPOCH, first_seq=first_seq, acked=first_seq, results=results
        )
    )
