"""DNS messages: building queries, reading answers, judging them. No sockets, no clock.

dnspython asks importlib.metadata which of its options are installed. Of those the agent uses one,
validation, and `dnssec` sees to it that it is found. The others need not be looked for, and what looks would
be 1 MB of mail and archive readers: so it is kept away while dnspython loads. Without the package idna,
whether installed or not, it takes names as everything here does (IDNA 2003).
"""

from dns import version as _version
from vedette.absent import absent
from vedette.errors import VedetteError

with absent("importlib.metadata"):
    import dns.name  # noqa: F401

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
