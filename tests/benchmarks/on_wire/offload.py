"""Turns off checksum offload of an interface: the relay must get whole frames, and none beyond the MTU."""

import array
import fcntl
import socket
import struct
import sys

_SIOCETHTOOL = 0x8946  # linux/sockios.h
_ETHTOOL_STXCSUM = 0x17  # linux/ethtool.h; segmentation offload goes with it


def turn_off(interface: str) -> None:
    value = array.array("I", [_ETHTOOL_STXCSUM, 0])
    request = struct.pack("16sP16x", interface.encode(), value.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


if __name__ == "__main__":
    turn_off(sys.argv[1])
