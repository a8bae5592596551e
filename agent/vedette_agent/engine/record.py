"""What one probe has learned so far. It outlives the probe's failure: facts gathered before it are kept."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final, Literal

from vedette.wire.facts import (
    AuthorityFacts,
    DnsFacts,
    DnssecFacts,
    Facts,
    GrpcFacts,
    HttpFacts,
    IcmpFacts,
    NtpFacts,
    PathFacts,
    TlsFacts,
    TraceFacts,
    UdpFacts,
    WebsocketFacts,
)
from vedette.wire.failure import Failure, NotRun
from vedette.wire.messages import Phase

if TYPE_CHECKING:
    from vedette_agent.http.secrets import Secrets

Stage = Literal[
    "resolve",
    "dns",
    "connect",
    "quic",
    "starttls",
    "tls",
    "tcp",
    "http",
    "icmp",
    "path",
    "udp",
    "ntp",
    "websocket",
    "grpc",
]


class ProbeFailed(Exception):
    """The target answered, and not as the check expects. Raised by probers; *detail* is for people."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(f"{failure}: {detail}")
        self.failure = failure
        self.detail = detail


class NotInTime(ProbeFailed):
    """As ProbeFailed, because time was up for a part of the probe: then our own stalls may be to blame."""


class ByClock(ProbeFailed):
    """As ProbeFailed, by what our wall clock says: where that is known to be wrong it says nothing."""


class ProbeSpoiled(Exception):
    """Our own side cannot run the probe, and the target is not to blame. *detail* is for people."""

    def __init__(self, reason: NotRun, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class PathError(OSError):
    """What came back from the path or the peer: SO_ERROR, an error queue, an established connection.

    A plain OSError of the same number is our own kernel's word, given at once: that is our side, not theirs.
    """


NOTES: Final = 64  # events of one probe that are kept
NOTE_BYTES: Final = 4096  # of one event,
CERTIFICATE_BYTES: Final = 16 * 1024  # or of one certificate, which is of no use when it is cut


class Record:
    """Filled in by a prober as it goes.

    `stage` is what the prober is waiting for: it decides which layer a timeout or a reset belongs to.
    `phases` are seconds, as blackbox_exporter names them. A phase that repeats (redirects) adds up.
    `looked_up` is the first name that was asked of DNS on the way to the target, with the address it gave.
    `pinned` is such a name and its address, known before: it is not looked up.
    `notes` is what was sent and what came, in order: the evidence of a failure. What `secrets`
    gives is hidden wherever they are told; HTTP is noted only by probes that set it.
    """

    __slots__ = (
        "_is_timed",
        "address",
        "authority",
        "clock",
        "dns",
        "dnssec",
        "grpc",
        "http",
        "icmp",
        "looked_up",
        "notes",
        "notes_dropped",
        "ntp",
        "path",
        "phases",
        "pinned",
        "port",
        "resolver",
        "secrets",
        "stage",
        "tls",
        "trace",
        "udp",
        "websocket",
    )

    def __init__(self) -> None:
        self.stage: Stage = "resolve"
        self.phases: dict[Phase, float] = {}
        self.clock: Literal["kernel", "monotonic"] = "monotonic"
        self._is_timed = False
        self.address: str | None = None
        self.port: int | None = None
        self.resolver: str | None = None
        self.looked_up: tuple[str, str] | None = None
        self.pinned: tuple[str, str] | None = None
        self.dns: DnsFacts | None = None
        self.authority: AuthorityFacts | None = None
        self.trace: TraceFacts | None = None
        self.dnssec: DnssecFacts | None = None
        self.http: HttpFacts | None = None
        self.tls: TlsFacts | None = None
        self.icmp: IcmpFacts | None = None
        self.grpc: GrpcFacts | None = None
        self.websocket: WebsocketFacts | None = None
        self.path: PathFacts | None = None
        self.ntp: NtpFacts | None = None
        self.udp: UdpFacts | None = None
        self.notes: list[tuple[float, str, bytes | str]] = []  # monotonic seconds, event, what
        self.notes_dropped = False  # there were more than NOTES
        self.secrets: Callable[[], Secrets] | None = None

    def timed(self, by_kernel: bool) -> None:
        """One more time was taken. `clock` says "kernel" only while the kernel took both ends of each."""
        if not by_kernel:
            self.clock = "monotonic"
        elif not self._is_timed:
            self.clock = "kernel"
        self._is_timed = True

    def add_phase(self, phase: Phase, seconds: float) -> None:
        self.phases[phase] = self.phases.get(phase, 0.0) + max(seconds, 0.0)

    def note(self, event: str, what: bytes | str, most: int = NOTE_BYTES, *, at: float | None = None) -> None:
        """Keep *what*, or the start of it, as evidence of *event*, such as "dns.query".

        *at*: monotonic seconds, where it was not just now.
        """
        if len(self.notes) < NOTES:
            self.notes.append((monotonic() if at is None else at, event, what[:most]))
        else:
            self.notes_dropped = True

    def facts(self) -> Facts:
        return Facts(
            address=self.address,
            port=self.port,
            resolver=self.resolver,
            dns=self.dns,
            authority=self.authority,
            trace=self.trace,
            dnssec=self.dnssec,
            http=self.http,
            tls=self.tls,
            icmp=self.icmp,
            grpc=self.grpc,
            websocket=self.websocket,
            path=self.path,
            ntp=self.ntp,
            udp=self.udp,
        )
