"""The bars that every shape of the gallery holds, as the portal's own long form."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import RowsLost, UnclearData

SYMBOLS = ("AAPL", "MSFT", "XOM")
START, END = date(2023, 1, 3), date(2023, 4, 28)
FIELDS = ("open", "high", "low", "close", "volume")


def daily(symbols: tuple[str, ...] = SYMBOLS, *, calendar: str = "XNYS") -> pl.DataFrame:
    """Return `date`, `symbol` and the fields, sorted; prices of two decimals."""
    exchange = get_calendar(calendar)
    first, last = exchange.at_or_after(START), exchange.at_or_before(END)
    labels = exchange.labels[first : last + 1]
    frames = [
        _bars(pl.Series("date", labels, dtype=pl.Date), symbol, number)
        for number, symbol in enumerate(symbols)
    ]
    return pl.concat(frames).sort("date", "symbol")


def minutes(
    symbols: tuple[str, ...] = ("AAPL",), *, sessions: int = 3, step: int = 1
) -> pl.DataFrame:
    """Return `timestamp` (UTC, the END), `symbol` and the fields of whole sessions."""
    exchange = get_calendar("XNYS")
    first = exchange.at_or_after(date(2023, 3, 9))  # clocks change on the 12th
    ends = np.concatenate(
        [exchange.minutes_us(n)[step - 1 :: step] for n in range(first, first + sessions)]
    )
    return _intraday(ends, symbols)


def round_the_clock(symbols: tuple[str, ...] = ("BTC/USDT",), *, bars: int = 2880) -> pl.DataFrame:
    """Return minutes of two whole days, END-stamped, UTC."""
    start = 1_709_251_200_000_000  # 2024-03-01
    return _intraday(start + 60_000_000 * np.arange(1, bars + 1), symbols)


def _intraday(ends: Any, symbols: tuple[str, ...]) -> pl.DataFrame:
    times = pl.Series("timestamp", ends).cast(pl.Datetime("us", "UTC"))
    frames = [_bars(times, symbol, number) for number, symbol in enumerate(symbols)]
    return pl.concat(frames).sort("timestamp", "symbol")


def _bars(times: pl.Series, symbol: str, number: int) -> pl.DataFrame:
    random = np.random.default_rng(number)
    count = len(times)
    close = np.round(100 * (1 + number) + np.cumsum(random.normal(0, 0.3, count)), 2)
    opens = np.round(close + random.normal(0, 0.2, count), 2)
    return pl.DataFrame(
        {
            times.name: times,
            "symbol": [symbol] * count,
            "open": opens,
            "high": np.round(np.maximum(opens, close) + 0.25, 2),
            "low": np.round(np.minimum(opens, close) - 0.25, 2),
            "close": close,
            "volume": random.integers(1_000, 5_000_000, count).astype(float),
        }
    )


def same_daily(portal: rbt.PolarsDataPortal, expected: pl.DataFrame) -> None:
    """Compare a portal's daily bars, or longer ones, with a frame, to the last digit."""
    longer = portal.interval.spans_sessions
    found = portal.to_frame(portal.interval.text if longer else "1d").sort("date", "symbol")
    assert found.equals(expected.select(found.columns).sort("date", "symbol")), (found, expected)


def same_minutes(portal: rbt.PolarsDataPortal, expected: pl.DataFrame) -> None:
    """Compare a portal's intraday bars with a frame, to the last digit."""
    found = portal.to_frame(portal.interval.text).sort("timestamp", "symbol")
    wanted = expected.select(found.columns).sort("timestamp", "symbol")
    assert found.equals(wanted), (found, wanted)


def same_bars(portal: rbt.PolarsDataPortal, expected: pl.DataFrame) -> None:
    """Compare a portal's bars of any length with a frame, to the last digit."""
    (same_daily if "date" in expected.columns else same_minutes)(portal, expected)


def reads(source: Any, expected: pl.DataFrame, **asked: Any) -> None:
    """Read a source: as it is, or with what one error asks for, and with nothing else."""
    if asked:
        with pytest.raises((UnclearData, RowsLost)) as refused:
            rbt.read(source)
        names = {name: value for name, value in asked.items() if name != "symbol"}
        words = {"symbol": "AAPL"} if "symbol" in asked else {}
        said = {**words, **names}
        called = refused.value.line.removeprefix("rbt.read(source").removesuffix(")")
        assert eval(f"dict({called[2:]})") == said, refused.value
    same_bars(rbt.read(source, **asked), expected)


def pandas_of(frame: pl.DataFrame) -> Any:
    """Return a frame in pandas, dates as its date-times."""
    import pandas as pd

    made = pd.DataFrame(frame.to_dict(as_series=False))
    if "date" in made:
        made["date"] = pd.to_datetime(made["date"])
    return made


def titled(frame: pl.DataFrame, symbol: str) -> Any:
    """Return one symbol's bars as yfinance titles them, a pandas frame by Date."""
    one = frame.filter(pl.col("symbol") == symbol)
    time = "date" if "date" in one.columns else "timestamp"
    import pandas as pd

    made = pd.DataFrame({name.title(): one[name].to_numpy() for name in FIELDS})
    made.index = pd.DatetimeIndex(one[time].cast(pl.Datetime("us")).to_numpy(), name="Date")
    return made
