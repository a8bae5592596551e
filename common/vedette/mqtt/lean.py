"""Keeps out of a process that only wants MQTT what paho-mqtt would bring along.

paho-mqtt looks SRV records up where dnspython is installed, which we never ask of it. For that it imports
dnspython's resolver, and that imports all it could use: DNS over HTTPS and QUIC, with aioquic and
cryptography where they are, 2 to 25 MB and a tenth of a second. So paho is imported here first, while that
resolver cannot be found: it takes dnspython for missing. Later imports of the resolver find it as ever.

And it would ask urllib.request for a proxy if it made its sockets itself; they are made by `dial`. With that
module come HTTP and mail, another megabyte.
"""

import sys

from vedette.absent import absent

_RESOLVER = "dns.resolver"

if _RESOLVER not in sys.modules:
    sys.modules[_RESOLVER] = None  # type: ignore[assignment]  # None: an import raises ImportError
    try:
        with absent("urllib.request"):
            import paho.mqtt.client  # noqa: F401
    finally:
        del sys.modules[_RESOLVER]
