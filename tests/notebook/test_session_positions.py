"""What new code finds when it goes on from the positions of a run that was stopped,
killed, or ended by a callback.
"""

from __future__ import annotations

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from tests.builders import (
    START,
    Gated,
    daily_frame,
    defined,
    minute_frame,
    processed,
    rows_of,
    run,
    same,
    whole,
)

CODE = """
class Code(rbt.TradingAlgorithm):
    fails_at, stop, limit = 0, None, None

    def initialize(self, context):
        context.bars = 0
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        context.bars += 1
        self.record(seen=context.bars)
        if context.bars == 1 and self.stop is not None:
            self.order(context.asset, 10, limit_price=self.limit, stop_price=self.stop)
        elif self.stop is None:
            self.order(context.asset, 30)
        if context.bars == self.fails_at:
            raise ZeroDivisionError(f"bar {context.bars}")
"""
Later = defined(
    CODE.replace("self.record(seen=context.bars)", "self.record(later=context.bars)").replace(
        "30", "-5"
    ),
    "Code",
)
Idle = defined(CODE[: CODE.index("        context.bars += 1")] + "        pass\n", "Code")


def code(**facts):
    """Return the code with other attributes, as a cell would define it."""
    source = CODE
    for name, value in facts.items():
        old = {"fails_at": "fails_at, stop, limit = 0, None, None"}.get(name)
        source = source.replace(old, f"fails_at, stop, limit = {value}, None, None")
    return defined(source, "Code")


async def ended_by_a_callback(folder, bars, at, **options):
    session = rbt.attach(
        code(fails_at=at),
        rbt.PaperBroker(),
        feed=rbt.ReplayFeed(bars),
        journal=folder,
        on_error="raise",
        **options,
    )
    with pytest.raises(ZeroDivisionError, match=f"bar {at}"):
        await session.wait()
    return session


@pytest.mark.parametrize("at", [1, 2, 6, 11])
def test_the_bar_whose_callback_ended_the_run_has_its_session_row_and_its_fills(tmp_path, at):
    bars = daily_frame(12)
    failed = run(ended_by_a_callback(tmp_path, bars, at))

    session = run(
        whole(
            Later, tmp_path, feed=rbt.ReplayFeed(bars), on_divergence="positions", on_error="raise"
        )
    )

    result = session.result()
    alone = rbt.backtest(code(fails_at=0), bars)
    figures = ["date", "portfolio_value", "ending_cash", "returns", "pnl", "seen"]
    assert result.performance["date"].to_list() == alone.performance["date"].to_list()
    assert result.performance[:at][figures].equals(alone.performance[:at][figures], null_equal=True)
    first = alone.transactions.filter(pl.col("dt") <= failed.engine.core.state.now)
    assert result.transactions[: len(first)].equals(first)
    assert result.performance["later"].drop_nulls().to_list() == list(range(1, 12 - at + 1))
    report = session.parity()
    assert report.identical, repr(report)
    assert report.not_compared == ()
    kinds = [row[1] for row in rows_of(tmp_path, "Code")]
    assert kinds.count("SessionClosed") == 12


@pytest.mark.parametrize("at", [100, 390, 391])
def test_what_was_recorded_in_the_middle_of_a_session_outlives_the_callback_that_ended_the_run(
    tmp_path, at
):
    bars = minute_frame(2)
    run(ended_by_a_callback(tmp_path, bars, at, frequency="1m"))

    session = run(
        whole(
            Later,
            tmp_path,
            feed=rbt.ReplayFeed(bars),
            frequency="1m",
            on_divergence="positions",
            on_error="raise",
        )
    )

    performance = session.result().performance
    assert performance["seen"].to_list() == ([390, 391] if at > 390 else [at, at])
    assert len(performance) == 2
    assert session.parity().identical


def test_a_run_whose_very_last_bar_failed_has_its_row_when_it_is_carried_on(tmp_path):
    bars = daily_frame(6)
    run(ended_by_a_callback(tmp_path, bars, 6))

    session = run(
        whole(
            Later, tmp_path, feed=rbt.ReplayFeed(bars), on_divergence="positions", on_error="raise"
        )
    )

    assert session.result().performance["seen"].to_list() == [1, 2, 3, 4, 5, 6]
    assert rbt.open_session("Code", journal=tmp_path).ended
    assert session.parity().identical


# -- stops and limits ----------------------------------------------------------------

CLOSES = [20, 10, 12, 10, 10, 10, 9, 9, 9, 9]
"""A stop at 11 is touched by the third bar alone, a limit at 9.5 by the seventh and
later.
"""


def touched():
    calendar = get_calendar("XNYS")
    minutes = calendar.minutes_us(calendar.number(START)).tolist()[: len(CLOSES)]
    rows = [(us, "AAA", c, c, c, c, 1e6) for us, c in zip(minutes, map(float, CLOSES), strict=True)]
    frame = pl.DataFrame(
        rows, schema=["timestamp", "symbol", "open", "high", "low", "close", "volume"], orient="row"
    )
    return frame.with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


STOP_LIMIT = defined(
    CODE.replace("fails_at, stop, limit = 0, None, None", "fails_at, stop, limit = 0, 11, 9.5"),
    "Code",
)


@pytest.mark.parametrize("how", ["stopped", "killed", "swapped"])
@pytest.mark.parametrize("seen", [2, 3, 5])
def test_a_stop_that_was_touched_stays_touched_under_new_code(tmp_path, how, seen):
    bars = touched()

    async def pieces():
        feed = Gated(bars, seen)
        session = rbt.attach(
            STOP_LIMIT, rbt.PaperBroker(), feed=feed, journal=tmp_path, frequency="1m"
        )
        await processed(session, seen)
        if how == "stopped":
            await session.stop()
        elif how == "killed":
            session.engine.abandon()
            await session.wait()
        return await whole(
            Idle, tmp_path, feed=rbt.ReplayFeed(bars), frequency="1m", on_divergence="positions"
        )

    session = run(pieces())

    (order,) = session.orders.rows(named=True)
    assert order["status"] == "filled"
    assert [str(dt)[11:16] for dt in session.result().transactions["dt"]] == ["14:37"]
    assert session.parity().identical


def test_a_stop_leaves_the_whole_state_for_code_that_cannot_replay_the_run(tmp_path):
    bars = minute_frame(2)
    one = code(fails_at=0)

    async def stopped(folder, stops):
        feed = Gated(bars, 130)
        session = rbt.attach(one, rbt.PaperBroker(), feed=feed, journal=folder, frequency="1m")
        await processed(session, 130)
        if stops:
            await session.stop()
        return await whole(
            Later, folder, feed=rbt.ReplayFeed(bars), frequency="1m", on_divergence="positions"
        )

    from_rows, beside = run(stopped(tmp_path / "a", True)), run(stopped(tmp_path / "b", False))

    assert same(beside.result(), from_rows.result())
    assert from_rows.result().performance["seen"].to_list() == [130, 130]
    swaps = [
        [row[3] for row in rows_of(tmp_path / folder, "Code") if row[1] == "Swapped"]
        for folder in "ab"
    ]
    assert swaps[0] == swaps[1]
