"""Keeps out of a process what a library imports and we never use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Whoever imports the module *name* in the block gets an empty one; later imports find the real one.

    Where it has been imported already there is nothing to save, and nothing is changed.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = ModuleType(name)
    try:
        yield
    finally:
        del sys.modules[name]
