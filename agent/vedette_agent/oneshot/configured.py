"""One check of a configuration file, as it is written."""

from pathlib import Path

from vedette.checks import read
from vedette.checks.model import Check
from vedette.checks.problems import quoted
from vedette.checks.wording import suggestion
from vedette.errors import ConfigError


def configured(file: Path, name: str) -> list[Check]:
    """The check *name* in *file*: the variant that has this name, or all those that begin with it.

    Raises ConfigError.
    """
    checks = read.load(file).checks
    found = [check for check in checks if check.name == name or check.name.startswith(f"{name}:")]
    if not found:
        written = dict.fromkeys(check.name.partition(":")[0] for check in checks)
        raise ConfigError(f"{file} has no check {quoted(name)}; {suggestion(name, written)}")
    return found
