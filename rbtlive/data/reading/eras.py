"""Years of the Republic of China, as Taiwan's exchanges write them: 113 is 2024.

The rule: a three-digit year at the start of a date is one of them; two digits may be
anything, so they decide nothing.

Source: twse.com.tw and tpex.org.tw, their CSV and JSON of daily trading.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import polars as pl

REPUBLIC: Final = "in years of the Republic of China"

_YEARS: Final = 1911
_FIRST, _LAST = 80, 199
_WRITTEN: Final = r"^(?:民[國国])?\s*(\d{2,3})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?"
_LONG: Final = r"^(?:民[國国]\s*\d|\d{3}\s*[-/.年]\s*\d{1,2}\s*[-/.月])"
_UNIX: Final = dt.date(1970, 1, 1).toordinal()
_BEFORE: Final = dt.date(_LAST + 1, 1, 1).toordinal() - _UNIX


def text_in_common_years(text: pl.Series) -> pl.Series | None:
    """Return texts with years converted to the common era; None if they are not such
    dates.
    """
    if not text.str.contains(_LONG).any():
        return None
    year, month, day = text.str.extract_groups(_WRITTEN).struct.unnest()
    years = year.cast(pl.Int64, strict=False)
    fits = years.is_between(_FIRST, _LAST).fill_null(value=False)
    if int(fits.sum()) < 0.9 * len(text):  # there may be totals below the rows
        return None
    rest = text.str.replace(_WRITTEN, "")
    parts = [(years + _YEARS).cast(pl.String), month.str.zfill(2), day.str.zfill(2)]
    common = pl.select(pl.concat_str(parts, separator="-")).to_series() + rest
    return common.zip_with(fits, text).alias(text.name)


def dates_in_common_years(dates: pl.Series) -> pl.Series | None:
    """Return dates that polars read as of the year 113, converted; None if they are not
    such dates.
    """
    days = dates.to_physical()
    if dates.count() == 0 or int(days.max()) >= _BEFORE:  # type: ignore[arg-type]
        return None
    years = dates.dt.year()
    if not years.drop_nulls().is_between(_FIRST, _LAST).all():
        return None
    return dates.dt.offset_by(f"{_YEARS}y")


def dates_of_numbers(whole: pl.Series) -> pl.Series | None:
    """Return numbers such as 1130102 as dates; None if they are not such dates."""
    known = whole.drop_nulls()
    if not known.is_between(1_000_101, _LAST * 10_000 + 1_231).all():
        return None
    dates = (whole + _YEARS * 10_000).cast(pl.String).str.to_date("%Y%m%d", strict=False)
    return dates if dates.null_count() == whole.null_count() else None
