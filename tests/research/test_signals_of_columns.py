"""Signals over further columns of the data, in both gears and over processes."""

import polars as pl
import pytest

import rbtlive as rbt
from tests.builders import daily_frame

PARAMS = {"least": [2.0, 4.0, 5.0]}


def market():
    frame = daily_frame(40, 2, gaps=True)
    day = frame["date"].unique().sort()[20]
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [day], "ratio": [0.5]})
    scores = (pl.int_range(pl.len()) * 7 % 11).cast(pl.Float64)
    missing = pl.int_range(pl.len()) % 5 == 3
    frame = frame.with_columns(pl.when(~missing).then(scores).alias("score"))
    return rbt.PolarsDataPortal(frame, splits=splits)


def by_score():
    return rbt.signals(
        entries=lambda p: pl.col("score").rolling_mean(2) > p.least,
        exits=pl.col("score") < 2,
        size=10,
    )


@pytest.mark.parametrize("options", [{"gear": "events"}, {"workers": 2}])
def test_both_gears_and_processes_give_the_same_rows(options):
    columns = rbt.sweep(by_score(), market(), PARAMS, workers=1)
    other = rbt.sweep(by_score(), market(), PARAMS, **{"workers": 1, **options})

    for name in ("final_value", "fills", "orders"):
        assert other.frame[name].to_list() == columns.frame[name].to_list()
    assert columns.frame["fills"].min() > 2


def test_a_row_of_a_sweep_is_its_backtest():
    portal = market()
    swept = rbt.sweep(by_score(), portal, PARAMS, workers=1)

    result = rbt.backtest(by_score(), portal, params={"least": 4.0})

    assert swept.frame["final_value"][1] == result.metrics["final_value"]
