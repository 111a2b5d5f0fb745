"""Name the columns of a table without a header.

The rule: names follow from the order and the content of the columns; one that is not
recognized stays nameless.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rbtlive.model.bar import PRICES

KLINES: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
"""Columns of Binance's klines. Source: github.com/binance/binance-public-data."""

_OKX: Final = ("volume", "volume_currency", "volume_quote", "confirm")
"""What follows the prices in OKX's candles; `confirm` is 0 while a candle forms.
Source: www.okx.com/docs-v5/en/#public-data-rest-api-get-candlesticks.
"""


def headerless(frame: pl.DataFrame) -> tuple[pl.DataFrame, str | None, bool]:
    """Name the columns of a table without a header by their content.

    Returns:
        The frame, its vendor's name, and whether its bars are certainly stamped at the
        start; columns that were not recognized stay nameless.
    """
    names = frame.columns
    if frame.width in (11, 12) and frame.dtypes[0].is_integer() and frame.dtypes[6].is_integer():
        return frame.rename(dict(zip(names, KLINES, strict=False))), "Binance klines", True
    times = 1
    second = frame[names[1]] if frame.width > 1 else None
    if second is not None and (
        second.dtype == pl.Time
        or (second.dtype == pl.String and second.head(20).str.contains(r"^\s*\d{1,2}:\d{2}").all())
    ):
        times = 2
    lead = 0
    first = frame[names[0]]
    renamed: dict[str, str] = {}
    if first.dtype == pl.String and not first.head(5).str.contains(r"^\s*\d").any():
        renamed[names[0]] = "symbol"
        lead = 1
    renamed |= dict(zip(names[lead:], ("date", "time")[:times], strict=False))
    place = lead + times
    if not lead and place < frame.width and _is_of_symbols(frame[names[place]]):
        renamed[names[place]] = "symbol"
        lead = 1
    order = price_order(frame.select(names[lead + times : lead + times + 4]))
    if order is not None:
        rest = names[lead + times + 4 :]
        if len(rest) > 2 and _is_average(frame, rest[0], names[lead + times :], order):
            rest = rest[1:]  # Kraken's average price comes before the volume
        renamed |= dict(zip(names[lead + times :], order, strict=False))
        renamed |= dict(zip(rest, ("volume",), strict=False))
        if len(rest) == len(_OKX) and _says_what_is_finished(frame[rest[-1]]):
            renamed |= dict(zip(rest, _OKX, strict=True))
            frame = frame.with_columns(pl.col(rest[-1]).cast(pl.Float64, strict=False) == 1)
    return frame.rename(renamed), None, False


# The newest candle, first or last, is the only one that is not finished.
def _says_what_is_finished(column: pl.Series) -> bool:
    marks = column.cast(pl.Float64, strict=False).to_list()
    return {0, 1} == set(marks) and marks.count(0) == 1 and 0 in (marks[0], marks[-1])


def _is_of_symbols(column: pl.Series) -> bool:
    if column.dtype in (pl.Categorical, pl.Enum):
        return True
    return column.dtype == pl.String and bool(column.head(20).str.contains("[A-Za-z]").all())


def _is_average(frame: pl.DataFrame, name: str, prices: list[str], order: tuple[str, ...]) -> bool:
    by = dict(zip(order, prices, strict=False))
    if not frame[name].dtype.is_numeric():
        return False
    inside = pl.col(name).is_between(pl.col(by["low"]), pl.col(by["high"])) | (pl.col(name) == 0)
    return bool(frame.select(inside.all()).item())


_ORDERS: Final = (
    PRICES,
    ("low", "high", "open", "close"),
    ("open", "close", "high", "low"),
    ("high", "low", "open", "close"),
)
"""The orders of ccxt and most others, of Coinbase, of Bitfinex, and one more."""


def price_order(prices: pl.DataFrame) -> tuple[str, ...] | None:
    """Return the names of four price columns: of the known orders, the first in which
    no high is below another price; otherwise None.
    """
    if prices.width < 4 or not all(dtype.is_numeric() for dtype in prices.dtypes):
        return (
            _ORDERS[0]
            if prices.width == 4 and not any(dtype.is_numeric() for dtype in prices.dtypes)
            else None
        )
    fits = []
    for order in _ORDERS:
        named = dict(zip(order, prices.columns, strict=True))
        rest = [pl.col(named[name]) for name in ("open", "close", "low")]
        high, low = pl.col(named["high"]), pl.col(named["low"])
        ordered = (high >= pl.max_horizontal(rest)) & (low <= pl.min_horizontal(*rest[:2], high))
        if prices.select(ordered.fill_null(value=True).all()).item():
            fits.append(order)
    if not fits:
        return None
    return fits[0]  # flat bars fit all orders, and then all orders give the same
