"""Caddy, whose HTTP/3 is that of quic-go: a second implementation beside the one that the agent uses."""

from pathlib import Path

import trustme

from servers.daemon import Daemon, program

_CONF = """\
{{
    admin off
    auto_https off
    grace_period 1s
    servers {{
        protocols h1 h2 h3
    }}
}}
https://www.test:{port} {{
    bind 127.0.0.1
    tls {dir}/leaf.pem {dir}/leaf.key
{site}
}}
"""


class Caddy:
    """One Caddy that serves https://www.test on *port*. *site* is what stands in the braces of that site."""

    def __init__(self, directory: Path, port: int, leaf: trustme.LeafCert, site: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        leaf.private_key_pem.write_to_path(directory / "leaf.key")
        for one in leaf.cert_chain_pems:
            one.write_to_path(directory / "leaf.pem", append=True)
        conf = directory / "Caddyfile"
        conf.write_text(_CONF.format(port=port, dir=directory, site=site))
        self.daemon = Daemon(
            [program("caddy", "caddy"), "run", "--config", str(conf), "--adapter", "caddyfile"],
            directory / "caddy.log",
            env={"HOME": str(directory)},
        )

    def start(self) -> None:
        # It says so once both listen, the one for TCP and the one for UDP.
        self.daemon.start(lambda: "serving initial configuration" in self.daemon.tail())

    def stop(self) -> None:
        self.daemon.stop()
