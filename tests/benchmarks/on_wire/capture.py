"""Writes down what passes an interface, as the kernel stamps it: a pcap file that Wireshark reads as well."""

import json
import select
import socket
import struct
import sys
from pathlib import Path

_ETH_P_ALL = 3
_ETH_P_IP = 0x0800
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_HEAD = struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 101)  # nanoseconds; LINKTYPE_RAW
_PACKET = struct.Struct("=IIII")
_stamp = struct.Struct("@qq").unpack_from


def capture(interface: str, path: Path) -> None:
    """Until standard input ends. Raises RuntimeError when the kernel had to drop packets."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as sock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 << 20)
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        sock.bind((interface, _ETH_P_ALL))
        sock.setblocking(False)
        print(json.dumps("ready"), flush=True)
        packets: list[bytes] = [_HEAD]
        ended = False
        while not ended:
            ended = sys.stdin in select.select([sock, sys.stdin], [], [])[0]
            try:
                while True:
                    packet, ancillary, _, address = sock.recvmsg(65535, 64)
                    if address[1] == _ETH_P_IP:
                        packets += _PACKET.pack(*_time(ancillary), len(packet), len(packet)), packet
            except BlockingIOError:
                pass
        dropped = struct.unpack("II", sock.getsockopt(263, 6, 8))[1]  # SOL_PACKET, PACKET_STATISTICS
    path.write_bytes(b"".join(packets))
    if dropped:
        raise RuntimeError(f"the capture has lost {dropped} packets")


def _time(ancillary: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanoseconds = _stamp(data)
            return seconds, nanoseconds
    raise RuntimeError("the kernel does not stamp captured packets")


if __name__ == "__main__":
    capture(sys.argv[1], Path(sys.argv[2]))
