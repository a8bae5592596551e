"""One shop and one pipeline for all system tests of a session; their logs stand beside every failure."""

import os
from collections.abc import Generator, Iterator

import pytest

from servers.daemon import Daemon
from system.world.shop import Shop
from system.world.world import World

OPT_OUT = "VEDETTE_TEST_NO_SYSTEM"
_daemons: dict[str, Daemon] = {}


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Missing packages are an error and not a skip: a test that silently does not run protects nothing."""
    if os.environ.get(OPT_OUT) == "1":
        pytest.skip(f"{OPT_OUT}=1: no servers of the distribution are wanted here")
    shop = Shop(tmp_path_factory.mktemp("world") / "shop")
    _daemons.update(shop.daemons())
    try:
        shop.start()
        yield shop
    finally:
        shop.stop()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"), shop)
    _daemons.update(world.daemons())
    try:
        world.start()
        yield world
    finally:
        world.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, daemon in _daemons.items():
            report.sections.append((f"log of {name}", daemon.tail(15)))
    return report
