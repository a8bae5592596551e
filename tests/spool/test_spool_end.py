"""The end of a process that is told to end: all that was queued is on disk."""

import os
from pathlib import Path

from spool.spool_session import Session
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.keeper import TRANSACTION_BYTES
from vedette_agent.spool.rows import Row


def test_more_than_one_transaction_takes_is_written_at_the_end(tmp_path: Path) -> None:
    """Three transactions and a half wait when the agent stops: no result of them is declared lost."""
    one = Session(tmp_path / "s")
    size = TRANSACTION_BYTES // 4
    for _ in range(14):
        made = one.produce(1)
        one.work.rows.append(Row(*made[:5], os.urandom(size)))  # zstd makes nothing smaller of it
    one.commit()
    one.keeper.finish()
    two = Session(tmp_path / "s")
    (old,) = two.held.epochs
    assert old.runs == [Run(0, 14)]
    assert two.held.gaps == []
