"""The shipped broker files on a real Mosquitto: identities by topics against a model of the ACL."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers.blunt_mqtt import NOT_AUTHORIZED, PACKET_TOO_LARGE, BluntClient, Closed, Message
from servers.shipped_broker import Broker, Pki, make_certs, make_pki, shipped_broker
from vedette.wire import topics
from vedette.wire.limits import MAX_PACKET_BYTES, MAX_PAYLOAD_BYTES
from vedette.wire.topics import Kind

pytestmark = pytest.mark.skipif(shutil.which("mosquitto") is None, reason="mosquitto is not installed")

AGENTS = ("par-01", "lon-02")
COLLECTORS = ("collector-live", "collector-replay", "collector-control")
IDENTITIES = AGENTS + COLLECTORS
READS = {
    "collector-live": {Kind.LIVE, Kind.HEARTBEAT, Kind.PRESENCE},
    "collector-replay": {Kind.REPLAY, Kind.EVIDENCE},
    "collector-control": set(),
}
DOWNWARD = {Kind.ACK, Kind.ASK}
# Nobody's: another version, kinds that do not exist, too short, too long, the broker's own, the root.
STRAYS = (
    "vedette/v2/00/par-01/live",
    "vedette/v1/00/par-01/config",
    "vedette/v1/00/par-01/live/x",
    "vedette/v1/par-01/live",
    "$SYS/broker/uptime",
    "live",
)
TOPICS = tuple(topics.topic(agent, kind) for agent in AGENTS for kind in Kind) + STRAYS


def may_write(identity: str, topic: str) -> bool:
    """The model: an agent writes its own five kinds, and one collector identity writes acks and asks."""
    if topic in STRAYS:
        return False
    _, _, _, agent, kind = topic.split("/")
    if kind in DOWNWARD:
        return identity == "collector-control"
    return identity == agent


def may_read(identity: str, topic: str) -> bool:
    """The model: an agent reads its own acks and asks, a collector identity what it is for."""
    if topic in STRAYS:
        return False
    _, _, _, agent, kind = topic.split("/")
    return kind in READS[identity] if identity in READS else (kind in DOWNWARD and identity == agent)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"), *AGENTS)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Broker]:
    with shipped_broker(tmp_path_factory.mktemp("broker"), pki) as started:
        yield started


def connect(broker: Broker, identity: str, client_id: str | None = None) -> BluntClient:
    port = broker.agents_port if identity in AGENTS else broker.collectors_port
    return BluntClient(port, client_id or identity, broker.pki.ca, broker.pki.pair(identity))


@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_writes_what_the_model_says_and_nothing_else(broker: Broker, identity: str) -> None:
    """One row of 5 identities by 20 topics, each cell by the reason code of its PUBACK."""
    for topic in TOPICS:
        # A connection a cell: after a refusal, Mosquitto 2.0.11 drops the client at its next packet.
        with connect(broker, identity) as client:
            code = client.publish(topic, b"x")
        assert (code != NOT_AUTHORIZED) == may_write(identity, topic), (topic, hex(code))


def test_an_identity_reads_what_the_model_says_and_nothing_else(broker: Broker) -> None:
    """Everyone subscribes to everything, and what the five may write is written."""
    written: list[Message] = []
    with ExitStack() as stack:
        clients = {who: stack.enter_context(connect(broker, who)) for who in IDENTITIES}
        for client in clients.values():
            client.subscribe("#")
            client.subscribe("$SYS/#")
        for who, client in clients.items():
            for topic in TOPICS:
                if may_write(who, topic):
                    assert client.publish(topic, who.encode()) != NOT_AUTHORIZED
                    written.append(Message(topic, who.encode()))
        for who, client in clients.items():
            expected = sorted(message for message in written if may_read(who, message.topic))
            assert sorted(client.messages()) == expected, who
    assert {message.topic for message in written} == set(TOPICS) - set(STRAYS)


def test_an_agent_that_calls_itself_collector_does_not_take_over_its_session(broker: Broker) -> None:
    """The client id is the certificate's name whatever CONNECT says."""
    with (
        connect(broker, "collector-live") as collector,
        connect(broker, "par-01", client_id="collector-live") as thief,
    ):
        collector.subscribe("#")
        heartbeat = topics.topic("par-01", Kind.HEARTBEAT)
        assert thief.publish(heartbeat, b"mine") == 0
        assert collector.messages() == [Message(heartbeat, b"mine")]


@pytest.mark.parametrize("listener", ["agents_port", "collectors_port"])
def test_no_certificate_no_connection(broker: Broker, listener: str) -> None:
    with pytest.raises(Closed):
        BluntClient(getattr(broker, listener), "par-01", broker.pki.ca, None)


def test_a_certificate_of_another_authority_is_refused(broker: Broker, tmp_path: Path) -> None:
    """The same name, signed by somebody else."""
    make_certs(tmp_path, "ca")
    make_certs(tmp_path, "agent", "par-01")
    with pytest.raises(Closed):
        BluntClient(broker.agents_port, "par-01", broker.pki.ca, Pki(tmp_path).pair("par-01"))


def test_a_payload_above_the_contracts_bound_ends_the_connection(broker: Broker) -> None:
    """A full 256 KiB batch passes; one byte more does not, nor what no collector would take."""
    live = topics.topic("lon-02", Kind.LIVE)
    with connect(broker, "lon-02") as agent:
        assert agent.publish(live, bytes(MAX_PAYLOAD_BYTES)) != NOT_AUTHORIZED
        with pytest.raises(Closed):
            agent.publish(live, bytes(MAX_PACKET_BYTES))
    with connect(broker, "lon-02") as agent:
        assert agent.publish(live, bytes(MAX_PAYLOAD_BYTES + 1)) == PACKET_TOO_LARGE


def test_presence_survives_a_restart_of_the_broker(tmp_path: Path, pki: Pki) -> None:
    """Retained, and written out on SIGTERM."""
    presence = topics.topic("par-01", Kind.PRESENCE)
    with shipped_broker(tmp_path, pki) as first, connect(first, "par-01") as agent:
        assert agent.publish(presence, b"online", retain=True) != NOT_AUTHORIZED
    with shipped_broker(tmp_path, pki) as second, connect(second, "collector-live") as collector:
        collector.subscribe(topics.subscription(Kind.PRESENCE))
        assert collector.messages() == [Message(presence, b"online")]
