"""Each parser of what targets send takes its corpus, and some hundred inputs made of that, at little cost."""

import time

import pytest

from fuzz.mutate import Coverage
from fuzz.running import CORPUS, fault, fuzz, seeds
from fuzz.targets import TARGETS

ROUNDS = 400


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_is_taken_in(target: str) -> None:
    assert len(seeds(target)) >= 2
    for name, data in seeds(target).items():
        assert fault(target, data) is None, name


@pytest.mark.parametrize("target", TARGETS)
def test_inputs_made_of_the_corpus_are_taken_in(target: str) -> None:
    found = fuzz(target, 1, rounds=ROUNDS).fault
    assert found is None, f"{found.data[:2000].hex()}\n{found.what}"


def test_each_file_of_the_corpus_has_its_origin() -> None:
    told = {
        line.split(": ")[0]: line.split(": ")[1]
        for line in (CORPUS / "ORIGINS").read_text().splitlines()
        if ": " in line
    }
    files = {f"{path.parent.name}/{path.name}" for path in CORPUS.glob("*/*")}
    assert files == set(told)
    assert all(told.values())
    assert {path.parent.name for path in CORPUS.glob("*/*")} == set(TARGETS)


def test_a_fault_is_found_and_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """What raises, and what takes its time."""

    def breaks(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError(data)

    def holds(data: bytes) -> None:
        until = time.thread_time() + 0.03
        while time.thread_time() < until:
            pass

    monkeypatch.setitem(TARGETS, "tls_records", breaks)
    found = fuzz("tls_records", 1, rounds=2000).fault
    assert found is not None
    assert "KeyError" in found.what
    monkeypatch.setitem(TARGETS, "tls_records", holds)
    found = fault("tls_records", b"")
    assert found is not None
    assert "ms of CPU" in found.what


def test_inputs_that_lead_to_new_lines_are_noticed() -> None:
    coverage = Coverage()
    assert coverage.grows(lambda: TARGETS["ntp_packet"](bytes(48)))
    assert not coverage.grows(lambda: TARGETS["ntp_packet"](bytes(48)))
    assert coverage.grows(lambda: TARGETS["ntp_packet"](b"\x24\1" + bytes(22) + bytes(24)))
