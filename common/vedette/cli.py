"""The `vedette` command: its first word picks an entry point, and only that one is imported.

Exit codes: 0 all is well, 1 a problem was found, 2 the command or its configuration cannot be used.
"""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Final, NamedTuple

import vedette
from vedette.errors import VedetteError

GROUP: Final = "vedette.commands"


class Word(NamedTuple):
    """What runs a word: *value* is "module:function"."""

    name: str
    value: str

    def load(self) -> Callable[[list[str]], int]:
        module, _, function = self.value.partition(":")
        found: Callable[[list[str]], int] = getattr(import_module(module), function)
        return found


# As pyproject.toml declares them: to look there costs 1 MB and 50 ms, and it is for other packages' words.
_OURS: Final = {
    word.name: word
    for word in (
        Word("agent", "vedette_agent.commands:agent"),
        Word("backtest", "vedette_collector.replay.commands:backtest"),
        Word("check", "vedette.checks.commands:check"),
        Word("collector", "vedette_collector.commands:collector"),
        Word("drill", "vedette.up.commands:drill"),
        Word("incidents", "vedette_collector.status.commands:incidents"),
        Word("probe", "vedette_agent.commands:probe"),
        Word("replay", "vedette_collector.replay.commands:replay"),
        Word("schema", "vedette.checks.commands:schema"),
        Word("status", "vedette_collector.status.commands:status"),
        Word("up", "vedette.up.commands:up"),
    )
}

# Here and not in the commands themselves: `vedette --help` must not import any of them.
_ABOUT: Final = {
    "agent": "run a probing agent",
    "backtest": "say what the verdicts would have told about results that a collector kept",
    "check": "check a configuration file and say what it makes agents do",
    "collector": "turn the results of agents into metrics and a status page",
    "drill": "break the demo world of `vedette up` on purpose, and mend it",
    "incidents": "say what broke, since when, and how sure that is",
    "probe": "probe one target once, from here",
    "replay": "play published outages to the verdicts, and say what they would have told",
    "status": "say whether any result is missing, and why",
    "schema": "print the JSON Schema of the configuration file, for editors",
    "up": "run everything on this machine: broker, collector, agents, something to probe",
}
_EXTRA: Final = {"agent": "agent", "probe": "agent", "collector": "collector", "up": "up", "drill": "up"}

INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell reports it
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Only a bug of ours raises."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 shows an arrow as "\\u2192", which is also how JSON may write it.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _abandon_stdout()
        return PIPE_CLOSED
    except OSError as exc:
        if exc.errno not in _NO_SPACE:
            raise
        _abandon_stdout()
        # A write, unlike an open, does not know its file.
        where = f"{exc.filename}: " if exc.filename else ""
        print(f"vedette: {where}{exc.strerror}; make room", file=sys.stderr)
        return 2
    except VedetteError as exc:
        print(f"vedette: {exc}", file=sys.stderr)
        return 2
    return code


def _abandon_stdout() -> None:
    """The interpreter flushes stdout once more at exit; give it somewhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(argv: list[str]) -> int:
    if not argv:
        print(_help(_all()), file=sys.stderr)
        return 2
    word, rest = argv[0], argv[1:]
    if word in ("-h", "--help", "help"):
        print(_help(_all()))
        return 0
    if word in ("-V", "--version", "version"):
        print(f"vedette {vedette.__version__}")
        return 0
    commands = _OURS if word in _OURS else _all()
    if word not in commands:
        raise VedetteError(_unknown(word, commands))
    command = _imported(commands[word])
    try:
        return command(rest)
    except SystemExit as exc:  # argparse ends `--help` and wrong usage this way
        if isinstance(exc.code, str):
            raise VedetteError(exc.code) from exc
        return exc.code or 0


def _all() -> dict[str, Word]:
    """Ours, and those that other packages add."""
    from importlib.metadata import entry_points

    return {point.name: Word(point.name, point.value) for point in entry_points(group=GROUP)} | _OURS


def _imported(point: Word) -> Callable[[list[str]], int]:
    try:
        command = point.load()
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        extra = _EXTRA.get(point.name)
        if extra is None or missing.startswith("vedette"):
            raise
        raise VedetteError(
            f"`vedette {point.name}` needs {missing}, which is not installed; "
            f"install it with: pip install 'vedette[{extra}]'"
        ) from exc
    return command


def _unknown(word: str, commands: dict[str, Word]) -> str:
    what = "option" if word.startswith("-") else "command"
    near = get_close_matches(word, commands, n=1)
    hint = f'did you mean "{near[0]}"?' if near else "`vedette --help` lists what there is"
    return f'there is no {what} "{word}"; {hint}'


def _help(commands: dict[str, Word]) -> str:
    width = max((len(word) for word in commands), default=0)
    lines = [f"  {word:{width}}  {_ABOUT.get(word, point.value)}" for word, point in sorted(commands.items())]
    return "\n".join(
        [
            "usage: vedette COMMAND ...",
            "",
            "A network of probing agents: DNS and endpoints over MQTT to Prometheus.",
            "",
            *lines,
            "",
            "`vedette COMMAND --help` says more about one; `vedette --version` prints the version.",
        ]
    )
