"""Addresses as the socket module gives them."""

import socket
from functools import lru_cache
from typing import Any

Address = tuple[Any, ...]


@lru_cache(maxsize=4096)
def socket_address(address: str, port: int) -> Address:
    """As the socket module gives it for what comes from there. Raises OSError if *address* is no literal."""
    found = socket.getaddrinfo(
        address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    )
    return found[0][4]
