"""Whatever 48 bytes say: read, or refused in words, and within bounds."""

from hypothesis import example, given
from hypothesis import strategies as st

from vedette_agent.ntp import PACKET_BYTES, NotTime, compared, is_answer, read, request

NOW_NS = 1_795_000_000_000_000_000
SERVER = b"\x24\x02\x06\xec" + bytes(20)


@given(st.binary(min_size=PACKET_BYTES, max_size=80), st.integers(0, 10**9))
@example(SERVER + bytes(8) + b"\x6f" + bytes(7) + b"\xee" + bytes(7), 0)
def test_any_packet_is_read_or_refused(wire: bytes, took_ns: int) -> None:
    try:
        answer = read(wire)
    except NotTime:
        return
    assert 0 <= answer.root_delay < 65536
    assert 0 <= answer.root_dispersion < 65536
    assert answer.reference_id.isprintable()
    if answer.is_synchronized:  # of others no time is taken
        offset, delay = compared(answer, NOW_NS, NOW_NS + took_ns)
        # Half of all the time there is, and half of the longest that a server can say it took.
        assert abs(offset) <= 2**31 + 2**30 + 1
        assert 0 <= delay <= took_ns / 1e9 + 1e-9


@given(st.binary(max_size=80), st.binary(min_size=8, max_size=8))
def test_only_an_echo_of_the_nonce_is_an_answer(wire: bytes, nonce: bytes) -> None:
    assert is_answer(wire, nonce) == (len(wire) >= PACKET_BYTES and wire[24:32] == nonce)
    assert is_answer(SERVER + nonce + bytes(16), nonce)
    assert not is_answer(request(nonce), nonce) or nonce == bytes(8)


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_offset_and_delay_of_an_even_way_are_exact(ahead_ns: int, way_ns: int, took_ns: int) -> None:
    """There and back take the same time; the server's clock is ahead, and it takes its time."""

    def stamp(ns: int) -> bytes:
        return ((2_208_988_800 << 32) + (ns << 32) // 10**9).to_bytes(8, "big")

    received, sent = NOW_NS + way_ns + ahead_ns, NOW_NS + way_ns + took_ns + ahead_ns
    answer = read(SERVER + bytes(8) + stamp(received) + stamp(sent))
    offset, delay = compared(answer, NOW_NS, NOW_NS + 2 * way_ns + took_ns)
    assert abs(offset - ahead_ns / 1e9) < 2e-9
    assert abs(delay - 2 * way_ns / 1e9) < 2e-9
