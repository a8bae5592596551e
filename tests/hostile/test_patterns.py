"""A target that knows the pattern of a check cannot hold the agent with a text."""

import re
import time

import pytest

from vedette.checks import formats
from vedette_agent.pattern import compiled

MIB = 1 << 20
HOSTILE = [
    (r"(a+)+$", "a" * MIB + "!"),
    (r"^(\w+\s?)*$", "a" * MIB + "!"),
    (r"(.*a){20}x", "a" * MIB),
    (r"([a-z]+\.)+com$", "a." * (MIB // 2)),
    (r"^(\s*a)*\s*$", " " * MIB + "!"),
    (r"version \d+\.\d+\.\d+$", "version 1." * (MIB // 10)),
]


@pytest.mark.parametrize(("pattern", "text"), HOSTILE, ids=[pattern for pattern, _ in HOSTILE])
def test_a_mebibyte_made_for_a_pattern_is_searched_in_20_ms(pattern: str, text: str) -> None:
    """2 to 10 ms here. Python's own engine takes longer than anybody can wait."""
    search = compiled(pattern).search
    took = []
    for _ in range(5):
        began = time.thread_time()
        assert search(text) is None
        took.append(time.thread_time() - began)
    assert min(took) < 0.02


def test_groups_that_nobody_asked_for_are_not_followed() -> None:
    """Where the whole text matches, that would take 80 ms."""
    search = compiled(r"(a+)+$").search
    text = "a" * MIB
    took = []
    for _ in range(5):
        began = time.thread_time()
        assert search(text) is not None
        took.append(time.thread_time() - began)
    assert min(took) < 0.02


def test_what_python_takes_exponential_time_for_is_searched_with_captures_as_well() -> None:
    assert compiled(r"(a+)+$", captures=True).search("a" * 65_536 + "!") is None


def test_a_match_tells_characters_and_groups_of_any_text() -> None:
    """Bytes that are no UTF-8 come back as they came, and count as one character each."""
    text = b"\xff\xc3\xa9 220 h\xfcllo\xe2\x82\xac".decode("utf-8", "surrogateescape")
    found = compiled(r"(\d+) (?P<name>h.llo)(x)?", captures=True).search(text)
    assert found is not None
    assert (found.start(), found.end()) == (3, 12)
    assert found.groups() == ("220", "h\udcfcllo", None)
    assert found.groupdict() == {"name": "h\udcfcllo"}
    assert text[found.start() : found.end()] == "220 h\udcfcllo"


def test_what_is_found_between_the_bytes_of_a_character_has_a_place_too() -> None:
    found = compiled(r"\B").search("a€b")
    assert found is not None
    assert 0 <= found.start() <= found.end() <= 3


@pytest.mark.parametrize(
    "pattern",
    [
        r"status\"\s*:\s*\"(ok|fine)\"",
        r"(?i)ESMTP$",
        r"^220[ -].*\bready\b",
        r"[^<]*</title>",
        "é+",
        r"a{2,5}?b",
    ],
)
def test_ordinary_patterns_find_what_pythons_engine_finds(pattern: str) -> None:
    """The two languages differ where docs/checks.md says."""
    assert formats.regex(pattern) == pattern
    for text in ('"status": "ok"', "x esmtp", "220 a ready", "<title>é</title>", "caaab ééé", ""):
        ours, pythons = compiled(pattern).search(text), re.search(pattern, text)
        assert (ours and (ours.start(), ours.end())) == (pythons and pythons.span())
