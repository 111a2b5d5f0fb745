"""Windows for `data.history`: one or several assets, one or several fields.

The rule: a repeated request for a window of the run's own bars is one slice of a kept
array; any other request takes the slow path and gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import index as as_index
from typing import Any, TypeVar

import polars as pl

from rbtlive.core.shown.arguments import all_are_assets, check_asset, is_many, refuse
from rbtlive.core.shown.field_names import SLICED_FIELDS, check_window_field
from rbtlive.core.shown.own_assets import OwnAssets
from rbtlive.core.shown.polars_presenter import exactly
from rbtlive.core.shown.presenter import Presenter
from rbtlive.core.shown.whole_list import whole_list
from rbtlive.data.bars.market import Market
from rbtlive.data.windows.history import KEPT_FRAMES
from rbtlive.data.windows.windows import Span
from rbtlive.model.asset import Equity

Kept = TypeVar("Kept")


def bar_count_of(bar_count: Any, method: str) -> int:
    """Return the number of bars requested.

    Raises:
        TypeError: `bar_count` is not a whole number.
        ValueError: it is less than one.
    """
    try:
        count = as_index(bar_count)
    except TypeError:
        refuse("bar_count", bar_count, method, "a whole number")
    if count < 1:
        raise ValueError(f"bar_count in data.{method}() must be 1 or more: was {bar_count}")
    return count


# Remembers a path for a group of assets, but not all groups of a universe that changes
# every day.
def _keep(known: dict[tuple[object, ...], Kept], assets: tuple[object, ...], found: Kept) -> None:
    if len(known) >= KEPT_FRAMES:
        known.clear()
    known[assets] = found


class HistoryWindows:
    """Windows that end at the market's cursor, in the run's kind of frame.

    Args:
        market: The market.
        presenter: Converts windows to the run's frames.
        index: Index of each asset of the run.
        exact_series: Whether windows are polars frames, which the market uses itself
            and which can be exact.
    """

    def __init__(
        self, market: Market, presenter: Presenter, index: OwnAssets, *, exact_series: bool
    ) -> None:
        self._market = market
        self._presenter = presenter
        self._index = index
        self._exact_series = exact_series

    def several_assets(self, assets: list[Any], fields: Any, bar_count: Any, frequency: str) -> Any:
        """Return a window of several assets; if they were requested together before,
        they are not checked one by one.
        """
        market, chosen = self._market, tuple(assets)
        try:
            cut, first = market.quick.frames[fields][chosen]
            low = market.seen + 1 - bar_count
            if first <= low <= market.seen and all_are_assets(chosen):
                return cut(low, bar_count)
        except (
            KeyError,
            TypeError,
        ):  # a first request, several fields, or an invalid count
            pass
        shown = self.long_way(assets, fields, bar_count_of(bar_count, "history"), frequency, None)
        if type(fields) is str and fields in SLICED_FIELDS:
            quick, indices = market.quick, tuple([asset.index for asset in assets])
            found = (
                quick.frame(indices, fields)
                if self._exact_series
                else self._frame_cutter(chosen, indices, fields)
            )
            if found is not None:
                _keep(quick.frames.setdefault(fields, {}), chosen, found)
        return shown

    def several_fields(
        self, asset: object, fields: list[Any], bar_count: Any, frequency: str
    ) -> Any:
        """Return a window of several fields of one asset, the same way."""
        market = self._market
        try:
            names = tuple(fields)
            cut, first = market.quick.field_frames[names][asset]
            low = market.seen + 1 - bar_count
            if first <= low <= market.seen and type(asset) is Equity:
                return cut(low, bar_count)
        except (KeyError, TypeError):
            pass
        shown = self.long_way(asset, fields, bar_count_of(bar_count, "history"), frequency, None)
        index = self._index.number_of(asset)
        if index is not None and SLICED_FIELDS.issuperset(names):
            found = market.quick.fields(index, fields)
            if found is not None:
                known = market.quick.field_frames
                if len(known) >= KEPT_FRAMES:
                    known.clear()
                known.setdefault(names, {})[asset] = found
        return shown

    def _frame_cutter(
        self, chosen: tuple[Any, ...], indices: tuple[int, ...], field: str
    ) -> tuple[Callable[[int, int], Any], int] | None:
        market = self._market
        found = market.quick.matrix(indices, field)
        if found is None:
            return None
        cut = self._presenter.frame_cutter(market.table, chosen, found[0])
        return None if cut is None else (cut, found[1])

    def make_fast(self, assets: Any, fields: object) -> None:
        """Make later requests for one field of one asset slices of its column."""
        index = self._index.number_of(assets)
        if index is None or type(fields) is not str or fields not in SLICED_FIELDS:
            return
        quick, table = self._market.quick, self._market.table
        window = quick.window(index, fields)
        if window is not None and not self._exact_series:
            shown = self._presenter.cutter(table, assets, field=fields)
            window = None if shown is None else (shown, window[1])
        if window is not None:
            quick.windows.setdefault(fields, {})[assets] = window

    def make_arrays_fast(
        self, chosen: tuple[object, ...], indices: tuple[int, ...], field: str
    ) -> None:
        """Make later requests for a field of these assets as an array slices."""
        quick = self._market.quick
        found = quick.matrix(indices, field) if field in SLICED_FIELDS else None
        if found is not None and all_are_assets(chosen):
            _keep(quick.arrays.setdefault(field, {}), chosen, found)

    def long_way(
        self,
        assets: Any,
        fields: Any,
        bar_count: int,
        frequency: object,
        dtype: object,
        *,
        partial: bool = True,
    ) -> Any:
        """Return any window by the slow path; the arguments are those of
        `data.history`.

        Raises:
            TypeError: an argument is of the wrong type.
            ValueError: a field or the frequency is invalid.
        """
        many_assets, many_fields = is_many(assets), is_many(fields)
        chosen = whole_list(assets) if many_assets else [assets]
        names = whole_list(fields) if many_fields else [fields]
        for asset in chosen:
            check_asset(self._index, asset, "history")
        for name in names:
            check_window_field(self._market, name, "history")
        if not names:
            raise ValueError(
                f"fields in data.history() must name at least one field: was {fields!r}"
            )
        if not isinstance(frequency, str):
            refuse("frequency", frequency, "history", "text such as '1d' or '1m'")
        span = self._market.windows.span(bar_count, frequency, partial=partial)
        shown = self._shown(
            span, chosen if many_assets else assets, names if many_fields else fields
        )
        if dtype is None or dtype == pl.Float64:
            return shown
        if self._exact_series and (dtype is pl.Decimal or isinstance(dtype, pl.Decimal)):
            return exactly(shown)
        raise TypeError(
            f"dtype in data.history() must be None or pl.Decimal with polars frames: was {dtype!r}"
        )

    def _shown(self, span: Span, assets: Any, fields: Any) -> Any:
        market, presenter = self._market, self._presenter
        if isinstance(assets, list):
            if isinstance(fields, list):
                return presenter.long_frame(market, span, assets, fields=fields)
            return presenter.by_asset(market, span, assets, field=fields)
        if isinstance(fields, list):
            return presenter.by_field(market, span, assets, fields=fields)
        return presenter.series(market, span, assets, field=fields)
