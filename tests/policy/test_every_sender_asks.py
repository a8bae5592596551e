"""No module of the agent gives an address to a socket unless it also asks the policy."""

import ast
from pathlib import Path

AGENT = Path(__file__).parents[2] / "agent" / "vedette_agent"
SENDS = frozenset(
    {"connect", "connect_ex", "sendto", "sendmsg", "create_connection", "create_datagram_endpoint",
     "open_connection", "sock_connect", "sock_sendto", "send_again"}
)  # fmt: skip
AGAIN = "engine/icmperror.py"  # for those who asked: they are among the senders


def calls(path: Path) -> set[str]:
    """The methods that *path* calls: "x.y" for the last two names of `….x.y()`; and `send_again`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = getattr(owner, "attr", getattr(owner, "id", "")).lstrip("_")
            found.add(f"{name}.{node.func.attr}")
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "send_again":
            found.add("send_again")
    return found


def test_every_sender_asks() -> None:
    senders = {}
    for path in AGENT.rglob("*.py"):
        called = calls(path)
        if {call.rpartition(".")[2] for call in called - {"sqlite3.connect"}} & SENDS:
            senders[str(path.relative_to(AGENT))] = "policy.check" in called
    assert {"engine/datagram.py", "engine/icmp.py", "engine/stream.py", "engine/udp.py"} <= set(senders)
    assert [name for name, asks in senders.items() if not asks] == [AGAIN]
