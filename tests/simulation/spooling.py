"""The spool's thread in virtual time: group commits, retries, reads. Books and policy are the real ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulation.disk import ModelFiles, SpoolDisk
from simulation.world import TIME, World
from vedette.wire.failure import Lost
from vedette.wire.messages import Gap
from vedette_agent.spool import keeper
from vedette_agent.spool.events import Event, Held
from vedette_agent.spool.keeper import Keeper
from vedette_agent.spool.opening import Opening
from vedette_agent.spool.policy import Caps
from vedette_agent.spool.rows import Packer, Row
from vedette_agent.spool.tail import Left
from vedette_agent.spool.work import Work

if TYPE_CHECKING:
    from simulation.hosts import Host

LINGER_SECONDS = 0.1
COMMIT_SECONDS = 0.2
IDLE_SECONDS = 10.0
RETRY_SECONDS = 0.25
RETRY_SECONDS_MAX = 5.0
QUEUE_BYTES = 32 * 1024  # a tenth of a second is long in the stories told here

_PACKER = Packer()  # costs more than a story does


@contextmanager
def virtual_time() -> Iterator[None]:
    """For the spool while a story runs; the process may have other spools before and after it."""
    real = keeper.time
    keeper.time = TIME  # type: ignore[assignment]
    try:
        yield
    finally:
        keeper.time = real


class Page:
    """As `vedette_agent.spool.tail.Tail`: what a killed process leaves, and what of it a power loss does."""

    def __init__(self, epoch: str, boot: str) -> None:
        self.epoch = epoch
        self.boot = boot
        self.next_seq = 0
        self.safe = 0
        self.commits = 0
        self.is_attached = False
        self.before: list[Left] = []  # as the kernel may have written it at some time

    def note(self, next_seq: int) -> None:
        self.next_seq = next_seq

    def note_safe(self, safe: int, commits: int) -> None:
        self.safe, self.commits = safe, commits
        self.before.append(self.left())

    def left(self) -> Left:
        return Left(self.epoch, self.boot, self.next_seq, self.safe, self.commits)


class SpoolShell:
    def __init__(self, host: "Host", epoch: str, tell: Callable[[Event], None], page: Page) -> None:
        self.world: World = host.world
        self.is_alive = True
        self.has_room = True
        self._host = host
        self._tell = tell
        self._page = page
        self._work = Work()
        self._queued = 0
        self._due = float("inf")
        self._committed = 0.0
        self._retry = 0.0
        self._timer = 0
        self.held = self._open(epoch)

    def _open(self, epoch: str) -> Held:
        host = self._host
        TIME.clock = host.clock
        files = ModelFiles(host.disk)
        opening = Opening(files, host.boot, host.left)
        held = opening.held(host.clock.wall_us)
        opening.add(epoch)
        self.keeper = Keeper(files, opening, host.caps, self._page)  # type: ignore[arg-type]
        self.keeper._packer = _PACKER
        self._commit_now()  # what it has to tell comes after what was found
        return held

    @property
    def disk(self) -> SpoolDisk:
        return self._host.disk

    def put(self, row: Row) -> bool:
        size = len(row.payload)
        if self._queued + size > QUEUE_BYTES:
            self.has_room = False
            self.world.seen["spool_queue_full"] += 1
            return False
        self._queued += size
        self._work.rows.append(row)
        self._soon()
        return True

    def settle(self, epoch: str, first: int, end: int) -> None:
        self._queued -= self._work.settle(epoch, first, end)
        self._soon()

    def declare(self, gap: Gap) -> None:
        self._work.declare(gap.epoch, gap.first, gap.end, Lost(gap.reason))
        self._soon()

    def confirmed(self, gap: Gap) -> None:
        self._work.confirm(gap.epoch, gap.first, gap.end)
        self._soon()

    def read(self, *asked: Any) -> list[Row]:
        TIME.clock = self._host.clock
        rows = self.keeper.read(*asked)
        if self.keeper.has_losses:
            self._commit_now()
        self._deliver()
        return rows

    def finish(self) -> None:
        self.is_alive = False
        TIME.clock = self._host.clock
        self.keeper.commit(self._work)
        self.keeper.finish()
        self._deliver()

    def commit_unheard(self) -> None:
        """The kill comes while a commit is under way: the disk has it, and nobody heard."""
        TIME.clock = self._host.clock
        before = self._page.safe, self._page.commits
        self.keeper.commit(self._work)
        self._page.safe, self._page.commits = before

    @property
    def is_busy(self) -> bool:
        return bool(self._work)

    def _soon(self) -> None:
        if self._retry:
            return
        now = self.world.now
        self._arm(max(now + LINGER_SECONDS, self._committed + COMMIT_SECONDS) - now)

    def _arm(self, seconds: float) -> None:
        due = self.world.now + seconds
        if due < self._due:
            self._due = due
            self._timer += 1
            self.world.at(due + self._host.commit_seconds, self._commit, self._timer)

    def _commit(self, timer: int) -> None:
        if self.is_alive and timer == self._timer:
            if self._host.is_asleep:
                self.world.after(1.0, self._commit, timer)
                return
            self._commit_now()
            self._deliver()

    def _commit_now(self) -> None:
        TIME.clock = self._host.clock
        work, self._work = self._work, Work()
        is_done = self.keeper.commit(work)
        if not self._page.is_attached and self.keeper.is_on_record:
            self._page.is_attached = True
            self._host.page = self._page
            self._host.oracle.on_record(self._host, self._page.epoch)
        self._queued -= self.keeper.freed_bytes
        self.keeper.freed_bytes = 0
        self._committed = self.world.now
        self._due = float("inf")
        if is_done:
            self._retry = 0.0
            self.has_room = True
            self._arm(IDLE_SECONDS)
            if self._work:
                self._soon()
        elif self.keeper.state == "ok":
            self._arm(0.0)
        else:
            self.world.seen[f"spool_{self.keeper.state}"] += 1
            self._retry = min(max(self._retry * 2, RETRY_SECONDS), RETRY_SECONDS_MAX)
            self._arm(self._retry)

    def _deliver(self) -> None:
        events, self.keeper.events = self.keeper.events, []
        for event in events:
            self._tell(event)


TINY = Caps(size_bytes=300 * 1024)
