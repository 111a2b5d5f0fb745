"""What a journal means must not change without a word: runs of before, stored as text,
still come out row by row.

python -m tests.runtime.test_semantics    stores them anew, once SEMANTICS was raised
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from functools import cache
from pathlib import Path

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import JournalVersion, StrategyChanged
from rbtlive.model.events import OperatorEvent
from rbtlive.runtime.journal import header as run_header
from rbtlive.runtime.journal.codec import parse_datetime
from rbtlive.runtime.journal.header import SEMANTICS
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RowKind
from tests.builders import Churn, Gated, daily_frame, minute_frame, rows_of, run, until

STORED = Path(__file__).with_name("semantics.jsonl")
HOW = (
    "the same events give another journal than before, so that runs which were begun before cannot "
    "be carried on: undo that, or "
    "raise SEMANTICS in rbtlive/runtime/journal/header.py and store the journals anew with python -m "
    "tests.runtime.test_semantics"
)
OPERATED = {4: "pause", 6: "resume", 8: "cancel_all", 11: "flatten", 14: "resume"}
"""What a person does after so many slices."""


def daily() -> PolarsDataPortal:
    """Return daily bars with gaps, a split, and dividends, one of them without a pay
    date.
    """
    dates = daily_frame(20)["date"].unique().sort()
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [dates[9]], "ratio": [0.5]})
    dividends = pl.DataFrame(
        {
            "symbol": ["AAA", "BBB"],
            "ex_date": [dates[5], dates[7]],
            "pay_date": [dates[8], dates[12]],
            "amount": [0.31, 0.07],
        }
    )
    return PolarsDataPortal(daily_frame(20, 2, gaps=True), splits=splits, dividends=dividends)


def minutes() -> PolarsDataPortal:
    """Return minute bars of one session, most minutes empty."""
    return PolarsDataPortal(None, minute_bars=minute_frame(1, 2, every=7))


RUNS = {"1d": daily, "1m": minutes}


async def _operated(frequency: str, folder: Path) -> None:
    feed = Gated(RUNS[frequency](), 0)
    session = rbt.attach(
        Churn,
        rbt.PaperBroker(),
        feed=feed,
        journal=folder,
        frequency=frequency,
        max_errors=3,
        breakers=rbt.Breakers(max_orders_per_minute=2),
    )
    done = 0
    for after, action in OPERATED.items():
        feed.allow(after - feed.allowed)
        await until(lambda wanted=after + done: session.engine.failure or _rested(session, wanted))
        session.engine.enqueue(
            OperatorEvent(timestamp=session.engine.core.state.now, action=action)
        )
        done = session.engine.meters.events - after + 1
        await until(lambda wanted=after + done: session.engine.failure or _rested(session, wanted))
    feed.allow(10_000)
    await session.wait()


def _rested(session: rbt.LiveSession, events: int) -> bool:
    return session.engine.meters.events >= events and not session.queue_depth


@cache
def made(frequency: str) -> list[list[str]]:
    """Return the rows that a run makes now."""
    with tempfile.TemporaryDirectory() as folder:
        run(_operated(frequency, Path(folder)))
        return [list(row) for row in rows_of(Path(folder), "Churn")]


@cache
def stored() -> dict[str, object]:
    """Return what was stored: the semantics, and the rows of each run."""
    head, *rows = map(json.loads, STORED.read_text(encoding="utf-8").splitlines())
    return {"semantics": head["semantics"]} | {
        frequency: [row[1:] for row in rows if row[0] == frequency] for frequency in RUNS
    }


def store() -> None:
    """Store the rows that runs make now.

    Raises:
        SystemExit: nothing has changed, or SEMANTICS was not raised.
    """
    if STORED.exists() and stored()["semantics"] >= SEMANTICS:
        sys.exit(
            f"stored are journals of semantics {stored()['semantics']}, SEMANTICS is {SEMANTICS}: "
            "raise it first"
        )
    lines = [
        {"semantics": SEMANTICS},
        *([frequency, *row] for frequency in RUNS for row in made(frequency)),
    ]
    STORED.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def replayed(frequency: str, rows: list[list[str]]) -> int:
    """Carry a run on whose journal holds these rows, and return how many events it
    replayed.
    """

    async def carried_on() -> int:
        journal = Journal.in_memory(
            {"strategy": "Churn", "source": "", "settings": {}, "live": False, "name": "Churn"}
        )
        for kind, type_name, ts, payload in rows:
            journal.append_text(
                RowKind(kind), type_name, timestamp=parse_datetime(ts), payload=payload
            )
        journal.resumed = True
        engine = rbt.TradingEngine(
            Churn,
            rbt.PaperBroker(),
            feed=Gated(RUNS[frequency](), 0),
            journal=journal,
            frequency=frequency,
            max_errors=3,
        )
        task = asyncio.create_task(engine.run())
        await until(lambda: task.done() or engine.state == "running")
        await engine.graceful_shutdown()
        await task
        return engine.replayed

    return run(carried_on())


@pytest.mark.parametrize("frequency", RUNS)
def test_the_same_events_give_the_same_journal_as_before(frequency):
    before = stored()[frequency]

    now = made(frequency)

    assert stored()["semantics"] == SEMANTICS, "SEMANTICS was raised: store the journals anew"
    different = [
        (number, was, is_)
        for number, (was, is_) in enumerate(zip(before, now, strict=False))
        if was != is_
    ]
    assert different[:1] == [], HOW
    assert len(now) == len(before), HOW


@pytest.mark.parametrize("frequency", RUNS)
def test_a_journal_of_before_is_carried_on(frequency):
    rows = stored()[frequency]

    assert replayed(frequency, rows) == sum(row[0] == "input" for row in rows)


@pytest.mark.parametrize("frequency", RUNS)
def test_a_change_of_what_a_journal_means_is_noticed(frequency, monkeypatch):
    cost = rbt.finance.commission.PerShare.calculate
    monkeypatch.setattr(
        rbt.finance.commission.PerShare,
        "calculate",
        lambda model, order, fill: float(cost(model, order, fill)) + 0.01,
    )

    with pytest.raises(StrategyChanged, match="OrderFillEvent with commission"):
        replayed(frequency, stored()[frequency])


def test_what_is_stored_holds_every_kind_of_row_and_of_what_a_person_does():
    types = {(row[0], row[1]) for frequency in RUNS for row in stored()[frequency]}
    actions = {row[3] for row in stored()["1d"] if row[1] == "OperatorEvent"}

    assert types >= {
        ("input", "MarketDataEvent"),
        ("input", "OperatorEvent"),
        ("input", "CircuitBreakerEvent"),
        ("derived", "OrderFillEvent"),
        ("derived", "SessionClosed"),
        ("intent", "SubmitOrder"),
        ("intent", "CancelOrder"),
    }
    assert actions == {f'{{"action":"{action}"}}' for action in OPERATED.values()}


def test_nothing_is_stored_over_journals_of_the_same_semantics():
    before = STORED.read_bytes()

    with pytest.raises(SystemExit, match="raise it first"):
        store()

    assert STORED.read_bytes() == before


def test_a_run_of_another_semantics_is_refused_by_name(tmp_path, monkeypatch):
    async def begun():
        session = rbt.attach(
            Churn, rbt.PaperBroker(), feed=Gated(daily_frame(), 3), journal=tmp_path
        )
        await until(lambda: session.engine.failure or session.engine.meters.events == 3)
        await session.stop()

    async def again():
        rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(daily_frame()), journal=tmp_path)

    run(begun())
    monkeypatch.setattr(run_header, "SEMANTICS", SEMANTICS + 1)

    with pytest.raises(
        JournalVersion, match=f"under semantics {SEMANTICS}, this is {SEMANTICS + 1}"
    ):
        run(again())
    assert rbt.sessions() == {}


if __name__ == "__main__":
    store()
