"""Follows the records of TLS in what comes in, without reading them. RFC 8446 5.1."""


class Records:
    """Finds where records begin in what comes in: five bytes of header end in the record's length."""

    __slots__ = ("_head", "_rest")

    def __init__(self) -> None:
        self._head = b""  # of a record, when it was cut
        self._rest = 0  # bytes of a record that are still to come

    @property
    def is_inside(self) -> bool:
        """Whether a record has begun and not ended."""
        return self._rest > 0 or bool(self._head)

    def take(self, data: bytes) -> bool:
        """Go on over *data*; whether a record begins in it (RFC 8446 5.1)."""
        known = len(self._head)
        data = self._head + data
        at, size = self._rest, len(data)
        begins = False
        while at < size:
            begins = begins or at >= known
            if at + 5 > size:
                break
            at += 5 + (data[at + 3] << 8 | data[at + 4])
        self._head = data[at:]
        self._rest = max(at - size, 0)
        return begins
