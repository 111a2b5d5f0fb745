"""Columns other than bars: contracts, corporate actions, currencies.

The rule: a column that would change the bars and is not used is reported.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rbtlive.data.reading.column_roles import plain

_EXPIRIES: Final = (
    "expiry", "expiration", "expirationdate", "expirydate", "expdate", "exdate", "maturity",
    "maturitydate", "contractmonth", "deliverymonth", "lasttradedate", "lasttradingday",
)  # fmt: skip
_STRIKES: Final = ("strike", "strikeprice", "strikeprc")
_SIDES: Final = (
    "right", "optiontype", "putcall", "callput", "cpflag", "type", "optiontypecode", "cp",
)  # fmt: skip
_ACTIONS: Final = (
    "dividends", "dividend", "divcash", "exdividend", "dividendamount", "stocksplits", "split",
    "splits", "splitratio", "splitfactor", "splitcoefficient", "capitalgains",
)  # fmt: skip
"""Sources: yfinance, Tiingo, Nasdaq Data Link's WIKI, Alpha Vantage, zipline's csvdir.
"""
_CURRENCIES: Final = ("currency", "ccy", "wahrung", "waehrung", "devise", "moneda", "valuta")


def contract_columns(frame: pl.DataFrame) -> list[str]:
    """Return the columns that distinguish contracts of one underlying: expiry, strike,
    and option side; none if there is neither an expiry nor a strike.
    """
    short = {plain(name): name for name in frame.columns}
    expiries = [short[name] for name in _EXPIRIES if name in short]
    strikes = [short[name] for name in _STRIKES if name in short]
    if not expiries and not strikes:
        return []
    sides = [short[name] for name in _SIDES if name in short] if strikes else []
    return [*expiries[:1], *strikes[:1], *sides[:1]]


def notes_of(frame: pl.DataFrame) -> list[str]:
    """Return notes on unused columns of a table that may matter: dividends, splits,
    several currencies.
    """
    notes = []
    for name in frame.columns:
        short, column = plain(name), frame[name]
        if short in _ACTIONS and column.dtype.is_numeric():
            values = column.cast(pl.Float64).fill_nan(None)
            given = int(((values != 0) & (values != 1)).sum())
            if given:
                notes.append(
                    f"column {name!r} has {given:,} value{'s' * (given > 1)} and is left aside: "
                    "bars are taken as they are; where they are prices as traded, pass splits "
                    "and dividends to PolarsDataPortal(splits=, dividends=)"
                )
        elif short in _CURRENCIES and column.dtype == pl.String and column.n_unique() > 1:
            listed = ", ".join(column.drop_nulls().unique().sort().to_list()[:5])
            notes.append(f"prices in {listed} are not converted: a run adds them up as one")
    return notes
