"""nginx with the virtual hosts that a test writes, in a directory of its own."""

import os
import signal
from pathlib import Path

from servers.daemon import Daemon, accepts, program, until

_CONF = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log stderr notice;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  default_type text/html;
  client_body_temp_path {dir}/tmp;
  proxy_temp_path {dir}/tmp;
  fastcgi_temp_path {dir}/tmp;
  uwsgi_temp_path {dir}/tmp;
  scgi_temp_path {dir}/tmp;
  include {dir}/hosts.conf;
}}
"""


class Nginx:
    """One nginx. *hosts* is what stands between the braces of `http`; *ports* are those it listens on."""

    def __init__(self, directory: Path, hosts: str, ports: tuple[int, ...]) -> None:
        self.directory = directory
        self._ports = ports
        (directory / "tmp").mkdir(parents=True)
        # Started as root, nginx would give its workers to a user who cannot read the test's directory.
        user = "user root;" if os.geteuid() == 0 else ""
        conf = directory / "nginx.conf"
        conf.write_text(_CONF.format(dir=directory, user=user))
        (directory / "hosts.conf").write_text(hosts)
        self.daemon = Daemon(
            # -e: the compiled-in log is opened before the configuration is read.
            [program("nginx", "nginx"), "-e", "stderr", "-p", str(directory), "-c", str(conf)],
            directory / "nginx.log",
        )

    def start(self) -> None:
        self.daemon.start(lambda: all(accepts(port) for port in self._ports))

    def stop(self) -> None:
        self.daemon.stop()

    def reload(self) -> None:
        """Read certificates and hosts anew. Returns when the old workers are told to end."""
        before = self._count("gracefully shutting down")
        self.daemon.signal(signal.SIGHUP)
        until(
            lambda: self._count("gracefully shutting down") > before,
            lambda: f"nginx took its new configuration: {self.daemon.tail()}",
            within=15.0,
            step=0.05,
        )

    def _count(self, words: str) -> int:
        return self.daemon.log.read_text(errors="replace").count(words)
