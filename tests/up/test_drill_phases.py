"""Timetables of drills, shares of what breaks, and which verdict belongs to which phase."""

import asyncio
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.name
import pytest
from msgspec import structs

from vedette.up.control import DrillState
from vedette.up.verdicts import Awaited, Named, _Part
from vedette.up.world import names
from vedette.up.world.breaks import Cold, Drops, Fault, Names
from vedette.up.world.drill import Drill, Phase, steps
from vedette.up.world.drills import DRILLS, paced
from vedette.up.world.fleet import AGENTS
from vedette.up.world.listener import Listener
from vedette.up.world.outages import OUTAGES
from vedette.up.world.sickness import Sickness
from vedette.up.world.sites import SITES
from vedette.up.world.world import World

BREAK = (Names(names=("a.example",), fault=Fault.NODATA),)


def phase(name: str, after: float, lasts: float | None, period: float | None = None, *named: str) -> Phase:
    return Phase(
        name=name,
        what=name,
        breaks=BREAK,
        after_seconds=after,
        lasts_seconds=lasts,
        period_seconds=period,
        components=named,
    )


def table(*phases: Phase) -> list[tuple[float, list[str]]]:
    return [(step.at, [each.name for each in step.phases]) for step in steps(phases)]


def test_phases_overlap_and_the_lull_between_them_is_a_step() -> None:
    assert table(phase("a", 0, 40), phase("b", 2, 43), phase("c", 70, 10)) == [
        *((0, ["a"]), (2, ["a", "b"]), (40, ["b"]), (45, [])),
        *((70, ["c"]), (80, [])),
    ]


def test_an_alternating_phase_is_broken_in_the_first_half_of_each_period_and_ends_in_time() -> None:
    assert table(phase("a", 10, 25, 10)) == [
        *((10, ["a"]), (15, []), (20, ["a"]), (25, []), (30, ["a"]), (35, [])),
    ]


def test_a_phase_without_an_end_lasts_until_it_is_stopped() -> None:
    assert table(phase("a", 0, None)) == [(0, ["a"])]


def test_every_day_that_was_begins_at_once_ends_by_itself_and_tells_its_real_times() -> None:
    known = {site.check for site in SITES} | {"dynamodb-dns", "dynamodb-isp-dns"}
    for one in OUTAGES:
        first, *_, last = steps(one.phases)
        assert (first.at, last.phases) == (0, ()), one.name
        assert last.at <= 180, one.name
        assert set(one.checks) <= known, one.name
        assert any(each.components for each in one.phases), one.name
        assert all(each.real_after_minutes is not None and each.real_minutes for each in one.phases), one.name


def test_a_longer_interval_stretches_a_drill_and_silence_is_never_hurried() -> None:
    aws, att = DRILLS["aws-2025-10-20"], DRILLS["att-2024-02-22"]
    for one, interval, pace in ((aws, 30, 6), (aws, 2.5, 0.5), (att, 30, 6), (att, 2.5, 1)):
        for before, after in zip(one.phases, paced(one, interval).phases, strict=True):
            assert after.after_seconds == pytest.approx(before.after_seconds * pace)
            assert before.lasts_seconds is not None
            assert after.lasts_seconds == pytest.approx(before.lasts_seconds * pace)


def test_no_tag_of_a_group_stands_for_all_that_is_probed_or_for_one_network_of_agents() -> None:
    """A verdict needs members of every group that stay well when another one breaks."""
    for key in ("provider", "region", "product", "host_class", "plane", "asn", "depends_on"):
        values = {site.tags.get(key) for site in SITES}
        assert len(values) > 1, key
    assert len(AGENTS) == 10
    assert len({agent.network for agent in AGENTS}) == 8
    assert len({agent.source for agent in AGENTS}) == 10


def test_of_two_breaks_of_one_thing_the_later_counts_and_the_end_of_one_leaves_the_other() -> None:
    drops = [Drops(checks=("a", "b"), share=0.5), Drops(checks=("b",))]
    assert Sickness(drops).drops == {"a": 0.5, "b": 1.0}
    assert Sickness(drops[:1]).drops == {"a": 0.5, "b": 0.5}


@pytest.mark.parametrize("share", [0.05, 0.35, 0.5])
def test_a_share_of_connections_is_lost_and_none_afterwards(share: float) -> None:
    """Of 400 connections about *share* hangs: within six standard deviations."""

    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"ready")
            await writer.drain()

        listener = Listener(serve)
        await listener.open()

        async def is_lost() -> bool:
            try:
                async with asyncio.timeout(5):
                    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
                    assert await reader.read() == b"ready"
                    writer.close()
            except TimeoutError:
                return True
            return False

        async def lost(count: int) -> int:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(is_lost()) for _ in range(count)]
            return sum(task.result() for task in tasks)

        await listener.lose(share)
        deviation = (400 * share * (1 - share)) ** 0.5
        assert abs(await lost(400) - 400 * share) < 6 * deviation
        await listener.lose(0.0)
        assert await lost(100) == 0
        await listener.close()

    asyncio.run(scenario())


async def page(world: World, check: str, host: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", world._listeners[check].port)
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer.split(b"\r\n")[0]


def test_a_dependant_fails_by_the_empty_record_and_by_nothing_else(tmp_path: Path) -> None:
    """Its memory lost, it looks up its database: 200 while that name is well, 503 while it is empty."""
    site = next(site for site in SITES if site.check == "use1-orders")

    async def scenario() -> None:
        world = World(tmp_path, broker_port=1)
        async with world.running():
            world._sick = Sickness([Cold(checks=(site.check,))])
            assert await page(world, site.check, site.host) == b"HTTP/1.1 200 OK"
            await world.start("dynamodb-dns")  # which makes it forget what this test set
            assert await page(world, site.check, site.host) == b"HTTP/1.1 200 OK"
            world._sick = Sickness([Cold(checks=(site.check,))])
            assert await page(world, site.check, site.host) == b"HTTP/1.1 503 Service Unavailable"

    asyncio.run(scenario())


def test_a_drill_runs_through_its_timetable_and_ends_by_itself(tmp_path: Path) -> None:
    said: list[str] = []

    async def scenario() -> None:
        world = World(tmp_path, broker_port=1, interval=0.02, say=said.append)
        async with world.running():
            assert await world.start("crowdstrike-2024-07-19")
            async with asyncio.timeout(20):
                while world.active:
                    await asyncio.sleep(0.01)
            assert await world.stop(None) == []
            assert all(listener.lost == 0 for listener in world._listeners.values())

    asyncio.run(scenario())
    assert said == [
        "drill crowdstrike-2024-07-19, manual-recovery: three in ten: somebody walks to each of them",
        "drill crowdstrike-2024-07-19 is over: all of it turns green again",
    ]


def test_what_is_raised_inside_a_world_passes_as_it_is(tmp_path: Path) -> None:
    """A child that cannot start is one line for a person, not a traceback of a group."""

    async def scenario() -> None:
        async with World(tmp_path, broker_port=1).running():
            raise ValueError("cannot start")

    with pytest.raises(ValueError, match="cannot start"):
        asyncio.run(scenario())


def running(*phases: Phase) -> Awaited:
    drill = Drill(name="x", summary="x", expect="x", phases=phases)
    return Awaited(DrillState(**structs.asdict(drill), active=True, since=100.0))


def incident(component: str, *dependents: str, active: bool = True) -> Named:
    parts = [_Part(component=each, active=active) for each in dependents]
    return Named(id="1", state="open", component=component, headline="it broke", dependents=parts)


def test_a_phase_is_named_once_by_a_component_with_all_its_parts() -> None:
    awaited = running(phase("a", 0, 30, None, "provider_region:aws/use1"), phase("b", 50, 10))
    assert awaited.seen([incident("provider:aws")], 101) == []
    (verdict,) = awaited.seen([incident("plane:control & provider_region:aws/use1")], 107.25)
    assert (verdict.phase, verdict.after_seconds, verdict.is_headline) == ("a", 7.2, True)
    assert awaited.is_over, "the other phase has nothing to be named"


def test_what_is_named_as_part_of_an_incident_counts_while_it_fails() -> None:
    awaited = running(phase("a", 10, 30, None, "product:edge"))
    assert awaited.seen([incident("product:edge")], 105) == [], "it has not begun"
    assert awaited.seen([incident("target:x", "product:edge", active=False)], 111) == []
    (verdict,) = awaited.seen([incident("target:x", "product:edge")], 112)
    assert (verdict.component, verdict.is_headline, verdict.after_seconds) == ("product:edge", False, 2.0)


def test_a_phase_that_nothing_names_is_missed_after_its_end_and_told_once() -> None:
    awaited = running(phase("a", 10, 30, None, "product:edge"))
    assert awaited.missed(155) == []
    assert [each.name for each in awaited.missed(165)] == ["a"]
    assert awaited.is_over


def test_letters_of_a_question_come_back_as_they_were_sent(tmp_path: Path) -> None:
    """Agents draw the case of each letter anew and take no other; answers are remembered without it."""

    async def scenario() -> None:
        world = World(tmp_path, broker_port=1)
        async with world.running():
            port = world._resolvers["isp"].port
            for name in (names.TABLE, names.TABLE.upper(), names.TABLE.title(), names.TABLE):
                query = dns.message.make_query(dns.name.from_text(name), "A")
                reply = await dns.asyncquery.udp(query, "127.0.0.1", 10, port=port)
                assert reply.question[0].name.to_text(omit_final_dot=True) == name
                assert len(reply.answer[0]) == 2

    asyncio.run(scenario())
