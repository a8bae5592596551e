"""Texts to names of entities: hosts, networks, operators. Total over any text, also hostile ones."""

import re
from collections.abc import Iterable
from typing import Final

MAX_NAME: Final = 128  # characters: as long as a tag may be
MAX_OPERATORS: Final = 3  # of one zone, which are told

# Second-level labels under which countries register names. The list of public suffixes has thousands and
# changes daily; of what it knows better, some names here come out one label too short.
_SECOND_LEVEL: Final = frozenset(
    ("ac", "co", "com", "edu", "gob", "gov", "go", "gr", "mil", "ne", "net", "nom", "or", "org", "sch")
)
_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})", re.IGNORECASE)
_SERIAL = re.compile(r"[-_]?[0-9]+$")


def clean(text: str) -> str | None:
    """*text* as a name: lower case, ASCII letters and signs that print, no spaces at its ends; None: none."""
    name = "".join(c for c in text[: 2 * MAX_NAME] if c.isascii() and c.isprintable()).strip().lower()
    return name[:MAX_NAME].strip() or None


def host(text: str) -> str:
    """One form of a name: lower case, without the final dot; the root stays `.`"""
    return text.lower().removesuffix(".") or "."


def network(text: str) -> str:
    """`AS3356` for AS3356, as3356 and 3356, so that agents and targets inside it share its name."""
    found = _NUMBER.fullmatch(text.strip())
    return f"AS{int(found[1])}" if found else text.strip()


def tld(name: str) -> str | None:
    """The last label; None of the root and of addresses."""
    last = name.rpartition(".")[2]
    return None if not last or last.isdigit() or ":" in name else last


def registrable(name: str) -> str | None:
    """The end of *name* that somebody registered: its last two labels, or three as in `example.co.uk`."""
    labels = name.split(".")
    if tld(name) is None or len(labels) < 2 or not all(labels):
        return None
    size = 3 if len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL and len(labels) > 2 else 2
    return ".".join(labels[-size:])


def operator(servers: Iterable[str]) -> str | None:
    """Who runs these name servers: `awsdns` for ns-1.awsdns-01.com and ns-2.awsdns-02.co.uk.

    The label that was registered, without the number at its end. Two operators who registered the same
    label under different top levels are taken for one.
    """
    brands = set()
    for server in servers:
        domain = registrable(host(server))
        if domain is not None:
            label = domain.partition(".")[0]
            brands.add(_SERIAL.sub("", label) or label)
    return clean("+".join(sorted(brands)[:MAX_OPERATORS])) if brands else None
