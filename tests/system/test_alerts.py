"""The shipped rules and routes page somebody: through a real Prometheus and Alertmanager to a webhook."""

import re

import pytest

from servers.webhook import Notification
from system.world.world import World

pytestmark = pytest.mark.system


def test_fault_pages_with_the_check_and_the_agents_and_resolves(world: World) -> None:
    """Timers are a sixtieth of the shipped ones; nothing else of the files differs."""
    world.until_green(30.0)
    hook, mail = world.watch.webhook, world.shop.mail
    earlier = len(hook.came)

    def sent(status: str) -> list[Notification]:
        """Pages about checks that fail in this test, newest last.

        That nobody observes a check was true in the first seconds of this world, and may come late.
        """
        came = [one for one in hook.came[earlier:] if (one.path, one.status) == ("/page", status)]
        return [one for one in came if one.labels["alertname"] == "VedetteCheckFailing"]

    def await_page(status: str) -> Notification:
        return hook.wait_for(
            lambda _: next((one for one in sent(status) if one.labels.get("check") == "mail"), None),
            f"a page about the mail server, {status}",
            within=45.0,
        )

    mail.stop()
    try:
        page = await_page("firing")
    finally:
        mail.start()
    assert page.labels["target"] == f"127.0.0.1:{mail.port}"
    assert page.annotations["summary"] == "mail fails from most vantages"
    # A probe that was under way when the listener closed was reset; those after it are refused.
    said = page.annotations["description"]
    assert re.search(r"fra-01 \(tcp\.re(fused|set)\), par-01 \(tcp\.re(fused|set)\)", said), said

    await_page("resolved")
    assert {one.labels.get("check") for one in sent("firing")} == {"mail"}
