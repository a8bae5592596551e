"""Why a probe failed, and why one was not run. Two closed sets: labels, rules and verdicts branch on them.

A failure code is `layer.cause`; the layer is the first one that failed.
A reason for *not run* blames our own side and never the target.
"""

from enum import StrEnum


class Failure(StrEnum):
    """What the target, or the path to it, did wrong."""

    DNS_NODATA = "dns.nodata"  # NOERROR without a record of the asked type (RFC 2308 2.2)
    DNS_NXDOMAIN = "dns.nxdomain"
    DNS_SERVFAIL = "dns.servfail"
    DNS_REFUSED = "dns.refused"
    DNS_RCODE = "dns.rcode"  # any other unexpected response code
    DNS_TIMEOUT = "dns.timeout"
    DNS_TRUNCATED = "dns.truncated"  # TC set, and TCP did not help or was not allowed
    DNS_MALFORMED = "dns.malformed"
    DNS_WRONG_ANSWER = "dns.wrong_answer"
    DNS_CNAME_DANGLING = "dns.cname_dangling"  # a CNAME chain that ends without the asked type
    DNS_LAME = "dns.lame"  # a server that a zone is delegated to does not serve it (RFC 9499 7)
    DNS_DELEGATION = "dns.delegation"  # leads nowhere, or parent and zone say different things about it
    DNS_STALE_SERIAL = "dns.stale_serial"  # a server is behind the others (RFC 1982)
    DNS_INCONSISTENT = "dns.inconsistent"  # the servers of a zone say different things
    DNS_BOGUS = "dns.bogus"  # DNSSEC: what must be signed is not, or not validly (RFC 4033 5)
    DNS_INSECURE = "dns.insecure"  # DNSSEC: proven to be unsigned
    DNS_MISSING_DS = "dns.missing_ds"  # DNSSEC: signed, but the zone above has no DS
    DNS_EXPIRES_SOON = "dns.expires_soon"  # a signature of the chain lasts less long than the check demands
    NET_UNREACHABLE = "net.unreachable"  # an ICMP error from the path, never our own missing route
    NET_REFUSED = "net.refused"  # ICMP port unreachable answered a datagram
    QUIC_TIMEOUT = "quic.timeout"  # no end of the handshake
    QUIC_HANDSHAKE = "quic.handshake"  # broken or refused; what TLS finds wrong in it is tls.*
    QUIC_CLOSED = "quic.closed"  # the peer ended it, or broke its rules, before its answer was whole
    TCP_REFUSED = "tcp.refused"
    TCP_TIMEOUT = "tcp.timeout"
    TCP_RESET = "tcp.reset"
    TCP_CLOSED = "tcp.closed"  # the peer closed before what was expected came
    TCP_EXPECT = "tcp.expect"  # the peer said something else than what was expected
    TLS_EXPIRED = "tls.expired"
    TLS_NOT_YET_VALID = "tls.not_yet_valid"
    TLS_HOSTNAME = "tls.hostname"
    TLS_UNTRUSTED = "tls.untrusted"  # self-signed, unknown issuer, incomplete chain, weak key
    TLS_HANDSHAKE = "tls.handshake"
    TLS_TIMEOUT = "tls.timeout"
    TLS_STARTTLS = "tls.starttls"  # the peer did not agree to begin TLS
    TLS_EXPECT = "tls.expect"  # a version, cipher or protocol that the check does not expect
    TLS_ACCEPTED = "tls.accepted"  # a handshake that had to be refused
    TLS_REVOKED = "tls.revoked"  # the stapled OCSP response says so
    TLS_OCSP = "tls.ocsp"  # no stapled OCSP response, or none that is valid and good
    TLS_EXPIRES_SOON = "tls.expires_soon"  # fewer days left than the check demands
    HTTP_STATUS = "http.status"
    HTTP_BODY = "http.body"
    HTTP_HEADER = "http.header"
    HTTP_REDIRECTS = "http.redirects"
    HTTP_TOO_LARGE = "http.too_large"
    HTTP_PROTOCOL = "http.protocol"
    HTTP_TIMEOUT = "http.timeout"
    HTTP_VERSION = "http.version"  # another version of HTTP than the check demands
    HTTP_TLS = "http.tls"  # the last response came over TLS, or did not, and should not, or should
    HTTP_SIZE = "http.size"  # a body smaller or larger than expected
    HTTP_SLOW = "http.slow"  # a phase took longer than the check allows
    HTTP_PROXY = "http.proxy"  # the proxy refused, or could not be spoken to
    ICMP_LOSS = "icmp.loss"  # no reply, or more lost than the check allows
    ICMP_CORRUPT = "icmp.corrupt"  # nothing came but replies with another payload
    ICMP_SLOW = "icmp.slow"  # round trips that take longer, or vary more, than the check allows
    PATH_TIMEOUT = "path.timeout"  # nobody answers from some hop on, or time was up
    PATH_UNREACHABLE = "path.unreachable"  # a router says so, or the hops that the check allows end before
    PATH_EXPECT = "path.expect"  # the target is reached by another way than the check expects
    PATH_CHANGED = "path.changed"  # and the check expects a stable one
    UDP_TIMEOUT = "udp.timeout"
    UDP_EXPECT = "udp.expect"  # the answer is not what was expected
    NTP_TIMEOUT = "ntp.timeout"
    NTP_MALFORMED = "ntp.malformed"  # an answer that no time server may give
    NTP_KISS = "ntp.kiss"  # kiss-o'-death: the server sends us away (RFC 5905 7.4)
    NTP_UNSYNCHRONIZED = "ntp.unsynchronized"  # by the server's own word
    NTP_OFFSET = "ntp.offset"  # farther from the agent's clock than the check allows
    NTP_STRATUM = "ntp.stratum"
    NTP_DISPERSION = "ntp.dispersion"  # root dispersion
    WEBSOCKET_HANDSHAKE = "websocket.handshake"  # refused, or not as RFC 6455 4.2.2 has it
    WEBSOCKET_EXPECT = "websocket.expect"  # other messages than what was expected
    WEBSOCKET_CLOSED = "websocket.closed"  # the peer closed before what was expected came
    WEBSOCKET_PROTOCOL = "websocket.protocol"  # frames that break RFC 6455, or are too many
    WEBSOCKET_TIMEOUT = "websocket.timeout"
    GRPC_STATUS = "grpc.status"  # the call ended with another status than OK
    GRPC_NOT_SERVING = "grpc.not_serving"  # the health service says something else than SERVING
    GRPC_EXPECT = "grpc.expect"  # SERVING, where the check expects something else
    GRPC_PROTOCOL = "grpc.protocol"  # what came is no answer of a gRPC server
    GRPC_TIMEOUT = "grpc.timeout"

    @property
    def layer(self) -> str:
        return self.value.partition(".")[0]


class NotRun(StrEnum):
    """What our own side spoiled. Never counted against the target."""

    LOOP_LAG = "loop_lag"  # the event loop stood still while the probe ran
    SUSPENDED = "suspended"  # the host slept while the probe ran
    NO_DESCRIPTOR = "no_descriptor"  # EMFILE, ENFILE
    NO_MEMORY = "no_memory"  # ENOMEM, ENOBUFS
    NO_PERMISSION = "no_permission"  # the kernel refuses the socket
    NO_ROUTE = "no_route"  # the host itself has no route for this family
    NO_RESOLVER = "no_resolver"  # no name server is configured on the host
    POLICY = "policy"  # the agent may not probe that address
    CONFIGURATION = "configuration"  # what the check refers to is not on this host: a CA file, a trust store
    CLOCK = "clock"  # it failed by the time of the agent's clock, which is known to be wrong
    SHED = "shed"  # the agent had too much to do, and the check has low priority
    SHUTDOWN = "shutdown"  # the agent stopped while the probe ran
    INTERNAL = "internal"  # a bug of ours; logged with its traceback


class Lost(StrEnum):
    """Why a result that was produced will never be applied. Every one is declared, by range and reason."""

    QUEUE_FULL = "queue_full"  # the agent's memory, where no spool could take it over
    REFUSED = "refused"  # too large for the broker, or for the contract
    SPOOL_FULL = "spool_full"  # the spool reached its cap of bytes
    TOO_OLD = "too_old"  # it waited longer than the spool keeps anything
    NO_SPACE = "no_space"  # the file system came near its end
    CORRUPT = "corrupt"  # what the disk gave back is not what was written
    CRASH = "crash"  # produced shortly before the agent died, and not written by then
    RESTART = "restart"  # the agent that held it in memory alone has ended
    REJECTED = "rejected"  # it arrived and cannot be applied: unreadable, or of no check of this agent
    REWIND = "rewind"  # this collector had applied it and forgot: its store is older than that


# What an agent leaves out when it has too much to do, in this order: `Heartbeat.shed` counts it.
SHED_STEPS = ("detail", "replay", "phases", "checks")
# What became of the repeats of first failures: `Heartbeat.repeats`.
REPEAT_FATES = ("run", "rate", "shed")
# What became of asks and of the checks that they named: `Heartbeat.asks`.
ASK_FATES = (
    "taken", "retained", "foreign", "life", "early", "expired", "duplicate",
    "too_large", "content_type", "compression", "version", "schema",
    "run", "unknown", "rate", "late", "shed",
)  # fmt: skip

FAILURE_CODES = frozenset(f.value for f in Failure)
NOT_RUN_REASONS = frozenset(r.value for r in NotRun)
LOST_REASONS = frozenset(r.value for r in Lost)
