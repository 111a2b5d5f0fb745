"""An asset that joins within the day has its earlier bars of the day, as in a backtest."""

import asyncio
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.api import symbol, time_rules
from rbtlive.errors import BrokerError
from rbtlive.pipeline import Pipeline
from rbtlive.pipeline.data import USEquityPricing
from tests.brokers.conftest import _minute_process, minute_venue
from tests.pipeline.test_joining import (
    LAST,
    SYMBOLS,
    OfTwo,
    Remembering,
    Turn,
    backtest,
    failing,
    never,
    said,
    session,
    tables,
)
from tests.pipeline.test_live_universe import feed_at, history
from tests.venue.process import until, within

__all__ = ["_minute_process", "minute_venue"]


class Hours(Remembering):
    """A source whose archive has bars within the day too.

    Args:
        sessions: How many it gives.
        spoil: What an answer of bars within the day does instead, the first first.
        **options: See `Remembering`.
    """

    def __init__(self, sessions: int = LAST, *, spoil: Any = (), **options: Any) -> None:
        super().__init__(sessions, **options)
        self.asked_within: list[Any] = []
        self.spoil = list(spoil)

    async def past_bars(self, symbols: Any, first: datetime, last: datetime, frequency: str) -> Any:
        self.asked_within.append((sorted(symbols), first, last, frequency))
        answer = tables(LAST)[1].filter(
            pl.col("symbol").is_in(symbols), pl.col("timestamp").is_between(first, last)
        )
        return answer if not self.spoil else await self.spoil.pop(0)(answer)


class Within(rbt.TradingAlgorithm):
    """Selects another asset each day at eleven, and looks at its day two hours later."""

    def initialize(self, context):
        context.seen = {}
        names = ("open", "high", "low", "close", "volume")
        columns = {name: getattr(USEquityPricing, name).latest for name in names}
        self.attach_pipeline(
            Pipeline(screen=Turn()), "turn", subscribe=True,
            when=time_rules.market_open(minutes=120),
        )  # fmt: skip
        late = time_rules.market_open(minutes=300)
        self.attach_pipeline(Pipeline(columns), "so far", when=late)
        self.schedule_function(self.look, time_rule=late)

    def look(self, context, data):
        now = self.get_datetime()
        asset = symbol(SYMBOLS[now.day % len(SYMBOLS)])
        table = self.pipeline_output("so far")
        context.seen[now.date().isoformat()] = repr(
            [
                data.history(asset, ["close", "volume"], 9, "1h").to_dicts(),
                data.history(asset, ["open", "volume"], 1, "1d").to_dicts(),
                data.current(asset, ["price", "volume"]),
                table.filter(pl.col("symbol") == asset.symbol).to_dicts(),
            ]
        )


@pytest.fixture(scope="module")
def tested() -> Any:
    return backtest(Within).context.seen


# The bars of the session before the run's first are nowhere.
def days(seen: dict[str, str], first: str = "2024-01-04") -> dict[str, str]:
    return {day: shown for day, shown in seen.items() if day >= first}


def test_who_joins_at_noon_has_the_hours_before(tmp_path, tested):
    feed = Hours()

    ended = session(feed, tmp_path, Within)

    assert len(feed.asked_within) > 2
    assert {frequency for *_, frequency in feed.asked_within} == {"1h"}
    assert days(ended.context.seen) == days(tested)
    assert said(ended, "the feed") == []
    assert ended.parity().identical
    assert ended.parity().tables_compared == 2 * len(ended.context.seen)


def test_a_recovered_run_has_them_from_its_journal(tmp_path, tested):
    first, second = Hours(5, goes_on=True), Hours()

    before = session(first, tmp_path, Within, kill=True)
    ended = session(second, tmp_path, Within)

    assert len(before.context.seen) == 4
    assert days(ended.context.seen) == days(tested)
    assert {last.date() for _s, _f, last, _ in first.asked_within}.isdisjoint(
        last.date() for _s, _f, last, _ in second.asked_within
    )
    assert ended.parity().identical


def test_a_source_that_fails_is_asked_again_and_named_in_the_end(tmp_path, tested):
    again = session(Hours(spoil=[failing(BrokerError("busy"))]), tmp_path / "again", Within)
    feed = Hours(spoil=[failing(BrokerError("down"))] * 99)

    ended = session(feed, tmp_path / "never", Within)

    assert days(again.context.seen) == days(tested)
    assert "BrokerError: down" in said(ended, "the feed gave no earlier bars of")[0]
    assert days(ended.context.seen) != days(tested)
    assert ended.parity().identical


def test_without_such_an_archive_windows_begin_where_an_asset_joined(tmp_path, tested):
    ended = session(Remembering(), tmp_path, Within)

    assert days(ended.context.seen) != days(tested)
    assert "nan" in ended.context.seen["2024-01-05"]
    assert ended.parity().identical


def test_an_answer_that_comes_in_parts_is_whole_at_the_next_bar(tmp_path, tested, monkeypatch):
    monkeypatch.setattr("rbtlive.runtime.engine.past_bars.AT_ONCE", 2)

    ended = session(Hours(), tmp_path, Within)

    assert days(ended.context.seen) == days(tested)
    assert ended.parity().identical


def test_what_no_answer_came_for_is_asked_for_after_a_kill(tmp_path):
    first, second = Hours(4, goes_on=True, waits=False, spoil=[never] * 9), Hours()

    session(first, tmp_path, Within, kill=True)
    session(second, tmp_path, Within)

    lacking = first.asked_within[-1][0]
    assert set(lacking) <= {name for names, *_ in second.asked_within for name in names}


class OfOneEachDay(OfTwo):
    """Keeps the last minutes of both at each bar."""

    def handle_data(self, context, data):
        names = [symbol(name) for name in SYMBOLS[:2]]
        context.minutes = data.history(names, "close", 20, "1m").rows()


def test_the_archive_of_a_broker_gives_the_minutes_of_what_joins(minute_venue, tmp_path):
    """Over the wire: the last minutes of yesterday, of which the stream gave none."""
    feed = feed_at(minute_venue, settle_s=0.0)

    async def watch() -> Any:
        made = rbt.attach(
            OfOneEachDay, rbt.PaperBroker(), feed=feed, data=history(), frequency="1m",
            journal=tmp_path, name="one", late_orders="send",
        )  # fmt: skip
        await until(lambda: feed._given.reach_us is not None)
        for minutes in (2, 387):
            await asyncio.to_thread(minute_venue.advance, minutes)
            await until(lambda: feed._given.reach_us is not None and not made.engine.queue.size)
        known = made.engine._cores.universe._attendance
        await until(lambda: known.closed is not None and not known.gaps)
        await asyncio.to_thread(minute_venue.advance, 2)
        await until(lambda: "2024-01-04" in made.context.closes)
        answered = False
        for _minute in range(9):
            seen = made.context.minutes[-1][0]
            await asyncio.to_thread(minute_venue.advance, 1)
            await until(lambda before=seen: made.context.minutes[-1][0] > before)
            if answered:
                break
            answered = "AAA" not in known.without_bars
        await made.stop()
        days = date(2024, 1, 3), date(2024, 1, 4)
        return made, await feed.fetch_bars("AAA", *days, frequency="1m")

    ended, archive = within(watch(), seconds=60)

    told = dict(archive.to_frame("1m").select("timestamp", "close").iter_rows())
    seen = {stamp: close for stamp, close, _other in ended.context.minutes}
    assert len(seen) == 20
    assert min(seen).date() == date(2024, 1, 3)  # of which the stream gave none
    assert seen == {stamp: told[stamp] for stamp in seen}
    assert ended.parity().identical
