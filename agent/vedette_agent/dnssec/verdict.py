"""What comes of validating a name and type, and how the work stops on the way."""

from typing import Literal, NamedTuple

from vedette.wire.failure import Failure
from vedette_agent.dnssec.reply import Name


class Question(NamedTuple):
    name: Name
    rdtype: str


class Link(NamedTuple):
    """A zone of the chain, and the key that the level above confirms."""

    zone: Name
    algorithm: int
    key_tag: int


class Verdict(NamedTuple):
    status: Literal["secure", "insecure", "bogus"]
    answer: Literal["data", "nodata", "nxdomain"] | None  # None: it did not come to that
    why: str  # "" when secure
    chain: tuple[Link, ...]  # in the order in which they were validated
    expires: float | None  # Unix time of the first signature that ends; also one that has ended
    expiring: str  # the record set of that signature
    is_ds_missing: bool  # insecure, although the zone at which the chain ends is signed


class Bogus(Exception):
    """Something that must be signed is not, or not validly. The text says what."""


class Insecure(Exception):
    """The chain ends, and that is proven. *cut* is the zone at which it ends; None when that is not known."""

    def __init__(self, why: str, cut: Name | None = None) -> None:
        super().__init__(why)
        self.cut = cut


class Unusable(Exception):
    """The server's answer is none, whoever signed the zones."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
