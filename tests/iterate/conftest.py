"""The tree of authorities that the probers of this folder ask."""

from collections.abc import Iterator

import pytest

from iterate.tree_helpers import Tree, tree


@pytest.fixture(scope="module")
def on_loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    with tree(tmp_path_factory.mktemp("tree")) as made:
        yield made
