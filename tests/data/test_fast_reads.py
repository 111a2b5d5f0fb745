"""Short ways to numbers and windows give what the long ways give."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bars.fast_reads import cutter


def test_a_cut_window_is_the_slice_that_polars_gives() -> None:
    column = pl.Series("A", [1.0, None, 3.0, 4.0])

    window = cutter(column)(1, 2)

    assert window.equals(column.slice(1, 2), check_names=True, null_equal=True)
    assert window.mean() == 3.0


class _Other:
    """A Series whose inner parts have other names."""

    def __init__(self, column: pl.Series) -> None:
        self._column = column

    def slice(self, low: int, rows: int) -> pl.Series:
        return self._column.slice(low, rows)


def test_without_the_inner_parts_of_polars_its_own_slice_is_used() -> None:
    other: Any = _Other(pl.Series("A", [1.0, 2.0, 3.0]))

    assert cutter(other)(1, 2).to_list() == [2.0, 3.0]


DAYS = [date(2020, 1, day) for day in range(1, 9)]
BARS = pl.DataFrame(
    {
        "date": DAYS,
        "symbol": ["A"] * 8,
        "open": [10.0, 11.0, 12.0, 13.0, 26.0, 27.0, 28.0, 29.0],
        "high": [10.0, 11.0, 12.0, 13.0, 26.0, 27.0, 28.0, 29.0],
        "low": [10.0, 11.0, 12.0, 13.0, 26.0, 27.0, 28.0, 29.0],
        "close": [10.0, 11.0, None, 13.0, 26.0, 27.0, 28.0, 29.0],
        "volume": [100.0] * 8,
    }
)
SPLIT = pl.DataFrame({"symbol": ["A"], "effective_date": [DAYS[4]], "ratio": [0.5]})


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_asking_twice_gives_the_same_over_missing_bars_and_splits(frames: str) -> None:
    seen: list[tuple[Any, ...]] = []

    def look(context: Any, data: Any) -> None:
        asset = context.symbol("A")

        def values() -> tuple[Any, ...]:
            count = min(len(seen) + 1, 3)
            window = data.history(asset, "close", count, "1d")
            return (
                str(data.current(asset, "close")),
                str(data.current(asset, "price")),
                float(data.current(asset, "volume")),
                repr(data.current(asset, "double")),
                [None if value is None or value != value else float(value) for value in window],
            )

        once = values()
        assert values() == once
        seen.append(once)

    def begin(context: Any) -> None:
        context.indicator("double", pl.col("close") * 2)

    rbt.backtest(
        {"__name__": "looks", "initialize": begin, "handle_data": look},
        rbt.PolarsDataPortal(BARS, splits=SPLIT, calendar="24/7"),
        frames=frames,  # type: ignore[arg-type]
    )

    assert [closes[-1] for closes in seen[3:5]] == [[11.0, None, 13.0], [None, 6.5, 26.0]]
    assert [text.lower() for text in seen[2][:2]] == ["nan", "11.0"]
    assert [float(row[3].strip("'")) for row in seen[3:5]] == [26.0, 52.0]


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_the_morning_sees_the_windows_that_the_evening_before_saw(frames: Any) -> None:
    """Unless a split takes effect in between; one asset, several, and several fields."""
    bars = pl.concat([BARS, BARS.with_columns(pl.lit("B").alias("symbol"), pl.col("close") * 2)])
    seen: list[tuple[str, list[Any]]] = []

    def windows(context: Any, data: Any) -> list[Any]:
        a, b = context.symbols("A", "B")
        asked = [data.history(one, "price", 2, "1d") for one in (a, b)]
        asked += [data.history([a, b], field, 2, "1d") for field in ("price", "close", "volume")]
        asked += [data.history(a, ["open", "close"], 2, "1d")]
        asked += [data.history([b, a], ["open", "price"], 2, "1d")]
        return [one.copy() if frames == "pandas" else one.clone() for one in asked]

    def look(when: str) -> Any:
        return lambda context, data: seen.append((when, windows(context, data)))

    rbt.backtest(
        {"handle_data": look("evening"), "before_trading_start": look("morning")},
        rbt.PolarsDataPortal(bars, splits=SPLIT, calendar="24/7"),
        start="2020-01-03",
        frames=frames,
        progress=False,
    )

    assert [when for when, _ in seen] == ["morning", "evening"] * 6
    holds_a = [True, False, True, True, True, True, True]
    for place in range(1, len(seen) - 1, 2):
        for evening, morning, splits in zip(
            seen[place][1], seen[place + 1][1], holds_a, strict=True
        ):
            assert evening.equals(morning) is not (splits and place == 3)
