"""A peer that says at once all that a dialogue waits for does not get the loop for all of it."""

import socket
import threading

from hostile.hostile_helpers import Held, run_held
from servers.probing import Probed, bench
from servers.tcp import TcpServer
from vedette.checks.model import DialogueStep, TcpCheck
from vedette_agent.probers.tcp import probe_tcp

STEPS = (DialogueStep(expect="^go$", send="on\n"), *[DialogueStep(expect="^a$")] * 31)


def test_the_loop_has_a_turn_between_two_steps() -> None:
    """Of 64 KiB that are no UTF-8 each of 31 steps takes more than a millisecond."""
    is_read = threading.Event()

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"go\n")
        connection.recv(64)
        connection.sendall(b"a\n" * 100 + b"\xff" * 64_000)
        is_read.wait(20)

    held = Held()

    async def main(port: int) -> Probed:
        check = TcpCheck(
            name="a", target="a", interval=60.0, timeout=20.0, host="127.0.0.1", port=port, dialogue=STEPS
        )
        async with bench() as made:
            await made.run(probe_tcp, check, 20.0)  # loads what is loaded once
            held.worst = 0.0
            return await made.run(probe_tcp, check, 20.0)

    with TcpServer(behave) as server:
        try:
            found = run_held(main(server.port), held)
        finally:
            is_read.set()
    assert found.error is None
    assert held.worst < 0.015
