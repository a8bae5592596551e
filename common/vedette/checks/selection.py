"""Which agents run a check: tags select them, AND over keys, OR over values."""

from collections.abc import Sequence
from typing import Final

from vedette.checks.model import Vantage
from vedette.checks.problems import Path, quoted
from vedette.checks.report import Bad, Report
from vedette.checks.schema import Agent
from vedette.checks.wording import suggestion

NAME: Final = "name"  # the key that selects by agent name


class Fleet:
    """The agents of a configuration, indexed by what selects them."""

    def __init__(self, agents: Sequence[Agent | Bad], report: Report) -> None:
        self.vantages: dict[str, Vantage] = {}
        self._with: dict[str, dict[str, set[str]]] = {NAME: {}}
        self._is_whole = True  # no agent was left out for being wrong
        for at, agent in enumerate(agents):
            if isinstance(agent, Bad):
                self._is_whole = False
            elif agent.name in self.vantages:
                report.about(
                    ("agents", at, "name"), f"a second agent named {quoted(agent.name)}; give it another name"
                )
            else:
                self.vantages[agent.name] = Vantage(name=agent.name, tags=agent.tags)
                for key, value in {NAME: agent.name, **agent.tags}.items():
                    self._with.setdefault(key, {}).setdefault(value, set()).add(agent.name)

    def selected(self, wanted: dict[str, str | list[str]] | None, path: Path, report: Report) -> set[str]:
        """The names of the agents that fit all of *wanted*; a selection of nobody is reported."""
        names = set(self.vantages)
        if wanted is None:
            return names
        known = True
        for key, value in wanted.items():
            values = [value] if isinstance(value, str) else value
            known = self._is_known(key, values, isinstance(value, str), (*path, key), report) and known
            groups = self._with.get(key, {})
            names = names & set().union(*(groups.get(one, set()) for one in values))
        if known and not names and self._is_whole:
            report.about(path, "no agent has all of these tags; loosen the selection or tag an agent")
        return names

    def _is_known(self, key: str, values: list[str], is_single: bool, path: Path, report: Report) -> bool:
        """Whether some agent has each value of *key*. A value that nobody has is a slip of the pen."""
        if not self._is_whole:
            return False  # the agent that is meant may be the one with the mistake
        if key not in self._with:
            report.about(path, f"no agent has a tag {quoted(key)}; {suggestion(key, self._with)}")
            return False
        fine = True
        for at, value in enumerate(values):
            if value not in self._with[key]:
                what = "is named" if key == NAME else f"has {key}"
                report.about(
                    path if is_single else (*path, at),
                    f"no agent {what} {quoted(value)}; {suggestion(value, self._with[key])}",
                )
                fine = False
        return fine
