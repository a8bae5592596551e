"""Many agents in one process: each has its own MQTT connection and is, but for its probes, a real one.

`python -m benchmarks.crowd PORT FIRST END CHECKS RATE SECONDS`: agents FIRST … END - 1, each with the agent's
own publisher (outbox, resend, replay, heartbeats, acks; no spool) and RATE results a second. The results are
made beforehand and get their times when they are "found". Prints `ready` when all are connected, waits for a
line, and prints how many were produced and what became of them when all are acknowledged; ends with its
input.
"""

import asyncio
import gc
import json
import resource
import subprocess
import sys
import time
from itertools import cycle

from msgspec.structs import replace

from benchmarks import mixed
from benchmarks.proc import cpu_seconds, own_environment
from benchmarks.site import Site
from vedette.mqtt import Broker
from vedette.wire.messages import Result
from vedette_agent.delivery.publish import Publisher
from vedette_agent.delivery.talk import Vitals

TICK = 0.01  # seconds
MOST = 2000  # results in one turn of the loop
VARIANTS = 64  # of the result of each check
CONNECTS = 200  # a second
ACKED_SECONDS = 120.0  # after the last result


class Crowd:
    """The process, from its start to the end of the block."""

    def __init__(self, site: Site, agents: range, checks: int, rate: float, seconds: float) -> None:
        self.produced = 0
        self.late = 0.0  # seconds that the generator was behind its own schedule, at worst
        self.seconds = 0.0  # in which it produced
        words = [
            str(site.broker_port),
            str(agents.start),
            str(agents.stop),
            str(checks),
            str(rate),
            str(seconds),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crowd", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=own_environment(),
        )

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def until_ready(self) -> None:
        """All are connected."""
        self._line("ready")

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")

    def until_produced(self) -> None:
        self._line("produced")

    def until_acked(self) -> None:
        """Everything is acknowledged, or it took too long."""
        said = json.loads(self._line(""))
        self.produced, self.late, self.seconds = said["produced"], said["late"], said["seconds"]
        if said["pending"]:
            raise RuntimeError(f"not acknowledged: {said}")

    def wait(self) -> None:
        """From the start to the last ack."""
        self.until_ready()
        self.go()
        self.until_produced()
        self.until_acked()

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def _line(self, expected: str) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line or (expected and line != expected):
            raise RuntimeError(f"the load generator said {line!r} and not {expected!r}")
        return line


async def _crowd(port: int, agents: range, checks: int, rate: float, seconds: float) -> None:
    broker = Broker(host="127.0.0.1", port=port)
    names = mixed.agent_names(agents.stop)[agents.start :]
    run_us = time.time_ns() // 1000
    publishers = [
        Publisher(broker, name, f"{run_us:016x}{number:016x}", {}, lambda: Vitals(0, 0, 0, 0.0))
        for number, name in enumerate(names)
    ]
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, publisher in enumerate(publishers):
            tasks.append(group.create_task(publisher.run()))
            if number % 10 == 9:
                await asyncio.sleep(10 / CONNECTS)
        for publisher in publishers:
            await publisher.link.until(True)
        gc.collect()
        gc.freeze()  # a thousand agents: each full collection would hold all of them up
        _say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        began = time.monotonic()
        late = await _produce(publishers, checks, rate, seconds)
        took = time.monotonic() - began
        _say("produced")
        deadline = time.monotonic() + ACKED_SECONDS
        while any(each.outbox.pending for each in publishers) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        said = {
            "produced": sum(each.outbox.next_seq for each in publishers),
            "pending": sum(each.outbox.pending for each in publishers),
            "lost": sum(each.outbox.ledger.gaps.counts.total() for each in publishers),
            "late": late,
            "seconds": took,
        }
        _say(json.dumps(said))
        await asyncio.to_thread(sys.stdin.readline)
        for task in tasks:
            task.cancel()


async def _produce(publishers: list[Publisher], checks: int, rate: float, seconds: float) -> float:
    """The longest time by which a result was late."""
    source = mixed.Source(len(publishers))
    now_us = time.time_ns() // 1000
    found = [
        [source.result(check, now_us + number * 1_000_000) for check in mixed.check_names(checks)]
        for number in range(VARIANTS)
    ]
    each = cycle([result for row in found for result in row])
    began = time.monotonic()
    total, done, worst = round(len(publishers) * rate * seconds), 0, 0.0
    result = next(each)
    while done < total:
        elapsed = time.monotonic() - began
        worst = max(worst, elapsed - done / rate / len(publishers))
        # No more in one go: acks and heartbeats have to get in.
        due = min(int(elapsed * rate * len(publishers)), total, done + MOST)
        now_us = time.time_ns() // 1000
        while done < due:
            agent = done % len(publishers)
            if agent == 0:
                result = next(each)
            publishers[agent].add(_at(result, now_us))
            done += 1
        await asyncio.sleep(TICK)
    return worst


def _at(result: Result, now_us: int) -> Result:
    return replace(result, started_us=now_us - (result.duration_us or 0))


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _port, _first, _end, _checks = map(int, sys.argv[1:5])
    asyncio.run(_crowd(_port, range(_first, _end), _checks, float(sys.argv[5]), float(sys.argv[6])))
