"""What strategies read of the market: zipline's `data`.

The rule: it answers from the market as it is at the cursor, in the shapes of the run's
frames, and keeps nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from math import isnan
from operator import index as as_index
from typing import Any, Final, NoReturn

import polars as pl

from rbtlive.core.shown.float_bar_data import FloatBarData
from rbtlive.core.shown.own_assets import OwnAssets
from rbtlive.core.shown.presenter import PolarsPresenter, Presenter, exactly
from rbtlive.core.shown.whole_list import whole_list
from rbtlive.data.bars.market import Market
from rbtlive.data.windows.history import KEPT_FRAMES
from rbtlive.data.windows.windows import Span
from rbtlive.errors import NotBuilt
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.bar import OHLCV

CURRENT_FIELDS: Final = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "price",
    "last_traded",
    "contract",
)
HISTORY_FIELDS: Final = (*OHLCV, "price")
_SLICED: Final = frozenset(HISTORY_FIELDS)


class BarData:
    """Prices and volumes as they are known now, passed to strategies as `data`.

    Args:
        market: The market, whose cursor the core moves.
        presenter: How values are shown.
        restrictions: Says whether an asset may not be ordered at a moment, given as the
            run's frames show it.
        loose_names: Give NaN for a name that is neither asset nor field, as zipline
            does, instead of an error.
    """

    def __init__(
        self,
        market: Market,
        presenter: Presenter,
        *,
        restrictions: Callable[[Asset, Any], bool],
        loose_names: bool = False,
    ) -> None:
        self._market = market
        self._presenter = presenter
        self._restricted = restrictions
        self._loose_names = loose_names
        self._index = OwnAssets(market.assets)
        for asset in market.assets:
            self._index[asset] = self._index[presenter.present_asset(asset)] = asset.index
        self._prices: dict[str, Callable[[int], float]] = {
            "price": market.price,
            "close": market.close,
            "open": market.open_,
            "high": market.high,
            "low": market.low,
        }
        self._shown_as: dict[str, Callable[[float], Any]] = {
            **dict.fromkeys(self._prices, presenter.price),
            "volume": presenter.volume,
        }
        self._exact_series = isinstance(presenter, PolarsPresenter)
        self._moment: tuple[int, datetime] | None = None
        self.fetcher_assets: list[Any] = []
        self._numbers, self._windows = market.quick.numbers, market.quick.windows
        self.floats = FloatBarData(self, market)

    def __repr__(self) -> str:
        symbols = [asset.symbol for asset in self._market.assets]
        named = f"{', '.join(symbols[:3])}{', …' if len(symbols) > 3 else ''}"
        return f"BarData({self.current_dt:%Y-%m-%d %H:%M}, {len(symbols):,} assets: {named})"

    def release(self, restrictions: Callable[[Asset, Any], bool]) -> None:
        """Hold nothing that holds this: a run is over.

        Args:
            restrictions: Takes the place of what this was made with.
        """
        self._restricted = restrictions
        self.floats.release()

    # --- now --------------------------------------------------------------------------

    def current(self, assets: Any, fields: Any) -> Any:
        """Return the latest values.

        Args:
            assets: An asset, or several.
            fields: A field, or several: open, high, low, close (missing if nothing
                traded in this bar), volume (then 0), price (the last known close,
                adjusted to now), last_traded, an indicator, a column of fetched data.

        Returns:
            One asset, one field: a number (`last_traded`: a moment; a session label in
                a daily run). Several of one: a mapping keyed by
            them. Several of both: a frame.

        Raises:
            TypeError: `assets` or `fields` is of the wrong type.
            KeyError: there is no such field.
        """
        if type(fields) is list or type(assets) is list:
            return self._several(assets, fields)
        try:
            column, show = self._numbers[fields][assets]
            value = column[self._market.seen]
        except (KeyError, TypeError, IndexError):
            # Not asked for before; or several, which cannot be looked up; or an earlier
            # bar is seen.
            self._make_fast(assets, fields)
            return self._current(assets, fields)
        if value != value:  # noqa: PLR0124 - NaN
            return self._current(assets, fields)
        return value if show is None else show(value)

    # Several of one are that many numbers; whatever else it may be, and whatever is
    # missing, is left to the long way.
    def _several(self, assets: Any, fields: Any) -> Any:
        numbers, seen = self._numbers, self._market.seen
        shown: list[Any] = []
        try:
            if type(fields) is not list:
                keys, known, name = assets, numbers[fields], fields
                pairs = [known[asset] for asset in assets]
            elif type(assets) is not list:
                keys, name = fields, assets.symbol
                pairs = [numbers[field][assets] for field in fields]
            else:
                return self._current(assets, fields)
            for column, show in pairs:
                value = column[seen]
                if value != value:  # noqa: PLR0124 - NaN
                    return self._current(assets, fields)
                shown.append(value if show is None else show(value))
        except (KeyError, TypeError, IndexError, AttributeError):
            self._learn(assets, fields)
            return self._current(assets, fields)
        return self._presenter.mapping(list(keys), shown, name)

    def _learn(self, assets: Any, fields: Any) -> None:
        for asset in assets if type(assets) is list else [assets]:
            for field in fields if type(fields) is list else [fields]:
                self._make_fast(asset, field)

    # From the second time on, a number of one asset is one index into a column, until
    # the market moves its columns.
    def _make_fast(self, assets: Any, fields: Any) -> None:
        index = self._index_of(assets)
        if index is None or type(fields) is not str or self._market.looks_back:
            return
        quick = self._market.quick
        column = quick.column(index, fields)
        if column is not None:
            quick.numbers.setdefault(fields, {})[assets] = (column, self._shown_as.get(fields))

    def _current(self, assets: Any, fields: Any) -> Any:
        many_assets, many_fields = _is_many(assets), _is_many(fields)
        chosen = whole_list(assets) if many_assets else [assets]
        if (
            many_assets
            and type(fields) is str
            and fields in self._prices
            and not self._market.looks_back
        ):
            indices = [self._index_of(asset) for asset in chosen]
            if None not in indices:
                read, price = self._prices[fields], self._presenter.price
                prices = [price(read(index)) for index in indices]  # type: ignore[arg-type]
                return self._presenter.mapping(chosen, prices, fields)
        names = whole_list(fields) if many_fields else [fields]
        for name in names:
            if not isinstance(name, str):
                _refuse("fields", name, "current", "a field name or a list of them")
        for asset in chosen:
            self._check_asset(
                asset,
                "current",
                text_is_fine=self._loose_names or names_source(self._market, names),
            )
        columns = {name: [self._value(asset, name) for asset in chosen] for name in names}
        if many_assets and many_fields:
            return self._presenter.table(chosen, columns)
        if many_assets:
            return self._presenter.mapping(chosen, columns[fields], fields)
        if many_fields:
            return self._presenter.mapping(
                names, [columns[name][0] for name in names], assets.symbol
            )
        return columns[fields][0]

    def _value(self, asset: Any, field: str) -> Any:
        market = self._market
        index = self._index.get(asset)
        if index is None or field not in CURRENT_FIELDS:
            return self._other_value(asset, index, field)
        if field == "volume":
            return self._presenter.volume(market.spot(index, "volume"))
        if field == "last_traded":
            return self._last_traded(index)
        if field == "contract":
            return None
        return self._presenter.price(
            market.price(index) if field == "price" else market.spot(index, field)
        )

    def _other_value(self, asset: Any, index: int | None, field: str) -> Any:
        if index is not None and field in self._market.indicators:
            return self._market.column_value(index, field)
        lookup = self._market.sources.get(field)
        if lookup is not None:
            value = lookup(asset, self._market.session)
            return self._presenter.price(value) if isinstance(value, float) else value
        if self._loose_names:
            return self._presenter.price(float("nan"))
        known = ", ".join(
            (*CURRENT_FIELDS[:-1], *self._market.indicators.names, *self._market.sources)
        )
        raise KeyError(
            f"fields in data.current() must name a field: was {field!r}; pass one of {known}"
        )

    def _last_traded(self, index: int) -> Any:
        market = self._market
        row = market.last_traded_row(index)
        if row < 0:
            return self._presenter.no_time()
        if not market.interval.intraday:
            return self._presenter.session(market.calendar.label(market.table.session_at(row)))
        return self._presenter.timestamp(int(market.table.row_us[row]))

    def can_trade(self, assets: Any) -> Any:
        """Say whether an asset, or each of several, can be traded now.

        That is: it is not restricted, listed in this session, its exchange is open, and
        a price of it is known.

        Raises:
            TypeError: `assets` is neither an asset nor several.
        """
        if type(assets) is Equity and assets in self._index:
            return self._can_trade(assets)
        return self._ask(assets, "can_trade", self._can_trade)

    def _can_trade(self, asset: Asset) -> bool:
        market, index = self._market, self._index[asset]
        if self._restricted(asset, self.current_dt):
            return False
        if not market.alive(index) or market.session > market.listing.auto_close[index]:
            return False
        if market.interval.intraday and not market.exchange_is_open():
            return False
        price = market.price(index)
        return not isnan(price)

    def is_stale(self, assets: Any) -> Any:
        """Say whether an asset, or each of several, is listed and has traded before,
        but not in this bar.

        Raises:
            TypeError: `assets` is neither an asset nor several.
        """
        return self._ask(assets, "is_stale", self._is_stale)

    def _is_stale(self, asset: Asset) -> bool:
        market, index = self._market, self._index[asset]
        return (
            market.alive(index)
            and not market.trades_now(index)
            and market.last_traded_row(index) >= 0
        )

    def _ask(self, assets: Any, method: str, answer: Callable[[Asset], bool]) -> Any:
        if not _is_many(assets):
            self._check_asset(assets, method)
            return answer(assets)
        chosen = whole_list(assets)
        for asset in chosen:
            self._check_asset(asset, method)
        return self._presenter.flags(chosen, [answer(asset) for asset in chosen])

    # --- windows ----------------------------------------------------------------------

    def history(
        self,
        assets: Any,
        fields: Any,
        bar_count: Any,
        frequency: Any,
        *,
        dtype: Any = None,
        partial: bool = True,
    ) -> Any:
        """Return the last bars, adjusted for splits and dividends up to now.

        Args:
            assets: An asset, or several.
            fields: A field, or several: open, high, low, close, volume, price
                (forward-filled close), or an indicator.
            bar_count: How many bars, this one included.
            frequency: How long these bars are: as long as the run's, or longer bars
                that those add up to, e.g. "1h" or "1d" in a run of "1m", "1w" in one of
                "1d".
            dtype: With polars frames, `pl.Decimal` gives Decimal(38, 12) columns
                instead of Float64; a missing value is null there.
            partial: Whether the last one of longer bars is the one that is still going
                on, made of what has happened of it; else it is the last that is over.

        Returns:
            One asset, one field: a Series, oldest first. Several assets: `date` and a
                column an asset. Several fields: `date` and a
            column a field. Several of both: a long frame of `date`, `symbol` and the
                fields. With pandas frames: zipline's shapes.

        Raises:
            HistoryWindowStartsBeforeData: the window reaches before the data.
            IncompatibleHistoryFrequency: the run's bars do not add up to such bars.
            TypeError: an argument is of the wrong type.
            ValueError: a field, the frequency or the bar count is impossible.
        """
        market = self._market
        if dtype is None and frequency == market.frequency:
            if type(assets) is list:
                return self._fast_frame(assets, fields, bar_count, frequency)
            try:
                cut, first = self._windows[fields][assets]
                low = market.seen + 1 - bar_count
                if first <= low <= market.seen:
                    return cut(low, bar_count)
            except (KeyError, TypeError):  # not asked for before; or several; or no number of bars
                self._make_fast_window(assets, fields)
        plain = (
            type(bar_count) is int
            and bar_count > 0
            and type(fields) is str
            and type(frequency) is str
        )
        if plain and dtype is None and self._exact_series and fields in _SLICED:
            index = self._index_of(assets)
            if index is not None:
                windows = market.windows
                span = windows.span(bar_count, frequency, partial=partial)
                return windows.series(index, fields, span)
        count = self._count(bar_count, "history")
        return self._history(assets, fields, count, frequency, dtype, partial=partial)

    # As with one asset: assets asked for together before need no look at each of them.
    def _fast_frame(self, assets: list[Any], fields: Any, bar_count: Any, frequency: str) -> Any:
        market, chosen = self._market, tuple(assets)
        try:
            cut, first = market.quick.frames[fields][chosen]
            low = market.seen + 1 - bar_count
            if first <= low <= market.seen:
                return cut(low, bar_count)
        except (
            KeyError,
            TypeError,
        ):  # not asked for before; or several fields; or no number of bars
            pass
        shown = self._history(assets, fields, self._count(bar_count, "history"), frequency, None)
        if self._exact_series and type(fields) is str and fields in _SLICED:
            quick = market.quick
            found = quick.frame(tuple(asset.index for asset in assets), fields)
            if found is not None:
                known = quick.frames.setdefault(fields, {})
                if len(known) >= KEPT_FRAMES:  # a universe that changes every day
                    known.clear()
                known[chosen] = found
        return shown

    # As with numbers: from the second time on a window is one slice of a column.
    def _make_fast_window(self, assets: Any, fields: Any) -> None:
        index = self._index_of(assets)
        if (
            index is None
            or not self._exact_series
            or type(fields) is not str
            or fields not in _SLICED
        ):
            return
        quick = self._market.quick
        window = quick.window(index, fields)
        if window is not None:
            quick.windows.setdefault(fields, {})[assets] = window

    # None for several assets (lists cannot be looked up) and for what is no asset of
    # the run.
    def _index_of(self, assets: Any) -> int | None:
        try:
            return self._index[assets]
        except (KeyError, TypeError):
            return None

    def _history(
        self,
        assets: Any,
        fields: Any,
        bar_count: int,
        frequency: Any,
        dtype: Any,
        *,
        partial: bool = True,
    ) -> Any:
        many_assets, many_fields = _is_many(assets), _is_many(fields)
        chosen = whole_list(assets) if many_assets else [assets]
        names = whole_list(fields) if many_fields else [fields]
        for asset in chosen:
            self._check_asset(asset, "history")
        for name in names:
            self._check_history_field(name)
        if not names:
            raise ValueError(
                f"fields in data.history() must name at least one field: was {fields!r}"
            )
        if not isinstance(frequency, str):
            _refuse("frequency", frequency, "history", "text such as '1d' or '1m'")
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

    def window(
        self,
        assets: Any,
        field: str,
        bar_count: Any,
        frequency: str | None = None,
        *,
        partial: bool = True,
    ) -> NDArray[np.float64]:
        """Return the last bars as a read-only array, bars x assets; NaN where missing.

        Args:
            assets: An asset, or several: the columns.
            field: open, high, low, close, volume or price.
            bar_count: How many bars, this one included.
            frequency: How long these bars are, as in `history`; the run's own by
                default.
            partial: As in `history`.

        Raises:
            HistoryWindowStartsBeforeData: the window reaches before the data.
            IncompatibleHistoryFrequency: the run's bars do not add up to such bars.
            TypeError: an argument is of the wrong type.
            ValueError: the field or the bar count is impossible.
        """
        chosen = whole_list(assets) if _is_many(assets) else (assets,)
        try:
            indices = tuple([self._index[asset] for asset in chosen])
        except (KeyError, TypeError):
            indices = ()
            for asset in chosen:
                self._check_asset(asset, "window")
        self._check_history_field(field, "window")
        windows = self._market.windows
        span = windows.span(
            self._count(bar_count, "window"),
            self._market.frequency if frequency is None else frequency,
            partial=partial,
        )
        return windows.matrix(indices, field, span)

    def _count(self, bar_count: Any, method: str) -> int:
        try:
            count = as_index(bar_count)
        except TypeError:
            _refuse("bar_count", bar_count, method, "a whole number")
        if count < 1:
            raise ValueError(f"bar_count in data.{method}() must be 1 or more: was {bar_count}")
        return count

    def _check_history_field(self, name: Any, method: str = "history") -> None:
        if not isinstance(name, str):
            _refuse("fields", name, method, "a field name or a list of them")
        if name not in _SLICED and name not in self._market.indicators:
            known = (*HISTORY_FIELDS, *self._market.indicators.names)
            raise ValueError(
                f"fields in data.{method}() must name a field: was {name!r}; pass one of "
                f"{', '.join(known)}"
            )

    # --- time -------------------------------------------------------------------------

    @property
    def current_dt(self) -> datetime:
        """END of the current bar, UTC; in a daily run the session's close."""
        us = self._market.now_us
        if self._moment is None or self._moment[0] != us:
            self._moment = us, self._presenter.timestamp(us)
        return self._moment[1]

    @property
    def current_session(self) -> date:
        """Label of the current session."""
        return self._presenter.session(self._market.calendar.label(self._market.session))

    @property
    def current_session_minutes(self) -> Any:
        """ENDs of the current session's minutes, UTC."""
        return self._presenter.timestamps(self._market.calendar.minutes_us(self._market.session))

    def current_chain(self, continuous_future: Any) -> NoReturn:
        """Refuse: futures are not built.

        Raises:
            NotBuilt: always.
        """
        raise NotBuilt(
            "data.current_chain() is not built: futures are not supported (was "
            f"{continuous_future!r})"
        )

    # --- checks -----------------------------------------------------------------------

    def _check_asset(self, asset: Any, method: str, *, text_is_fine: bool = False) -> None:
        if isinstance(asset, str) and text_is_fine:
            return
        if not isinstance(asset, Asset):
            _refuse("assets", asset, method, "an asset or a list of assets")
        if asset not in self._index:
            raise TypeError(
                f"assets in data.{method}() must be assets of this run: was {asset!r} of another; "
                "get it with symbol()"
            )


def _is_many(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str)


def names_source(market: Market, names: Sequence[str]) -> bool:
    """Say whether all names are values that were added to the market from elsewhere."""
    return all(name in market.sources for name in names)


def _refuse(argument: str, value: Any, method: str, expected: str) -> NoReturn:
    hint = "; get assets with symbol()" if argument == "assets" else ""
    raise TypeError(
        f"{argument} in data.{method}() must be {expected}: was {value!r} "
        f"({type(value).__name__}){hint}"
    )
