"""What can go wrong between us and the broker."""

from typing import Literal

from vedette.errors import VedetteError

# Why a connection could not be made: a closed set, fit for a metric label.
ConnectFault = Literal[
    "name",  # the broker's name has no address
    "refused",  # nobody listens there
    "unreachable",
    "timeout",
    "files",  # certificate, key or password file cannot be read
    "tls_untrusted",
    "tls_expired",
    "tls_hostname",
    "tls_handshake",
    "tls_rejected",  # the broker did not want our certificate
    "credentials",  # CONNACK: user name, password, or right to connect
    "connack",  # CONNACK: any other refusal
    "closed",  # the broker hung up before it answered
]


class LinkError(VedetteError):
    """Base of what the link raises."""


class ConnectFailed(LinkError):
    """One attempt failed. The link tries again; this is for the log and the counters."""

    def __init__(self, fault: ConnectFault, detail: str) -> None:
        super().__init__(f"{fault}: {detail}")
        self.fault = fault
        self.detail = detail


class NotConnected(LinkError):
    """No connection, or it was lost before the broker answered: the broker may have the message or not."""


class PublishRefused(LinkError):
    """The broker answered a publish with a failure code (MQTT 5 section 3.4.2.1): it is not there."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"0x{code:02x} {text}")
        self.code = code
        self.text = text
