"""One MQTT connection, from CONNECT to its end: aiomqtt with its traps closed.

What aiomqtt 2.5 does, and what is done here instead:

- A PUBACK that refuses counts as success there. Here it raises PublishRefused.
- A publish that is pending when the connection drops waits out its timeout. Here it fails at once.
- Its inbox has no bound, or throws away what was acknowledged already. Here the broker holds back: Receive
  Maximum is announced, and a message is acknowledged when its reader says so.
- Every publish walks over all pending ones. Here each has one future.
- Its reading of properties can be made to take half a minute, or to give up the connection, by any client
  that may publish to us. Here a PUBLISH is read by `packet`, and every other packet is short.
- A connection that ends before CONNACK is "Operation timed out". Here the socket's own error is the reason.
- A Client that is used again skips the wait for CONNACK and sends again what we send again ourselves: a
  Connection is used once.
- paho needs up to two keepalives to notice a dead peer. Here it is 1.25 and a bit.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from vedette.mqtt.dial import Wire, tls_failure
from vedette.mqtt.errors import ConnectFailed, NotConnected, PublishRefused
from vedette.mqtt.messages import Inbound, Subscription, Will
from vedette.mqtt.outgoing import join
from vedette.mqtt.packet import PublishProperties, Unreadable, read_publish
from vedette.wire import limits

MAX_IN_FLIGHT = 100  # our own bound on publishes without PUBACK; the broker's may be smaller
MAX_CONTROL_BYTES = 1024  # of a packet that is no PUBLISH: reason codes, perhaps with a sentence
_PACKETS_A_TURN = 64  # read before the loop may do something else,
_BYTES_A_TURN = 64 * 1024  # or this much: readers keep pace, and the inbox stays small
_PUBLISH = 0x30
# What else a broker may say to a client that asks for nothing above QoS 1: CONNACK, PUBACK, SUBACK, PINGRESP,
# DISCONNECT. The library would answer more, and keep the answers for a broker that never reads them.
_ANSWERS = frozenset({0x20, 0x40, 0x90, 0xD0, 0xE0})
_MAX_UNSENT = 4096  # packets of ours that the broker has not read: acks, mostly
_REFUSED = 0x80  # MQTT 5 section 2.4: reason codes from here on are failures
_CREDENTIALS = {
    0x84,
    0x85,
    0x86,
    0x87,
    0x8A,
    0x8C,
}  # version, client id, password, authorization, ban, method
_PACKET_TOO_LARGE = 0x95

# The library logs what is also raised; the link says it once, in its own words.
_silent = logging.getLogger("vedette.mqtt.library")
_silent.setLevel(logging.CRITICAL + 1)


class Connection(aiomqtt.Client):
    """`open`, then `publish` and `subscribe` until `lost` is done, then `close`."""

    def __init__(
        self,
        wire: Wire,
        *,
        host: str,
        port: int,
        identity: str,
        username: str | None,
        password: str | None,
        will: Will | None,
        keepalive: int,
        receive_maximum: int,
        deliver: Callable[[Inbound], None],
    ) -> None:
        connect = _properties(PacketTypes.CONNECT)
        connect.ReceiveMaximum = receive_maximum
        connect.MaximumPacketSize = limits.MAX_PACKET_BYTES
        super().__init__(
            host,
            port,
            identifier=identity,
            username=username,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=None if will is None else _last_will(will),
            keepalive=keepalive,
            properties=connect,
            max_inflight_messages=0,  # no second queue below ours
            logger=_silent,
        )
        self.lost: asyncio.Future[str] = self._loop.create_future()  # the reason
        self._wire = wire
        self._deliver = deliver
        self._receive_maximum = receive_maximum
        self._is_paused = False  # so much is unread here that the socket is not read
        self._unacknowledged = 0
        self._published: dict[int, asyncio.Future[None]] = {}
        self._accepted: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._granted: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._max_send = 1 << 28
        self._pinged = 0.0
        self._taken = 0  # bytes of packets in this turn of the loop
        self._again: asyncio.Handle | None = None  # the next turn's reading, when there is more
        self._watch: asyncio.TimerHandle | None = None
        self._client.manual_ack_set(True)
        self._client._create_socket = lambda: wire  # type: ignore[method-assign,assignment,return-value]
        self._of_the_library = self._client._packet_handle
        self._client._packet_handle = self._packet  # type: ignore[method-assign]

    async def open(self, within: float) -> None:
        """CONNECT, and wait for the broker's word. Raises ConnectFailed."""
        self._client.connect(
            self._hostname, self._port, self._keepalive, clean_start=True, properties=self._properties
        )
        await asyncio.wait((self._accepted, self.lost), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._accepted.done():
            code = self._accepted.result()
            if code.value < _REFUSED:
                self._look_after()
                return
            fault = "credentials" if code.value in _CREDENTIALS else "connack"
            raise ConnectFailed(fault, f"the broker refused: 0x{code.value:02x} {code}")  # type: ignore[arg-type]
        if not self.lost.done():
            raise ConnectFailed("timeout", f"no CONNACK from {self._hostname}:{self._port} in {within:g} s")
        if isinstance(self._wire.failure, ssl.SSLError):
            raise tls_failure(self._wire.failure, self._hostname) from self._wire.failure
        raise ConnectFailed("closed", f"{self._hostname}:{self._port} before CONNACK: {self.lost.result()}")

    async def listen(self, subscriptions: Sequence[Subscription], within: float) -> list[str]:
        """Subscribe; give back what the broker refused, in words. Raises ConnectFailed without an answer."""
        if not subscriptions:
            return []
        wanted = [
            (each.filter, SubscribeOptions(qos=each.qos, retainHandling=0 if each.retained else 2))
            for each in subscriptions
        ]
        self._client.subscribe(wanted)
        await asyncio.wait((self._granted, self.lost), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if not self._granted.done():
            raise ConnectFailed("closed", "no answer to SUBSCRIBE")
        granted = self._granted.result()
        if len(granted) != len(wanted):
            raise ConnectFailed("closed", f"{len(granted)} answers to {len(wanted)} subscriptions")
        return [
            f"{each.filter}: 0x{code.value:02x} {code}"
            for each, code in zip(subscriptions, granted, strict=True)
            if code.value >= _REFUSED
        ]

    async def send(
        self, topic: str, payload: bytes, qos: int, retain: bool, expiry: int | None, content_type: str | None
    ) -> None:
        """Back after the broker's PUBACK (QoS 1) or at once (QoS 0). Raises PublishRefused, NotConnected."""
        if len(payload) + len(topic) + 128 > self._max_send:
            # MQTT 5 section 3.2.2.3.6: the broker would drop the connection.
            raise PublishRefused(
                _PACKET_TOO_LARGE, f"Packet too large: the broker takes {self._max_send} bytes"
            )
        # All that the library does with properties is to call `pack`.
        properties = cast(Properties, PublishProperties(expiry, content_type))
        if qos == 0:
            self._raise_if_lost()
            self._client.publish(topic, payload, 0, retain, properties)
            return
        async with self._slots:
            self._raise_if_lost()
            info = self._client.publish(topic, payload, 1, retain, properties)
            answer = self._published[info.mid] = self._loop.create_future()
            try:
                await answer
            finally:
                self._published.pop(info.mid, None)

    def close(self) -> None:
        """Say goodbye if there is somebody to say it to, so that the broker does not speak our will."""
        if not self.lost.done() and self._client.is_connected():
            self._client.disconnect()
            self._client.loop_write()
        self._end("closed by us")

    def _raise_if_lost(self) -> None:
        if self.lost.done():
            raise NotConnected(self.lost.result())

    def _end(self, reason: str) -> None:
        """Never from inside a callback of paho: closing takes the lock that is held around them."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if not self.lost.done():
            self.lost.set_result(reason)
        pending, self._published = self._published, {}
        for answer in pending.values():
            if not answer.done():
                answer.set_exception(NotConnected(reason))
        self._client._sock_close()
        self._wire.close()

    def _acknowledge(self, mid: int) -> None:
        if not self.lost.done():
            self._unacknowledged -= 1
            self._client.ack(mid, 1)
            if self._is_paused and self._unacknowledged <= self._receive_maximum:
                self._is_paused = False
                self._loop.add_reader(self._wire.fileno(), self._readable)
                self._again = self._loop.call_soon(self._readable)  # the wire reads ahead

    def _look_after(self) -> None:
        """Ping a silent broker, give up a dead one."""
        now = time.monotonic()
        # Not self._keepalive: the broker may have named its own (MQTT 5 section 3.2.2.3.14).
        keepalive = self._client.keepalive or self._keepalive
        silent = now - self._wire.last_in
        if silent >= 1.25 * keepalive:
            self._end(f"nothing heard from the broker for {silent:.1f} s")
            return
        quiet = max(silent, now - self._wire.last_out)
        if quiet >= keepalive / 2 and now - self._pinged >= keepalive / 4:
            self._pinged = now
            self._client._send_pingreq()
        self._watch = self._loop.call_later(keepalive / 8, self._look_after)

    # Callbacks of paho. It is driven from this loop alone, so nothing here needs another thread's lock.

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if self._accepted.done():
            return
        granted = min(MAX_IN_FLIGHT, getattr(properties, "ReceiveMaximum", MAX_IN_FLIGHT))
        self._slots = asyncio.Semaphore(granted)
        self._max_send = getattr(properties, "MaximumPacketSize", self._max_send)
        self._accepted.set_result(reason_code)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: Any,
        flags: Any,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if getattr(flags, "is_disconnect_packet_from_server", False):
            reason = f"the broker said 0x{reason_code.value:02x} {reason_code}"
        elif self._wire.failure is not None:
            reason = str(self._wire.failure.strerror or self._wire.failure)
        else:
            reason = "the broker hung up"
        self._loop.call_soon(self._end, reason)

    def _on_subscribe(
        self,
        client: Paho,
        userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None = None,
    ) -> None:
        if not self._granted.done():
            self._granted.set_result(reason_codes)

    def _on_publish(
        self, client: Paho, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        answer = self._published.pop(mid, None)
        if answer is None or answer.done():
            return
        if reason_code.value >= _REFUSED:
            answer.set_exception(PublishRefused(reason_code.value, str(reason_code)))
        else:
            answer.set_result(None)

    def _packet(self) -> MQTTErrorCode:
        """One whole packet. What is raised here ends the connection."""
        arrived = self._client._in_packet
        command, packet = arrived["command"], arrived["packet"]
        self._taken += len(packet)
        if command & 0xF0 == _PUBLISH:
            self._publish_came(command, packet)
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        if command & 0xF0 not in _ANSWERS:
            raise Unreadable(f"a packet of type {command >> 4}")
        if len(packet) > MAX_CONTROL_BYTES:
            raise Unreadable(f"a packet of type {command >> 4} with {len(packet)} bytes")
        return self._of_the_library()

    def _publish_came(self, command: int, packet: bytearray) -> None:
        message = read_publish(command, packet)
        if message.qos > 1:
            raise Unreadable("a PUBLISH with a QoS that we did not ask for")
        acknowledge = None
        if message.qos == 1:
            if len(self._client._out_packet) > _MAX_UNSENT:
                raise Unreadable("messages, and does not take our acknowledgements")
            self._unacknowledged += 1

            def acknowledge() -> None:
                self._acknowledge(message.mid)

        self._deliver(
            Inbound(
                message.topic,
                message.payload,
                content_type=message.content_type,
                retain=message.retain,
                qos=message.qos,
                received=self._loop.time(),
                received_us=time.time_ns() // 1000,
                acknowledge=acknowledge,
            )
        )

    def _on_socket_open(self, client: Paho, userdata: Any, sock: Any) -> None:
        self._loop.add_reader(sock.fileno(), self._readable)

    def _on_socket_close(self, client: Paho, userdata: Any, sock: Any) -> None:
        self._loop.remove_reader(sock.fileno())

    def _on_socket_register_write(self, client: Paho, userdata: Any, sock: Any) -> None:
        self._loop.add_writer(sock.fileno(), self._writable)

    def _on_socket_unregister_write(self, client: Paho, userdata: Any, sock: Any) -> None:
        self._loop.remove_writer(sock.fileno())

    def _readable(self) -> None:
        if self._again is not None:
            self._again.cancel()  # else every event would start one more chain of calls
            self._again = None
        self._taken = 0
        try:
            for _ in range(_PACKETS_A_TURN):
                self._client.loop_read()
                if self.lost.done() or self._client.socket() is None:
                    return
                if self._client._in_packet["remaining_length"] > limits.MAX_PACKET_BYTES:
                    self._end("the broker sent a packet larger than we announced")
                    return
                # Under load Mosquitto 2.0 forgets Receive Maximum. TCP tells it again.
                if self._unacknowledged > 2 * self._receive_maximum + 16:
                    self._is_paused = True
                    self._loop.remove_reader(self._wire.fileno())
                    return
                if not self._wire.pending():
                    return
                if self._taken > _BYTES_A_TURN:
                    break
        except Unreadable as exc:
            self._end(f"the broker sent {exc}")
            return
        except Exception as exc:  # whatever the library trips over came from the broker
            self._end(f"unreadable: {type(exc).__name__}: {exc}")
            return
        self._again = self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        try:
            if len(self._client._out_packet) > 1:
                join(self._client._out_packet)
            self._client.loop_write()
        except Exception as exc:
            self._end(f"cannot write: {type(exc).__name__}: {exc}")


def _last_will(will: Will) -> aiomqtt.Will:
    properties = _properties(PacketTypes.WILLMESSAGE)
    if will.content_type is not None:
        properties.ContentType = will.content_type
    return aiomqtt.Will(will.topic, will.payload, will.qos, will.retain, properties)


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
