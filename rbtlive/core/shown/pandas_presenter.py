"""Values as zipline shows them: pandas shapes and floats.

The rule: pandas is imported only when a run wants its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from operator import is_
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import polars as pl

from rbtlive.core.shown.pandas_parts import CutIndex, makers, numbers_of, series_cutter
from rbtlive.core.shown.presented import Cut, record_name
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.windows.windows import Span
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset

if TYPE_CHECKING:
    import pandas as pd

    from rbtlive.data.bars.bar_table import BarTable

_LAST_PANDAS_DATE = date(2262, 4, 11)  # an asset without an end date has one far beyond this

# One object represents an asset in all runs over its portal, so that frames of two runs
# hold equal assets. Its key lives as long as the portal; an asset that is already
# presented represents itself.
_PRESENTED: WeakKeyDictionary[Asset, Asset] = WeakKeyDictionary()

_KEPT_NAMES = 64
"""This many lists of field names keep their index."""

# The times of all rows of a table, as a pandas index.
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
        self._named: dict[tuple[Any, ...], Any] = {}  # indices of fields
        self._make = makers()
        self._days: tuple[object, CutIndex | None] = (None, None)  # of a calendar's sessions

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
        """Return a session label as a naive midnight Timestamp; a date beyond pandas'
        range becomes its last one.
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

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: object) -> pd.Series[Any]:
        """Return a Series indexed by the keys."""
        numbers = numbers_of(values)
        if numbers is not None:
            return self._make.series(numbers, self._labels(keys), name)
        return self._pd.Series(list(values), index=self._labels(keys), name=name)

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> pd.Series[Any]:
        """Return a boolean Series indexed by the keys."""
        return self._make.series(np.array(values, dtype=bool), self._labels(keys), None)

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> pd.DataFrame:
        """Return a frame: assets down, fields across."""
        if assets and all({float} == set(map(type, values)) for values in columns.values()):
            block = np.array(list(columns.values()), dtype=np.float64)
            return self._make.frame(block, self._labels(list(columns)), self._labels(assets))
        return self._pd.DataFrame(columns, index=self._labels(assets))

    def numbers(self, assets: Sequence[Asset], columns: dict[str, list[float]]) -> pd.DataFrame:
        """Return the same for prices and volumes."""
        return self.table(assets, columns)

    def weights(self, weights: Mapping[Asset, Decimal]) -> pd.Series[Any]:
        """Return a Series of floats indexed by asset."""
        values = np.array([float(weight) for weight in weights.values()], dtype=np.float64)
        return self._make.series(values, self._labels(list(weights)), None)

    def record_name(self, name: object) -> str:
        """Return an asset's symbol, or the text of anything else."""
        return record_name(name)

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> Cut | None:
        """Return a function that cuts a window (first row, number of rows) like
        `series`; None before pandas 3, where a cut of one long Series would not be a
        copy.
        """
        if not self._copies_on_write or table.base or not table.frozen:
            return None
        values = table.whole_column(asset.index, "close" if field == "price" else field)
        axis = self._whole_axis(table)
        return series_cutter(self._pd.Series(np.array(values), index=axis, name=asset))

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> Cut | None:
        """Return a function that cuts a window (first row, number of rows) like
        `by_asset`.

        Args:
            table: The table to cut windows from.
            assets: The columns.
            matrix: Returns their values over rows low to high - 1, rows x assets.
        """
        if table.base or not table.frozen:
            return None
        made, labels = self._make.frame, self._labels(assets)
        cut_axis = self._make.index_cutter(self._whole_axis(table))

        def cut(low: int, count: int) -> pd.DataFrame:
            high = low + count
            return made(matrix(low, high).T.copy(), labels.view(), cut_axis(slice(low, high)))

        return cut

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> pd.Series[Any]:
        """Return a Series named by the asset, indexed by session labels or minutes."""
        values = market.windows.values(asset.index, field, span)
        return self._make.series(np.array(values), self._axis(market, span), asset)

    def by_asset(
        self, market: Market, span: Span, assets: Sequence[Asset], *, field: str
    ) -> pd.DataFrame:
        """Return a frame: time down, assets across."""
        matrix = market.windows.matrix(tuple([asset.index for asset in assets]), field, span)
        return self._make.frame(matrix.T.copy(), self._labels(assets), self._axis(market, span))

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
        time_name = "date" if axis.tz is None else "date_time"
        labels, names = [axis, self._labels(ordered)], list(dict.fromkeys(fields))
        count, width = len(axis), len(ordered)
        if width and len(set(ordered)) == width:
            # Like `from_product`, which would first search for the distinct labels.
            codes: Any = [np.repeat(np.arange(count), width), np.tile(np.arange(width), count)]
            rows = self._pd.MultiIndex(
                levels=labels,
                codes=codes,
                names=[time_name, None],
                verify_integrity=False,
            )
        else:
            rows = self._pd.MultiIndex.from_product(labels, names=[time_name, None])
        block = np.empty((len(names), count * width))
        indices = tuple([asset.index for asset in ordered])
        for place, field in enumerate(names):
            block[place] = market.windows.matrix(indices, field, span, like=first).reshape(-1)
        columns = self._labels(names)
        columns.name = "fields"
        return self._make.frame(block, columns, rows)

    # All windows of a table that does not change are cut from one index: making an
    # index takes ten times as long.
    def _axis(self, market: Market, span: Span) -> pd.DatetimeIndex:
        table = span.history.table
        if span.dates is None and table.frozen and (table.interval.intraday or not span.today):
            return self._whole_axis(table)[span.low : span.high]
        if span.dates is None and span.today:  # past days, and today's session so far
            calendar, first = table.calendar, table.first_session
            known, cut = self._days
            if known is not calendar or cut is None:
                cut = self._make.index_cutter(self._index_of(pl.Series(calendar.labels)))
                self._days = calendar, cut
            return cut(slice(first + span.low, first + span.high + 1))
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

    # An index of objects, which pandas must not convert. It never changes, so the last
    # one is reused while the same labels are requested.
    def _labels(self, keys: Sequence[Any]) -> Any:
        if keys and isinstance(keys[0], str):
            named = tuple(keys)
            index = self._named.get(named)
            if index is None:
                if len(self._named) >= _KEPT_NAMES:
                    self._named.clear()
                index = self._named[named] = self._pd.Index(list(keys))
            return index.view()
        known, index = self._labelled
        if len(known) != len(keys) or not all(map(is_, known, keys)):
            index = self._pd.Index(list(keys), dtype=object)
            self._labelled = (list(keys), index)
        return index.view()
