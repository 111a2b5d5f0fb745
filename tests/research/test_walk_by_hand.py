"""A walk forward against a loop written by hand: spans, choices, tests, joined books."""

import math

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from tests.builders import daily_frame, minute_frame

SIZES = (1, 3)
LENGTHS = (2, 5)


class Trend(rbt.TradingAlgorithm):
    """Holds some shares of each asset above its mean."""

    length, size = 2, 1

    def initialize(self, context):
        context.assets = [self.symbol(name) for name in ("AAA", "BBB")]

    def handle_data(self, context, data):
        for asset in context.assets:
            prices = data.history(asset, "close", self.length, "1d")
            self.order_target(asset, self.size if prices[-1] > prices.mean() else 0)


def walked_by_hand(portal, labels, *, train, test, apart, anchored, step, score, **options):
    """Yield of each fold its four sessions, the best parameters and the test's run."""
    capital, begin = 100_000.0, train + apart
    while len(labels) - begin >= max(1, math.ceil(test / 2)):
        first = 0 if anchored else begin - apart - train
        last, end = begin - apart - 1, min(begin + test, len(labels)) - 1
        best, chosen = -math.inf, None
        for length in LENGTHS:
            for size in SIZES:
                params = {"length": length, "size": size}
                run = rbt.backtest(
                    Trend, portal, params=params, start=labels[first], end=labels[last], **options
                )
                if score(run) > best:
                    best, chosen = score(run), params
        run = rbt.backtest(
            Trend, portal, params=chosen, start=labels[begin], end=labels[end],
            capital_base=capital, **options,
        )  # fmt: skip
        capital = float(run.performance["portfolio_value"][-1])
        yield (labels[first], labels[last], labels[begin], labels[end]), chosen, best, run
        begin += step


def score(run):
    value = run.metrics["sharpe"]
    return -math.inf if value is None else value


@pytest.mark.parametrize("frequency", ["1d", "1m"])
@pytest.mark.parametrize(
    ("anchored", "apart", "step", "test"),
    [
        (False, {}, None, 6),
        (True, {"gap": 1, "purge": 2, "embargo": 1}, None, 6),
        (False, {"purge": 1}, 7, 5),
        (True, {"embargo": 3}, 9, 4),
    ],
)
def test_a_walk_is_the_loop_written_by_hand(frequency, anchored, apart, step, test):
    frame = daily_frame(46, 2) if frequency == "1d" else minute_frame(24, 2, every=65)
    data = (
        rbt.PolarsDataPortal(frame)
        if frequency == "1d"
        else rbt.PolarsDataPortal(None, minute_bars=frame)
    )
    train, test = (12, test) if frequency == "1d" else (5, max(2, test // 2))
    calendar = data.calendar
    labels = [calendar.label(n) for n in range(data.first_session, data.last_session + 1)][6:]
    options = {"frequency": frequency, "progress": False}

    walk = rbt.walk_forward(
        Trend, data, {"length": LENGTHS, "size": SIZES}, train=train, test=test, step=step,
        anchored=anchored, start=labels[0], end=labels[-1], workers=1, **apart, **options,
    )  # fmt: skip
    expected = list(
        walked_by_hand(
            data, labels, train=train, test=test, apart=sum(apart.values()), anchored=anchored,
            step=step or test, score=score, **options,
        )
    )  # fmt: skip

    spans = walk.folds.select("train_start", "train_end", "test_start", "test_end").rows()
    assert spans == [span for span, *_ in expected]
    assert len(expected) >= 2
    assert [dict(row.params) for row in walk.chosen] == [chosen for _, chosen, _, _ in expected]
    assert walk.folds["in_sample"].to_list() == pytest.approx([best for _, _, best, _ in expected])
    outside = [run.metrics["sharpe"] for *_, run in expected]
    assert walk.folds["out_of_sample"].to_list() == pytest.approx(outside)
    check_joined(walk.result, [run for *_, run in expected])


def check_joined(joined, runs):
    """The joined books are those of the runs, one after the other."""
    whole, parts = joined.performance, [run.performance for run in runs]
    assert whole["date"].to_list() == pl.concat(parts, how="diagonal")["date"].to_list()
    for name in ("portfolio_value", "returns"):
        values = np.concatenate([part[name].to_numpy() for part in parts])
        assert whole[name].to_numpy() == pytest.approx(values, abs=1e-9)
    growth = np.prod([1.0 + run.metrics["total_return"] for run in runs]) - 1.0
    assert joined.metrics["total_return"] == pytest.approx(growth)
    assert joined.orders.height == sum(run.orders.height for run in runs)
    held = [
        run.positions.filter(pl.col("date") == run.performance["date"][-1]).height
        for run in runs[:-1]
    ]
    fills = sum(run.transactions.height for run in runs)
    assert joined.transactions.height == fills + sum(held)  # positions are closed at the end
    assert joined.metrics["commission"] == pytest.approx(
        sum(run.metrics["commission"] for run in runs)
    )
    assert joined.orders["id"].to_list() == [str(n + 1) for n in range(joined.orders.height)]
