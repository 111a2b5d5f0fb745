"""What is asked for again and again takes short ways; they answer as the long ones do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance.asset_restrictions import StaticRestrictions
from tests.builders import daily_frame, minute_frame

SPLITS = pl.DataFrame({"symbol": ["S0"], "effective_date": [date(2017, 1, 24)], "ratio": [0.5]})
FIELDS = ["close", "volume", "price"]


def _symbols(frame: pl.DataFrame) -> list[str]:
    return frame["symbol"].unique().sort().to_list()


def _run(frame: pl.DataFrame, each: Any, frames: str = "polars", **settings: Any) -> int:
    names, bars = _symbols(frame), 0
    step = 1 if "date" in frame.columns else 60

    def initialize(context: Any) -> None:
        context.assets = [rbt.api.symbol(name) for name in names]

    def handle_data(context: Any, data: Any) -> None:
        nonlocal bars
        bars += 1
        if bars >= 8 and (bars % step < 2 or step == 1):  # the longest window below
            each(context, data)

    actions = {"splits": SPLITS.with_columns(pl.lit(names[0]).alias("symbol"))}
    portal = (
        rbt.PolarsDataPortal(frame, **actions)
        if "date" in frame.columns
        else rbt.PolarsDataPortal(None, minute_bars=frame)
    )
    rbt.backtest(
        {"initialize": initialize, "handle_data": handle_data},
        portal,
        frequency="1d" if "date" in frame.columns else "1m",
        frames=frames,
        progress=False,
        **settings,
    )
    return bars


def _same(short: Any, long: Any) -> bool:
    if isinstance(short, (pl.Series, pl.DataFrame)):
        same = short.equals(long, null_equal=True)
        return same and getattr(short, "name", "") == getattr(long, "name", "")
    check = (
        pd.testing.assert_series_equal
        if isinstance(short, pd.Series)
        else pd.testing.assert_frame_equal
    )
    check(short, long, check_freq=True, check_names=True)
    return True


@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize(
    "frame",
    [daily_frame(18), daily_frame(18, gaps=True), minute_frame(1, every=9)],
    ids=["days", "gaps", "minutes"],
)
def test_a_window_that_is_cut_is_the_window_that_is_made(frame: pl.DataFrame, frames: str) -> None:
    unit = "1d" if "date" in frame.columns else "1m"

    def each(context: Any, data: Any) -> None:
        for assets in (*context.assets, context.assets):
            for fields in (*FIELDS, ["price", "volume"]):
                short = data.history(assets, fields, 8, unit)
                long = data.history(assets, fields, 8, unit, dtype=pl.Float64)
                assert _same(short, long)

    assert _run(frame, each, frames) > 15


@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize(
    "frame",
    [daily_frame(18), daily_frame(18, gaps=True), minute_frame(1, every=9)],
    ids=["days", "gaps", "minutes"],
)
def test_an_array_that_is_cut_is_the_array_that_is_made(frame: pl.DataFrame, frames: str) -> None:
    def each(context: Any, data: Any) -> None:
        for assets in (*context.assets, context.assets[:1], context.assets):
            for field in ("close", "volume", "price"):
                short = data.window(assets, field, 8)
                long = data.window(assets, field, np.int64(8))  # any other count is looked at

                assert short.shape == long.shape == (8, len(np.atleast_1d(assets)))
                np.testing.assert_array_equal(short, long)
                assert not short.flags.writeable
                with pytest.raises(ValueError, match="bar_count"):
                    data.window(assets, field, -1)
                with pytest.raises(TypeError, match="bar_count"):
                    data.window(assets, field, 8.0)
        with pytest.raises(TypeError, match="assets"):
            data.window(context.assets[0].sid, "close", 8)

    assert _run(frame, each, frames) > 10


def test_what_is_written_into_a_pandas_window_is_in_no_other() -> None:
    def each(context: Any, data: Any) -> None:
        window = data.history(context.assets[0], "close", 5, "1d")
        before = window.to_list()
        window.iloc[:] = -1.0
        window.index.name = "mine"
        again = data.history(context.assets[0], "close", 5, "1d")
        assert again.to_list() == before
        assert again.index.name is None
        frame = data.history(context.assets, "close", 5, "1d")
        frame.iloc[0, 0] = -1.0
        frame.columns.name = "mine"
        fresh = data.history(context.assets, "close", 5, "1d")
        assert fresh.columns.name is None
        assert (fresh > 0).all(axis=None)

    assert _run(daily_frame(20), each, "pandas") == 20


@pytest.mark.parametrize(
    "frame", [daily_frame(30, gaps=True), minute_frame(2, every=40)], ids=["days", "minutes"]
)
def test_can_trade_answers_for_one_asset_as_for_several(frame: pl.DataFrame) -> None:
    last = frame.filter(pl.col("symbol") == _symbols(frame)[0])
    key = frame.columns[0]
    ended = frame.filter(
        (pl.col("symbol") != _symbols(frame)[0]) | (pl.col(key) < last[key][last.height // 2])
    )
    seen = set()

    def each(context: Any, data: Any) -> None:
        for asset in context.assets:
            answer = data.can_trade(asset)
            assert answer == data.can_trade([asset])[asset]
            seen.add(answer)

    assert _run(ended, each) > 8
    assert seen == {True, False}


# Several in a tuple go the long way, several in a list the short one.
@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize(
    "frame", [daily_frame(30, gaps=True), minute_frame(2, every=9)], ids=["days", "minutes"]
)
def test_several_values_are_the_same_in_a_list_and_in_a_tuple(
    frame: pl.DataFrame, frames: str
) -> None:
    missing = set()

    def each(context: Any, data: Any) -> None:
        assets = context.assets
        for fields in (["open", "close"], ["price", "volume", "low"]):
            _alike(data.current(assets, fields), data.current(tuple(assets), tuple(fields)))
            _alike(data.current(assets[0], fields), data.current(assets[0], tuple(fields)))
        for field in ("open", "price", "volume"):
            short, long = data.current(assets, field), data.current(tuple(assets), field)
            _alike(short, long)
            assert str(data.current(assets[0], field)) == str(long[assets[0]])
            missing.update(str(long[asset]).lower() == "nan" for asset in assets)
        _alike(data.can_trade(assets), data.can_trade(tuple(assets)))
        assert data.is_stale(assets[0]) == data.is_stale(assets)[assets[0]]

    assert _run(frame, each, frames) > 8
    assert missing == {True, False}


def _alike(short: Any, long: Any) -> None:
    assert repr(short) == repr(long)
    assert type(short) is type(long)
    if isinstance(short, (pl.DataFrame, pd.Series, pd.DataFrame)):
        assert _same(short, long)


def test_a_sid_among_several_is_no_asset_however_often_they_were_asked_for() -> None:
    def each(context: Any, data: Any) -> None:
        assets = context.assets
        assert len(data.current(assets, ["open", "close"])) == len(data.can_trade(assets))
        sids = [asset.sid for asset in assets]
        with pytest.raises(TypeError, match="an asset or a list of assets"):
            data.can_trade(sids)
        with pytest.raises(TypeError, match="an asset or a list of assets"):
            data.current(sids, ["open", "close"])

    assert _run(daily_frame(12), each) == 12


def test_an_asset_is_restricted_from_the_bar_its_restriction_is_set() -> None:
    def initialize(context: Any) -> None:
        context.asset = rbt.api.symbol(_symbols(frame)[0])
        rbt.api.set_asset_restrictions(StaticRestrictions([context.asset]), on_error="log")

    def handle_data(context: Any, data: Any) -> None:
        assert not data.can_trade(context.asset)
        assert not data.can_trade(context.asset)

    frame = daily_frame(5)
    result = rbt.backtest(
        {"initialize": initialize, "handle_data": handle_data}, frame, progress=False
    )

    assert result.performance.height == 5


@pytest.mark.parametrize(
    "frame", [daily_frame(24, gaps=True), minute_frame(1, every=5)], ids=["days", "minutes"]
)
def test_a_portfolio_is_worth_its_positions_however_often_it_is_asked(frame: pl.DataFrame) -> None:
    traded = 0

    def each(context: Any, data: Any) -> None:
        nonlocal traded
        traded += 1
        for place, asset in enumerate(context.assets):
            rbt.api.order(asset, (-1) ** (traded + place) * 3 + place)
        portfolio = context.portfolio
        value, leverage = portfolio.portfolio_value, context.account.leverage
        positions = list(portfolio.positions.values())
        worth = [position.amount * position.last_sale_price for position in positions]
        assert value == portfolio.cash + sum(worth)
        assert value == portfolio.portfolio_value
        assert leverage == float(Decimal(sum(map(abs, worth))) / Decimal(value))
        assert context.account.net_leverage == float(Decimal(sum(worth)) / Decimal(value))
        for position in positions:
            known = data.current(position.asset, "price")
            assert position.last_sale_price == known or not known > 0  # missing

    assert _run(frame, each, capital_base=10_000) > 20
    assert traded > 6


def test_what_is_set_under_a_name_of_zipline_takes_its_place() -> None:
    class Own(rbt.TradingAlgorithm):
        data_frequency = "mine"

        def initialize(self, context: Any) -> None:
            assert context.data_frequency == "daily"
            context.data_frequency = "changed"
            assert (self.data_frequency, context.data_frequency) == ("mine", "changed")
            assert context.initialized is False
            with pytest.raises(AttributeError, match="'Context' object has no attribute 'orders'"):
                _ = context.orders

    rbt.backtest(Own, daily_frame(3), progress=False)

    with pytest.raises(AttributeError, match="no attribute 'blotter'"):
        _ = Own().blotter


def test_a_stop_that_rests_through_quiet_bars_fills_on_the_bar_that_touches_it() -> None:
    prices = [10.0, 10.5, 11.0, 10.5, 11.0, 10.8, 9.0, 8.0, 11.0]
    frame = pl.DataFrame(
        {
            "date": [
                date(2017, 1, 3),
                *(date(2017, 1, day) for day in (4, 5, 6, 9, 10, 11, 12, 13)),
            ],
            "symbol": ["A"] * 9,
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": [1e6] * 9,
        }
    )

    def initialize(context: Any) -> None:
        context.asset, context.day = rbt.api.symbol("A"), 0

    def handle_data(context: Any, data: Any) -> None:
        context.day += 1
        if context.day == 1:
            rbt.api.order(context.asset, 10)
        if context.day == 2:
            rbt.api.order(context.asset, -10, stop_price=9.5)

    result = rbt.backtest(
        {"initialize": initialize, "handle_data": handle_data}, frame, progress=False
    )

    assert result.transactions["amount"].to_list() == [10, -10]
    assert result.transactions["dt"].dt.date().to_list() == [
        date(2017, 1, 4),
        date(2017, 1, 11),
    ]
