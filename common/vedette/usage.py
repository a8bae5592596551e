"""How wide help is, without what argparse would import to know: archive readers of half a megabyte."""

import argparse
import os
import sys
from typing import Any, Final

COLUMNS: Final = 80  # where there is no terminal


class Formatter(argparse.HelpFormatter):
    """As argparse's own. Parsers make one for each option, also where nobody asks for help."""

    def __init__(self, prog: str, **rest: Any) -> None:
        rest.setdefault("width", _columns() - 2)
        super().__init__(prog, **rest)


def _columns() -> int:
    """As `shutil.get_terminal_size`."""
    try:
        said = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        said = 0
    if said > 0:
        return said
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or COLUMNS  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # closed, detached, or no terminal
        return COLUMNS
