"""The status page in a real Chromium: with script, without script, on a phone."""

import asyncio

import pytest

from collector.chromium_helpers import CHROMIUM, chromium
from collector.collector_helpers import EPOCH, NOW, batch, failed, heartbeat
from collector.web_helpers import fresh, site
from vedette.wire.messages import Gap, Held
from vedette_collector.cell import Moment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")

CELL = "document.querySelector('#matrix td[data-agent=\"par-01\"]').innerText"
PAGE_WIDTH = "document.documentElement.scrollWidth"


def test_the_page_follows_what_happens() -> None:
    """A failure shows within the second of a tick, in the matrix and in the title, without a reload."""

    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab, asyncio.TaskGroup() as group:
            ticking = group.create_task(it.hub.run())
            await tab.open(it.base + "/")
            await tab.until("document.getElementById('link').textContent === 'Live'")
            assert "http.status" in await tab.value("document.querySelector('#results').innerText")
            await tab.value("window.stayed = true")
            now = Moment(NOW.wall, asyncio.get_running_loop().time())
            it.core.send(batch(failed(reason="dns.servfail"), first=3), now=now)
            await tab.until("document.querySelector('#matrix').innerText.includes('dns.servfail')")
            assert await tab.value("window.stayed && document.title.startsWith('✕ 2 of 5 checks failing')")
            assert tab.errors == []
            ticking.cancel()

    asyncio.run(story())


def test_the_page_is_whole_without_script() -> None:
    """And it reloads itself."""

    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab:
            await tab.open(it.base + "/", script=False)
            text = await tab.value("document.body.innerText")
            assert "✕ http.status" in text
            assert "web fails from 1 of 2 vantages: par-01" in text
            assert "502 <script>alert(1)</script>" in text
            assert await tab.value("document.querySelector('noscript meta[http-equiv=refresh]') !== null")
            await tab.open(it.base + "/checks/web", script=False)
            text = await tab.value("document.body.innerText")
            assert "connect 10 ms" in text
            assert "From par-01" in text
            assert tab.errors == []

    asyncio.run(story())


@pytest.mark.parametrize("path", ["/", "/checks/web"])
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_of_320_pixels_needs_no_sideways_scrolling(path: str, dark: bool) -> None:
    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab:
            await tab.open(it.base + path, width=320, dark=dark)
            assert await tab.value(PAGE_WIDTH) == 320
            back = await tab.value("getComputedStyle(document.body).backgroundColor")
            assert back == ("rgb(14, 18, 23)" if dark else "rgb(244, 246, 248)")

    asyncio.run(story())


SCROLLED = """
(() => {
  const scroll = document.querySelector('.scroll'), row = document.querySelector('#matrix tbody tr');
  row.lastElementChild.style.minWidth = '2000px';
  scroll.scrollLeft = 1000;
  return row.firstElementChild.getBoundingClientRect().left - scroll.getBoundingClientRect().left;
})()
"""


def test_a_wide_table_keeps_the_names_of_its_rows_in_sight() -> None:
    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab:
            await tab.open(it.base + "/", width=800)
            left = await tab.value(SCROLLED)
            assert 0 <= left <= 2
            await tab.value("document.querySelector('#matrix tbody th').style.minWidth = '2000px'")
            assert await tab.value(PAGE_WIDTH) == 800, "the table scrolls, and not the page"

    asyncio.run(story())


CONTRAST = """
(() => {
  const light = (rgb) => {
    const [r, g, b] = rgb.match(/[\\d.]+/g).slice(0, 3)
      .map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (node) => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let worst = [99, ""];
  for (const node of document.querySelectorAll("body *")) {
    const speaks = [...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!speaks || node.closest("noscript")) continue;
    const [a, b] = [light(getComputedStyle(node).color), light(back(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst[0]) worst = [ratio, node.outerHTML.slice(0, 120)];
  }
  return worst;
})()
"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_has_the_contrast_that_tired_eyes_need(dark: bool) -> None:
    """At least 4.5 to 1 between a text and what is behind it. WCAG 2.2, criterion 1.4.3."""

    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab:
            for path in ("/", "/checks/web"):
                await tab.open(it.base + path, dark=dark)
                ratio, where = await tab.value(CONTRAST)
                assert ratio >= 4.5, where

    asyncio.run(story())


def test_the_structure_can_be_read_aloud() -> None:
    """Landmarks, one first heading, a caption and scopes for every table, a name for every link."""

    async def story() -> None:
        async with site(fresh()) as it, chromium() as tab:
            for path in ("/", "/checks/web"):
                await tab.open(it.base + path)
                assert await tab.value("document.querySelectorAll('h1').length") == 1
                for landmark in ("main", "header", "footer", "nav[aria-label]"):
                    assert await tab.value(f"document.querySelectorAll('{landmark}').length") == 1
                assert await tab.value("[...document.querySelectorAll('table')].every(t => t.caption)")
                assert await tab.value("[...document.querySelectorAll('th')].every(t => t.scope)")
                assert await tab.value("[...document.querySelectorAll('a')].every(a => a.textContent.trim())")
                ids = "[...document.querySelectorAll('[id]')].map(n => n.id)"
                assert await tab.value(f"new Set({ids}).size === {ids}.length")
                assert await tab.value("document.documentElement.lang") == "en"

    asyncio.run(story())


LEDGER = "document.querySelector('#ledger').innerText"


def test_the_page_tells_of_a_loss_as_it_happens() -> None:
    """Why, from whom, and what to do; without a reload, and by day and night alike."""

    async def story() -> None:
        core = fresh()
        core.board.agents["par-01"].waiting.look(core.ledger.book("par-01"), NOW.mono)
        async with site(core) as it, chromium() as tab, asyncio.TaskGroup() as group:
            ticking = group.create_task(it.hub.run())
            await tab.open(it.base + "/", dark=True)
            await tab.until("document.getElementById('link').textContent === 'Live'")
            assert "Produced" in await tab.value(LEDGER)
            now = Moment(NOW.wall, asyncio.get_running_loop().time())
            held = [Held(epoch=EPOCH, next_seq=42, floor=3)]
            gap = Gap(epoch=EPOCH, first=3, end=42, reason="spool_full")
            core.send(heartbeat(held=held, gaps=[gap], pending=0), now=now)
            await tab.until(f"{LEDGER}.includes('39 results lost in the last 15 minutes: spool_full')")
            text = await tab.value(LEDGER)
            assert "mend the link" in text
            assert "✕ par-01" in text
            names = await tab.value("document.querySelector('#ledger ul').getAttribute('aria-label')")
            assert names == "What is missing, late or failing"
            assert tab.errors == []
            ticking.cancel()

    asyncio.run(story())
