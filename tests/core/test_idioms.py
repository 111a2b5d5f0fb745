"""What most strategies ask at each bar is answered the short way as the long way."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.state.marks import Marks
from tests.builders import daily_frame

PORTAL = rbt.PolarsDataPortal(daily_frame(gaps=True))
FIELDS = ["open", "close", "price", "volume"]


def run(
    handle_data: Any, frames: Literal["polars", "pandas"] = "polars", **options: Any
) -> rbt.BacktestResult:
    def initialize(context: Any) -> None:
        context.assets = [context.sid(0), context.sid(1)]
        context.seen = []

    strategy = {"__name__": "asking", "initialize": initialize, "handle_data": handle_data}
    return rbt.backtest(strategy, PORTAL, frames=frames, progress=False, **options)


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_several_assets_or_fields_are_that_many_numbers(frames: Any) -> None:
    def handle_data(context: Any, data: Any) -> None:
        for field in FIELDS:
            several = dict(data.current(context.assets, field))
            context.seen.append(several)
            assert list(several) == context.assets
            one_by_one = [float(data.current(a, field)) for a in context.assets]
            assert str(list(map(float, several.values()))) == str(one_by_one)
        for asset in context.assets:
            several = dict(data.current(asset, FIELDS))
            assert list(several) == FIELDS
            one_by_one = [float(data.current(asset, field)) for field in FIELDS]
            assert str(list(map(float, several.values()))) == str(one_by_one)

    seen = run(handle_data, frames).context.seen

    assert any("nan" in str(one).lower() for one in seen)  # a gap is among them


def test_with_pandas_frames_several_are_a_series_of_that_name() -> None:
    def handle_data(context: Any, data: Any) -> None:
        asset = context.assets[0]
        context.seen.append((data.current(context.assets, "price"), data.current(asset, FIELDS)))

    for prices, fields in run(handle_data, "pandas").context.seen[2:]:
        assert isinstance(prices, pd.Series)
        assert (prices.name, list(fields.index)) == ("price", FIELDS)


def test_what_is_no_asset_or_field_is_refused_however_often_it_is_asked() -> None:
    def handle_data(context: Any, data: Any) -> None:
        for assets, fields in (
            ([*context.assets, "text"], "close"),
            (context.assets, "clos"),
            (context.assets[0], ["close", "clos"]),
            (context.assets[0], ["close", 3]),
        ):
            with pytest.raises((TypeError, KeyError)):
                data.current(assets, fields)
        context.seen.append(len(data.current(context.assets, "close")))

    assert set(run(handle_data).context.seen) == {2}


def test_a_position_is_shown_as_it_is_now_and_ends_with_what_is_held() -> None:
    def handle_data(context: Any, data: Any) -> None:
        asset, bar = context.assets[0], len(context.seen)
        positions = context.portfolio.positions
        kept = positions[asset]
        if bar in (0, 2):
            context.order(asset, 10)
        if bar == 5:
            context.order_target(asset, 0)
        assert kept.amount == sum(p.amount for p in positions.values())
        assert [a for a, _ in positions.items()] == list(positions)
        assert positions.get(asset, kept).amount == kept.amount
        context.seen.append((int(kept.amount), len(positions.values())))

    slippage = rbt.finance.slippage.NoSlippage()
    held = [amount for amount, _ in run(handle_data, slippage=slippage).context.seen]

    assert held[0] == held[-1] == 0
    assert set(held) == {0, 10, 20}


def test_a_value_is_that_of_the_bar_whenever_somebody_looks() -> None:
    def handle_data(context: Any, data: Any) -> None:
        asset = context.assets[0]
        if not context.seen:
            context.order(asset, 10)
        portfolio = context.portfolio
        price = data.current(asset, "price")
        if portfolio.positions:
            assert portfolio.positions[asset].last_sale_price == price
            assert portfolio.portfolio_value == portfolio.cash + 10 * price
        context.seen.append(portfolio.portfolio_value)

    result = run(handle_data, slippage=rbt.finance.slippage.NoSlippage())

    assert list(map(float, result.context.seen)) == result.performance["portfolio_value"].to_list()


def test_windows_of_pandas_have_the_index_of_their_bars() -> None:
    def handle_data(context: Any, data: Any) -> None:
        if len(context.seen) >= 3:
            frame = data.history(context.assets, "price", 3, "1d")
            series = data.history(context.assets[0], "price", 2, "1d")
            frame.iloc[0, 0] = -1.0  # a strategy's own
            assert list(frame.columns) == context.assets
            assert frame.index[-1] == series.index[-1] == data.current_session
            assert frame.index.freq is None
            assert (data.history(context.assets, "price", 3, "1d") > 0).all().all()
        context.seen.append(1)

    assert len(run(handle_data, "pandas").context.seen) > 10


def test_positions_are_marked_by_what_is_known_of_each() -> None:
    """Gaps of what is held, and of what is not, change no price that is read."""
    frame = daily_frame(120, 3)
    symbols = frame["symbol"].unique().sort().to_list()
    place = pl.int_range(pl.len()).over("symbol")
    frame = frame.sort("symbol", "date").filter(
        ~((pl.col("symbol") == symbols[1]) & (place % 3 == 1))
        & ~((pl.col("symbol") == symbols[2]) & (place % 7 == 4))
    )

    def handle_data(context: Any, data: Any) -> None:
        assets = [context.symbol(name) for name in symbols[:2]]
        if len(context.seen) in (0, 40):
            context.order(assets[0], 10)
        if len(context.seen) == 60:
            context.order(assets[1], 5)
        if len(context.seen) == 90:
            context.order_target(assets[0], 0)
        worth = 0.0
        for asset, position in context.portfolio.positions.items():
            assert float(position.last_sale_price) == float(data.current(asset, "price"))
            worth += float(position.amount) * float(position.last_sale_price)
        context.seen.append(worth)

    strategy = {"__name__": "gaps", "initialize": remember, "handle_data": handle_data}
    result = rbt.backtest(strategy, frame, progress=False)

    ending = result.performance["ending_value"].to_list()
    assert result.context.seen == pytest.approx(ending, abs=1e-9)
    assert len(set(ending)) > 90


def test_a_gap_of_another_asset_makes_no_price_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = daily_frame(120, 2).sort("symbol", "date")
    place = pl.int_range(pl.len()).over("symbol")
    first, _ = frame["symbol"].unique().sort().to_list()
    frame = frame.filter((pl.col("symbol") == first) | (place % 2 == 0))
    exact: list[int] = []
    quick = Marks.mark_now

    def counted(marks: Marks) -> None:
        exact.append(1)
        quick(marks)

    def handle_data(context: Any, _data: Any) -> None:
        if context.portfolio.positions[context.symbol(first)].amount == 0:
            context.order_target(context.symbol(first), 10)

    monkeypatch.setattr(Marks, "mark_now", counted)
    strategy = {"__name__": "gaps", "initialize": remember, "handle_data": handle_data}
    rbt.backtest(strategy, frame, progress=False)

    assert len(exact) < 10


def remember(context: Any) -> None:
    context.seen = []
