"""How values are shown to strategies: polars shapes and exact numbers, or zipline's
pandas shapes and floats.

The rule: both show the same values; only their kinds differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from operator import is_
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import polars as pl

from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.windows.windows import Span
from rbtlive.errors import SettingsError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, MONEY_QUANTUM, Figure, Number, to_decimal

if TYPE_CHECKING:
    import pandas as pd

    from rbtlive.data.bars.bar_table import BarTable

Cut: TypeAlias = Callable[[int, int], Any]

EXACT = pl.Decimal(38, 12)
"""What `dtype=pl.Decimal` gives in histories."""

_KEPT_NUMBERS = 200_000
_MISSING = Number("NaN")


class Presenter(Protocol):
    """What a strategy is shown, by kind of value."""

    name: Literal["polars", "pandas"]

    @property
    def fast_price(self) -> Callable[[float], Any] | None:
        """What shows a price that is not missing, at the least cost; None shows it as
        it is.
        """
        ...

    def number(self, value: Decimal) -> Figure:
        """Show money."""
        ...

    def amount(self, value: Decimal) -> Figure:
        """Show a number of shares."""
        ...

    def price(self, value: float) -> Figure:
        """Show a price; NaN is a missing one."""
        ...

    def volume(self, value: float) -> Figure:
        """Show a traded volume."""
        ...

    def timestamp(self, moment: int | datetime) -> datetime:
        """Show a moment, given in µs UTC or as an aware date-time."""
        ...

    def session(self, label: date) -> date:
        """Show a session label."""
        ...

    def no_time(self) -> Any:
        """Show a moment that never was."""
        ...

    def timestamps(self, us: NDArray[np.int64]) -> Any:
        """Show moments, given in µs UTC."""
        ...

    def present_asset(self, asset: Asset) -> Asset:
        """Return the object that stands for an asset; the same one each time."""
        ...

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: Any) -> Any:
        """Show one value a key."""
        ...

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> Any:
        """Show a yes or no for each key."""
        ...

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> Any:
        """Show several fields of several assets."""
        ...

    def weights(self, weights: Mapping[Asset, Decimal]) -> Any:
        """Show fractions of the portfolio, by asset."""
        ...

    def record_name(self, name: Any) -> str:
        """Return the column name of something recorded under a name that is no text."""
        ...

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> Any:
        """Show a window: one asset, one field."""
        ...

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> Cut | None:
        """Return what cuts windows of one asset out of a column of a table as it is,
        and shows them as `series` does; None where there is nothing better than that.
        """
        ...

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> Cut | None:
        """The same for several assets, given what cuts their values as an array."""
        ...

    def by_asset(self, market: Market, span: Span, assets: Sequence[Asset], *, field: str) -> Any:
        """Show a window: several assets, one field."""
        ...

    def by_field(self, market: Market, span: Span, asset: Asset, *, fields: Sequence[str]) -> Any:
        """Show a window: one asset, several fields."""
        ...

    def long_frame(
        self, market: Market, span: Span, assets: Sequence[Asset], *, fields: Sequence[str]
    ) -> Any:
        """Show a window: several assets, several fields."""
        ...


# Each distinct float as a Number, made when it is first asked for. Once it is known no
# code of Python runs.
class _Numbers(dict[float, Number]):
    def __missing__(self, value: float) -> Number:
        if isnan(value):
            return _MISSING
        if len(self) >= _KEPT_NUMBERS:
            self.clear()
        number = self[value] = Number(to_decimal(value))
        return number


class PolarsPresenter:
    """Exact numbers, datetimes and polars frames."""

    name: Literal["polars", "pandas"] = "polars"

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self.fast_price = self._numbers.__getitem__

    # The class itself, which is a call less than a method.
    number: Callable[[Decimal], Number] = staticmethod(Number)
    amount: Callable[[Decimal], Number] = staticmethod(Number)

    def price(self, value: float) -> Number:
        """Return a price as a Number, NaN if it is missing; each distinct float is
        converted once.
        """
        return self._numbers[value]

    def volume(self, value: float) -> Number:
        """Return a volume as a Number, without a fraction if it has none."""
        return Number(int(value)) if value == int(value) else self.price(value)

    def timestamp(self, moment: int | datetime) -> datetime:
        """Return a moment as an aware UTC date-time."""
        return moment if isinstance(moment, datetime) else datetime_of(moment)

    def session(self, label: date) -> date:
        """Return a session label as it is."""
        return label

    def no_time(self) -> None:
        """Return None."""
        return

    def timestamps(self, us: NDArray[np.int64]) -> pl.Series:
        """Return moments as a Series of Datetime (µs, UTC)."""
        return pl.Series("date", us).cast(pl.Datetime("us", "UTC"))

    def present_asset(self, asset: Asset) -> Asset:
        """Return the asset itself."""
        return asset

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: Any) -> dict[Any, Any]:  # noqa: ARG002 -- pandas names its Series
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> dict[Any, bool]:
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> pl.DataFrame:
        """Return `symbol` and one column a field; prices and volumes are Float64; null
        where missing.
        """
        shown: dict[str, Any] = {
            "symbol": pl.Series([asset.symbol for asset in assets], dtype=pl.String)
        }
        for field, values in columns.items():
            numbers = all(isinstance(value, Decimal) for value in values)
            shown[field] = _floats(values) if numbers else pl.Series(_known(values), strict=False)
        return pl.DataFrame(shown)

    def weights(self, weights: Mapping[Asset, Decimal]) -> dict[Asset, Number]:
        """Return a dict of Numbers."""
        return {asset: Number(weight) for asset, weight in weights.items()}

    def record_name(self, name: Any) -> str:
        """Return an asset's symbol, or the text of anything else."""
        return _record_name(name)

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> None:
        """Return None: `FastReads` cuts Series of Polars itself."""

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> None:
        """Return None: it gives frames of Polars as well."""

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> pl.Series:
        """Return a Float64 Series named by symbol, oldest first."""
        return market.windows.series(asset.index, field, span)

    def by_asset(
        self, market: Market, span: Span, assets: Sequence[Asset], *, field: str
    ) -> pl.DataFrame:
        """Return `date` and one Float64 column an asset, named by symbol."""
        return market.windows.frame(tuple(asset.index for asset in assets), field, span)

    def by_field(
        self, market: Market, span: Span, asset: Asset, *, fields: Sequence[str]
    ) -> pl.DataFrame:
        """Return `date` and one Float64 column a field."""
        columns = [market.windows.series(asset.index, field, span).alias(field) for field in fields]
        return pl.DataFrame([market.windows.dates(span), *columns])

    def long_frame(
        self, market: Market, span: Span, assets: Sequence[Asset], *, fields: Sequence[str]
    ) -> pl.DataFrame:
        """Return `date`, `symbol` and one Float64 column a field, ordered by date, then
        as the assets were asked for.
        """
        rows, width = span.rows, len(assets)
        dates = market.windows.dates(span)
        order = np.arange(rows).repeat(width)
        shown: dict[str, Any] = {
            "date": dates.gather(order),
            "symbol": pl.Series([asset.symbol for asset in assets] * rows, dtype=pl.String),
        }
        for field in fields:
            values = np.empty((rows, width))
            for place, asset in enumerate(assets):
                values[:, place] = market.windows.values(asset.index, field, span)
            shown[field] = pl.Series(values.reshape(-1), dtype=pl.Float64)
        return pl.DataFrame(shown)


def exactly(shown: pl.Series | pl.DataFrame) -> Any:
    """Turn the Float64 columns of a window into Decimal(38, 12), each value by its
    shortest decimal text; a missing one is null.
    """
    if isinstance(shown, pl.DataFrame):
        floats = [column for column in shown.columns if shown.schema[column] == pl.Float64]
        return shown.with_columns([exactly(shown[column]) for column in floats])
    values = [
        None if isnan(value) else to_decimal(value).quantize(MONEY_QUANTUM, context=ENGINE_CONTEXT)
        for value in shown.to_list()
    ]
    return pl.Series(shown.name, values, dtype=EXACT)


# A fetched text that an asset does not have is NaN like a number; beside texts Polars
# can do nothing with it.
def _known(values: Sequence[Any]) -> list[Any]:
    return [None if isinstance(value, Decimal) and value.is_nan() else value for value in values]


def _floats(values: list[Any]) -> pl.Series:
    return pl.Series(
        np.array([float(value) for value in values], dtype=np.float64), nan_to_null=True
    )


def _record_name(name: Any) -> str:
    return name.symbol if isinstance(name, Asset) else str(name)


_LAST_PANDAS_DATE = date(2262, 4, 11)  # the end of an asset that has none lies far behind it

# One object stands for an asset in all runs over its portal, so that frames of two runs
# hold equal assets. Its key is alive as long as the portal; an asset that is presented
# already stands for itself.
_PRESENTED: WeakKeyDictionary[Asset, Asset] = WeakKeyDictionary()

# The times of all rows of a table, as an index.
_AXES: WeakKeyDictionary[BarTable, pd.DatetimeIndex] = WeakKeyDictionary()


class PandasPresenter:
    """zipline's own kinds: floats, ints, pandas Timestamps, Series and DataFrames."""

    name: Literal["polars", "pandas"] = "pandas"
    fast_price = None

    def __init__(self) -> None:
        import pandas as pd

        self._pd = pd
        self._copies_on_write = int(pd.__version__.split(".", maxsplit=1)[0]) >= 3
        self._labelled: tuple[list[Any], Any] = ([], pd.Index([], dtype=object))

    def number(self, value: Decimal) -> float:
        """Return money as a float."""
        return float(value)

    def amount(self, value: Decimal) -> int | float:
        """Return shares as an int, or a float if there is a fraction."""
        whole = int(value)
        return whole if whole == value else float(value)

    def price(self, value: float) -> float:
        """Return a price as it is."""
        return value

    def volume(self, value: float) -> int | float:
        """Return a volume as an int, or a float if there is a fraction."""
        whole = int(value)
        return whole if whole == value else value

    def timestamp(self, moment: int | datetime) -> pd.Timestamp:
        """Return a moment as a Timestamp in UTC."""
        us = us_of(moment) if isinstance(moment, datetime) else moment
        return self._pd.Timestamp(us * 1000, tz="UTC")

    def session(self, label: date) -> pd.Timestamp:
        """Return a session label as a naive midnight Timestamp; a date beyond what
        pandas can tell as the last one it can.
        """
        known = label if label.year < _LAST_PANDAS_DATE.year else _LAST_PANDAS_DATE
        return self._pd.Timestamp(known).as_unit("ns")

    def no_time(self) -> Any:
        """Return NaT."""
        return self._pd.NaT

    def timestamps(self, us: NDArray[np.int64]) -> pd.DatetimeIndex:
        """Return moments as a DatetimeIndex in UTC."""
        nanoseconds = us * 1000
        return self._pd.DatetimeIndex(nanoseconds.view("datetime64[ns]")).tz_localize("UTC")

    def present_asset(self, asset: Asset) -> Asset:
        """Return the asset with Timestamps for its dates; the same object each time."""
        if isinstance(asset.start_date, self._pd.Timestamp):
            return asset
        known = _PRESENTED.get(asset)
        if known is None:
            values = {part.name: getattr(asset, part.name) for part in fields(asset)}
            for name in ("start_date", "end_date", "auto_close_date"):
                values[name] = self.session(values[name])
            values["tick_size"] = float(values["tick_size"])
            known = type(asset)(**values)
            _PRESENTED[asset] = known
        return known

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: Any) -> pd.Series[Any]:
        """Return a Series indexed by the keys."""
        return self._pd.Series(list(values), index=self._labels(keys), name=name)

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> pd.Series[Any]:
        """Return a boolean Series indexed by the keys."""
        return self._pd.Series(list(values), index=self._labels(keys), dtype=bool)

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> pd.DataFrame:
        """Return a frame: assets down, fields across."""
        return self._pd.DataFrame(columns, index=self._labels(assets))

    def weights(self, weights: Mapping[Asset, Decimal]) -> pd.Series[Any]:
        """Return a Series of floats indexed by asset."""
        values = [float(weight) for weight in weights.values()]
        return self._pd.Series(values, index=self._labels(list(weights)), dtype=float)

    def record_name(self, name: Any) -> str:
        """Return an asset's symbol, or the text of anything else."""
        return _record_name(name)

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> Cut | None:
        """Return what cuts a window (first row, number of rows) as `series` gives it;
        None where a cut of one long Series would not be a copy, before pandas 3.
        """
        if not self._copies_on_write or table.base or not table.frozen:
            return None
        values = table.whole_column(asset.index, "close" if field == "price" else field)
        axis = self._whole_axis(table)
        rows = self._pd.Series(np.array(values), index=axis, name=asset).iloc
        return lambda low, count: rows[low : low + count]

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> Cut | None:
        """Return what gives a window (first row, number of rows) as `by_asset` does.

        Args:
            table: What windows are cut from.
            assets: The columns.
            matrix: Gives their values over rows low to high - 1, rows x assets.
        """
        if table.base or not table.frozen:
            return None
        made, labels = self._pd.DataFrame, self._labels(assets)
        axis = self._whole_axis(table)

        def cut(low: int, count: int) -> pd.DataFrame:
            high = low + count
            return made(matrix(low, high).copy(), index=axis[low:high], columns=labels.view())

        return cut

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> pd.Series[Any]:
        """Return a Series named by the asset, indexed by session labels or minutes."""
        values = market.windows.values(asset.index, field, span)
        return self._pd.Series(np.array(values), index=self._axis(market, span), name=asset)

    def by_asset(
        self, market: Market, span: Span, assets: Sequence[Asset], *, field: str
    ) -> pd.DataFrame:
        """Return a frame: time down, assets across."""
        matrix = market.windows.matrix(tuple([asset.index for asset in assets]), field, span)
        return self._pd.DataFrame(
            matrix.copy(), index=self._axis(market, span), columns=self._labels(assets)
        )

    def by_field(
        self, market: Market, span: Span, asset: Asset, *, fields: Sequence[str]
    ) -> pd.DataFrame:
        """Return a frame: (time, asset) down, fields across."""
        return self.long_frame(market, span, [asset], fields=fields)

    def long_frame(
        self, market: Market, span: Span, assets: Sequence[Asset], *, fields: Sequence[str]
    ) -> pd.DataFrame:
        """Return a frame: (time, asset) down, in order of both, fields across; the
        level of assets has no name, as in zipline.
        """
        ordered = sorted(assets)
        axis = self._axis(market, span)
        first = assets[0].index if len(assets) else None
        columns = {
            field: self._matrix(market, span, ordered, field=field, like=first).reshape(-1)
            for field in fields
        }
        time_name = "date" if axis.tz is None else "date_time"
        rows = self._pd.MultiIndex.from_product(
            [axis, self._labels(ordered)], names=[time_name, None]
        )
        frame = self._pd.DataFrame(columns, index=rows)
        frame.columns.name = "fields"
        return frame

    def _matrix(
        self,
        market: Market,
        span: Span,
        assets: Sequence[Asset],
        *,
        field: str,
        like: int | None = None,
    ) -> Any:
        matrix = np.empty((span.rows, len(assets)))
        for place, asset in enumerate(assets):
            matrix[:, place] = market.windows.values(asset.index, field, span, like=like)
        return matrix

    # Every window of a table that stays as it is is cut from one index: to make one
    # takes ten times as long.
    def _axis(self, market: Market, span: Span) -> pd.DatetimeIndex:
        table = span.history.table
        if span.dates is None and table.frozen and (table.interval.intraday or not span.today):
            return self._whole_axis(table)[span.low : span.high]
        return self._index_of(market.windows.dates(span))

    def _whole_axis(self, table: BarTable) -> pd.DatetimeIndex:
        whole = _AXES.get(table)
        if whole is None:
            whole = _AXES[table] = self._index_of(table.dates(0, table.rows))
        return whole

    def _index_of(self, dates: pl.Series) -> pd.DatetimeIndex:
        if dates.dtype == pl.Date:
            return self._pd.DatetimeIndex(dates.to_numpy().astype("datetime64[ns]"))
        return self.timestamps(dates.dt.epoch("us").to_numpy())

    # An index of objects: pandas must not look into them. It never changes, so that the
    # one made last serves as long as the same things are asked for.
    def _labels(self, keys: Sequence[Any]) -> Any:
        if keys and isinstance(keys[0], str):
            return self._pd.Index(list(keys))
        known, index = self._labelled
        if len(known) != len(keys) or not all(map(is_, known, keys)):
            index = self._pd.Index(list(keys), dtype=object)
            self._labelled = (list(keys), index)
        return index.view()


def get_presenter(name: str) -> Presenter:
    """Return the frames of a run.

    Raises:
        SettingsError: the name is neither "polars" nor "pandas".
    """
    if name == "polars":
        return PolarsPresenter()
    if name == "pandas":
        return PandasPresenter()
    raise SettingsError(f"frames must be 'polars' or 'pandas': was {name!r}")
