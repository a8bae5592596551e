"""Rows, caps and the tail page, without a spool."""

import os
import struct
from pathlib import Path

import pytest
import zstandard

from spool.spool_session import BOOT, epoch_name, row
from vedette.wire.failure import Lost
from vedette_agent.spool import policy, rows
from vedette_agent.spool.policy import Caps, Entry, Room
from vedette_agent.spool.tail import SIZE, Left, Tail, left

EPOCH = epoch_name(7)
GIB = 1 << 30


@pytest.mark.parametrize("results", [1, 5, 200])
def test_a_row_comes_back_as_it_was_put(results: int) -> None:
    packer = rows.Packer()
    put = row(EPOCH, 3, results)
    stored = packer.pack(put)
    assert packer.unpack(stored) == put
    assert (stored.packing == rows.ZSTD) == (len(put.payload) > rows.COMPRESS_ABOVE_BYTES)


def test_every_flipped_bit_of_a_row_is_seen() -> None:
    packer = rows.Packer()
    stored = packer.pack(row(EPOCH, 3, 40))
    for bit in range(len(stored.payload) * 8):
        payload = bytearray(stored.payload)
        payload[bit // 8] ^= 1 << bit % 8
        assert packer.unpack(stored._replace(payload=bytes(payload))) is None
    for other in ({"first": 4}, {"count": 41}, {"born_us": 0}, {"wmb_us": 1}, {"epoch": epoch_name(8)}):
        assert packer.unpack(stored._replace(**other)) is None  # type: ignore[arg-type]


def test_a_row_that_claims_to_be_huge_is_not_unpacked() -> None:
    """The checksum is no signature: whoever can write the file can make one."""
    packer = rows.Packer()
    bomb = zstandard.ZstdCompressor().compress(bytes(rows.MAX_ROW_BYTES + 1))
    stored = packer.pack(row(EPOCH, 0, 40))._replace(payload=bomb)
    forged = stored._replace(crc=rows._checksum(*stored[:6], bomb))
    assert forged.is_whole
    assert packer.unpack(forged) is None


def test_the_cap_shrinks_with_the_free_space_of_the_disk() -> None:
    caps = Caps(size_bytes=512 << 20)
    assert policy.limit(caps, Room(10 * GIB, 5 * GIB), 0) == (512 << 20, Lost.SPOOL_FULL)
    tight = policy.limit(caps, Room(10 * GIB, GIB + (100 << 20)), 50 << 20)
    assert tight == ((150 << 20), Lost.NO_SPACE)  # what it has, and 100 MiB of the free space
    assert policy.limit(caps, Room(10 * GIB, GIB // 2), 50 << 20).is_closed
    # On a large disk 4 GiB are enough for the others.
    assert policy.limit(caps, Room(1000 * GIB, 50 * GIB), 0).reason is Lost.SPOOL_FULL


def test_the_oldest_go_until_there_is_room() -> None:
    entries = [Entry(EPOCH, n, 1, 0, 0, 100) for n in range(10)]
    assert policy.oldest(entries, 250) == entries[:3]
    assert policy.oldest(entries, 0) == []
    assert policy.oldest(entries, 10_000) == entries


def test_age_is_measured_by_the_clock_that_nobody_sets() -> None:
    caps = Caps(age_seconds=100.0)
    entry = Entry(EPOCH, 0, 1, born_us=5_000_000, wmb_us=-45_000_000, size=1)  # at 50 s after boot, in 1970
    assert not policy.is_expired(entry, 149_000_000, caps)
    assert policy.is_expired(entry, 151_000_000, caps)


def test_the_page_says_how_far_a_process_got(tmp_path: Path) -> None:
    page = tmp_path / "tail"
    tail = Tail(EPOCH, BOOT)
    tail.note(4)
    tail.attach(page)
    assert left(page) == Left(EPOCH, BOOT, 4, 0, 0)
    for seq in range(5, 50):
        tail.note(seq)
        assert left(page) == Left(EPOCH, BOOT, seq, 0, 0)
    tail.note_safe(40, 3)
    assert left(page) == Left(EPOCH, BOOT, 49, 40, 3)
    assert page.stat().st_mode & 0o777 == 0o600
    assert page.stat().st_blocks * 512 >= SIZE  # a store must not need a block


def test_a_store_that_was_cut_leaves_the_note_before(tmp_path: Path) -> None:
    page = tmp_path / "tail"
    tail = Tail(EPOCH, BOOT)
    tail.attach(page)
    tail.note(1_000_000)
    tail.note(1_000_001)
    whole = page.read_bytes()
    slot = whole.index(struct.pack("<Q", 1_000_001))
    for cut in range(16):
        page.write_bytes(whole[: slot + cut] + bytes(16 - cut) + whole[slot + 16 :])
        found = left(page)
        assert found is not None
        assert found.next_seq == 1_000_000


@pytest.mark.parametrize(
    "content", [b"", b"x", bytes(SIZE), os.urandom(SIZE), b"vedette tail 1\n\0" + bytes(SIZE)]
)
def test_what_is_no_page_is_not_believed(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tail").write_bytes(content)
    assert left(tmp_path / "tail") is None
    assert left(tmp_path / "none") is None


def test_a_page_with_one_flipped_bit_is_refused_or_says_the_note_before(tmp_path: Path) -> None:
    page = tmp_path / "tail"
    tail = Tail(EPOCH, BOOT)
    tail.attach(page)
    for seq in range(1, 9):
        tail.note(seq)
    tail.note_safe(6, 2)
    tail.note_safe(7, 3)
    whole = page.read_bytes()
    either = [(8, 7, 3), (7, 7, 3), (8, 6, 3), (8, 7, 2)]
    for bit in range(450 * 8):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        page.write_bytes(flipped)
        assert left(page) in (None, *(Left(EPOCH, BOOT, *numbers) for numbers in either))
