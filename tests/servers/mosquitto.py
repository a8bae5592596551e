"""A real Mosquitto on a loopback port to stop, kill, freeze and bring back on the same port."""

import getpass
import shutil
import signal
import tempfile
import weakref
from pathlib import Path

from servers.daemon import Daemon, accepts, free_port, installed

MOSQUITTO = installed("mosquitto")


class Mosquitto:
    """Use as a context manager. A loopback listener, with *config* added."""

    def __init__(self, config: str = "", *, anonymous: bool = True, acl: str | None = None) -> None:
        assert MOSQUITTO is not None
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="mosquitto-"))
        # Some brokers never come: their tests want a port where nobody is.
        self._remove = weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        file = self.directory / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "log_dest stderr",
            "log_type all",
            f"user {getpass.getuser()}",  # started by root it would become another that cannot read our files
            config,
        ]
        if acl is not None:
            (self.directory / "acl").write_text(acl)
            lines.append(f"acl_file {self.directory / 'acl'}")
        file.write_text("\n".join(lines) + "\n")
        self._daemon = Daemon([MOSQUITTO, "-c", str(file)], self.directory / "log")

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._remove()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._daemon.pid

    @property
    def log(self) -> str:
        return self._daemon.log.read_text(errors="replace")

    def start(self) -> None:
        self._daemon.start(lambda: accepts(self.port))

    def stop(self) -> None:
        self._daemon.stop()

    def kill(self) -> None:
        self._daemon.kill()

    def freeze(self) -> None:
        """Keep every connection open and answer nothing."""
        self._daemon.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._daemon.signal(signal.SIGCONT)
