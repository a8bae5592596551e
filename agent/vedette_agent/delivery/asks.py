"""Decides which asks of a collector are heard. Knows the time as a number.

Whoever may write them may be hostile. So an ask names nothing but checks that this agent has anyway, is
short, does not live long, and counts once however often the broker brings it. What it may cost is decided
where checks are started: see `vedette_agent.allowance`.
"""

from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from vedette.errors import WireError
from vedette.mqtt.messages import Inbound
from vedette.wire import codec, limits
from vedette.wire.messages import Ask

MAX_LIFE_US: Final = 60_000_000  # of an ask
EARLY_US: Final = 5_000_000  # by which it may be from the future: no clock is known exactly
REMEMBERED: Final = 256  # asks; more than the budget lets be of use while they live


class Asks:
    """*ask* is called for each check of a good ask with the seconds within which an answer is wanted."""

    def __init__(self, agent: str, ask: Callable[[str, float], None]) -> None:
        self.counts: Counter[str] = Counter()  # asks that were taken, and refused ones by reason
        self._agent = agent
        self._ask = ask
        self._taken: dict[bytes, None] = {}  # digests, in the order in which they came

    def take(self, message: Inbound, now_us: int, offset_us: int | None) -> None:
        """*message* came to our topic for asks; *offset_us*: collector's clock minus ours, None: not known.

        Raises WireError, and counts, when it is not heard.
        """
        try:
            ask = self._read(message)
            within_us = self._left_us(ask, now_us, message.received_us, offset_us)
            self._remember(message.payload)
        except WireError as exc:
            self.counts[exc.reason] += 1
            raise
        self.counts["taken"] += 1
        for check in dict.fromkeys(ask.checks):
            self._ask(check, within_us / 1e6)

    def _read(self, message: Inbound) -> Ask:
        if message.retain:
            raise WireError("retained", "an ask that was kept for us")
        text = codec.decompressed(message.payload, message.content_type, limits.MAX_ASK_BYTES)
        ask = codec.parsed(text, Ask)
        if ask.agent != self._agent:
            raise WireError("foreign", f"for {ask.agent}")
        return ask

    def _left_us(self, ask: Ask, now_us: int, received_us: int, offset_us: int | None) -> int:
        """How long an answer is wanted. Without a clock in common, from when it was received."""
        life = ask.expires_us - ask.sent_us
        if not 0 < life <= MAX_LIFE_US:
            raise WireError("life", f"{life} µs from sending to expiry, {MAX_LIFE_US} allowed")
        sent_us = received_us if offset_us is None else ask.sent_us - offset_us
        if sent_us > now_us + EARLY_US:
            raise WireError("early", f"sent {sent_us - now_us} µs from now")
        left = sent_us + life - now_us
        if left <= 0:
            raise WireError("expired", f"{-left} µs ago")
        return left

    def _remember(self, payload: bytes) -> None:
        digest = blake2b(payload, digest_size=16).digest()
        if digest in self._taken:
            raise WireError("duplicate", "it was taken already")
        self._taken[digest] = None
        if len(self._taken) > REMEMBERED:
            del self._taken[next(iter(self._taken))]
