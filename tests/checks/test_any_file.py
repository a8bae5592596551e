"""Whatever stands in the file: an assignment comes out, or a BadConfig with a place for every problem."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vedette.checks import read
from vedette.checks.problems import BadConfig

GOOD = (Path(__file__).parent / "good" / "every_kind.yaml").read_bytes()
PIECES = [
    *(b"&a ", b"*a", b"!!str ", b"- ", b"? ", b": ", b"{", b"}", b"[", b"]", b"'", b'"', b"\n", b"  ", b"\t"),
    *(b"null", b"~", b"1e999", b"0x", b"-1", b"true", b"9" * 40, b"ipv6", b"| \n", b"#", b"<<: ", b"'\\'"),
    *(b"\xff", b"\xc2\x85", b"\x00", b"---\n", b"%YAML 1.1\n"),
]


def outcome(raw: bytes) -> None:
    try:
        assert read.loads(raw, "any.yaml").checks
        return
    except BadConfig as exc:
        bad = exc
    assert bad.problems
    assert all(problem.mark is None or min(problem.mark) >= 0 for problem in bad.problems)
    assert bad.shown().startswith("any.yaml")


@given(st.binary(max_size=200))
def test_arbitrary_bytes(raw: bytes) -> None:
    outcome(raw)


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_arbitrary_yaml(pieces: list[bytes]) -> None:
    outcome(b"".join(pieces))


@given(st.integers(0, len(GOOD)), st.integers(0, 20), st.sampled_from(PIECES) | st.binary(max_size=6))
def test_good_file_with_one_wound(at: int, lost: int, gained: bytes) -> None:
    outcome(GOOD[:at] + gained + GOOD[at + lost :])
