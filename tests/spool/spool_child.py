"""A process with a spool, to be killed, starved of disk or lied to. Prints what it knows."""

import asyncio
import ctypes
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from spool.spool_session import Roomy, epoch_name, row
from vedette_agent.spool.database import Disk
from vedette_agent.spool.events import Dropped, Event, Unwritten, Written
from vedette_agent.spool.policy import Caps
from vedette_agent.spool.writer import Spool

EPOCH = epoch_name(os.getpid())


async def until(condition: object, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.01)


async def rows(directory: Path) -> None:
    """400 results in 40 commits; what a lost file took is put again."""
    written: set[int] = set()
    put = {}

    def tell(event: Event) -> None:
        match event:
            case Written(first=first, end=end):
                written.update(range(first, end))
            case Unwritten(first=first, end=end):
                written.difference_update(range(first, end))
                for made in put.values():
                    if first <= made.first < end:
                        spool.put(made)

    spool, _ = await Spool.open(directory, EPOCH, tell=tell, disk=Roomy())
    for first in range(0, 400, 10):
        spool.note(first + 10)
        put[first] = row(EPOCH, first, 10)
        assert spool.put(put[first])
        spool._due = 0.0  # each row on its own
        with spool._changed:
            spool._changed.notify()
        await until(lambda end=first + 10: len(written) == end)
    await spool.close()
    print("written", len(written))


async def full(_: Path) -> None:
    """Fill the file system from beside while results come, then make room."""
    mounted = ctypes.CDLL(None).mount(b"tmpfs", b"/mnt", b"tmpfs", 0, b"size=3m")
    assert mounted == 0
    written: set[int] = set()
    lost: set[int] = set()
    states = []

    def tell(event: Event) -> None:
        match event:
            case Written(first=first, end=end):
                written.update(range(first, end))
            case Dropped(gap=gap):
                lost.update(range(gap.first, gap.end))
            case Unwritten():
                raise AssertionError(event)
        states.append(getattr(event, "state", None))

    caps = Caps(free_bytes=0)
    spool, _ = await Spool.open(Path("/mnt/spool"), EPOCH, caps, tell=tell, disk=Disk())
    made = 0
    refused = []

    def produce() -> None:
        nonlocal made
        each = row(EPOCH, made, 20, size=300)._replace(payload=os.urandom(8000))
        made += 20
        spool.note(made)
        if not spool.put(each):
            refused.append(each)

    for _ in range(20):
        produce()
    await until(lambda: len(written) == made)
    filler = os.open("/mnt/filler", os.O_CREAT | os.O_WRONLY)
    try:
        while True:
            os.write(filler, bytes(4096))
    except OSError:
        pass
    slowest = 0.0
    while "full" not in states or len(refused) < 5:
        started = time.monotonic()
        produce()
        slowest = max(slowest, time.monotonic() - started)
        await asyncio.sleep(0)
    assert slowest < 1.0
    os.unlink("/mnt/filler")
    os.close(filler)
    started = time.monotonic()
    caught = made - sum(each.count for each in refused)
    await until(lambda: states[-1] in ("ok", "full") and len(written) > 400)
    assert time.monotonic() - started < 10.0
    await until(lambda: len(written) >= min(caught, 3000) or lost)
    print("resumed after", time.monotonic() - started, "lost", len(lost - written))
    await spool.close()


async def forever(directory: Path) -> None:
    """Results until the process is killed. Each line is said before the next result is made."""
    settled = 0
    said = sys.stdout

    def tell(event: Event) -> None:
        if isinstance(event, Written):
            said.write(f"written {event.first} {event.end}\n")
            said.flush()

    spool, _ = await Spool.open(directory, EPOCH, tell=tell, disk=Roomy())
    made = 0
    while True:
        made += 5
        spool.note(made)
        said.write(f"made {made}\n")
        said.flush()
        spool.put(row(EPOCH, made - 5, 5, size=100 + made % 900))
        spool._due = 0.0
        if made % 50 == 0 and made > 500:
            spool.settle(EPOCH, settled, settled + 50)
            settled += 50
            said.write(f"settled {settled}\n")
            said.flush()
        await asyncio.sleep(0.0005)


asyncio.run({"rows": rows, "full": full, "forever": forever}[sys.argv[1]](Path(sys.argv[2])))
