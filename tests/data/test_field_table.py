"""Daily bars of a portal, one field at a time."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bars import field_table
from rbtlive.data.bars.field_table import WholeMarket
from rbtlive.data.bars.market import Market
from rbtlive.model.bar import OHLCV


def portal() -> rbt.PolarsDataPortal:
    """Return four assets: one with gaps, one listed late, one that ends before its last
    bar, one without a gap.
    """
    days = [date(2024, 1, day) for day in (2, 3, 4, 5, 8, 9, 10, 11)]
    rows = [
        {"date": day, "symbol": symbol}
        | dict.fromkeys(("open", "high", "low", "close"), 10.0004 + number + place)
        | {"volume": 100.5 + place}
        for number, symbol in enumerate(("AAA", "BBB", "CCC", "DDD"))
        for place, day in enumerate(days)
        if not (symbol == "AAA" and place in {1, 4}) and not (symbol == "BBB" and place < 3)
    ]
    assets = pl.DataFrame({"symbol": ["CCC"], "end_date": [date(2024, 1, 9)]})
    return rbt.PolarsDataPortal(pl.DataFrame(rows), assets=assets)


@pytest.mark.parametrize("thousandths", [False, True])
@pytest.mark.parametrize("kept", [0, field_table.KEPT_CELLS])
def test_each_field_is_that_of_a_backtests_table(
    monkeypatch: pytest.MonkeyPatch, kept: int, thousandths: bool
):
    """Gaps, lifetimes and thousandths are the same, kept or laid out when asked for."""
    monkeypatch.setattr(field_table, "KEPT_CELLS", kept)
    made = portal()
    first, last = made.first_session, made.last_session
    market = Market(
        made,
        frequency="1d",
        first_session=first,
        last_session=last,
        preload=True,
        round_history=thousandths,
    )

    found = WholeMarket(made, thousandths=thousandths).daily

    assert (found.rows, found.width) == (8, 4)
    for field in OHLCV:
        for low, high in ((5, 6), (0, 8), (2, 5), (7, 8), (5, 5)):
            expected = market.daily.values(field, low, high)
            np.testing.assert_array_equal(found.values(field, low, high), expected)
    assert np.isnan(found.value(2, "close", 6))  # a bar after the asset's last day


def test_rows_are_laid_out_when_they_are_first_read():
    """Rows asked for later join those that are kept; what was read does not change."""
    made = portal()
    whole = WholeMarket(portal()).daily.values("close", 0, 8)
    table: Any = WholeMarket(made).daily

    middle = table.values("close", 4, 5)
    assert table._filled == {"close": (4, 5)}
    first, last = table.values("close", 1, 3), table.values("close", 6, 8)

    assert table._filled == {"close": (1, 8)}
    for found, span in ((middle, slice(4, 5)), (first, slice(1, 3)), (last, slice(6, 8))):
        np.testing.assert_array_equal(found, whole[span])
        assert found.base is table._kept["close"]


def test_rows_in_which_every_asset_has_a_bar_are_the_bars_themselves():
    """They take no memory; a bar outside its asset's listing dates still does not count."""
    table: Any = WholeMarket(portal()).daily

    complete = table.values("close", 5, 6)

    assert np.shares_memory(complete, table._bars["close"].to_numpy())
    assert not complete.flags.writeable
    assert not table._kept
    assert np.isnan(table.values("close", 6, 7)[0, 2])


def test_a_field_that_nobody_asked_for_is_not_laid_out():
    """What is asked for is kept for the next pipeline over the portal, read-only."""
    made = portal()

    table: Any = WholeMarket(made).daily
    closes = table.values("close", 0, 8)

    assert list(table._kept) == ["close"]
    assert WholeMarket(made).daily.values("close", 0, 8).base is closes.base
    with pytest.raises(ValueError, match="read-only"):
        closes[0, 0] = 1.0


def large_portal() -> rbt.PolarsDataPortal:
    """Return 250 days of 80 assets, each of which lacks some bars."""
    dice = np.random.Generator(np.random.PCG64(4))
    day, asset = (each.reshape(-1) for each in np.indices((250, 80)))
    there = dice.random(len(day)) < 0.9
    prices = np.round(dice.random(len(day)) * 50 + 1.0, 2)
    frame = pl.DataFrame(
        {
            "date": [date(2023, 1, 1) + timedelta(days=int(number)) for number in day],
            "symbol": [f"A{number:02d}" for number in asset],
            **dict.fromkeys(("open", "high", "low", "close"), prices),
            "volume": prices,
        }
    )
    return rbt.PolarsDataPortal(frame.filter(pl.Series(there)), calendar="24/7")


def test_threads_that_read_at_once_see_rows_only_when_they_are_laid_out(
    request: pytest.FixtureRequest,
):
    """Two threads ask for other rows of the same table: each gets the market's bars, and
    no row is laid out twice.
    """
    made = large_portal()
    whole = np.array(WholeMarket(made).daily.values("close", 0, 250))
    before = sys.getswitchinterval()
    request.addfinalizer(lambda: sys.setswitchinterval(before))
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    laid_out: list[tuple[int, int]] = []

    class Counted(field_table.FieldTable):
        def _lay_out(self, field: str, low: int, high: int, out: Any) -> None:
            laid_out.extend((id(self), row) for row in range(low, high))
            super()._lay_out(field, low, high, out)

    def read(table: Any, begin: Barrier, seed: int) -> bool:
        dice = np.random.Generator(np.random.PCG64(seed))
        begin.wait()
        same = True
        for _ in range(8):
            low, high = sorted(dice.integers(0, 251, 2).tolist())
            found = table.values("close", low, high)
            same &= np.array_equal(found, whole[low:high], equal_nan=True)
        return same

    tables = [Counted(made) for _ in range(8)]
    with ThreadPoolExecutor(2) as threads:
        for number, table in enumerate(tables):
            begin = Barrier(2)
            two = [threads.submit(read, table, begin, 2 * number + one) for one in range(2)]
            assert all(one.result() for one in two)

    assert len(laid_out) == len(set(laid_out))
