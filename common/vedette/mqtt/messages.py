"""What goes through a link."""

from collections.abc import Callable
from typing import NamedTuple


class Subscription(NamedTuple):
    filter: str
    qos: int = 1
    retained: bool = False  # True: also what the broker had kept before we came


class Will(NamedTuple):
    """What the broker says for us when we vanish."""

    topic: str
    payload: bytes
    content_type: str | None = None
    qos: int = 1
    retain: bool = True


class Inbound:
    """A message from the broker. It counts as received only once `done` was called.

    Until then it occupies a place of the window that we announced; a reader that never calls `done`
    stops the flow. A connection that is lost meanwhile makes `done` a no-op.
    """

    __slots__ = (
        "_acknowledge",
        "content_type",
        "payload",
        "qos",
        "received",
        "received_us",
        "retain",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        payload: bytes,
        *,
        content_type: str | None,
        retain: bool,
        qos: int,
        received: float,
        received_us: int,
        acknowledge: Callable[[], None] | None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.content_type = content_type
        self.retain = retain  # sent because it was kept, not because somebody just published it
        self.qos = qos
        self.received = received  # the loop's clock
        self.received_us = received_us  # microseconds since the epoch
        self._acknowledge = acknowledge

    def done(self) -> None:
        """Tell the broker that it may forget this message. Calling it again does nothing."""
        acknowledge, self._acknowledge = self._acknowledge, None
        if acknowledge is not None:
            acknowledge()
