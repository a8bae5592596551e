"""DNS messages: building queries, reading answers, judging them. No sockets, no clock."""

from dns import version as _version
from vedette.errors import VedetteError

# Older ones follow a chain of compression pointers for seconds: one 64 KiB answer holds the loop for 52 s.
OLDEST = (2, 9)


def refuse_old_reader(version: tuple[int, int] = (_version.MAJOR, _version.MINOR)) -> None:
    """Raises VedetteError when the installed dnspython would let one hostile answer stop the agent."""
    if version < OLDEST:
        raise VedetteError(
            f"dnspython {version[0]}.{version[1]} is too old to read hostile answers safely: "
            f"install {OLDEST[0]}.{OLDEST[1]} or newer"
        )


refuse_old_reader()
