"""Reference data of assets: their identity, splits and dividends.

The rule: these tables are small, so every row is checked on its own, and the error for
a wrong row names it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, Final

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.checking.frames import read_frame, require_columns
from rbtlive.data.checking.typed_columns import (
    date_column,
    number_column,
    refuse_null,
    row_words,
    symbol_column,
)
from rbtlive.errors import (
    InvalidAsset,
    InvalidDividend,
    InvalidSplit,
    OutsideCalendar,
    UnknownSymbol,
    WrongColumnType,
)
from rbtlive.model.arrays import np
from rbtlive.model.asset import Equity
from rbtlive.model.asset_class import ASSET_CLASSES, AssetClass, class_of, quote_of
from rbtlive.model.given import is_one_of
from rbtlive.model.number import to_decimal

_DATES: Final = ("start_date", "end_date", "auto_close_date")
_SIZES: Final = ("lot_size", "tick_size")
_DECIMAL: Final = re.compile(r"\d{1,12}(\.\d{1,18})?")
_WORDS: Final = ("asset_class", "quote_currency")


@dataclass(frozen=True, slots=True)
class Split:
    """A split, effective before the session opens.

    Attributes:
        asset: Index of the asset in its portal.
        session: Number of the first session on or after the effective date.
        ratio: New price / old price; 0.5 is two for one.
    """

    asset: int
    session: int
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class Dividend:
    """A cash dividend.

    Attributes:
        asset: Index of the asset in its portal.
        ex_date: Holders of the asset at the start of this day earn the dividend.
        ex_session: Number of the first session on or after the ex date.
        pay_date: Date of payment; None if unknown.
        pay_session: Number of the first session on or after the pay date; None if
            unknown.
        pay_is_session: Whether the pay date itself is a session.
        amount: Money per share, in the asset's currency.
        ex_is_session: Whether the ex date itself is a session.
    """

    asset: int
    ex_date: date
    ex_session: int
    pay_date: date | None
    pay_session: int | None
    pay_is_session: bool
    amount: Decimal
    ex_is_session: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Typed rows of one of the small tables. `what` is its name in messages, `columns`
    are the user's columns.
    """

    what: str
    frame: pl.DataFrame

    def rows(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows as dicts."""
        return self.frame.iter_rows(named=True)

    def last_date(self) -> date | None:
        """Return the latest date in any column that a calendar must reach."""
        names = [
            name for name in ("effective_date", "ex_date", "pay_date") if name in self.frame.columns
        ]
        dates: list[Any] = [self.frame[name].max() for name in names]
        return max((day for day in dates if day is not None), default=None)


def read_assets(source: object) -> Table:
    """Read the assets table: `symbol`, and any of `sid`, dates and sizes.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    names = ("symbol", "sid", *_DATES, *_SIZES, *_WORDS)
    raw = _read(source, what="assets", required=("symbol",), optional=names[1:])
    columns = [symbol_column(raw, what="assets")]
    if "sid" in raw.columns:
        columns.append(_sid_column(raw))
    columns += [date_column(raw, name, what="assets") for name in _DATES if name in raw.columns]
    columns += [
        number_column(_sizes_of_text(raw, name), name, what="assets", exact=True)
        for name in _SIZES
        if name in raw.columns
    ]
    columns += [_word_column(raw, name) for name in _WORDS if name in raw.columns]
    return Table("assets", pl.DataFrame(columns))


# Sizes like 0.00000001 are often written as text, so that no digit is lost.
def _sizes_of_text(raw: pl.DataFrame, name: str) -> pl.DataFrame:
    if raw[name].dtype != pl.String:
        return raw
    texts = raw[name].str.strip_chars()
    if not all(text is None or _DECIMAL.fullmatch(text) for text in texts):
        return raw  # the caller reports the wrong type
    sizes = [None if text is None else Decimal(text) for text in texts]
    return raw.with_columns(pl.Series(name, sizes, dtype=pl.Decimal(38, 18)))


def _word_column(raw: pl.DataFrame, name: str) -> pl.Series:
    column = raw[name]
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        raise WrongColumnType(
            f"column {name!r} of assets must hold text: was {column.dtype}; cast it"
        )
    return column.cast(pl.String)


def read_splits(source: object) -> Table:
    """Read the splits table: `symbol`, `effective_date`, `ratio`.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    raw = _read(source, what="splits", required=("symbol", "effective_date", "ratio"))
    refuse_null(raw, "effective_date", what="splits")
    return Table(
        "splits",
        pl.DataFrame(
            [
                symbol_column(raw, what="splits"),
                date_column(raw, "effective_date", what="splits"),
                number_column(raw, "ratio", what="splits", exact=True),
            ]
        ),
    )


def read_dividends(source: object) -> Table:
    """Read the dividends table: `symbol`, `ex_date`, `pay_date` (null: unknown),
    `amount`.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    raw = _read(source, what="dividends", required=("symbol", "ex_date", "pay_date", "amount"))
    refuse_null(raw, "ex_date", what="dividends")
    return Table(
        "dividends",
        pl.DataFrame(
            [
                symbol_column(raw, what="dividends"),
                date_column(raw, "ex_date", what="dividends"),
                date_column(raw, "pay_date", what="dividends"),
                number_column(raw, "amount", what="dividends", exact=True),
            ]
        ),
    )


def make_assets(
    table: Table | None,
    life: Mapping[str, tuple[date, date]],
    *,
    exchange: str,
    asset_class: str | None = None,
) -> tuple[Equity, ...]:
    """Return the assets of the bars and of the table, in the order of their sids.

    Args:
        table: The user's assets table, or None.
        life: First and last date with a bar, by symbol.
        exchange: Name of the calendar they trade by.
        asset_class: Class of assets that the table does not classify; None uses the
            class that their symbols show.

    Raises:
        InvalidAsset: a row contradicts itself or another row.
        UnknownSymbol: the table names an asset that has neither bars nor dates.
    """
    given = {} if table is None else _told(table)
    symbols = sorted({*life, *given})
    sids = _sids(symbols, given)
    drafts = sorted((sids[symbol], symbol) for symbol in symbols)
    return tuple(
        _asset(
            symbol,
            given.get(symbol, {}),
            life=life.get(symbol),
            sid=sid,
            index=index,
            exchange=exchange,
            asset_class=asset_class,
        )
        for index, (sid, symbol) in enumerate(drafts)
    )


def make_splits(
    table: Table | None, *, index: Mapping[str, int], calendar: TradingCalendar
) -> tuple[Split, ...]:
    """Return the splits, sorted by session, then asset.

    Raises:
        InvalidSplit: a ratio is not above zero, a date is outside the calendar, or an
            asset has two splits on one day.
        UnknownSymbol: a symbol has no asset.
    """
    splits, seen = [], set()
    for row in [] if table is None else table.rows():
        words = f"splits for {row['symbol']} on {row['effective_date']}"
        ratio = _positive(row["ratio"])
        if ratio is None:
            raise InvalidSplit(
                f"ratio must be finite and above zero: was {row['ratio']!r} in {words}; two for "
                "one is 0.5, one for ten is 10"
            )
        key = (row["symbol"], row["effective_date"])
        if key in seen:
            raise InvalidSplit(
                f"(symbol, effective_date) must be unique: was twice in {words}; multiply the "
                "ratios into one"
            )
        seen.add(key)
        asset = index_of(row["symbol"], index, where="splits")
        try:
            session = calendar.at_or_after(row["effective_date"])
        except OutsideCalendar as error:
            raise InvalidSplit(
                f"effective_date must be within the calendar: was not in {words}: {error}"
            ) from error
        splits.append(Split(asset, session, ratio))
    return tuple(sorted(splits, key=lambda split: (split.session, split.asset, split.ratio)))


def make_dividends(
    table: Table | None, *, index: Mapping[str, int], calendar: TradingCalendar
) -> tuple[Dividend, ...]:
    """Return the dividends, sorted by ex date, then asset, in the table's order. An
    asset may have several on one day.

    Raises:
        InvalidDividend: an amount is negative or not finite, a date is outside the
            calendar, or a row appears twice.
        UnknownSymbol: a symbol has no asset.
    """
    dividends, seen = [], set()
    for row in [] if table is None else table.rows():
        words = f"dividends for {row['symbol']} on {row['ex_date']}"
        amount = _positive(row["amount"], or_zero=True)
        if amount is None:
            raise InvalidDividend(
                f"amount must be finite and not negative: was {row['amount']!r} in {words}; "
                "correct it or leave the row out"
            )
        key = tuple(row.values())
        if key in seen:
            raise InvalidDividend(
                f"a dividend must be given once: was twice in {words}; leave one row out"
            )
        seen.add(key)
        asset = index_of(row["symbol"], index, where="dividends")
        try:
            dividends.append(_dividend(row, asset=asset, amount=amount, calendar=calendar))
        except OutsideCalendar as error:
            raise InvalidDividend(
                f"dates must be within the calendar: were not in {words}: {error}"
            ) from error
    return tuple(
        sorted(
            dividends,
            key=lambda one: (one.ex_date, one.asset, one.pay_date or date.max, one.amount),
        )
    )


def index_of(symbol: str, index: Mapping[str, int], *, where: str) -> int:
    """Return an asset's index by its exact symbol.

    Raises:
        UnknownSymbol: the symbol has no asset; the message suggests the nearest.
    """
    if symbol in index:
        return index[symbol]
    raise UnknownSymbol(unknown_symbol_message(symbol, index, where=where))


def unknown_symbol_message(symbol: str, known: Iterable[str], *, where: str) -> str:
    """Return the message for a symbol that no asset has."""
    names = list(known)
    by_upper = {name.upper(): name for name in names}
    near = difflib.get_close_matches(symbol.upper(), by_upper, n=1, cutoff=0.6)
    listed = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    hint = f"did you mean {by_upper[near[0]]!r}?" if near else f"there are {listed}"
    return f"symbol must be an asset of the data: was {symbol!r} in {where}; {hint}"


def _read(
    source: object, *, what: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> pl.DataFrame:
    raw = read_frame(source, what=what, wanted=(*required, *optional))
    require_columns(raw, required, what=what, source=source)
    return raw


def _sid_column(raw: pl.DataFrame) -> pl.Series:
    column = number_column(raw, "sid", what="assets", exact=True)
    if column.dtype.is_float():  # CSV and pandas store whole numbers as floats
        column = column.fill_nan(None)
        broken = ((column != column.round()) | (column.abs() > 2**53)).fill_null(value=False)
        if broken.any():
            row = int(broken.arg_max() or 0)
            raise WrongColumnType(
                f"column 'sid' of assets must hold whole numbers: was {column[row]!r} in "
                f"{row_words(raw, row)}; correct it"
            )
    sids = column.cast(pl.Int64, strict=False)
    lost = sids.is_null() & column.is_not_null()
    if lost.any():
        row = int(lost.arg_max() or 0)
        raise WrongColumnType(
            f"column 'sid' of assets must hold whole numbers below 2**63: was {column[row]!r} in "
            f"{row_words(raw, row)}; correct it"
        )
    return sids


def _told(table: Table) -> dict[str, dict[str, Any]]:
    given: dict[str, dict[str, Any]] = {}
    owner: dict[int, str] = {}
    for row in table.rows():
        symbol, sid = row["symbol"], row.get("sid")
        if symbol in given:
            raise InvalidAsset(
                f"symbol must be unique in assets: was {symbol!r} twice; keep one row"
            )
        if sid is not None and sid < 0:
            raise InvalidAsset(
                f"sid must not be negative: was {sid} in assets for {symbol}; number assets from 0"
            )
        if sid is not None and sid in owner:
            raise InvalidAsset(
                f"sid must be unique in assets: was {sid} for {owner[sid]} and {symbol}; renumber "
                "one"
            )
        if sid is not None:
            owner[sid] = symbol
        given[symbol] = {name: value for name, value in row.items() if value is not None}
    return given


# Assets without a sid get the free numbers in the order of their symbols; if no asset
# has one, these are 0, 1, 2 ...
def _sids(symbols: list[str], given: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    taken = {given[symbol]["sid"] for symbol in given if "sid" in given[symbol]}
    free = (number for number in count() if number not in taken)
    return {
        symbol: int(given[symbol]["sid"]) if "sid" in given.get(symbol, {}) else next(free)
        for symbol in symbols
    }


def _asset(
    symbol: str,
    given: Mapping[str, Any],
    *,
    life: tuple[date, date] | None,
    sid: int,
    index: int,
    exchange: str,
    asset_class: str | None,
) -> Equity:
    start, end = given.get("start_date"), given.get("end_date")
    if life is not None:
        start, end = start or life[0], end or life[1]
    if start is None or end is None:
        raise UnknownSymbol(
            f"assets must have bars, or both start_date and end_date: was {symbol} without; leave "
            "the row out or give both dates"
        )
    if end < start:
        raise InvalidAsset(
            f"end_date must not be before start_date: was {end} before {start} in assets for "
            f"{symbol}; correct it"
        )
    auto_close = given["auto_close_date"] if "auto_close_date" in given else _day_after(end)
    if auto_close < start:
        raise InvalidAsset(
            f"auto_close_date must not be before start_date: was {auto_close} before {start} in "
            f"assets for {symbol}; correct it"
        )
    kind = _class(symbol, given, exchange=exchange, asset_class=asset_class)
    sizes: dict[str, Any] = {"lot_size": kind.lot_size, "tick_size": kind.tick_size}
    for name in _SIZES:
        size = _positive(given[name]) if name in given and given[name] == given[name] else None
        if size is not None:
            sizes[name] = size
        elif name in given and given[name] == given[name]:
            raise InvalidAsset(
                f"{name} must be finite and above zero: was {given[name]!r} in assets for "
                f"{symbol}; "
                "correct it"
            )
    return Equity(
        sid=sid,
        symbol=symbol,
        start_date=start,
        end_date=end,
        auto_close_date=auto_close,
        index=index,
        asset_name=symbol,
        exchange=exchange,
        asset_class=kind.name,
        quote_currency=given.get("quote_currency") or quote_of(symbol),
        **sizes,
    )


def _class(
    symbol: str, given: Mapping[str, Any], *, exchange: str, asset_class: str | None
) -> AssetClass:
    own = given.get("asset_class") or asset_class
    name = class_of(symbol, calendar=exchange) if own is None or is_one_of(own, ("",)) else own
    kind = ASSET_CLASSES.get(name or "equity") if name is None or isinstance(name, str) else None
    if kind is None:
        raise InvalidAsset(
            f"asset_class must be one of {', '.join(ASSET_CLASSES)}: was {name!r} in assets for "
            f"{symbol}; correct it"
        )
    return kind


def _dividend(
    row: Mapping[str, Any], *, asset: int, amount: Decimal, calendar: TradingCalendar
) -> Dividend:
    pay_date: date | None = row["pay_date"]
    pay_session = None if pay_date is None else calendar.at_or_after(pay_date)
    return Dividend(
        asset=asset,
        ex_date=row["ex_date"],
        ex_session=calendar.at_or_after(row["ex_date"]),
        ex_is_session=_is_session(calendar, row["ex_date"]),
        pay_date=pay_date,
        pay_session=pay_session,
        pay_is_session=pay_session is not None and _is_session(calendar, pay_date),
        amount=amount,
    )


def _positive(value: object, *, or_zero: bool = False) -> Decimal | None:
    if value is None:
        return None
    number = to_decimal(value)
    return number if number.is_finite() and (number > 0 or (or_zero and number == 0)) else None


def _is_session(calendar: TradingCalendar, day: date | None) -> bool:
    return bool(calendar.sessions_of_labels(np.array([day], dtype="datetime64[D]"))[0] >= 0)


def _day_after(day: date) -> date:
    return day if day == date.max else day + timedelta(days=1)
