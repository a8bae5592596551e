"""Topic names are for ever: an agent's part, once computed, is where its collector looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import WireError
from vedette.wire import limits, topics
from vedette.wire.topics import Address, Kind

# CRC-32 (IEEE 802.3) of the name, mod 64. These never change.
PARTS = {
    "par-01": "50", "nyc-01": "32", "fra-02": "45", "abc": "02", "syd-1": "61", "agent-000": "32",
}  # fmt: skip


@pytest.mark.parametrize("agent", PARTS)
def test_part_of_a_known_name_is_fixed(agent: str) -> None:
    assert topics.part(agent) == PARTS[agent]


def test_parts_are_used_evenly() -> None:
    """1,000 names fall into all 64 parts, none of which holds three times its share."""
    parts = [topics.part(f"agent-{at:03}") for at in range(1000)]
    assert set(parts) == {f"{part:02}" for part in range(limits.PARTS)}
    assert max(parts.count(part) for part in set(parts)) < 3 * 1000 / limits.PARTS


def test_topics_of_one_agent() -> None:
    part = PARTS["par-01"]
    assert [topics.topic("par-01", kind) for kind in Kind] == [
        f"vedette/v1/{part}/par-01/live",
        f"vedette/v1/{part}/par-01/replay",
        f"vedette/v1/{part}/par-01/presence",
        f"vedette/v1/{part}/par-01/heartbeat",
        f"vedette/v1/{part}/par-01/evidence",
        f"vedette/v1/{part}/par-01/ack",
        f"vedette/v1/{part}/par-01/ask",
    ]


def test_subscription_sees_one_kind_of_every_agent() -> None:
    assert topics.subscription(Kind.LIVE) == "vedette/v1/+/+/live"


@given(st.from_regex(limits.AGENT_NAME, fullmatch=True), st.sampled_from(Kind))
def test_topic_names_its_writer(agent: str, kind: Kind) -> None:
    assert topics.address(topics.topic(agent, kind)) == Address(agent, kind)


def wrong_part(name: str) -> str:
    return name.replace(f"/{PARTS['par-01']}/", f"/{(int(PARTS['par-01']) + 1) % 64:02}/")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/",
        "vedette/v1",
        topics.topic("par-01", Kind.LIVE) + "/",
        topics.topic("par-01", Kind.LIVE) + "\n",
        "/" + topics.topic("par-01", Kind.LIVE),
        topics.topic("par-01", Kind.LIVE).replace("v1", "v2"),
        topics.topic("par-01", Kind.LIVE).replace("live", "config"),
        topics.topic("par-01", Kind.LIVE).replace("live", "LIVE"),
        topics.topic("par-01", Kind.LIVE).replace("par-01", "par-02"),
        topics.topic("par-01", Kind.LIVE).replace("par-01", "par-01\n"),
        topics.topic("par-01", Kind.LIVE).replace("par-01", "+"),
        wrong_part(topics.topic("par-01", Kind.LIVE)),
        "vedette/v1/+/+/live",
        "vedette/v1/#",
        "$SYS/broker/uptime",
    ],
)
def test_any_other_topic_is_refused(name: str) -> None:
    with pytest.raises(WireError) as caught:
        topics.address(name)
    assert caught.value.reason == "topic"


@given(st.text())
def test_arbitrary_topic_is_read_or_refused(name: str) -> None:
    try:
        found = topics.address(name)
    except WireError:
        return
    assert topics.topic(found.agent, found.kind) == name
