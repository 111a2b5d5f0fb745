"""A run whose journal holds packed rows: it is recovered, judged and read as any other,
and what is damaged in it ends the session before anything is traded.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.runtime.journal import blocks, opening
from tests.builders import Churn, Gated, minute_frame, processed, rows_of, run, same, whole

FRAME = minute_frame(2)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Pack rows early, and check blocks where they are read."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr("rbtlive.runtime.journal.journal.PACKED_AT_BYTES", 1 << 13)
    monkeypatch.setattr(opening, "CHECKED_AT_ONCE_BYTES", 0)


def options(folder):
    return {"frequency": "1m", "journal": folder}


async def killed(folder, bars):
    """Run a session that is gone without a word after some bars."""
    session = rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(FRAME, bars), **options(folder))
    await processed(session, bars)
    session.engine.abandon()
    await session.wait()


def change(folder, statement):
    with closing(sqlite3.connect(folder / "Churn.sqlite")) as connection, connection:
        (count,) = connection.execute("SELECT count(*) FROM blocks").fetchone()
        connection.execute(statement)
    return count


def test_a_run_over_packed_rows_is_recovered_and_equals_its_backtest(tmp_path):
    for bars in (250, 150, 150):
        run(killed(tmp_path, bars))
    feed = rbt.ReplayFeed(FRAME)

    session = run(whole(Churn, tmp_path, feed=feed, frequency="1m"))

    assert same(rbt.backtest(Churn, FRAME, frequency="1m"), session.result())
    assert session.parity().identical
    recorded = rbt.open_session("Churn", journal=tmp_path)
    assert same(recorded.result(), session.result())
    assert recorded.result().bars is not None
    run(whole(Churn, tmp_path / "unbroken", feed=feed, frequency="1m"))
    assert rows_of(tmp_path, "Churn") == rows_of(tmp_path / "unbroken", "Churn")
    assert change(tmp_path, "DELETE FROM touched") >= 10


CHANGES = {
    "first": "UPDATE blocks SET bars = facts WHERE last = (SELECT min(last) FROM blocks)",
    "middle": "UPDATE blocks SET facts = bars WHERE last = "
    "(SELECT last FROM blocks ORDER BY last LIMIT 1 OFFSET 3)",
    "gone": "DELETE FROM blocks WHERE last = "
    "(SELECT last FROM blocks ORDER BY last LIMIT 1 OFFSET 3)",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES)
def test_a_damaged_block_ends_the_session_before_it_trades(tmp_path, statement):
    run(killed(tmp_path, 250))
    change(tmp_path, statement)
    before = (tmp_path / "Churn.sqlite").read_bytes()

    async def attached():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(FRAME), **options(tmp_path)
        )
        try:
            await session.wait()
        finally:
            assert session.state == "failed"
            assert session.engine.meters.events == 0

    with pytest.raises(errors.JournalCorrupt, match="row"):
        run(attached())

    after = (tmp_path / "Churn.sqlite").read_bytes()
    assert len(after) == len(before)
    assert rbt.sessions() == {}
    with pytest.raises(errors.JournalCorrupt, match="row"):
        rbt.open_session("Churn", journal=tmp_path)


def test_edited_code_goes_on_from_packed_rows(tmp_path):
    async def swapped():
        first = rbt.attach(Churn, rbt.PaperBroker(), feed=Gated(FRAME, 250), **options(tmp_path))
        await processed(first, 250)
        second = rbt.attach(
            Churn,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(FRAME),
            params={"step": 5},
            **options(tmp_path),
        )
        await second.wait()
        await asyncio.sleep(0)
        return second

    session = run(swapped())

    assert session.parity().identical
    assert rbt.open_session("Churn", journal=tmp_path).parity().identical
