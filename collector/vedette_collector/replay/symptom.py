"""What a symptom of a scenario looks like to the simulated checks.

| layer | code | what a check says |
|---|---|---|
| dns | nodata, nxdomain, servfail, refused, timeout, wrong_answer | `dns.<code>` |
| dns | servfail_bogus | `dns.servfail`; with CD=1 (checking disabled) it works |
| dns | slow | success: no DNS check here has a limit, so this is not visible |
| tcp | timeout, refused, reset | `tcp.<code>` |
| tls | chain_expired, cert_expired | `tls.expired` |
| tls | self_signed, untrusted | `tls.untrusted` |
| tls | hostname, handshake, timeout | `tls.<code>` |
| http | a status or a class of them, such as 503 or 5xx | `http.status` |
| http | timeout, login_error | `http.timeout`, `http.body` |
| tcp, tls, http | slow | `http.slow`: the checks limit their phases |
| icmp | loss, latency | `tcp.timeout`, `http.slow`: packets of a connection are lost or late as well |
| agent | silent, publish_delayed | nothing comes; what comes late is not live |
"""

import re
from typing import Final

from msgspec import Struct

from vedette.wire.failure import Failure
from vedette_collector.verdicts import denied
from vedette_collector.verdicts.topology import Stage

LAYERS: Final = ("dns", "tcp", "tls", "http", "icmp", "agent")
_STATUS: Final = re.compile(r"[1-5]([0-9]{2}|xx)")

_CODES: Final[dict[str, dict[str, Failure | None]]] = {
    "dns": {
        "nodata": Failure.DNS_NODATA,
        "nxdomain": Failure.DNS_NXDOMAIN,
        "servfail": Failure.DNS_SERVFAIL,
        "servfail_bogus": Failure.DNS_SERVFAIL,
        "refused": Failure.DNS_REFUSED,
        "timeout": Failure.DNS_TIMEOUT,
        "wrong_answer": Failure.DNS_WRONG_ANSWER,
        "slow": None,
    },
    "tcp": {
        "timeout": Failure.TCP_TIMEOUT,
        "refused": Failure.TCP_REFUSED,
        "reset": Failure.TCP_RESET,
        "slow": Failure.HTTP_SLOW,
    },
    "tls": {
        "chain_expired": Failure.TLS_EXPIRED,
        "cert_expired": Failure.TLS_EXPIRED,
        "self_signed": Failure.TLS_UNTRUSTED,
        "untrusted": Failure.TLS_UNTRUSTED,
        "hostname": Failure.TLS_HOSTNAME,
        "handshake": Failure.TLS_HANDSHAKE,
        "timeout": Failure.TLS_TIMEOUT,
        "slow": Failure.HTTP_SLOW,
    },
    "http": {
        "timeout": Failure.HTTP_TIMEOUT,
        "login_error": Failure.HTTP_BODY,
        "slow": Failure.HTTP_SLOW,
    },
    "icmp": {"loss": Failure.TCP_TIMEOUT, "latency": Failure.HTTP_SLOW},
    "agent": {"silent": None, "publish_delayed": None},
}


class Symptom(Struct, frozen=True, kw_only=True):
    layer: str
    code: str

    @property
    def rank(self) -> int:
        """Of two symptoms of one probe the lower one is what a check meets first; slow ones come last."""
        return 4 if self.failure == Failure.HTTP_SLOW else min(LAYERS.index(self.layer), 3)

    @property
    def failure(self) -> Failure | None:
        """None: no check sees it."""
        if self.layer == "http" and _STATUS.fullmatch(self.code):
            return Failure.HTTP_STATUS
        return _CODES[self.layer][self.code]

    @property
    def told(self) -> str:
        """The code of the failure, as verdicts know it. Empty: no check sees it."""
        if self.failure is None:
            return ""
        return denied.code(self.failure, int(self.code) if self.code.isdecimal() else None)

    @property
    def stage(self) -> Stage:
        return Stage.DNS if self.layer == "dns" else Stage.CONNECTION

    @property
    def is_silence(self) -> bool:
        return self.layer == "agent"

    @property
    def is_visible(self) -> bool:
        return self.is_silence or self.failure is not None


def known_codes(layer: str) -> tuple[str, ...]:
    more = ("503", "5xx") if layer == "http" else ()
    return (*_CODES[layer], *more)


def is_known(layer: str, code: str) -> bool:
    return code in _CODES[layer] or (layer == "http" and _STATUS.fullmatch(code) is not None)
