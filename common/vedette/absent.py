"""Keeps out of a process what a library imports and we never use."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _StandIn(ModuleType):
    """Whoever takes something from it gets that of the real module, which is then there for everybody.

    It is no attribute of the package around it: `import a.b` followed by `a.b.c` raises AttributeError, until
    somebody has imported the real one.
    """

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # asked by the import system itself
            raise AttributeError(attribute)
        _remove(self)
        return getattr(import_module(self.__name__), attribute)


@contextmanager
def absent(name: str) -> Iterator[None]:
    """Importing the module *name* in the block loads nothing; later imports find the real one.

    For libraries that write `import a.b` and get along where `a.b` then is missing. One that writes
    `from a.b import c` gets what it asks for, and nothing is saved; nor is it where `a.b` is there already.
    """
    if name in sys.modules:
        yield
        return
    stand_in = sys.modules[name] = _StandIn(name)
    try:
        yield
    finally:
        _remove(stand_in)


def _remove(stand_in: ModuleType) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]
