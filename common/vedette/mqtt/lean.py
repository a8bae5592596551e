"""Keeps QUIC out of a process that only wants MQTT.

paho-mqtt imports dnspython's resolver where that is installed, and that imports all it could use: aioquic
and cryptography, 13 MB and a tenth of a second. Agents have these for checks over QUIC, and load them then.
"""

try:
    from dns import _features
except ImportError:  # a collector
    pass
else:
    _features.force("doq", False)
