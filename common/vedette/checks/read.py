"""The configuration file to an assignment, or to everything that is wrong with it at once."""

import hashlib
import os
import stat
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from vedette.checks import walk
from vedette.checks.compile import compiled
from vedette.checks.model import Assignment, Check
from vedette.checks.nodes import Unreadable, compose
from vedette.checks.problems import BadConfig, Mark, Problem, quoted
from vedette.checks.report import Bad, Report
from vedette.checks.schema import Configuration
from vedette.checks.wording import suggestion
from vedette.errors import ConfigError

MAX_BYTES: Final = 4 << 20


def load(path: Path) -> Assignment:
    """The assignment in the file at *path*. Raises ConfigError with one line for every problem."""
    return loads(_bytes(path), str(path))


def loads(raw: bytes, name: str) -> Assignment:
    """The assignment in *raw*; *name* is what messages call the file."""
    text = _text(raw, name)
    try:
        root = compose(text)
    except Unreadable as exc:
        raise BadConfig(name, [exc.problem], text) from exc
    if root is None:
        raise BadConfig(name, [_whole("is empty; list agents and checks")], text)
    report = Report(root)
    configuration = walk.read(root, Configuration, report)
    assignment = None if isinstance(configuration, Bad) else compiled(configuration, report)
    if report.problems or assignment is None:
        raise BadConfig(name, report.problems, text)
    return msgspec.structs.replace(assignment, config_hash=config_hash(assignment))


def _bytes(path: Path) -> bytes:
    name = str(path)
    try:
        # A pipe that nobody writes to would hold up the start, or a reload, for ever.
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadConfig(name, [_whole("is a pipe or a device; save the configuration to a file")])
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise BadConfig(name, [_whole("no such file; check the path")]) from exc
    except IsADirectoryError as exc:
        raise BadConfig(name, [_whole("is a directory; name the file in it")]) from exc
    except PermissionError as exc:
        raise BadConfig(name, [_whole("may not be read by this user; change its mode or owner")]) from exc
    except OSError as exc:
        raise BadConfig(name, [_whole(f"cannot be read ({exc.strerror}); check the path")]) from exc


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _text(raw: bytes, name: str) -> str:
    if len(raw) > MAX_BYTES:
        raise BadConfig(name, [_whole(f"more than {MAX_BYTES >> 20} MiB; split the configuration")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        before = raw[: exc.start].decode("utf-8-sig")
        mark = Mark(before.count("\n"), len(before) - before.rfind("\n") - 1)
        problem = Problem(mark, (), f"byte 0x{raw[exc.start]:02x} is not UTF-8; save the file as UTF-8")
        raise BadConfig(name, [problem]) from exc


def checks_of(assignment: Assignment, agent: str) -> tuple[Check, ...]:
    """What *agent* runs, in file order. Raises ConfigError when the configuration does not list it."""
    if agent not in assignment.by_agent:
        raise ConfigError(
            f"the configuration lists no agent {quoted(agent)}; {suggestion(agent, assignment.by_agent)}"
        )
    names = set(assignment.by_agent[agent])
    return tuple(check for check in assignment.checks if check.name in names)


def config_hash(assignment: Assignment) -> str:
    """SHA-256 of what *assignment* means, in hex. Layout, comments, spelled-out defaults leave it alone."""
    canonical: list[Any] = [
        sorted((_canonical(agent) for agent in assignment.agents), key=_name),
        sorted((_canonical(check) for check in assignment.checks), key=_name),
        {agent: sorted(names) for agent, names in assignment.by_agent.items()},
    ]
    if assignment.resolvers:  # as with fields: what is not there leaves old hashes alone
        canonical.append(sorted((_canonical(resolver) for resolver in assignment.resolvers), key=_name))
    return hashlib.sha256(msgspec.json.encode(canonical, order="deterministic")).hexdigest()


def _canonical(struct: Struct) -> dict[str, Any]:
    """Without what stands at its default: a field that a later version adds leaves old hashes alone."""
    made: dict[str, Any] = {"": type(struct).__name__}
    for name, default in _defaults(type(struct)):
        value = getattr(struct, name)
        if value != default:
            made[name] = _canonical(value) if isinstance(value, Struct) else value
    return made


@cache
def _defaults(kind: type[Struct]) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))


def _name(canonical: dict[str, Any]) -> str:
    return str(canonical["name"])


def _whole(text: str) -> Problem:
    return Problem(None, (), text)
