"""TCP servers that do what a table says, line by line, and remember what they did not hear."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, NamedTuple

from conformance.cases import Values, need_ipv6
from servers.tcp import TcpServer


class Met(NamedTuple):
    values: Values
    misheard: list[str]  # what came instead of what was awaited


@contextmanager
def conversing(
    written: Any, servers: Mapping[str, Any], contexts: Mapping[str, ssl.SSLContext]
) -> Iterator[Met]:
    """The server of a case: the name of one in *servers*, or `both: name` for 127.0.0.1 and ::1.

    `nobody` is a port that is taken and on which nobody listens.
    """
    if written == "nobody":
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            yield Met({"port": taken.getsockname()[1]}, [])
        return
    misheard: list[str] = []
    is_both = isinstance(written, dict)
    steps = servers[written["both"] if is_both else written]

    def behave(connection: socket.socket) -> None:
        with ExitStack() as stack:
            spoken = connection
            lines = stack.enter_context(spoken.makefile("rb"))
            for step in steps:
                if "say" in step:
                    spoken.sendall(step["say"].encode())
                elif "hear" in step:
                    heard = lines.readline().decode()
                    if heard != step["hear"]:
                        misheard.append(heard)
                else:
                    context = contexts[step["tls"]]
                    newest = step.get("newest", "MAXIMUM_SUPPORTED").replace(".", "_")
                    context.maximum_version = ssl.TLSVersion[newest]
                    try:
                        # Wrapping takes a socket away, and the server closes its own.
                        spoken = stack.enter_context(context.wrap_socket(connection.dup(), server_side=True))
                    except ssl.SSLError:
                        return  # a peer that refuses our certificate says so
                    lines = stack.enter_context(spoken.makefile("rb"))

    if is_both:
        need_ipv6()
    with ExitStack() as stack:
        server = stack.enter_context(TcpServer(behave))
        while is_both:
            with suppress(OSError):  # somebody else may have this port at ::1
                stack.enter_context(TcpServer(behave, socket.AF_INET6, server.port))
                break
            server = stack.enter_context(TcpServer(behave))
        yield Met({"port": server.port}, misheard)
