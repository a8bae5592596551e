"""A new file takes effect on SIGHUP, without a restart; a broken one changes nothing but a metric."""

import time

import pytest

from servers.daemon import until
from system.world.pipeline import AGENTS
from system.world.world import CHECKS, World

pytestmark = pytest.mark.system
SUCCESSFUL = "vedette_collector_config_last_reload_successful"
FRESH = "vedette_probe_last_result_timestamp_seconds"


def test_check_is_added_and_a_broken_file_is_refused(world: World) -> None:
    world.until_green(30.0)
    pipeline, resolver = world.pipeline, world.shop.resolver.port
    try:
        pipeline.configure(
            f"{pipeline.checks}\n"
            f"  - name: added\n    dns: {{name: shop.example, type: MX, resolver: 127.0.0.1:{resolver}}}\n"
        )
        until(
            lambda: (
                world.stored("probe_success").by("probe_success", "agent", check="added")
                == {(agent,): 1 for agent in AGENTS}
            ),
            "both agents run the new check",
            within=30.0,
        )

        pipeline.configure("checks: [\n")
        until(lambda: pipeline.metrics().one(SUCCESSFUL) == 0, "the collector says so", within=15.0)
        since = time.time()
        until(
            lambda: (
                len(found := pipeline.metrics().all(FRESH)) == (len(CHECKS) + 1) * len(AGENTS)
                and min(one.value for one in found) > since
            ),
            "everything goes on as before",
            within=30.0,
        )
    finally:
        pipeline.configure(pipeline.checks)
    world.until_green(30.0)
    assert pipeline.metrics().one(SUCCESSFUL) == 1
