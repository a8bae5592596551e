"""`vedette check config FILE`, the way to `vedette check fleet FILE`, and `vedette schema`."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from vedette.checks import json_schema, read
from vedette.checks.model import Assignment
from vedette.checks.problems import BadConfig, dotted

MAX_AGENTS_SHOWN: Final = 40


FLEET: Final = "vedette_collector.fleet.commands"  # by its name: what is shared imports neither program


def check(argv: list[str]) -> int:
    if argv[:1] == ["fleet"]:
        code: int = import_module(FLEET).fleet(argv[1:])
        return code
    parser = argparse.ArgumentParser(prog="vedette check", description="Check a file before it is used.")
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    config = what.add_parser(
        "config",
        help="a configuration of agents and checks",
        description="Exit 0: the file can be used. Exit 1: it cannot, and standard error says why.",
    )
    config.add_argument("file", type=Path, metavar="FILE")
    config.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    what.add_parser("fleet", help="what verdicts will not be able to tell apart, and what to add")
    given = parser.parse_args(argv)
    try:
        assignment = read.load(given.file)
    except BadConfig as exc:
        if given.json:
            print(json.dumps(_problems(exc)))
        else:
            print(exc.shown(), file=sys.stderr)
        return 1
    summary = _summary(assignment, str(given.file))
    print(json.dumps(summary) if given.json else _written(summary))
    return 0


def schema(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="vedette schema",
        description="Print the JSON Schema of the configuration file. Editors with a YAML language server "
        "use it when the file begins with `# yaml-language-server: $schema=PATH`.",
    )
    parser.parse_args(argv)
    print(json.dumps(json_schema.document(), indent=2, ensure_ascii=False))
    return 0


def _problems(exc: BadConfig) -> dict[str, Any]:
    return {
        "file": exc.file,
        "valid": False,
        "problems": [
            {
                "line": problem.mark.line + 1 if problem.mark else None,
                "column": problem.mark.column + 1 if problem.mark else None,
                "path": dotted(problem.path),
                "text": problem.text,
            }
            for problem in exc.problems
        ],
    }


def _summary(assignment: Assignment, file: str) -> dict[str, Any]:
    rate = {check.name: 1 / check.interval for check in assignment.checks}
    return {
        "file": file,
        "valid": True,
        "config_hash": assignment.config_hash,
        "checks": len(assignment.checks),
        "agents": [
            {
                "name": name,
                "checks": len(names),
                "probes_per_second": round(sum(rate[one] for one in names), 3),
            }
            for name, names in assignment.by_agent.items()
        ],
    }


def _written(summary: dict[str, Any]) -> str:
    agents = summary["agents"]
    width = max(len(agent["name"]) for agent in agents)
    lines = [
        f"{summary['file']}: fine",
        f"  {'agent':{width}}  {'checks':>6}  {'probes/s':>8}",
        *(
            f"  {agent['name']:{width}}  {agent['checks']:>6}  {agent['probes_per_second']:>8.3f}"
            for agent in agents[:MAX_AGENTS_SHOWN]
        ),
    ]
    if len(agents) > MAX_AGENTS_SHOWN:
        lines.append(f"  and {len(agents) - MAX_AGENTS_SHOWN} more agents")
    total = sum(agent["probes_per_second"] for agent in agents)
    counted = f"{_count(len(agents), 'agent')}, {_count(summary['checks'], 'check')}"
    lines.append(f"{counted}, {total:.3f} probes/s in all")
    lines.append(f"config hash {summary['config_hash']}")
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
