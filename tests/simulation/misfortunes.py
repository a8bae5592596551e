"""What may go wrong in a story. Each draws its times when the story begins."""

from simulation.hosts import Host
from simulation.spooling import TINY
from simulation.story import Misfortune, Story
from simulation.strangers import Stranger
from vedette.checks.model import Assignment


def _collector_crash(story: Story) -> None:
    at = story.moment()
    story.at(at, story.collector.crash)
    story.at(at + story.rng.choice((0.5, 5.0, 90.0)), story.collector.start)


def _collector_flaps(story: Story) -> None:
    at = story.moment()
    for _ in range(story.rng.randrange(2, 6)):
        story.at(at, story.collector.crash)
        story.at(at + 0.3, story.collector.start)
        at += story.rng.uniform(0.5, 20)


def _collector_away(story: Story) -> None:
    at = story.rng.uniform(0.05, 0.3) * story.end
    story.at(at, story.collector.crash)
    story.at(at + story.rng.uniform(0.3, 0.8) * story.end, story.collector.start)


def _broker_crash(story: Story) -> None:
    at = story.moment()
    story.at(at, story.broker.crash)
    story.at(at + story.rng.choice((0.2, 3.0, 80.0)), story.broker.start)


def _broker_away(story: Story) -> None:
    at = story.rng.uniform(0.05, 0.3) * story.end
    story.at(at, story.broker.crash)
    story.at(at + story.rng.uniform(0.3, 0.8) * story.end, story.broker.start)


def _broker_stall(story: Story) -> None:
    def stall() -> None:
        story.world.tell("stall")
        story.broker.stalled_until = story.world.now + story.rng.choice((2.0, 20.0))

    story.at(story.moment(), stall)


def _partition(story: Story) -> None:
    at = story.moment()
    client = story.rng.choice(
        [*(host.name for host in story.hosts), "collector-live", "collector-replay", "collector-control"]
    )
    story.at(at, story.broker.part, client)
    story.at(at + story.rng.choice((1.0, 40.0, 120.0)), story.broker.cut.discard, client)


def _flapping(story: Story) -> None:
    host = story.host()
    at = story.moment()

    def cut() -> None:
        if host.name in story.broker.wires:
            story.world.seen["flap"] += 1
            story.broker.wires[host.name].close()

    for number in range(12):
        story.at(at + 5 * number, cut)


def _duplicates(story: Story) -> None:
    story.broker.duplicates = 0.3


def _reorder(story: Story) -> None:
    story.broker.delays = 0.2


def _captured(story: Story) -> None:
    """Somebody recorded what agents sent, and sends it again up to two hours later."""
    story.oracle.is_captured = True

    def replay() -> None:
        results = [m for m, _ in story.broker.taken if m.topic.endswith(("/live", "/replay"))]
        for message in story.rng.sample(results, min(len(results), 12)):
            story.world.seen["captured"] += 1
            story.broker.route(message, 60.0)

    story.at(story.moment(), replay)
    story.at(story.moment(), replay)
    story.world.at(story.end + 30, replay)


def _agent_kill(story: Story) -> None:
    host, at = story.host(), story.moment()
    story.at(at, host.kill)
    story.at(at + story.rng.choice((0.1, 2.0, 30.0)), host.start)


def _agent_kills(story: Story) -> None:
    host, at = story.host(), story.moment()
    for _ in range(story.rng.randrange(2, 5)):
        story.at(at, host.kill)
        story.at(at + 0.2, host.start)
        at += story.rng.uniform(0.5, 2.5 * story.tick)


def _agent_stop(story: Story) -> None:
    host, at = story.host(), story.moment()
    story.at(at, host.stop)
    story.at(at + story.rng.choice((0.5, 20.0)), host.start)


def _power_loss(story: Story) -> None:
    host, at = story.host(), story.moment()
    story.at(at, host.lose_power)
    story.at(at + story.rng.choice((5.0, 40.0)), host.start)


def _boot_in_1970(story: Story) -> None:
    host, at = story.host(), story.rng.uniform(0.02, 0.3) * story.end
    story.at(at, lambda: host.lose_power(-1_800_000_000.0))
    story.at(at + 3.0, host.start)
    story.at(at + story.rng.choice((10.0, 60.0)), host.clock.correct)
    story.world.at(story.end, host.clock.correct)


def _bit_rot(story: Story) -> None:
    host = story.host()

    def rot() -> None:
        if host.disk.rot():
            story.oracle.rotten.add(host.name)
            story.allow(host, "corrupt")

    for _ in range(story.rng.randrange(1, 4)):
        story.at(story.moment(), rot)


def _disk_trouble(story: Story) -> None:
    """Full, read-only, or an fsync that fails."""
    host, at = story.host(), story.moment()
    trouble = story.rng.choice(("full", "io", "readonly"))
    host.was_slow = True

    def begin() -> None:
        story.world.tell(f"disk_{trouble} {host.name}")
        host.disk.trouble = trouble

    def end() -> None:
        host.disk.trouble = ""

    story.at(at, begin)
    story.at(at + story.rng.choice((0.5, 10.0, 100.0)), end)


def _no_space(story: Story) -> None:
    host, at = story.host(), story.moment()
    host.was_slow = True
    story.allow(host, "no_space")

    def fill() -> None:
        story.world.tell(f"no_space {host.name}")
        host.disk.free = host.disk.total // 1000

    def free() -> None:
        host.disk.free = host.disk.total // 2

    story.at(at, fill)
    story.at(at + story.rng.choice((5.0, 60.0)), free)


def _slow_disk(story: Story) -> None:
    host = story.host()
    host.commit_seconds = story.rng.choice((0.5, 3.0))
    host.was_slow = True


def _small_spool(story: Story) -> None:
    host = story.host()
    host.caps = TINY._replace(size_bytes=story.rng.choice((4096, 270 * 1024)))
    host.padding = 200
    host.was_slow = True
    story.allow(host, "spool_full")


def _short_age(story: Story) -> None:
    host = story.host()
    host.caps = host.caps._replace(age_seconds=story.rng.choice((20.0, 90.0)))
    story.allow(host, "too_old")


def _memory_only(story: Story) -> None:
    host = story.host()
    host.is_spooled = False
    host.was_slow = True


def _small_memory(story: Story) -> None:
    host = story.host()
    host.max_bytes = story.rng.choice((4000, 20_000))
    host.padding = 200
    story.allow(host, "queue_full")


def _suspend(story: Story) -> None:
    host = story.host()
    story.at(story.moment(), host.sleep, story.rng.choice((20.0, 600.0)))


def _clock_step(story: Story) -> None:
    host = story.host()
    story.at(story.moment(), lambda: host.clock.step(story.rng.choice((0.4, -30.0, 3600.0, -3600.0))))


def _skew(story: Story) -> None:
    host = story.host()
    host.clock.skew = story.rng.choice((-5e-4, 5e-4))


def _vm_snapshot(story: Story) -> None:
    host = story.host()
    at = story.rng.uniform(0.05, 0.5) * story.end
    kept: list[object] = []

    def take() -> None:
        kept.append(host.snapshot())

    def resume() -> None:
        if kept and kept[0] is not None and not host.is_asleep:
            kept[0].resume()  # type: ignore[attr-defined]

    story.at(at, take)
    story.at(at + story.rng.choice((70.0, 250.0)), resume)


def _slow_store(story: Story) -> None:
    at = story.moment()

    def slow() -> None:
        story.world.tell("slow_store")
        story.collector.commit_seconds = story.rng.choice((0.5, 8.0))

    def fast() -> None:
        story.collector.commit_seconds = 0.004

    story.at(at, slow)
    story.at(at + story.rng.choice((20.0, 100.0)), fast)


def _failing_store(story: Story) -> None:
    at = story.moment()

    def fail(is_failing: bool) -> None:
        story.world.tell("failing_store")
        story.collector.store.is_failing = is_failing

    story.at(at, fail, True)
    story.at(at + story.rng.choice((1.0, 20.0, 60.0)), fail, False)


def _restore(story: Story) -> None:
    """A backup is made, life goes on past a checkpoint, and the backup is put back."""
    at = story.rng.uniform(0.02, 0.4) * story.end

    def back_up() -> None:
        story.backups.append(story.collector.store.backup())

    def restore() -> None:
        if story.backups and story.collector.store.furthest > max(story.backups[-1].journal, default=0):
            story.collector.restore(story.backups[-1])
            story.world.after(2.0, story.collector.start)

    story.at(at, back_up)
    story.at(at + story.rng.uniform(70, 300), restore)


def _reload(story: Story) -> None:
    """A check goes, or is aimed at something else, and comes back; perhaps while the collector is down."""
    at = story.moment()
    names = [host.name for host in story.hosts]
    other = [*story.checks]
    number = story.rng.randrange(len(other))
    other[number] = story._check(number, "other.example.com")
    if story.rng.random() < 0.5 and len(other) > 1:
        del other[number]
    changed, before = story.configured(names, other), story.assignment
    for host in story.hosts:
        story.allow(host, "rejected")
    if story.rng.random() < 0.4:
        story.at(at - 1.0, story.collector.crash)
        story.at(at + 1.0, story.collector.start)

    def reload(assignment: Assignment) -> None:
        story.collector.reload(assignment)
        for host in story.hosts:
            story.world.after(2.0, host.reload)

    story.at(at, reload, changed)
    story.at(at + story.rng.choice((10.0, 60.0)), reload, before)


def _stranger(story: Story) -> None:
    name = "mallory"
    if name in story.oracle.strangers:
        return
    story.oracle.strangers.add(name)
    names = [*(host.name for host in story.hosts), name]
    story.assignment = story.configured(names, story.checks)
    story.collector.assignment = story.assignment
    stranger = Stranger(name, story.world, story.broker, story.checks)
    for _ in range(12):
        story.at(story.moment(), stranger.lie)


def _clone(story: Story) -> None:
    """A copy of the host, of its disk as well, begins to run beside it."""
    host = story.host()
    if host.name in story.oracle.cloned:
        return
    story.oracle.cloned.add(host.name)
    story.allow(host, "crash", "restart", "corrupt", "rewind", "queue_full")

    def begin() -> None:
        story.world.tell(f"clone {host.name}")
        clone = Host(host.name, story.world, story.broker, story.oracle)
        for name in ("checks", "tick", "caps", "is_spooled", "padding", "left"):
            setattr(clone, name, getattr(host, name))
        clone.left = host.page.left() if host.page is not None else host.left
        for number, file in host.disk.files.items():
            clone.disk.files[number] = file.copy()
        clone.start()
        story.hosts.append(clone)
        story.world.at(story.end, clone.stop)
        story.world.at(story.end, story.hosts.remove, clone)
        story.world.at(story.end, story.oracle.gone, clone)

    story.at(story.rng.uniform(0.1, 0.5) * story.end, begin)


FAULTS: dict[str, tuple[int, Misfortune]] = {
    "collector_crash": (6, _collector_crash),
    "collector_flaps": (4, _collector_flaps),
    "collector_away": (4, _collector_away),
    "broker_crash": (6, _broker_crash),
    "broker_away": (5, _broker_away),
    "broker_stall": (3, _broker_stall),
    "partition": (6, _partition),
    "flapping": (3, _flapping),
    "duplicates": (6, _duplicates),
    "reorder": (5, _reorder),
    "captured": (3, _captured),
    "agent_kill": (7, _agent_kill),
    "agent_kills": (4, _agent_kills),
    "agent_stop": (3, _agent_stop),
    "power_loss": (4, _power_loss),
    "boot_in_1970": (2, _boot_in_1970),
    "bit_rot": (4, _bit_rot),
    "disk_trouble": (4, _disk_trouble),
    "no_space": (2, _no_space),
    "slow_disk": (2, _slow_disk),
    "small_spool": (3, _small_spool),
    "short_age": (2, _short_age),
    "memory_only": (2, _memory_only),
    "small_memory": (3, _small_memory),
    "suspend": (3, _suspend),
    "clock_step": (4, _clock_step),
    "skew": (2, _skew),
    "vm_snapshot": (3, _vm_snapshot),
    "slow_store": (3, _slow_store),
    "failing_store": (3, _failing_store),
    "restore": (5, _restore),
    "reload": (4, _reload),
    "stranger": (3, _stranger),
    "clone": (2, _clone),
}
