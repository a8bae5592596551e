"""Every fault of the shop gets its own name from both agents within 15 s, and nothing else is blamed."""

import time

import pytest

from system.world.faults import FAULTS, Fault
from system.world.pipeline import AGENTS
from system.world.world import World

pytestmark = pytest.mark.system
WITHIN = 15.0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault_is_named_by_both_agents_and_heals(world: World, fault: Fault) -> None:
    before = world.until_green(WITHIN).failures
    expected = {(check, agent, code) for check, code in fault.codes.items() for agent in AGENTS}

    began = time.monotonic()
    try:
        fault.strike(world.shop)
        world.until(
            lambda now: now.failing == expected, f"both agents say {fault.codes} and nothing more", WITHIN
        )
        took = time.monotonic() - began
    finally:
        fault.mend(world.shop)

    began = time.monotonic()
    after = world.until_green(WITHIN).failures
    print(f"{fault.name}: seen after {took:.1f} s, healed after {time.monotonic() - began:.1f} s")
    blamed = {key for key, count in after.items() if count > before.get(key, 0)}
    assert blamed == expected


def test_expired_certificate_is_measured_all_the_same(world: World) -> None:
    """When a certificate expires is just when somebody wants to see when it expired."""
    world.until_green(WITHIN)
    site = world.shop.pay
    try:
        site.expired()
        world.shop.web.reload()
        world.until(lambda now: len(now.failing) == 4, "two checks fail from both agents", WITHIN)
        now = world.stored("probe_ssl_earliest_cert_expiry", "probe_success")
        for check in ("pay", "pay-certificate"):
            expiry = now.by("probe_ssl_earliest_cert_expiry", "agent", check=check)
            assert expiry == {(agent,): site.not_after.timestamp() for agent in AGENTS}
        for said in world.pipeline.api("results?check=pay")["results"]:
            assert (said["state"], said["failure"]) == ("fail", "tls.expired")
            assert "expired" in said["detail"]
            assert said["facts"]["tls"]["alternative_names"] == ["pay.shop.example"]
            assert {"resolve", "connect"} <= said["phases"].keys()
    finally:
        site.valid()
        world.shop.web.reload()
    world.until_green(WITHIN)
