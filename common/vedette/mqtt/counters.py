"""What a link counts over its life. Plain numbers, for whoever shows them."""

from collections import Counter

from vedette.mqtt.errors import ConnectFault


class LinkCounters:
    """Of this process. Keys of the counters are closed sets, fit for metric labels."""

    def __init__(self) -> None:
        self.connects = 0
        self.connect_failures: Counter[ConnectFault] = Counter()
        self.disconnects = 0
        self.published = 0
        self.publish_refused: Counter[int] = Counter()  # by MQTT 5 reason code
        self.subscriptions_refused = 0
        self.received = 0
        self.dropped_unacknowledged = 0  # QoS 0 messages that found the inbox full
