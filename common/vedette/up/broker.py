"""The broker that comes along: Mosquitto where it is installed, else rumqttd from the `iotcore` wheel.

It listens on loopback, keeps nothing on disk and asks for a password that is new at every start: other users
of the machine reach loopback too. What it loses when it dies, the agents still have and send again.
"""

import base64
import hashlib
import importlib.util
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Final, Literal

from vedette.errors import VedetteError
from vedette.up.child import Program
from vedette.up.ports import LOOPBACK
from vedette.wire import limits

USER: Final = "vedette"
Choice = Literal["auto", "mosquitto", "iotcore"]
Kind = Literal["mosquitto", "iotcore"]

# Debian installs Mosquitto where only root's PATH looks.
_SYSTEM_DIRECTORIES: Final = ("/usr/sbin", "/usr/local/sbin")
_IN_FLIGHT: Final = 200
_QUEUED_BYTES: Final = 64 * 1024 * 1024  # for a subscriber that does not read
_CONNECTIONS: Final = 1000
_SEGMENT_BYTES: Final = 1024 * 1024
_SEGMENTS: Final = 4
_HASH_ROUNDS: Final = 101  # Mosquitto's own default; the password has 256 random bits anyway


def choose(choice: Choice) -> Kind:
    """Which broker runs. Raises VedetteError when the chosen one, or any, is not installed."""
    if choice != "iotcore" and _mosquitto() is not None:
        return "mosquitto"
    if choice != "mosquitto" and importlib.util.find_spec("iotcore") is not None:
        return "iotcore"
    match choice:
        case "auto":
            lack = "neither mosquitto nor iotcore is installed; apt-get install mosquitto"
        case "mosquitto":
            lack = "mosquitto is not installed; apt-get install mosquitto, or choose --broker iotcore"
        case "iotcore":
            lack = "iotcore is not installed; pip install 'vedette[up]', or choose --broker mosquitto"
    raise VedetteError(f"no MQTT broker: {lack}")


def prepare(kind: Kind, directory: Path, port: int) -> tuple[Program, Path]:
    """Write the broker's files into *directory*; return how to start it and its clients' password file."""
    directory.mkdir(mode=0o700, exist_ok=True)
    password = secrets.token_hex(32)
    password_file = directory / "password"
    _write(password_file, password + "\n")
    match kind:
        case "mosquitto":
            users = directory / "mosquitto.users"
            _write(users, f"{USER}:{_mosquitto_hash(password)}\n")
            configuration = directory / "mosquitto.conf"
            _write(configuration, _mosquitto_configuration(port, users))
            program = _mosquitto()
            assert program is not None
            argv = [program, "-c", str(configuration)]
        case "iotcore":
            configuration = directory / "rumqttd.toml"
            _write(configuration, _rumqttd_configuration(port, password))
            argv = [sys.executable, "-m", "vedette.up.rumqttd", str(configuration)]
    return Program("broker", argv), password_file


def _mosquitto() -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_DIRECTORIES])
    return shutil.which("mosquitto", path=path)


def _mosquitto_configuration(port: int, users: Path) -> str:
    """mosquitto.conf(5). `user` counts only when root starts it: it must still read its own files then."""
    return f"""\
listener {port} {LOOPBACK}
allow_anonymous false
password_file {users}
user root
persistence false
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages false
max_packet_size {limits.MAX_PACKET_BYTES}
max_inflight_messages {_IN_FLIGHT}
set_tcp_nodelay true
max_queued_messages 0
max_queued_bytes {_QUEUED_BYTES}
max_connections {_CONNECTIONS}
"""


def _mosquitto_hash(password: str) -> str:
    """A password file entry: PBKDF2 with SHA-512, as mosquitto_passwd(1) of version 2 writes it."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _HASH_ROUNDS)
    return f"$7${_HASH_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _rumqttd_configuration(port: int, password: str) -> str:
    """rumqttd keeps a log in memory for each filter that somebody subscribes to; its default is 1 GB each.

    `dynamic_filters` would make a log for every topic that is published to as well.
    """
    return f"""\
id = 0

[router]
id = 0
max_connections = {_CONNECTIONS}
max_outgoing_packet_count = {_IN_FLIGHT}
max_segment_size = {_SEGMENT_BYTES}
max_segment_count = {_SEGMENTS}

[v5.1]
name = "v5"
listen = "{LOOPBACK}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 10000
max_payload_size = {limits.MAX_PACKET_BYTES}
max_inflight_count = {_IN_FLIGHT}
dynamic_filters = false

[v5.1.connections.auth]
{USER} = "{password}"
"""


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
