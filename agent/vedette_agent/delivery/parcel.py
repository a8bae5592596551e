"""A packed batch in memory, and the epoch that its results belong to."""

from enum import Enum, auto

from vedette_agent.delivery.runs import Runs


class Book:
    """What became of the results of one epoch: one process of the agent, this one or an earlier."""

    __slots__ = (
        "backlog", "epoch", "is_same_boot", "next_seq", "number", "offered", "settled", "written",
    )  # fmt: skip

    def __init__(self, epoch: str, number: int, *, next_seq: int = 0, is_same_boot: bool = True) -> None:
        self.epoch = epoch
        self.number = number  # ascending with age: lower is older
        self.next_seq = next_seq  # = results produced
        self.is_same_boot = is_same_boot  # whether its times and ours come from one boot of the host
        self.settled = Runs()  # acknowledged, or declared lost
        self.offered = Runs()  # was given to the disk; of the epochs of this process,
        self.written = Runs()  # and is durable there
        self.backlog = Runs()  # on disk alone

    @property
    def pending(self) -> int:
        return self.next_seq - len(self.settled)


class State(Enum):
    WAITING = auto()  # to be sent
    IN_FLIGHT = auto()  # no PUBACK yet
    SENT = auto()  # no ack yet
    HELD = auto()  # refused by the broker, for a while
    GONE = auto()  # acknowledged, lost, or left to the disk


class Parcel:
    """Consecutive results of one epoch, packed."""

    __slots__ = (
        "attempts", "book", "born", "content_type", "count", "first", "is_on_disk", "is_replay", "payload",
        "sent", "serial", "state", "wmb_us",
    )  # fmt: skip

    def __init__(
        self, book: Book, first: int, count: int, payload: bytes, content_type: str, born: float
    ) -> None:
        self.book = book
        self.first = first
        self.count = count
        self.payload = payload
        self.content_type = content_type
        self.born = born  # when its first result was produced
        self.wmb_us = 0  # wall clock minus time since boot as its results were produced
        self.is_on_disk = False  # read from there: it can always be read again
        self.is_replay = False  # the lane that it is in, or was last
        self.sent = 0.0
        self.serial = 0
        self.attempts = 0
        self.state = State.WAITING

    @property
    def end(self) -> int:
        return self.first + self.count

    @property
    def key(self) -> tuple[int, int, int]:
        """Orders parcels by age; no two have the same."""
        return self.book.number, self.first, self.serial

    @property
    def is_safe(self) -> bool:
        """Whether memory may let it go without losing it."""
        return self.is_on_disk or self.book.written.covers(self.first, self.end)
