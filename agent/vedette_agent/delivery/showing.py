"""Makes evidence of what probes noted, and sends it behind the results that are due."""

import asyncio
import logging
from typing import Final

from vedette.checks.model import Check
from vedette.log import fields
from vedette.mqtt import Link, NotConnected, PublishRefused
from vedette.wire import codec, limits
from vedette.wire.messages import Result
from vedette.wire.topics import Kind, topic
from vedette_agent.delivery.clocks import boot_seconds
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.stash import Packed, Stash
from vedette_agent.engine.record import Record
from vedette_agent.evidence import evidence

log = logging.getLogger("vedette.publish")

BREATH: Final = 0.02  # seconds; results that are due leave before evidence does


class Showing:
    """`explain` failures from anywhere on the loop while `run` runs, once results go to *outbox*."""

    def __init__(self, link: Link, agent: str, outbox: Outbox) -> None:
        self.stash = Stash()
        self._link = link
        self._agent = agent
        self._outbox = outbox
        self._has_some = asyncio.Event()
        self._is_barred = False  # the broker refuses our evidence, and some drop who is refused

    def explain(self, check: Check, result: Result, record: Record, started: float) -> bool:
        """Publish, after results, what the probe of *result* noted. False when there was too much already.

        *result* is the last that was added; *started*: monotonic seconds.
        """
        if self._is_barred:
            self.stash.lost["refused"] += 1
            return True
        if not self.stash.admits(boot_seconds()):
            return False
        seq = self._outbox.next_seq - 1
        said = evidence(self._agent, self._outbox.epoch, seq, check, result, record, started)
        self.stash.put(Packed(*codec.encode(said)))
        self._has_some.set()
        return True

    async def run(self) -> None:
        """One record at a time, each behind the results that are due."""
        while True:
            await self._has_some.wait()
            await self._link.until(True)
            if self._outbox.next_send(boot_seconds()) <= boot_seconds():
                await asyncio.sleep(BREATH)
                continue
            packed = self.stash.first()
            if packed is None:
                self._has_some.clear()
                continue
            try:
                await self._link.publish(
                    topic(self._agent, Kind.EVIDENCE),
                    packed.payload,
                    expiry=limits.EVIDENCE_EXPIRY_SECONDS,
                    content_type=packed.content_type,
                )
            except PublishRefused as exc:
                self.stash.settled(packed, refused=True)
                if not self._is_barred:
                    hint = "does its ACL let agents write it?"
                    log.error(
                        "the broker refuses our evidence, none is sent from now on",
                        extra=fields(topic=Kind.EVIDENCE.value, reason=exc, hint=hint),
                    )
                self._is_barred = True
            except NotConnected:
                # It goes by the next connection. The link learns of the end of this one only when the loop
                # turns, and until then neither wait above gives it a turn.
                await asyncio.sleep(BREATH)
            else:
                self.stash.settled(packed)
