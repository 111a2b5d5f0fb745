"""Lines beside a price: the strategy's recorded values, or polars expressions over the
bars.

The rule: a line in the range of prices is drawn over the candles, any other one below
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import polars as pl

from rbtlive.core.state.record import column
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import SettingsError
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.run_bars import SymbolBars, traded_symbols

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables

Indicators = Mapping[str, "str | pl.Expr"] | Sequence["str | pl.Expr"] | str | pl.Expr
"""Names of recorded values, polars expressions over open, high, low, close and volume,
or both by the name of the line.
"""
COLOURS = ("#8e63b8", "#2a9d8f", "#b8860b", "#c2527f")
"""Purple, teal, gold and rose: different from the candles' blue and orange."""
_MOST_BY_ITSELF = 4
_NEAR = 0.5
"""Nine of ten values of a line over the candles are at most this far from the close."""


class IndicatorLine(NamedTuple):
    """A line to draw.

    Attributes:
        name: Its name in the legend.
        us: Moments, µs UTC.
        values: Its values, NaN for missing ones.
        on_price: Whether it is in the range of prices.
    """

    name: str
    us: NDArray[np.int64]
    values: NDArray[np.float64]
    on_price: bool


def indicator_lines(
    result: ResultTables, symbol: str, seen: SymbolBars, wanted: Indicators | None
) -> list[IndicatorLine]:
    """Return the lines to draw beside the price of a symbol.

    Args:
        result: The run.
        symbol: Symbol of the bars.
        seen: Its bars within the run.
        wanted: The lines to draw; None draws recorded values in the range of prices, if
            only one symbol was traded.

    Raises:
        SettingsError: no recorded value has that name, or an expression fails.
    """
    recorded = _recorded(result)
    if wanted is None:
        alone = len(traded_symbols(result.record)) == 1
        lines = [_line(name, *values, seen) for name, values in recorded.items() if alone]
        return [line for line in lines if line.on_price][:_MOST_BY_ITSELF]
    return [
        _line(name, *_values_of(what, result, symbol, recorded), seen)
        for name, what in _named(wanted)
    ]


def _named(wanted: Indicators) -> list[tuple[str, str | pl.Expr]]:
    if isinstance(wanted, Mapping):
        return [(str(name), what) for name, what in wanted.items()]
    several = [wanted] if isinstance(wanted, (str, pl.Expr)) else list(wanted)
    return [(what if isinstance(what, str) else _name_of(what), what) for what in several]


def _name_of(expression: pl.Expr) -> str:
    return str(expression).replace('col("close")', "close")


Points: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float64]]"


# The recorded numbers, one per session.
def _recorded(result: ResultTables) -> dict[str, Points]:
    sessions = result.record.sessions
    closes = np.array([us_of(moment) for moment in column(sessions, "close")], dtype=np.int64)
    rows: list[Mapping[str, Any]] = column(sessions, "recorded")
    names = dict.fromkeys(str(name) for row in rows for name in row)
    found = {}
    for name in names:
        values = np.array([_number(row.get(name)) for row in rows])
        if not np.isnan(values).all():
            found[name] = (closes, values)
    return found


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _values_of(
    what: object, result: ResultTables, symbol: str, recorded: Mapping[str, Points]
) -> Points:
    if isinstance(what, str):
        if what not in recorded:
            raise SettingsError(
                f"indicators must name recorded numbers, or be polars expressions: was {what!r}, "
                f"and recorded were {list(recorded) or 'none'}"
            )
        return recorded[what]
    if not isinstance(what, pl.Expr):
        raise SettingsError(
            f"indicators must be names or polars expressions: was {what!r:.100} "
            f"({type(what).__name__}); pass e.g. pl.col('close').rolling_mean(20)"
        )
    assert result.bars is not None  # there are candles
    bars = result.bars.of(symbol)
    frame = pl.DataFrame({name: getattr(bars, name) for name in SymbolBars._fields[1:]})
    try:
        values = frame.select(what.cast(pl.Float64).alias("value"))["value"]
    except pl.exceptions.PolarsError as error:
        raise SettingsError(
            f"an indicator must be an expression over {', '.join(frame.columns)}: {what} failed "
            f"with {error}"
        ) from error
    if len(values) != len(frame):
        raise SettingsError(f"an indicator must have a value a bar: {what} has {len(values)}")
    return bars.us, values.fill_null(float("nan")).to_numpy()


def _line(
    name: str, us: NDArray[np.int64], values: NDArray[np.float64], seen: SymbolBars
) -> IndicatorLine:
    inside = (us >= seen.us[0]) & (us <= seen.us[-1])
    us, values = us[inside], values[inside]
    return IndicatorLine(name, us, values, _is_of_prices(us, values, seen))


# A line over the candles stays near them; an oscillator of the same magnitude does not.
def _is_of_prices(us: NDArray[np.int64], values: NDArray[np.float64], seen: SymbolBars) -> bool:
    places = np.minimum(np.searchsorted(seen.us, us), len(seen.us) - 1)
    prices = seen.close[places]
    known = ~(np.isnan(values) | np.isnan(prices)) & (prices != 0.0)
    if not known.any():
        return False
    apart = np.abs(values[known] / prices[known] - 1.0)
    return bool(np.quantile(apart, 0.9) < _NEAR)
