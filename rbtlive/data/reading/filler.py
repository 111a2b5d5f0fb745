"""Rows without trading: bars that a vendor marks as unfinished, and weekends filled
with the previous day.

The rule: a row is left out, and counted, only if the source itself shows that nothing
traded in it.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.reading.column_roles import plain
from rbtlive.data.reading.exchanges import exchange_of
from rbtlive.data.reading.intake import Intake
from rbtlive.data.reading.suggesting import trades_at_weekends
from rbtlive.data.reading.timestamps import Moments
from rbtlive.model.asset_class import common_class
from rbtlive.model.bar import PRICES
from rbtlive.model.interval import DAY_US

_FINISHED: Final = ("complete", "iscomplete", "isfinal", "isclosed", "finished", "confirm", "x")
"""Columns that say whether a bar is finished. Sources: Oanda, OKX and Bybit, Binance's
streams.
"""

_REPEATED: Final = 0.99
"""This share of weekend bars must repeat the previous day."""


def finished_only(frame: pl.DataFrame, symbol: str | None, intake: Intake) -> pl.DataFrame:
    """Return a table without each symbol's bar that is marked as unfinished.

    Args:
        frame: A long table.
        symbol: Its column of symbols, if there is one.
        intake: Counts the rows left out.
    """
    marks = [name for name, dtype in frame.schema.items() if dtype == pl.Boolean]
    mark = next((name for name in marks if plain(name) in _FINISHED), None)
    if mark is None:
        return frame
    forming = ~frame[mark].fill_null(value=True)
    symbols = 1 if symbol is None else frame[symbol].n_unique()
    if not 0 < int(forming.sum()) <= symbols:
        return frame
    intake.leave_out("a bar that is not complete yet", int(forming.sum()))
    return frame.filter(~forming)


def without_filled_weekends(
    frame: pl.DataFrame, moments: Moments, intake: Intake
) -> tuple[pl.DataFrame, Moments]:
    """Return daily bars without weekends and holidays that only repeat the previous
    day, as `resample("D").ffill()` creates them.

    Args:
        frame: Symbols and fields.
        moments: Their times, row by row.
        intake: Counts the rows left out.
    """
    us = moments.us.to_numpy()
    symbols = frame["symbol"].unique().to_list()
    if (us % DAY_US).any() or common_class(symbols) in ("crypto", "fx"):
        return frame, moments
    days = us // DAY_US
    if not trades_at_weekends(days):
        return frame, moments
    bars = frame.select("symbol", *PRICES).with_columns(pl.Series("day", days))
    ordered = bars.with_row_index("row").sort("symbol", "day")
    same = [pl.col(name) == pl.col(name).shift().over("symbol") for name in PRICES]
    repeats = ordered.select("row", same=pl.all_horizontal(same).fill_null(value=False))
    repeated = repeats.sort("row")["same"].to_numpy()
    weekend = (days + 3) % 7 >= 5
    if repeated[weekend].mean() < _REPEATED or repeated.mean() >= _REPEATED:
        return frame, moments
    calendar = get_calendar(exchange_of(symbols) or "XNYS")
    closed = calendar.sessions_of_labels(days.astype("datetime64[D]")) < 0
    filled = repeated & closed
    intake.leave_out("a day without trading that repeats the one before", int(filled.sum()))
    keep = pl.Series(~filled)
    kept = Moments(moments.us.filter(keep), moments.zone, moments.days, moments.origin)
    return frame.filter(keep), kept
