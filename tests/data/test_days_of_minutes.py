"""Windows of days in a run over minutes: asked at each bar, some bars, or one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from math import isnan, nan
from typing import Any

import polars as pl
import pytest

import rbtlive as rbt

DAYS = (date(2020, 1, 1), date(2020, 1, 2), date(2020, 1, 3), date(2020, 1, 4))
MINUTES = range(1, 300, 13)
SPLIT = pl.DataFrame({"symbol": ["A"], "effective_date": [DAYS[2]], "ratio": [0.5]})
FIELDS = ("open", "high", "low", "close", "volume", "price")
KEEPS = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}


def _row(symbol: str, day: int, place: int) -> tuple[Any, ...] | None:
    number = day * 100 + place
    if symbol == "A" and (place in (0, 1, 5, 9) or (number * 7) % 5 == 0):
        return None  # the first two bars of each day are missing, and many others
    close = (50.0 if day < 2 else 25.0) + (number * 37) % 11
    stamp = datetime.combine(DAYS[day], datetime.min.time(), UTC) + timedelta(
        minutes=MINUTES[place]
    )
    return stamp, symbol, close - 1, close + 2, close - 3, close, 100.0 + number


BARS = pl.DataFrame(
    [
        row
        for symbol in "AB"
        for day in range(len(DAYS))
        for place in range(len(MINUTES))
        if (row := _row(symbol, day, place))
    ],
    schema=["timestamp", "symbol", "open", "high", "low", "close", "volume"],
    orient="row",
)


# A field of the last three days, computed from the bars alone.
def _expected(symbol: str, field: str, now: datetime) -> list[float]:
    today = DAYS.index((now - timedelta(minutes=1)).date())
    window: list[float] = []
    for day in range(today - 2, today + 1):
        in_day = (pl.col("timestamp") - timedelta(minutes=1)).dt.date() == DAYS[day]
        rows = BARS.filter(pl.col("symbol") == symbol, in_day, pl.col("timestamp") <= now)
        column = rows["close" if field == "price" else field]
        kept = (
            getattr(column, KEEPS["close" if field == "price" else field])() if len(rows) else None
        )
        value = (0.0 if field == "volume" else nan) if kept is None else float(kept)
        if symbol == "A" and day < 2 <= today:
            value *= 2.0 if field == "volume" else 0.5
        if field == "price" and isnan(value) and window:
            value = window[-1]
        window.append(value)
    return window


def _seen(ask: Callable[[int], bool], frames: Any) -> dict[tuple[str, str, datetime], list[float]]:
    seen: dict[tuple[str, str, datetime], list[float]] = {}

    def look(context: Any, data: Any) -> None:
        context.bars = getattr(context, "bars", -1) + 1
        now = data.current_dt
        now = now.to_pydatetime() if frames == "pandas" else now
        early = now < datetime(2020, 1, 3, 0, 1, tzinfo=UTC)
        if early or now.hour > 5 or not ask(context.bars):
            return
        for symbol in "AB":
            for field in FIELDS:
                window = data.history(context.symbol(symbol), field, 3, "1d")
                seen[symbol, field, now] = list(map(float, window.to_list()))
                if frames == "pandas":
                    days = [
                        (now - timedelta(minutes=1)).date() - timedelta(back) for back in (2, 1, 0)
                    ]
                    assert [label.date() for label in window.index] == days

    rbt.backtest(
        {"handle_data": look, "__name__": "look"},
        rbt.PolarsDataPortal(None, minute_bars=BARS, splits=SPLIT, calendar="24/7"),
        frequency="1m",
        calendar="24/7",
        frames=frames,
        progress=False,
    )
    return seen


@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize(
    "ask",
    [
        lambda _bar: True,
        lambda bar: bar % 37 == 0,
        lambda bar: bar % 37 == 0 or bar % 41 == 3,
        lambda bar: bar % 74 == 0,
    ],
    ids=["each", "some", "uneven", "few"],
)
def test_a_window_of_days_is_the_same_however_often_it_is_asked(
    ask: Callable[[int], bool], frames: str
) -> None:
    """Splits, holes, and days without a bar so far included."""
    seen = _seen(ask, frames)
    checked = {key for key in seen if key[2].minute % 37 == 1}

    assert len(checked) >= 12
    for symbol, field, now in checked:
        assert seen[symbol, field, now] == pytest.approx(
            _expected(symbol, field, now), rel=1e-12, nan_ok=True
        ), (symbol, field, now)


def test_what_a_strategy_does_to_a_window_changes_no_later_one() -> None:
    seen: list[list[float]] = []

    def look(context: Any, data: Any) -> None:
        if data.current_dt < datetime(2020, 1, 3, 0, 2, tzinfo=UTC):
            return
        asset = context.symbol("B")
        window = data.history(asset, "close", 3, "1d")
        seen.append(window.to_list())
        window[0] = -1.0
        matrix = data.window(asset, "close", 3, "1d")
        with pytest.raises(ValueError, match="read-only"):
            matrix[0] = -1.0

    rbt.backtest(
        {"handle_data": look, "__name__": "look"},
        rbt.PolarsDataPortal(None, minute_bars=BARS, splits=SPLIT, calendar="24/7"),
        frequency="1m",
        calendar="24/7",
        end="2020-01-03",
        progress=False,
    )

    assert len(seen) > 1_000
    assert len({tuple(window[:2]) for window in seen}) == 1
