"""What became of late samples, and of the requests that carried them. Read by the exposition."""

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a sample. A closed set: it is a metric label."""

    WRITTEN = "written"
    # Not sent:
    TOO_OLD = "too_old"  # for the window
    SAME_TIME = "same_time"  # as another one of its series, to the millisecond
    NO_CLOCK = "no_clock"  # its agent never learned how far its clock is off
    RETIRED = "retired"  # of a check, target or agent that the configuration does not have any more
    # Sent, and refused for good:
    REFUSED_OUT_OF_ORDER = "refused_out_of_order"
    REFUSED_OUT_OF_BOUNDS = "refused_out_of_bounds"
    REFUSED_TOO_OLD = "refused_too_old"
    REFUSED_DUPLICATE = "refused_duplicate"
    REFUSED_INVALID = "refused_invalid"  # for whatever other reason
    REFUSED_ERROR = "refused_error"  # the receiver fails over it each time


class Failure(StrEnum):
    """Why a request did not do its work. A closed set: it is a metric label."""

    REJECTED = "rejected"  # for a sample in it
    UNAUTHORIZED = "unauthorized"  # 401, 403
    NOT_FOUND = "not_found"  # no receiver at this URL, or it is switched off
    REDIRECT = "redirect"  # never followed
    CLIENT = "client"  # any other 4xx
    BUSY = "busy"  # 429
    SERVER = "server"  # 5xx
    TIMEOUT = "timeout"
    CONNECT = "connect"
    TLS = "tls"
    PROTOCOL = "protocol"  # what came is not HTTP
    CREDENTIALS = "credentials"  # our own file cannot be read
    STORE = "store"  # our own history cannot be read, or the place in it not kept
    INTERNAL = "internal"  # our own bug


class Skipped(StrEnum):
    """Why nothing of an entry was written. A closed set: it is a metric label."""

    TOO_OLD = "too_old"  # it came before the window
    PRUNED = "pruned"  # it had left the history
    UNREADABLE = "unreadable"
    INTERNAL = "internal"


class RemoteCounters:
    """Of one collector, since it started."""

    def __init__(self) -> None:
        self.samples = dict.fromkeys(Outcome, 0)
        self.failures = dict.fromkeys(Failure, 0)
        self.skipped = dict.fromkeys(Skipped, 0)
        self.oldest: float | None = None  # monotonic: when the oldest entry came that is not settled

    def drop_old(self, count: int) -> None:
        self.samples[Outcome.TOO_OLD] += count

    def lag_seconds(self, mono: float) -> float:
        """How far the writing is behind what came."""
        return 0.0 if self.oldest is None else max(mono - self.oldest, 0.0)
