"""A journal that cannot be written, read or trusted: trading halts, and nothing is lost
or made up.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder
from tests.builders import (
    Churn,
    Gated,
    books,
    daily_frame,
    processed,
    rows_of,
    run,
    same,
    until,
    whole,
)

BARS = 40


def limited(session, pages):
    """Let a session's journal grow by so many pages of its file and no further, as on a
    disk that is full.
    """
    connection = session.engine.journal._connection
    (used,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {used + pages}")


async def failing(folder, *, pages, before=5):
    """Run a session whose disk is full soon, and return it when it has failed."""
    feed = Gated(daily_frame(BARS), before)
    session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=folder)
    await processed(session, before)
    limited(session, pages)
    feed.allow(BARS)
    with pytest.raises(errors.JournalUnwritable, match="full"):
        await session.wait()
    return session


@pytest.mark.parametrize("pages", [0, 1, 5, 12])
def test_a_full_disk_halts_trading_at_once_and_loses_nothing_that_was_written(tmp_path, pages):
    async def refused():
        session = await failing(tmp_path, pages=pages)
        assert session.state == "failed"
        assert any("JournalUnwritable" in line for line in session.logs)
        assert rbt.sessions() == {}
        with pytest.raises(errors.JournalUnwritable):
            await session.stop()
        return session

    session = run(refused())

    written = {row[3] for row in rows_of(tmp_path, "Churn") if row[1] == "SubmitOrder"}
    pending = session.orders.filter(session.orders["status"] != "submitted")["id"].to_list()
    for order_id in pending:
        assert any(f'"order_id":"{order_id}"' in payload for payload in written), (
            "acknowledged, yet not written"
        )


@pytest.mark.parametrize("pages", [0, 3, 12])
def test_a_run_that_a_full_disk_ended_is_carried_on_once_there_is_room(tmp_path, pages):
    run(failing(tmp_path, pages=pages))

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert same(rbt.backtest(Churn, daily_frame(BARS)), session.result())
    assert session.parity().identical


@pytest.mark.parametrize("at", range(1, 14))
def test_a_commit_that_fails_at_any_moment_ends_the_session_and_nothing_more_is_decided(
    tmp_path, monkeypatch, at
):
    commits = []
    commit = rbt.runtime.journal.journal.Journal.commit

    def breaking(journal, durable=False):
        commits.append(1)
        if len(commits) == at:
            journal._fail(sqlite3.OperationalError("disk I/O error"))
        commit(journal, durable)

    async def broken():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(BARS)), journal=tmp_path
        )
        with pytest.raises(errors.JournalUnwritable):
            await session.wait()
        return session

    monkeypatch.setattr(rbt.runtime.journal.journal.Journal, "commit", breaking)
    session = run(broken())
    monkeypatch.undo()

    assert session.state == "failed"
    assert rbt.sessions() == {}
    again = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))
    assert same(rbt.backtest(Churn, daily_frame(BARS)), again.result())


def test_no_handler_sees_an_event_that_is_not_journaled(tmp_path):
    missing = []

    async def watched():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame(10)), journal=tmp_path
        )

        def look(event):
            rows = [row for row in session.engine.journal.rows() if row.type == "MarketDataEvent"]
            missing.append(rows[-1].timestamp != event.timestamp)

        session.engine.dispatcher.register_handler(MarketDataEvent, look)
        await session.wait()

    run(watched())

    assert missing == [False] * 10


def cut(folder, rows):
    """Tear the last rows off a journal, as a disk does that lies about what it has
    written.
    """
    path = folder / "Churn.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM rows WHERE seq > (SELECT max(seq) FROM rows) - ?", (rows,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def begun(folder, bars):
    session = rbt.attach(
        Churn, rbt.PaperBroker(), feed=Gated(daily_frame(BARS), bars), journal=folder
    )
    await processed(session, bars)
    session.engine.abandon()
    await session.wait()


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 20])
def test_a_torn_tail_is_cut_and_the_run_carried_on_equals_the_unbroken_one(tmp_path, rows):
    run(begun(tmp_path, 17))
    cut(tmp_path, rows)

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert any("the journal was cut after row" in line for line in session.logs)
    assert same(rbt.backtest(Churn, daily_frame(BARS)), session.result())
    run(whole(Churn, tmp_path / "unbroken", feed=rbt.ReplayFeed(daily_frame(BARS))))
    assert rows_of(tmp_path, "Churn") == rows_of(tmp_path / "unbroken", "Churn")


def test_a_row_changed_in_the_middle_is_named_and_nothing_is_traded(tmp_path):
    run(begun(tmp_path, 17))
    with closing(sqlite3.connect(tmp_path / "Churn.sqlite")) as connection:
        connection.execute("UPDATE rows SET payload = '{}' WHERE seq = 3")
        connection.commit()
    before = (tmp_path / "Churn.sqlite").read_bytes()

    with pytest.raises(errors.JournalCorrupt, match="row"):
        run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert (tmp_path / "Churn.sqlite").read_bytes() == before
    assert rbt.sessions() == {}


def test_a_locked_journal_halts_trading_instead_of_waiting_for_ever(tmp_path):
    async def locked():
        feed = Gated(daily_frame(BARS), 5)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 5)
        session.engine.journal._connection.execute("PRAGMA busy_timeout = 10")
        with closing(sqlite3.connect(tmp_path / "Churn.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            feed.allow(BARS)
            with pytest.raises(errors.JournalUnwritable):
                await session.wait()
            other.execute("ROLLBACK")
        assert session.state == "failed"

    run(locked())

    session = run(whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))
    assert same(rbt.backtest(Churn, daily_frame(BARS)), session.result())


def test_a_running_session_can_be_read_by_others(tmp_path):
    async def read():
        feed = Gated(daily_frame(BARS), 12)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 12)
        await until(lambda: session.engine.journal._chain.seq == session.engine.journal.last_seq)
        with open_run(StateFolder(tmp_path), "Churn") as recorded:
            assert len([row for row in recorded.rows() if row.type == "MarketDataEvent"]) == 12
        recorded = rbt.open_session("Churn", journal=tmp_path)
        assert not recorded.ended
        assert recorded.parity().identical
        theirs, ours = books(recorded.result()), books(session.result())
        assert theirs["performance"].equals(ours["performance"], null_equal=True)
        assert theirs["transactions"].equals(ours["transactions"])
        await session.stop()

    run(read())
