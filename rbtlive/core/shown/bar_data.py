"""The market data that strategies read: zipline's `data`.

The rule: it reads the market at the cursor, returns the kinds of the run's frames, and
stores nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from math import isnan
from typing import Any, Literal, NoReturn, TypeAlias, overload

import polars as pl

from rbtlive.core.shown.arguments import all_are_assets, check_asset, is_many
from rbtlive.core.shown.current_values import CurrentValues
from rbtlive.core.shown.field_names import SLICED_FIELDS, check_window_field, names_now
from rbtlive.core.shown.float_bar_data import FloatBarData
from rbtlive.core.shown.history_windows import HistoryWindows, bar_count_of
from rbtlive.core.shown.own_assets import OwnAssets
from rbtlive.core.shown.polars_presenter import PolarsPresenter
from rbtlive.core.shown.presenter import Presenter
from rbtlive.core.shown.whole_list import whole_list
from rbtlive.data.bars.market import Market
from rbtlive.errors import NotBuilt
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.number import Figure

PriceField: TypeAlias = Literal["open", "high", "low", "close", "volume", "price"]
Names: TypeAlias = list[str] | tuple[str, ...]
DataType: TypeAlias = pl.Decimal | type[pl.Decimal] | type[pl.Float64] | None


class BarData:
    """Prices and volumes as they are known now, passed to strategies as `data`.

    Annotations name the types under polars frames. A strategy for `frames="pandas"`
    gets pandas objects: annotate its `data` as Any.

    Args:
        market: The market, whose cursor the core moves.
        presenter: Converts values to the kinds that are shown.
        restrictions: Says whether an asset is restricted at a moment, given as the
            run's frames show moments.
        loose_names: Return NaN, as zipline does, for a name that is neither an asset
            nor a field, instead of raising an error.

    Attributes:
        is_unrestricted: Nothing is restricted, so `restrictions` need not be called.
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
        self.is_unrestricted = True
        self._tradable_until: dict[Asset, int] = {}  # the last session of each asset
        self._index = OwnAssets(market.assets)
        for asset in market.assets:
            self._index[asset] = self._index[presenter.present_asset(asset)] = asset.index
        self._exact_series = isinstance(presenter, PolarsPresenter)
        self._history = HistoryWindows(
            market, presenter, self._index, exact_series=self._exact_series
        )
        self._moment: tuple[int, datetime] | None = None
        self.fetched_now: Callable[[], list[Asset]] = list
        self._values = CurrentValues(market, presenter, self._index, loose_names=loose_names)
        self._numbers, self._windows = market.quick.numbers, market.quick.windows
        self.floats = FloatBarData(self, market)

    def __repr__(self) -> str:
        symbols = [asset.symbol for asset in self._market.assets]
        named = f"{', '.join(symbols[:3])}{', …' if len(symbols) > 3 else ''}"
        return f"BarData({self.current_dt:%Y-%m-%d %H:%M}, {len(symbols):,} assets: {named})"

    def release(self, restrictions: Callable[[Asset, Any], bool]) -> None:
        """Drop every object that refers back to this one: the run is over.

        Args:
            restrictions: Replaces the function given to the constructor.
        """
        self._restricted = restrictions
        self.floats.release()

    # --- now --------------------------------------------------------------------------

    @overload
    def current(self, assets: Asset, fields: PriceField) -> Figure: ...
    @overload
    def current(self, assets: Asset, fields: str) -> Any: ...
    @overload
    def current(self, assets: Iterable[Asset], fields: PriceField) -> Mapping[Asset, Figure]: ...
    @overload
    def current(self, assets: Iterable[Asset], fields: str) -> Mapping[Asset, Any]: ...
    @overload
    def current(
        self, assets: Asset, fields: list[PriceField] | tuple[PriceField, ...]
    ) -> Mapping[str, Figure]: ...
    @overload
    def current(self, assets: Asset, fields: Names) -> Mapping[str, Any]: ...
    @overload
    def current(self, assets: Iterable[Asset], fields: Names) -> pl.DataFrame: ...

    def current(self, assets: object, fields: Any) -> Any:
        """Return the latest values.

        Args:
            assets: An asset, or several.
            fields: A field, or several: open, high, low, close (missing if nothing
                traded in this bar), volume (then 0), price (the last known close,
                adjusted to now), last_traded, an indicator, a further column of the
                data, a column of fetched data.

        Returns:
            One asset, one field: a number (`last_traded`: a moment; a session label in
                a daily run). Several of one: a mapping keyed by
            them. Several of both: a frame.

        Raises:
            TypeError: `assets` or `fields` is of the wrong type.
            KeyError: there is no such field.
        """
        if type(fields) is list or type(assets) is list:
            return self._values.several(assets, fields)
        try:
            column, show = self._numbers[fields][assets]
            value = column[self._market.seen]
        except (KeyError, TypeError, IndexError):
            # A first request, several values that cannot be looked up, or an earlier
            # bar that is seen.
            return self._values.by_the_slow_path(assets, fields)
        if type(assets) is not Equity:  # a sid finds its asset's column
            return self._values.by_the_slow_path(assets, fields)
        if value != value:  # noqa: PLR0124 - NaN
            return self._values.missing(assets, fields, value)
        return value if show is None else show(value)

    @overload
    def can_trade(self, assets: Asset) -> bool: ...
    @overload
    def can_trade(self, assets: Iterable[Asset]) -> Mapping[Asset, bool]: ...

    def can_trade(self, assets: object) -> Any:
        """Say whether an asset, or each of several, can be traded now.

        An asset can be traded if it is not restricted, is listed in this session, its
        exchange is open, and its price is known.

        Raises:
            TypeError: `assets` is neither an asset nor several.
        """
        if type(assets) is Equity:
            market = self._market
            try:  # an asset that could be traded before needs only a price, until it is delisted
                if self._tradable_until[assets] >= market.session and self.is_unrestricted:
                    price = self._numbers["price"][assets][0][market.seen]
                    if price == price:  # noqa: PLR0124 - NaN
                        return True
            except (KeyError, IndexError):  # a first request, or an earlier bar is seen
                pass
            if assets in self._index:
                return self._can_trade(assets)
        elif type(assets) is list and self.is_unrestricted and self._all_can_trade(assets):
            return self._presenter.flags(assets, [True] * len(assets))
        return self._ask(assets, "can_trade", self._can_trade)

    # Whether fast look-ups can answer for each of several assets.
    def _all_can_trade(self, assets: list[Asset]) -> bool:
        market, until = self._market, self._tradable_until
        session, seen = market.session, market.seen
        try:
            known = self._numbers["price"]
            for asset in assets:
                price = known[asset][0][seen]
                if price != price or until[asset] < session:  # noqa: PLR0124 - NaN
                    return False
                if type(asset) is not Equity:  # a sid compares equal to its asset
                    return False
        except (KeyError, IndexError, TypeError):
            return False
        return True

    def _can_trade(self, asset: Asset) -> bool:
        market, index = self._market, self._index[asset]
        if self._restricted(asset, self.current_dt):
            return False
        if not market.alive(index) or market.session > market.listing.auto_close[index]:
            return False
        if market.interval.intraday and not market.exchange_is_open():
            return False
        if isnan(market.price(index)):
            return False
        if market.preload:  # otherwise listings may change
            self._values.make_fast(asset, "price")
            last, closed = market.listing.last[index], market.listing.auto_close[index]
            self._tradable_until[asset] = min(last, closed)
        return True

    @overload
    def is_stale(self, assets: Asset) -> bool: ...
    @overload
    def is_stale(self, assets: Iterable[Asset]) -> Mapping[Asset, bool]: ...

    def is_stale(self, assets: object) -> Any:
        """Say whether an asset, or each of several, is listed and has traded before,
        but not in this bar.

        Raises:
            TypeError: `assets` is neither an asset nor several.
        """
        if type(assets) is Equity:
            try:  # an asset that trades in this bar is not stale
                if self._numbers["volume"][assets][0][self._market.seen] > 0:
                    return False
            except (KeyError, IndexError):
                pass
        return self._ask(assets, "is_stale", self._is_stale)

    def _is_stale(self, asset: Asset) -> bool:
        market, index = self._market, self._index[asset]
        self._values.make_fast(asset, "volume")
        return (
            market.alive(index)
            and not market.trades_now(index)
            and market.last_traded_row(index) >= 0
        )

    def _ask(self, assets: Any, method: str, answer: Callable[[Asset], bool]) -> Any:
        if not is_many(assets):
            check_asset(self._index, assets, method)
            return answer(assets)
        chosen = whole_list(assets)
        for asset in chosen:
            check_asset(self._index, asset, method)
        return self._presenter.flags(chosen, [answer(asset) for asset in chosen])

    # --- windows ----------------------------------------------------------------------

    @overload
    def history(
        self,
        assets: Asset,
        fields: str,
        bar_count: int,
        frequency: str,
        *,
        dtype: DataType = ...,
        partial: bool = ...,
    ) -> pl.Series: ...
    @overload
    def history(
        self,
        assets: Iterable[Asset],
        fields: str | Names,
        bar_count: int,
        frequency: str,
        *,
        dtype: DataType = ...,
        partial: bool = ...,
    ) -> pl.DataFrame: ...
    @overload
    def history(
        self,
        assets: Asset,
        fields: Names,
        bar_count: int,
        frequency: str,
        *,
        dtype: DataType = ...,
        partial: bool = ...,
    ) -> pl.DataFrame: ...

    def history(
        self,
        assets: object,
        fields: Any,
        bar_count: Any,
        frequency: Any,
        *,
        dtype: object = None,
        partial: bool = True,
    ) -> Any:
        """Return the last bars, adjusted for splits and dividends up to now.

        Args:
            assets: An asset, or several.
            fields: A field, or several: open, high, low, close, volume, price
                (forward-filled close), an indicator, or a further column of the data,
                which is neither adjusted nor filled.
            bar_count: Number of bars, including this one.
            frequency: Length of these bars: the run's own, or longer bars that the
                run's bars add up to, e.g. "1h" or "1d" in a run of "1m", "1w" in a run
                of "1d".
            dtype: With polars frames, `pl.Decimal` gives Decimal(38, 12) columns
                instead of Float64; a missing value is null there.
            partial: Whether the last of longer bars is the unfinished one, built from
                its bars so far; otherwise it is the last finished one.

        Returns:
            One asset, one field: a Series, oldest first. Several assets: `date` and one
                column per asset. Several fields: `date` and a
            column per field. Several of both: a long frame of `date`, `symbol` and the
                fields. With pandas frames: zipline's shapes.

        Raises:
            HistoryWindowStartsBeforeData: the window begins before the data.
            IncompatibleHistoryFrequency: the run's bars do not add up to such bars.
            TypeError: an argument is of the wrong type.
            ValueError: a field, the frequency or the bar count is impossible.
        """
        market = self._market
        if dtype is None and frequency == market.frequency:
            if type(assets) is list:
                return self._history.several_assets(assets, fields, bar_count, frequency)
            if type(fields) is list and self._exact_series:
                return self._history.several_fields(assets, fields, bar_count, frequency)
            try:
                cut, first = self._windows[fields][assets]
                low = market.seen + 1 - bar_count
                if first <= low <= market.seen and type(assets) is Equity:
                    return cut(low, bar_count)
            except (
                KeyError,
                TypeError,
            ):  # a first request, several values, or a bar count that is not a number
                self._history.make_fast(assets, fields)
        plain = (
            type(bar_count) is int
            and bar_count > 0
            and type(fields) is str
            and type(frequency) is str
        )
        if plain and dtype is None and self._exact_series and fields in SLICED_FIELDS:
            index = self._index.number_of(assets)
            if index is not None:
                windows = market.windows
                span = windows.span(bar_count, frequency, partial=partial)
                return windows.series(index, fields, span)
        count = bar_count_of(bar_count, "history")
        return self._history.long_way(assets, fields, count, frequency, dtype, partial=partial)

    def window(
        self,
        assets: Any,
        field: str,
        bar_count: object,
        frequency: str | None = None,
        *,
        partial: bool = True,
    ) -> NDArray[np.float64]:
        """Return the last bars as a read-only array, bars x assets; NaN where missing.

        Args:
            assets: An asset, or several: one column each.
            field: open, high, low, close, volume, price or a further column.
            bar_count: Number of bars, including this one.
            frequency: Length of these bars, as in `history`; the run's own by default.
            partial: As in `history`.

        Raises:
            HistoryWindowStartsBeforeData: the window begins before the data.
            IncompatibleHistoryFrequency: the run's bars do not add up to such bars.
            TypeError: an argument is of the wrong type.
            ValueError: the field or the bar count is invalid.
        """
        market = self._market
        is_own = frequency is None or frequency == market.frequency
        if is_own and type(bar_count) is int:
            group = tuple(assets) if type(assets) is list else (assets,)
            try:
                cut, first = market.quick.arrays[field][group]
                past = market.seen + 1
                if first <= past - bar_count < past and all_are_assets(group):
                    return cut(past - bar_count, past)
            except (KeyError, TypeError):  # a first request, or something to refuse
                pass
        chosen = whole_list(assets) if is_many(assets) else (assets,)
        try:
            indices = tuple([self._index[asset] for asset in chosen])
        except (KeyError, TypeError):
            indices = ()
        if not (indices and all_are_assets(chosen)):
            for asset in chosen:
                check_asset(self._index, asset, "window")
        check_window_field(market, field, "window")
        span = market.windows.span(
            bar_count_of(bar_count, "window"),
            market.frequency if frequency is None else frequency,
            partial=partial,
        )
        if is_own:
            self._history.make_arrays_fast(tuple(chosen), indices, field)
        return market.windows.matrix(indices, field, span)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names that `current` takes: fields of every bar, indicators, fetched data,
        and further columns of the data.
        """
        return names_now(self._market)

    @property
    def fetcher_assets(self) -> list[Asset]:
        """Assets that have a row by now in what the last call of `fetch_csv` read, in
        the order of sids.
        """
        return self.fetched_now()

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
    def current_session_minutes(self) -> pl.Series:
        """ENDs of the current session's minutes, UTC."""
        market = self._market
        minutes: pl.Series = self._presenter.timestamps(market.calendar.minutes_us(market.session))
        return minutes

    def current_chain(self, continuous_future: object) -> NoReturn:
        """Raise NotBuilt: futures are not supported.

        Raises:
            NotBuilt: always.
        """
        raise NotBuilt(
            "data.current_chain() is not built: futures are not supported (was "
            f"{continuous_future!r})"
        )
