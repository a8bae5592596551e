"""What stands on the pages: text from targets, the summary, and the order of troubles."""

import asyncio

import pytest
from jinja2 import Environment, PackageLoader

from collector.collector_helpers import NOW, Core, batch, failed, ok
from collector.web_helpers import fresh, site
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.web import view
from vedette_collector.web.pages import Pages


def test_what_a_target_says_is_text_on_every_page() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for path in ("/", "/checks/web"):
                async with it.http.get(it.base + path) as answer:
                    page = await answer.text()
                assert "502 &lt;script&gt;alert(1)&lt;/script&gt;" in page
                assert "<script>alert" not in page
                assert "style=" not in page
                assert " on" + "click=" not in page

    asyncio.run(story())


def test_a_page_of_an_unknown_check_is_not_there() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for path in ("/checks/%3Cb%3E", "/static/..%2fserver.py", "/static/nothing"):
                async with it.http.get(it.base + path) as answer:
                    assert answer.status == 404
                    assert b"<b>" not in await answer.read()

    asyncio.run(story())


def test_a_page_is_rendered_twice_a_second_at_most() -> None:
    core = Core()
    pages = Pages(core.board, Condition(NOW.wall))
    first = pages.status(NOW)
    core.send(batch(failed()))
    assert pages.status(Moment(NOW.wall + 0.4, NOW.mono + 0.4)) is first
    assert b"dns.nodata" in pages.status(Moment(NOW.wall + 0.6, NOW.mono + 0.6))


def test_an_upgrade_on_disk_does_not_reach_pages_that_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates are read once: those of the next version do not fit the code of this one."""
    core = Core()
    pages = Pages(core.board, Condition(NOW.wall))

    def replaced(loader: PackageLoader, environment: Environment, template: str) -> None:
        raise AssertionError(f"{template} was read again")

    monkeypatch.setattr(PackageLoader, "get_source", replaced)
    assert b"Checks by vantage" in pages.status(NOW)
    assert pages.check("web", NOW)


def test_the_summary_says_whether_it_is_everywhere() -> None:
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    core.send(batch(failed(), ok("web"), agent="fra-01"))
    rows = view.rows(core.board, NOW.mono)
    summary = view.summary(rows, view.agents(core.board, rows, NOW.mono), Condition(NOW.wall))
    assert summary.sentence == "2 of 5 checks failing, 6 of 10 results missing"
    assert [tuple(trouble) for trouble in summary.troubles] == [
        ("api-dns", "all 2 vantages", "dns.nodata"),
        ("web", "1 of 2 vantages: par-01", "tls.expired"),
    ]
    assert len(summary.problems) == 3


def test_what_fails_everywhere_stands_above_what_fails_somewhere() -> None:
    """Also when the configuration has them the other way round."""
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    core.send(batch(ok(), failed("web", "tls.expired"), agent="fra-01"))
    assert [row.check.name for row in view.rows(core.board, NOW.mono)][:2] == ["web", "api-dns"]


def test_the_summary_counts_what_it_does_not_name(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    rows = view.rows(core.board, NOW.mono)
    monkeypatch.setattr(view, "MAX_TROUBLES", 1)
    summary = view.summary(rows, view.agents(core.board, rows, NOW.mono), Condition(NOW.wall))
    assert (len(summary.troubles), summary.untold) == (1, 1)
    assert b"and 1 more" in Pages(core.board, Condition(NOW.wall)).status(NOW)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0 µs"),
        (999, "999 µs"),
        (1000, "1 ms"),
        (12_340, "12.3 ms"),
        (99_960, "100 ms"),
        (999_400, "999 ms"),
        (999_600, "1 s"),
        (4_500_000, "4.5 s"),
        (None, ""),
    ],
)
def test_durations_are_three_digits_and_a_unit(us: int | None, text: str) -> None:
    assert view.duration(us) == text
