"""Rows that cannot be bars: they lack a time, a close or a symbol.

The rule: a few such rows are left out and counted; many rows without a symbol raise an
error, because they may be real bars.
"""

from __future__ import annotations

import polars as pl

from rbtlive.data.reading.fit import LOSS
from rbtlive.data.reading.intake import Intake
from rbtlive.data.reading.needs import Needs
from rbtlive.data.reading.timestamps import Moments
from rbtlive.errors import RowsLost


def refuse_without_symbol(frame: pl.DataFrame, moments: Moments, needs: Needs) -> None:
    """Raise an error if too many bars lack a symbol.

    Raises:
        RowsLost: the message names the first row and their number.
    """
    symbols = frame["symbol"]
    nameless = (symbols.is_null() | (symbols == "")).fill_null(value=True)
    nameless &= frame["close"].is_not_null() & moments.us.is_not_null()
    lost = int(nameless.sum())
    if lost <= LOSS * len(symbols):
        return
    raise RowsLost(
        f"no more than 1 % of rows may be left out: {lost:,} of {len(symbols):,} rows have no "
        f"symbol, the first is row {nameless.arg_max()}; fill it in, or name the rows that are "
        "wanted with symbol=",
        line=needs.line(),
    )


def without_empty(
    frame: pl.DataFrame, moments: Moments, intake: Intake
) -> tuple[pl.DataFrame, Moments]:
    """Return bars without the rows that lack time, close or symbol.

    Args:
        frame: Symbol and fields.
        moments: Their times, row by row.
        intake: Counts the rows left out, by reason.
    """
    no_time = moments.us.is_null()
    no_price = frame["close"].is_null() | frame["close"].is_nan()
    no_symbol = frame["symbol"].is_null() | (frame["symbol"] == "")
    out = no_time | no_price | no_symbol
    if not out.any():
        return frame, moments
    intake.leave_out("no time", int(no_time.sum()))
    intake.leave_out("no price", int((no_price & ~no_time).sum()))
    intake.leave_out("no symbol, or another one", int((no_symbol & ~no_time & ~no_price).sum()))
    keep = ~out
    return frame.filter(keep), Moments(
        moments.us.filter(keep), moments.zone, moments.days, moments.origin
    )
