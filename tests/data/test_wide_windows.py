"""Windows over many assets: adjusted as one by one, linear in assets, and bounded in what
they keep.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.windows import factor_arrays, history
from tests.benchmarks.counting import calls_of

DAYS = pl.date_range(date(2020, 1, 1), date(2020, 4, 9), eager=True)  # round the clock
WIDTH = 40
NAMES = [f"S{number:03d}" for number in range(WIDTH)]


def wide_portal(width: int = WIDTH, *, actions: int = 60, seed: int = 3) -> rbt.PolarsDataPortal:
    rng = np.random.default_rng(seed)
    names = [f"S{number:03d}" for number in range(width)]
    shape = (len(DAYS), width)
    closes = rng.uniform(20, 90, shape).round(2)
    frame = pl.DataFrame(
        {
            "date": DAYS.gather(np.repeat(np.arange(len(DAYS)), width)),
            "symbol": names * len(DAYS),
            **{field: closes.ravel() for field in ("open", "high", "low", "close")},
            "volume": rng.integers(1, 9, shape).ravel().astype(float),
        }
    )
    chosen = {(int(rng.integers(width)), int(rng.integers(2, len(DAYS)))) for _ in range(actions)}
    paid = sorted(chosen)[: actions // 2]
    split = sorted(chosen)[actions // 2 :]
    return rbt.PolarsDataPortal(
        frame,
        calendar="24/7",
        dividends=pl.DataFrame(
            [(names[asset], DAYS[day], DAYS[day], 0.37) for asset, day in paid],
            schema=["symbol", "ex_date", "pay_date", "amount"],
            orient="row",
        ),
        splits=pl.DataFrame(
            [(names[asset], DAYS[day], 1 / 3) for asset, day in split],
            schema=["symbol", "effective_date", "ratio"],
            orient="row",
        ),
    )


def looked_at(portal: rbt.PolarsDataPortal, look: Any) -> None:
    strategy = {"__name__": "looking", "handle_data": look}
    rbt.backtest(strategy, portal, start=DAYS[20], progress=False)


@pytest.mark.parametrize("few", [0, 1_000])
@pytest.mark.parametrize("field", ["close", "volume", "price"])
def test_a_window_of_many_assets_has_the_digits_of_each_alone(monkeypatch, few, field):
    monkeypatch.setattr(history, "FEW", few)
    portal = wide_portal()
    # One asset twice, and not in the order of the data.
    chosen = [portal.assets[index] for index in (7, 3, 39, 3, *range(20, 34))]
    compared = []

    def look(_context, data):
        window = data.window(chosen, field, 21)
        for place, asset in enumerate(chosen):
            alone = data.history(asset, field, 21, "1d").to_numpy()
            compared.append(bool((window[:, place] == alone).all()))

    looked_at(portal, look)

    assert len(compared) > 1_000
    assert all(compared)


def test_the_calls_of_a_window_do_not_grow_with_the_actions_in_it():
    def calls(actions: int) -> int:
        counted: list[int] = []

        def look(_context, data):
            chosen = portal.assets[:-1]
            counted.append(calls_of(lambda: data.window(chosen, "close", 21)))

        portal = wide_portal(200, actions=actions)
        looked_at(portal, look)
        return max(counted)

    assert calls(800) < 2 * calls(100)


def test_factors_come_in_rounds_each_with_one_of_every_column():
    assets, rows = np.array([4, 1, 4, 9, 4]), np.array([3, 5, 6, 7, 8])

    made = [
        (columns.tolist(), changed.tolist(), numbers.tolist())
        for columns, changed, numbers in factor_arrays.rounds(
            assets, rows, np.array([0.5, 0.6, 0.7, 0.8, 0.9]), (1, 4, 2, 4)
        )
    ]

    assert made == [
        ([0, 1, 3], [5, 3, 3], [0.6, 0.5, 0.5]),
        ([1, 3], [6, 6], [0.7, 0.7]),
        ([1, 3], [8, 8], [0.9, 0.9]),
    ]


def test_a_universe_that_changes_every_day_keeps_few_copies():
    portal = wide_portal(actions=0)
    seen: list[int] = []
    rng = np.random.default_rng(1)

    def look(context, data):
        picked = np.sort(rng.choice(WIDTH, 12, replace=False))
        for _ in range(2):
            data.window([portal.assets[index] for index in picked], "close", 5)
        seen.append(len(context._run.market._history._matrices))

    looked_at(portal, look)

    assert max(seen) == history.KEPT_MATRICES


def test_a_short_way_outlives_the_actions_of_other_assets():
    split = pl.DataFrame({"symbol": [NAMES[0]], "effective_date": [DAYS[50]], "ratio": [0.5]})
    whole = rbt.PolarsDataPortal(_bars_of(3), calendar="24/7", splits=split)
    kept: dict[date, list[int]] = {}

    def look(context, data):
        quick = context._run.market.quick
        kept[data.current_session] = [len(quick.windows.get("close", ()))]
        for asset in whole.assets:
            data.history(asset, "close", 5, "1d")
            data.current(asset, "close")
            data.history(asset, "close", 5, "1d")
        kept[data.current_session].append(len(quick.windows["close"]))

    looked_at(whole, look)

    assert kept[DAYS[49]] == [3, 3]
    assert kept[DAYS[50]][0] == 2


def _bars_of(width: int) -> pl.DataFrame:
    closes = np.linspace(20, 90, len(DAYS) * width).round(2)
    return pl.DataFrame(
        {
            "date": DAYS.gather(np.repeat(np.arange(len(DAYS)), width)),
            "symbol": NAMES[:width] * len(DAYS),
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": np.full(len(closes), 5.0),
        }
    )
