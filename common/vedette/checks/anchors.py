"""Trust anchors as people write them: DS or DNSKEY records. RFC 4034 2.2, 5.3.

A function takes what the file says and returns what the model holds. A ValueError says what is wrong and,
after a semicolon, what to do.
"""

import base64
import binascii
import re
from typing import Final

from vedette.checks.formats import dns_name
from vedette.checks.model import Anchor
from vedette.checks.problems import quoted

MAX_ANCHOR: Final = 2000

_DIGEST_DIGITS: Final = {1: 40, 2: 64, 4: 96}  # SHA-1, SHA-256, SHA-384
_EXAMPLE: Final = "write one such as example.com. DS 12345 13 2 49FD46E6C4B45C55D4AC..."


def anchor(text: str) -> Anchor:
    """`zone [TTL] [IN] DS|DNSKEY data`."""
    if len(text) > MAX_ANCHOR:
        raise ValueError(f"a trust anchor of {len(text)} characters; {MAX_ANCHOR} are allowed")
    found = re.fullmatch(r"(\S+)(?:\s+[0-9]+)?(?:\s+IN)?\s+(DS|DNSKEY)\s+(\S.*?)\s*", text, re.IGNORECASE)
    if found is None:
        raise ValueError(f"{quoted(text)} is not a DS or DNSKEY record; {_EXAMPLE}")
    zone, words = dns_name(found[1]), found[3].split()
    if found[2].upper() == "DS":
        return Anchor(zone, "DS", _ds(words))
    return Anchor(zone, "DNSKEY", _dnskey(words))


def _ds(words: list[str]) -> str:
    tag, algorithm, digest_type = _numbers(words, (65535, 255, 255), "DS")
    digest = "".join(words[3:]).upper()
    wanted = _DIGEST_DIGITS.get(digest_type)
    if wanted is None:
        raise ValueError(f"digest type {digest_type} is not supported; use 2 (SHA-256)")
    if len(digest) != wanted or not re.fullmatch("[0-9A-F]+", digest):
        raise ValueError(f"digest type {digest_type} has {wanted} hexadecimal digits; copy all of them")
    return f"{tag} {algorithm} {digest_type} {digest}"


def _dnskey(words: list[str]) -> str:
    flags, protocol, algorithm = _numbers(words, (65535, 255, 255), "DNSKEY")
    if protocol != 3 or not flags & 0x0100:
        raise ValueError("this is not the key of a zone; use one with flags 257 (or 256) and protocol 3")
    key = "".join(words[3:])
    try:
        decoded = base64.b64decode(key, validate=True)
    except binascii.Error as exc:
        raise ValueError("the key is not base64; copy all of it") from exc
    if not decoded:
        raise ValueError(f"the key is missing; {_EXAMPLE}")
    return f"{flags} {protocol} {algorithm} {key}"


def _numbers(words: list[str], most: tuple[int, int, int], what: str) -> tuple[int, int, int]:
    if len(words) < 4 or not all(re.fullmatch("[0-9]{1,5}", word) for word in words[:3]):
        raise ValueError(f"a {what} record has three numbers before its data; {_EXAMPLE}")
    numbers = [int(word) for word in words[:3]]
    for number, limit in zip(numbers, most, strict=True):
        if number > limit:
            raise ValueError(f"{number} is out of bounds; a number here is at most {limit}")
    return numbers[0], numbers[1], numbers[2]
