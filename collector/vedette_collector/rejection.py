"""Why a message or a result is not applied."""

from collections.abc import Container
from enum import StrEnum

from vedette.wire.messages import Result


class Rejection(StrEnum):
    """Why a message or a result was not applied. A closed set: it is a metric label."""

    TOPIC = "topic"  # not a topic that an agent writes
    RETAINED = "retained"  # a result or heartbeat from the broker's memory, of unknown age
    TOO_LARGE = "too_large"
    CONTENT_TYPE = "content_type"
    COMPRESSION = "compression"
    VERSION = "version"
    SCHEMA = "schema"
    IDENTITY = "identity"  # the payload names another agent than the topic
    UNKNOWN_AGENT = "unknown_agent"
    UNKNOWN_CHECK = "unknown_check"
    NOT_ASSIGNED = "not_assigned"  # a check of the configuration, but not of this agent
    INCONSISTENT = "inconsistent"  # outcome, reason and duration contradict each other
    TOO_MANY_GAPS = "too_many_gaps"  # between the results before this one
    RATE = "rate"  # more than the checks of this agent can produce
    TOO_OLD = "too_old"  # of a process that was never heard of, and from long ago
    TOO_MANY_EPOCHS = "too_many_epochs"  # processes of one agent
    CLAIM = "claim"  # numbered beyond all that the checks of this agent can have produced


def fault(result: Result | None, assigned: Container[str], known: Container[str]) -> Rejection:
    """Why a result that can never be applied is rejected; None could not be read.

    *assigned*: the checks of its agent. *known*: all checks of the configuration.
    """
    if result is None:
        return Rejection.SCHEMA
    if result.check not in assigned:
        return Rejection.NOT_ASSIGNED if result.check in known else Rejection.UNKNOWN_CHECK
    return Rejection.INCONSISTENT


def is_consistent(result: Result) -> bool:
    """Whether outcome, reason and duration go together."""
    if result.outcome == "ok":
        return result.reason is None and result.duration_us is not None
    if result.outcome == "fail":
        return result.reason is not None and result.duration_us is not None
    return result.reason is not None
