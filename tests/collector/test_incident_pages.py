"""What stands on the pages of incidents, with and without a browser."""

import asyncio
from itertools import pairwise

import pytest
from msgspec import structs

from collector.chromium_helpers import CHROMIUM, chromium
from collector.collector_helpers import NOW, Core
from collector.incident_stories import DYN, HOSTILE, ISP, WEB, finding, holding, incident, story_incidents
from collector.test_browser import CONTRAST, PAGE_WIDTH
from collector.web_helpers import fresh, site
from vedette_collector.condition import Condition
from vedette_collector.verdicts.component import Entity, Kind, component
from vedette_collector.verdicts.evidence import First
from vedette_collector.verdicts.incident import Incident
from vedette_collector.web import incident_view
from vedette_collector.web.pages import Pages

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
PATHS = ("/", "/incidents", "/incidents/20270115-0748-0a1b2c3d")


def pages(*found: Incident) -> Pages:
    condition = Condition(NOW.wall)
    condition.docket = holding(*found)
    return Pages(Core().board, condition)


def test_no_incident_is_said_in_words_with_what_it_rests_on() -> None:
    async def story() -> None:
        async with site(fresh()) as it, it.http.get(it.base + "/") as answer:
            page = await answer.text()
            assert "No incident</h1>" in page
            assert "2 probes of 1 connected agent in 1 network looked." in page
            assert page.index('id="incidents"') < page.index('id="summary"')

    asyncio.run(story())


def test_no_incident_means_little_where_nobody_looks() -> None:
    page = Pages(Core().board, Condition(NOW.wall)).status(NOW).decode()
    assert "No incident</h1>" in page
    assert "Nobody looks: no connected agent has a fresh result." in page


def test_an_open_incident_stands_first_with_all_that_on_call_needs() -> None:
    page = pages(*story_incidents().incidents.values()).status(NOW).decode()
    block = page[page.index('id="incidents"') : page.index('id="summary"')]
    for text in (
        "2 open incidents, 1 to wake somebody",
        "Name servers of dyn from region us-east: ",
        "page, open",
        "12 min ago",
        "78 % of 412 probes that need the name servers of dyn from region us-east failed; 0.4 % of 3,100",
        "(dns.timeout) 300 times",
        "2 agents (fra-01 and par-01) in 2 networks",
        "All 6 probes that were asked for at once failed.",
        "Another resolver fails as well",
        "Not resolver 192.0.2.53: 0.1 % of 950",
        "Target www.example.com: ",
        'href="/checks/api-dns#par-01"',
        '<a href="/checks/web">web</a>',
        "page, quiet, held open",
        "Network AS64500: all 2 agents silent",
    ):
        assert text in block, text
    assert 'href="/checks/gone' not in block, "a check that is no longer configured has no page"
    assert "20270115-0100" not in block, "what is closed is on the page of all incidents"


def test_a_first_failure_leads_to_its_evidence_where_there_is_some() -> None:
    source = incident_view.Source(lambda check, agent: check == "api-dns", {"api-dns"}.__contains__, {})
    found = incident_view.view(incident(), NOW.wall, source)
    assert [(each.said.check, each.has_evidence, each.is_known) for each in found.firsts] == [
        ("api-dns", True, True),
        ("gone", False, False),
    ]


def test_ambiguous_names_what_it_cannot_be_told_from() -> None:
    head = finding(certainty="ambiguous", alternatives=(ISP, WEB))
    page = pages(incident(head)).status(NOW).decode()
    assert "Ambiguous: " in page
    assert "with this fleet: network AS64500 and target www.example.com." in page


def test_the_page_of_an_incident_says_what_is_over() -> None:
    over = finding(WEB, codes=(("http.status", 7),))
    one = incident(finding(), over, active=[str(DYN)], reopened=2, lulls=300.0)
    page = pages(one).incident(one.id, NOW)
    assert page is not None
    text = page.decode()
    assert "Target www.example.com" in text[text.index("Over by now") :]
    assert "It came back 2 times; the longest pause was 5 min." in text
    assert f"/api/v1/incidents?id={one.id}" in text


def test_one_that_was_merged_leads_on() -> None:
    one = incident(state="closed", active=[], closed=NOW.wall, merged_into="20270115-0700-00000009")
    page = pages(one).incident(one.id, NOW)
    assert b'href="/incidents/20270115-0700-00000009"' in (page or b"")


def test_the_list_has_closed_ones_the_newest_first() -> None:
    older = incident(id="a", state="closed", active=[], closed=NOW.wall - 900.0)
    newer = incident(id="b", state="closed", active=[], closed=NOW.wall - 60.0)
    text = pages(older, newer, incident(id="c")).incidents(NOW)
    assert text.index(b"/incidents/c") < text.index(b"/incidents/b") < text.index(b"/incidents/a")


def test_an_incident_that_nobody_knows_is_not_there() -> None:
    async def story() -> None:
        async with site(fresh(), docket=story_incidents()) as it:
            for path in ("/incidents/nothing", "/incidents/%3Cscript%3E"):
                async with it.http.get(it.base + path) as answer:
                    assert answer.status == 404
                    assert "script" not in await answer.text()

    asyncio.run(story())


def test_hostile_names_are_text() -> None:
    """Markup, an escape of terminals and a mark that turns lines around."""
    head = finding(
        HOSTILE,
        targets=("<img src=x>",),
        codes=(("<b>", 1),),
        firsts=(First(agent="<i>", check="<u>", at=NOW.wall, code="<s>"),),
    )
    all_pages = pages(incident(head))
    for page in (
        all_pages.status(NOW),
        all_pages.incidents(NOW),
        all_pages.incident("20270115-0748-0a1b2c3d", NOW) or b"",
    ):
        for tag in (
            b"<script>alert",
            b"<img src=x",
            b"<b>1",
            b"<i>",
            b"<u>",
            b"<s>",
            b"\x1b",
            "\u202e".encode(),
        ):
            assert tag not in page, tag
        assert b"&lt;script&gt;alert(1)&lt;/script&gt;??[31m" in page


def test_many_incidents_with_long_names_make_no_long_page() -> None:
    """300 incidents, 100 findings each, 1,000 names in every list: under 1 MB, and the rest is counted."""
    names = tuple(f"{number:04}-{'x' * 250}" for number in range(1000))
    wide = [
        finding(
            component((Entity(Kind.TARGET, name), *(Entity(Kind.TARGET, each) for each in names[100:300]))),
            targets=names,
            agents=names,
            networks=names,
        )
        for name in names[:100]
    ]
    first = incident(*wide, id="000")  # the texts of its components are megabytes
    found = [structs.replace(first, id=f"{number:03}") for number in range(300)]
    all_pages = pages(*found)
    status, listed, one = (
        all_pages.status(NOW),
        all_pages.incidents(NOW),
        all_pages.incident("000", NOW) or b"",
    )
    assert max(map(len, (status, listed, one))) < 1_000_000
    assert b"and 290 more" in status
    assert b"and 100 older ones" in listed
    assert b"and 970 more" in one


@needs_chromium
def test_an_incident_appears_without_a_reload_and_is_read_aloud() -> None:
    """Within the second of a tick; the region that is read stays the same node."""

    async def story() -> None:
        docket = holding()
        async with (
            site(fresh(), docket=docket) as it,
            chromium() as tab,
            asyncio.TaskGroup() as group,
        ):
            ticking = group.create_task(it.hub.run())
            await tab.open(it.base + "/")
            await tab.until("document.getElementById('link').textContent === 'Live'")
            await tab.value("window.region = document.querySelector('[aria-live=polite]')")
            assert await tab.value("region.textContent") == "No incident"
            docket.incidents["x"] = incident(id="x")
            it.core.board.version += 1
            await tab.until("document.querySelector('#incidents').innerText.includes('1 open incident')")
            said = await tab.value("region.isConnected && region.textContent")
            assert said.startswith("1 open incident.")
            assert (await tab.value("document.title")).startswith("✕ 1 open incident, ")
            assert tab.errors == []
            ticking.cancel()

    asyncio.run(story())


@needs_chromium
def test_the_pages_of_incidents_are_whole_without_script() -> None:
    async def story() -> None:
        async with site(fresh(), docket=story_incidents()) as it, chromium() as tab:
            await tab.open(it.base + PATHS[0], script=False)
            text = await tab.value("document.querySelector('#incidents').innerText")
            assert "78 % of 412 probes that need the name servers of dyn" in text
            await tab.open(it.base + PATHS[2], script=False)
            text = await tab.value("document.body.innerText")
            assert "First failures" in text
            assert "gone from fra-01, " in text
            assert tab.errors == []

    asyncio.run(story())


@needs_chromium
@pytest.mark.parametrize("dark", [False, True])
def test_the_pages_of_incidents_can_be_read_on_a_phone_by_tired_eyes(dark: bool) -> None:
    """320 pixels without sideways scrolling, and 4.5 to 1 of contrast."""

    async def story() -> None:
        async with site(fresh(), docket=story_incidents()) as it, chromium() as tab:
            for path in PATHS:
                await tab.open(it.base + path, width=320, dark=dark)
                assert await tab.value(PAGE_WIDTH) == 320
                ratio, where = await tab.value(CONTRAST)
                assert ratio >= 4.5, (path, where)

    asyncio.run(story())


@needs_chromium
def test_the_structure_of_the_pages_of_incidents_can_be_read_aloud() -> None:
    """Landmarks, one first heading, no level left out, a name for every link, and no identifier twice."""

    async def story() -> None:
        async with site(fresh(), docket=story_incidents()) as it, chromium() as tab:
            for path in PATHS:
                await tab.open(it.base + path)
                heads = await tab.value(
                    "[...document.querySelectorAll('h1,h2,h3,h4')].map(n => Number(n.tagName[1]))"
                )
                assert heads.count(1) == 1
                assert heads[0] == 1
                assert all(after - before <= 1 for before, after in pairwise(heads)), path
                for landmark in ("main", "header", "footer", "nav[aria-label]"):
                    assert await tab.value(f"document.querySelectorAll('{landmark}').length") == 1
                assert await tab.value("[...document.querySelectorAll('a')].every(a => a.textContent.trim())")
                ids = "[...document.querySelectorAll('[id]')].map(n => n.id)"
                assert await tab.value(f"new Set({ids}).size === {ids}.length")
                labelled = "[...document.querySelectorAll('[aria-labelledby]')]"
                name = "document.getElementById(n.getAttribute('aria-labelledby'))"
                assert await tab.value(f"{labelled}.every(n => {name}.textContent.trim())")

    asyncio.run(story())
