"""A disk that takes no more, a journal nobody may write, a file that was cut short:
trading halts, and nothing is lost unsaid.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import rbtlive as rbt
from rbtlive import errors
from tests.builders import Churn, Gated, daily_frame, processed, rows_of, run, same, whole
from tests.faults.small_disk import BARS

ROOT = Path(__file__).parents[2]


def carried_on(folder, name):
    """Attach the run again where there is room, and let it end."""
    return run(whole(Churn, folder, feed=rbt.ReplayFeed(daily_frame(BARS)), name=name))


@pytest.mark.parametrize(
    ("limit_bytes", "outcome"),
    [(1_000, "refused"), (20_000, "refused"), (40_000, "failed"), (90_000, "failed")],
)
def test_a_disk_that_the_system_lets_grow_no_further_halts_trading_and_loses_nothing(
    tmp_path, limit_bytes, outcome
):
    command = [sys.executable, "-m", "tests.faults.small_disk", str(tmp_path), str(limit_bytes)]

    process = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    reported = process.stdout.splitlines()[-1]
    assert reported.startswith(f"{outcome} JournalUnwritable: journal s.sqlite cannot be used: ")
    assert "look for a full disk" in reported
    assert max(path.stat().st_size for path in tmp_path.glob("s.sqlite*")) <= limit_bytes
    session = carried_on(tmp_path, "s")
    assert same(rbt.backtest(Churn, daily_frame(BARS)), session.result())
    assert session.parity().identical


def test_with_room_enough_the_same_process_ends_its_run(tmp_path):
    command = [sys.executable, "-m", "tests.faults.small_disk", str(tmp_path), str(10_000_000)]

    process = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert process.stdout.splitlines()[-1] == "stopped"


def test_a_journal_that_becomes_read_only_halts_trading_at_once_and_is_carried_on_later(tmp_path):
    async def refused():
        feed = Gated(daily_frame(BARS), 5)
        session = rbt.attach(Churn, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 5)
        session.engine.journal.commit(durable=True)
        before = rows_of(tmp_path, "Churn")
        session.engine.journal._connection.execute("PRAGMA query_only = ON")
        feed.allow(BARS)
        with pytest.raises(errors.JournalUnwritable, match="readonly"):
            await session.wait()
        assert session.state == "failed"
        assert rbt.sessions() == {}
        return session, before

    session, before = run(refused())

    assert rows_of(tmp_path, "Churn") == before
    written = {row[3] for row in before if row[1] == "SubmitOrder"}
    for row in session.orders.filter(session.orders["status"] != "submitted").rows(named=True):
        assert any(f'"order_id":"{row["id"]}"' in payload for payload in written), (
            "acknowledged, not written"
        )
    assert same(rbt.backtest(Churn, daily_frame(BARS)), carried_on(tmp_path, "Churn").result())


def cut_short(folder, part):
    """Run a session, cut its file down to a part, attach again, and return whether that
    was refused.
    """

    async def begun():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(BARS), 25), journal=folder
        )
        await processed(session, 25)
        await session.stop()

    run(begun())
    path = folder / "Churn.sqlite"
    os.truncate(path, int(path.stat().st_size * part))
    left = path.read_bytes()
    try:
        session = carried_on(folder, "Churn")
    except errors.JournalCorrupt:
        assert path.read_bytes() == left, "what is refused is left as it is"
        assert rbt.sessions() == {}
        return True
    assert session.engine.journal.cut is not None
    assert [kept.name for kept in folder.glob("*.damaged*")] != []
    assert same(rbt.backtest(Churn, daily_frame(BARS)), session.result())
    assert session.parity().identical
    return False


def test_a_file_that_was_cut_short_is_carried_on_from_its_good_rows_or_refused(tmp_path):
    refused = {
        part: cut_short(tmp_path / str(part), part) for part in (0.999, 0.9, 0.6, 0.3, 0.1, 0.0)
    }

    assert set(refused.values()) == {True, False}
    assert refused[0.0], "without a single good row there is nothing to carry on"
