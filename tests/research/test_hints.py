"""Hints: each is there when its cause is, and not otherwise; and travels with a result."""

from __future__ import annotations

import pickle
from datetime import date, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.finance.commission import PerTrade
from rbtlive.finance.slippage import FixedBasisPointsSlippage
from tests.builders import daily_frame


def bars(symbol="AA", *, price=100.0, volume=1e6, count=30):
    first = date(2023, 1, 2)
    labels = [d for n in range(2 * count) if (d := first + timedelta(days=n)).weekday() < 5]
    return pl.DataFrame({"date": labels[:count]}).with_columns(
        pl.lit(symbol).alias("symbol"),
        *(pl.lit(float(price)).alias(name) for name in ("open", "high", "low", "close")),
        pl.lit(float(volume)).alias("volume"),
    )


def run(act, frame=None, **options):
    """Return the result of a strategy that acts in its second bar."""
    frame = bars() if frame is None else frame

    def handle_data(context, data):
        context.bars = getattr(context, "bars", 0) + 1
        if context.bars == 2:
            act(context, context.symbol(frame["symbol"][0]))

    options = {"calendar": "24/5", "progress": False} | options
    return rbt.backtest({"handle_data": handle_data}, frame, **options)


def texts(result):
    return [hint.text for hint in result.hints]


def test_an_ordinary_run_has_no_hints():
    assert run(lambda c, a: c.order_target_percent(a, 0.5)).hints == []


CAUSES = {
    "the strategy placed no order": (lambda _c, _a: None, {}),
    "none of 1 order filled (AA)": (lambda c, a: c.order(a, 10), {"frame": bars(volume=5)}),
    "none of 2 orders filled (AA)": (
        lambda c, a: (c.order(a, 10, limit_price=50), c.order(a, -1, stop_price=40)),
        {},
    ),
    "1 order came to less than one lot, and nothing was placed": (
        lambda c, a: c.order_target_percent(a, 0.5),
        {"capital_base": 100},
    ),
    "1 of 1 order cut by the volume of the bars": (
        lambda c, a: c.order(a, 30),
        {"frame": bars(volume=100)},
    ),
    "the tick of AA moved a limit or stop from 1.0856 to 1.08": (
        lambda c, a: (c.order(a, 10, limit_price=1.0856), c.order(a, 1)),
        {"frame": bars(price=1.0)},
    ),
    "commissions of 6,000.00 are 6.0% of the capital": (
        lambda c, a: c.order(a, 1),
        {"commission": PerTrade(6000)},
    ),
    "cash was below zero at": (lambda c, a: c.order_target_percent(a, 1.5), {}),
    "gross leverage reached 1.50": (lambda c, a: c.order_target_percent(a, 1.5), {}),
}


@pytest.mark.parametrize("text", CAUSES)
def test_a_cause_has_its_hint_with_a_remedy(text):
    act, options = CAUSES[text]

    result = run(act, **options)

    found = [hint for hint in result.hints if hint.text.startswith(text)]
    assert len(found) == 1, result.hints
    assert len(found[0].remedy) > 10
    assert str(found[0]) == f"{found[0].text}: {found[0].remedy}"


def test_a_remedy_removes_its_hint():
    cut = run(lambda c, a: c.order(a, 30), bars(volume=100))
    wider = run(
        lambda c, a: c.order(a, 30),
        bars(volume=100),
        slippage=FixedBasisPointsSlippage(volume_limit=0.5),
    )

    assert any("cut by" in text for text in texts(cut))
    assert wider.hints == []


def test_small_remainders_of_a_target_are_no_hint():
    def handle_data(context, data):
        context.order_target_percent(context.symbol("AA"), 0.5)

    result = rbt.backtest({"handle_data": handle_data}, bars(), calendar="24/5", progress=False)

    assert result.hints == []


def test_denied_orders_and_a_start_that_waited_are_said():
    def handle_data(context, data):
        data.history(context.symbol("AAA"), "close", 10, "1d")
        context.order(context.symbol("AAA"), 1)

    result = rbt.backtest({"handle_data": handle_data}, daily_frame(20), progress=False)

    assert (
        result.hints[-1].text
        == "the run begins on 2017-01-17: 10 bars of '1d' had to be there first"
    )


def test_hints_are_saved_and_pickled_with_their_result(tmp_path):
    result = run(lambda c, a: (c.order(a, 10, limit_price=1.0856), c.order(a, 1)), bars(price=1.0))

    saved = rbt.BacktestResult.load(result.save(tmp_path / "r.zip"))

    assert result.hints
    assert saved.hints == result.hints
    assert pickle.loads(pickle.dumps(result)).hints == result.hints
