"""What runs over one portal share: tables, indicators, listing and actions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bars import shared_bars
from rbtlive.data.bars.column_cache import ColumnCache
from rbtlive.data.windows.indicators import Indicators, text_of
from tests.builders import daily_frame

CLOSE = pl.col("close")


class Reader(rbt.TradingAlgorithm):
    length = 2
    function: Any = None

    def initialize(self, context: Any) -> None:
        context.asset = self.sid(0)
        expression = CLOSE.rolling_mean(self.length)
        if self.function is not None:
            expression = CLOSE.map_batches(self.function, return_dtype=pl.Float64)
        self.indicator("mean", expression)
        context.seen, context.table = [], self._run.market.table

    def handle_data(self, context: Any, data: Any) -> None:
        context.seen.append(data.current(context.asset, "mean"))


def run(portal: rbt.PolarsDataPortal, **params: Any) -> Any:
    return rbt.backtest(Reader, portal, params=params, progress=False).context


def test_runs_over_a_portal_read_the_same_panel() -> None:
    portal = rbt.PolarsDataPortal(daily_frame())

    assert run(portal).table is run(portal).table


def test_runs_of_other_spans_and_other_portals_do_not() -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    sessions = portal.to_frame()["date"].unique().sort().to_list()
    short = rbt.backtest(Reader, portal, end=sessions[-2], progress=False).context

    tables = {id(one): one for one in (run(portal).table, short.table)}
    tables |= {
        id(one): one
        for one in (
            run(copied).table
            for copied in (pickle.loads(pickle.dumps(portal)), portal.without_end())
        )
    }
    assert len(tables) == 4


def test_a_portal_travels_without_what_its_runs_share() -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    before = len(pickle.dumps(portal))
    run(portal)

    assert len(pickle.dumps(portal)) == before
    assert copy.copy(portal).shared is not None


def test_an_indicator_is_computed_once_for_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    compute = Indicators._compute

    def counted(self: Indicators, index: int, name: str, known: Any) -> Any:
        computed.append(name)
        return compute(self, index, name, known)

    monkeypatch.setattr(Indicators, "_compute", counted)
    portal = rbt.PolarsDataPortal(daily_frame())
    alone = [run(rbt.PolarsDataPortal(daily_frame()), length=n).seen for n in (2, 3)]
    computed.clear()

    together = [run(portal, length=n).seen for n in (2, 3, 2, 3)]

    assert len(computed) == 2
    assert str(together) == str([*alone, *alone])


def test_a_function_of_python_is_called_in_each_run() -> None:
    calls: list[int] = []

    def noted(series: pl.Series) -> pl.Series:
        calls.append(len(series))
        return series * 2.0

    portal = rbt.PolarsDataPortal(daily_frame())
    run(portal, function=noted)
    first = len(calls)
    run(portal, function=noted)

    assert len(calls) == 2 * first
    assert text_of(CLOSE.map_batches(noted)) is None
    assert text_of(CLOSE.rolling_mean(2)) != text_of(CLOSE.rolling_mean(3))


def test_few_columns_are_kept() -> None:
    cache = ColumnCache(most=10)
    for key in range(5):
        cache.keep(key, np.zeros(4))

    assert [cache.get(key) is not None for key in range(5)] == [False, False, False, True, True]


def test_few_panels_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    portal = rbt.PolarsDataPortal(daily_frame())
    monkeypatch.setattr(shared_bars, "KEPT_CELLS", 1)
    first = run(portal)

    assert run(portal).table is first.table  # as long as somebody holds it
    held = id(first.table)
    del first
    assert held not in [id(table) for table in portal.shared._panels.values()]
