"""How both programs talk to the broker: MQTT 5, and nothing that was acknowledged too early or too late.

Everything that knows the MQTT library is in `connection`; callers see Link, Broker and the errors.
"""

import vedette.mqtt.lean  # noqa: F401  # before anything of paho-mqtt
from vedette.mqtt.broker import Broker
from vedette.mqtt.errors import ConnectFailed, LinkError, NotConnected, PublishRefused
from vedette.mqtt.link import Link
from vedette.mqtt.messages import Inbound, Subscription, Will
from vedette.mqtt.options import add_broker_options, broker_from

__all__ = [
    "Broker",
    "ConnectFailed",
    "Inbound",
    "Link",
    "LinkError",
    "NotConnected",
    "PublishRefused",
    "Subscription",
    "Will",
    "add_broker_options",
    "broker_from",
]
