"""What a receiver reads from the bytes of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.reading_helpers import Read, request, series, unpacked
from vedette_collector.remote import encode
from vedette_collector.remote.encode import Sample

# Made with the protobuf package: up{job="vedette"} 1.5 at 1_800_000_000_123 ms.
GOLDEN = bytes.fromhex(
    "0a320a0e0a085f5f6e616d655f5f120275700a0e0a036a6f62120776656465747465121009000000000000f83f10fba0f1c2b134"
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
NAMES = st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2**53), st.floats(allow_nan=False)), max_size=40
)


def test_the_bytes_are_those_of_protobuf() -> None:
    up = series({"job": "vedette", "__name__": "up"})
    assert unpacked(encode.request([Sample(up, 1_800_000_000_123, 1.5)])) == GOLDEN


@given(names=st.lists(NAMES, min_size=3, max_size=3), samples=SAMPLES)
def test_every_label_time_and_value_is_read_back(
    names: list[dict[str, str]], samples: list[tuple[int, int, float]]
) -> None:
    encoded = [series(each) for each in names]
    sent = [Sample(encoded[which], at, value) for which, at, value in samples]
    wanted = [Read(tuple(sorted(names[which].items())), at, value) for which, at, value in samples]
    assert request(encode.request(sent)) == wanted


def test_samples_of_one_series_that_stand_together_share_its_labels() -> None:
    a, b = (series({"__name__": name}) for name in "ab")
    together = encode.request([Sample(a, 1, 1.0), Sample(a, 2, 1.0), Sample(b, 1, 1.0)])
    apart = encode.request([Sample(a, 1, 1.0), Sample(b, 1, 1.0), Sample(a, 2, 1.0)])
    assert len(together) < len(apart)


def test_a_label_without_a_value_is_left_out() -> None:
    """For Prometheus it is none."""
    assert encode.label("instance", "") == b""


@pytest.mark.parametrize("size", [0, 1, 59, 60, 61, 255, 256, 257, 65_535, 65_536, 65_537, 2**24, 2**24 + 1])
def test_a_block_is_read_back_at_every_width_of_its_length(size: int) -> None:
    raw = bytes(size)
    assert unpacked(encode.block(raw)) == raw
