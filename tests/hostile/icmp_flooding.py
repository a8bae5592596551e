"""`probing_once` in a network namespace of its own whose host answers no echo: what does so here does it
wrong, thousands of times for each packet.

Run by root as `unshare --net python -m hostile.icmp_flooding WHAT`: "echoes", replies to echoes with another
payload; "errors", ICMP errors about datagrams to PORT that quote too little or another.
"""

import socket
import subprocess
import sys
import threading
from pathlib import Path

from hostile import probing_once
from servers.forged_icmp import port_unreachable
from vedette_agent.engine.icmp import checksum

PORT = 33434
COUNT = 3000


def wrong_echoes() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as wire:
        seen = b""
        while True:
            request = wire.recv(65536)[20:]
            if request[0] != 8 or request == seen:
                continue
            seen = request
            reply = bytearray(b"\0\0\0\0" + request[4:] + bytes(8000))
            reply[8] ^= 1
            reply[2:4] = checksum(bytes(reply)).to_bytes(2, "big")
            for _ in range(COUNT):
                wire.sendto(reply, ("127.0.0.1", 0))


def errors() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", PORT))
        while True:
            asked, client = sock.recvfrom(65536)
            quoted = (b"", asked[:4], asked[:-1] + b"\1", bytes(len(asked)))
            for at in range(COUNT):
                port_unreachable(client, ("127.0.0.1", PORT), len(asked), quoted[at % 4])


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/icmp_echo_ignore_all").write_text("1")
    Path("/proc/sys/net/ipv4/icmp_ratelimit").write_text("0")
    work = {"echoes": wrong_echoes, "errors": errors}[sys.argv[1]]
    threading.Thread(target=work, daemon=True).start()
    probing_once.main()
