"""`read`: build a portal from anything that contains bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.foreign_attributes import READ_ARGUMENTS
from rbtlive.data.forked_polars import refuse_in_forked_child
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.reading.bar_reader import read_bars
from rbtlive.data.reading.timestamps import is_zone
from rbtlive.errors import InvalidSetting
from rbtlive.model.given import is_one_of
from rbtlive.model.interval import Interval
from rbtlive.model.other_names import teaches_names

_CLASSES = ("equity", "etf", "crypto", "fx", "future", "option")


@teaches_names(READ_ARGUMENTS)
def read(
    source: object,
    *,
    symbol: str | Sequence[str] | None = None,
    interval: str | None = None,
    labels: Literal["end", "start"] | None = None,
    tz: str | None = None,
    columns: Mapping[str, str] | None = None,
    asset_class: str | None = None,
    calendar: str | None = None,
) -> PolarsDataPortal:
    """Return bars as a portal, from any source.

    Everything certain is decided: which columns are which, dates and epochs in any
    usual form, numbers as text, the interval, the zone of times that only one clock
    explains, and which end of a bar is stamped if the exchange's hours show it.
    Everything else is asked for, all at once, in an error that ends with the line to
    write. `portal.report()` lists the decisions.

    Args:
        source: A frame of pandas or polars, an Arrow table or reader, a DuckDB
            relation; a dict of frames by symbol or by field; a wide frame with one
            column per symbol; a list of rows (ccxt), dicts or objects; or a path: CSV,
            text, JSON, Parquet, Arrow, also packed (gz, zip, bz2, xz, zst), a folder of
            files, a pattern.
        symbol: The symbol of bars without one; with several symbols, the wanted one.
        interval: Length of a bar, e.g. "5m", if there are not two bars that show it.
        labels: Which end of a bar its time is: "start", as with most vendors, or "end".
            Bars are stored by their END.
        tz: Time zone of times that have none, e.g. "Europe/Berlin".
        columns: The content of columns, e.g. {"close": "PX_MID", "symbol": "RIC"}.
        asset_class: "equity", "etf", "crypto", "fx", "future" or "option".
        calendar: The exchange's calendar, e.g. "XNYS", "XETR" or "24/7".

    Raises:
        UnclearData: something is missing or ambiguous; lists all of it, and the line to
            write.
        RowsLost: more than 1 % of the rows would be left out; names the likely cause.
        DataError: a value is invalid; each kind has a class of its own.

    Example:
        >>> rows = [
        ...     [1704205800000, 100, 102, 99, 101, 5],
        ...     [1704205860000, 101, 101, 100, 100, 7],
        ... ]
        >>> read(rows, symbol="BTC/USDT").interval.text
        '1m'
    """
    refuse_in_forked_child("a look at bars")
    if labels is not None and not is_one_of(labels, ("start", "end")):
        raise InvalidSetting(f'labels must be "start" or "end": was {labels!r:.80}')
    if asset_class is not None and not is_one_of(asset_class, _CLASSES):
        raise InvalidSetting(
            f"asset_class must be one of {', '.join(_CLASSES)}: was {asset_class!r}"
        )
    if tz is not None and not (isinstance(tz, str) and is_zone(tz)):
        raise InvalidSetting(f'tz must name a time zone such as "Europe/Berlin": was {tz!r}')
    if symbol is not None and not (isinstance(symbol, str) or _all_text(symbol)):
        raise InvalidSetting(f'symbol must be text or a list of it, e.g. "AAPL": was {symbol!r}')
    if columns is not None and not isinstance(columns, Mapping):
        raise InvalidSetting(
            f'columns must be a dict such as {{"close": "PX_MID"}}: was {columns!r}'
        )
    if calendar is not None:
        get_calendar(calendar)
    if interval is not None:
        Interval.parse(interval, name="interval")
    if isinstance(source, PolarsDataPortal):
        return source
    return PolarsDataPortal.of_bars(
        read_bars(
            source,
            symbol=symbol,
            interval=interval,
            labels=labels,
            tz=tz,
            columns=columns,
            asset_class=asset_class,
            calendar=calendar,
        )
    )


def _all_text(names: object) -> bool:
    return isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
