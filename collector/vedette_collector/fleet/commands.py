"""`vedette check fleet FILE`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

import msgspec

from vedette.checks import read
from vedette.checks.problems import BadConfig
from vedette_collector.fleet.gaps import observed
from vedette_collector.fleet.hint import Hint, counted
from vedette_collector.fleet.hints import hints
from vedette_collector.verdicts.traits import topology

NETWORKS_SHOWN: Final = 8


def fleet(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="vedette check fleet",
        description="Say what verdicts will not be able to tell apart, and what to add. Exit 0, also with "
        "hints; 1 with hints and --strict; 2 for a configuration that cannot be used.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a configuration of agents and checks")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--strict", action="store_true", help="exit 1 when there is a hint")
    given = parser.parse_args(argv)
    try:
        assignment = read.load(given.file)
    except BadConfig as exc:
        print(exc.shown(), file=sys.stderr)
        return 2
    found = topology(assignment)
    told, networks = hints(assignment, found), observed(found)
    if given.json:
        about = {
            "file": str(given.file),
            "agents": len(found.agents),
            "checks": len(found.checks),
            "networks": networks,
            "hints": msgspec.to_builtins(told),
        }
        print(json.dumps(about, ensure_ascii=False))
    else:
        print(f"{given.file}: {counted(len(found.agents), 'agent')}, {counted(len(found.checks), 'check')}")
        print("\n".join(written(told, networks)))
    return 1 if told and given.strict else 0


def written(told: list[Hint], networks: dict[str, int]) -> list[str]:
    """For people: bounded, however large the fleet is."""
    lines = []
    for hint in told:
        more = hint.count - len(hint.examples)
        lines += [
            "",
            hint.text,
            f"    {', '.join(hint.examples)}{f', and {more} more' if more else ''}",
            f"  → {hint.advice}",
        ]
    if not told:
        lines += ["", "Nothing to add."]
    if networks:
        shown = [
            f"{name} ({counted(count, 'agent')})" for name, count in list(networks.items())[:NETWORKS_SHOWN]
        ]
        more = len(networks) - len(shown)
        listed = f"{', '.join(shown)}{f', and {more} more' if more else ''}"
        lines += [
            "",
            f"Observed from {counted(len(networks), 'network')}: {listed}.",
            "Of others nothing can be said.",
        ]
    return lines
