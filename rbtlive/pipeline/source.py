"""The market data of pipelines: sessions, listing dates, daily bars and their
adjustments.

The rule: the row of a day contains the bar of the previous session; a split or dividend
takes effect on the morning of its day.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from rbtlive.data.bars.session_bars import session_so_far
from rbtlive.data.bars.table_maker import as_days
from rbtlive.data.windows.adjustments import Adjustments
from rbtlive.errors import NotBuilt
from rbtlive.model.arrays import np
from rbtlive.pipeline.data.equity_pricing import EquityPricing
from rbtlive.pipeline.loaders.base import loaded_by
from rbtlive.pipeline.windows import Loaded, Restatement, Restatements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rbtlive.data.bars.field_table import WholeMarket
    from rbtlive.data.bars.market import Market
    from rbtlive.model.asset import Asset
    from rbtlive.pipeline.array_types import Mask, Places, Values


class Source:
    """The market of a run, in the view of pipelines.

    Args:
        market: The market.
        assets: Its assets as strategies see them; by default the market's own.
        loaders: Loaders by data set or column, used before a data set's own.

    Attributes:
        assets: The assets, in the order of their sids.
        sids: Their sids, int64.
        labels: Labels of all sessions, datetime64[D].
        first_session: Number of the first session with bars.
    """

    def __init__(
        self,
        market: Market | WholeMarket,
        assets: Sequence[Asset] | None = None,
        loaders: Mapping[Any, Any] | None = None,
    ) -> None:
        self._market = market
        given = market.assets if assets is None else assets
        self.assets = tuple(sorted(given, key=lambda asset: asset.sid))
        self.sids = np.array([asset.sid for asset in self.assets], dtype=np.int64)
        self.labels = market.calendar.labels.astype("datetime64[D]")
        self._loaders = {} if loaders is None else loaders
        order = [asset.index for asset in self.assets]
        listed = [market.assets[at] for at in order]
        starts = as_days([asset.start_date for asset in listed])
        ends = as_days([asset.end_date for asset in listed])
        # Sessions on which each asset is listed: after its first day, up to its last.
        self._from = np.searchsorted(self.labels, starts, side="right").astype(np.int32)
        self._until = (np.searchsorted(self.labels, ends, side="right") - 1).astype(np.int32)
        self._index: tuple[Sequence[Asset], Places] = (), np.empty(0, dtype=np.int64)
        self._ahead: Adjustments | None = None

    @property
    def first_session(self) -> int:
        """Number of the first session with bars."""
        return max(self._market.data_start, self._market.daily.first_session)

    @property
    def mornings_us(self) -> Any:
        """Times at which days are computed, µs UTC, by session number."""
        calendar = self._market.calendar
        return np.array([calendar.morning_us(number) for number in range(len(self.labels))])

    def listed(self, first: int, last: int) -> Mask:
        """Return which assets are listed on a session from `first` to `last`."""
        found: Mask = (self._from <= last) & (self._until >= first) & (self._from <= self._until)
        return found

    def alive(self, first: int, last: int, which: Any = slice(None)) -> Mask:
        """Return whether each asset is listed on each session, sessions x assets.

        Args:
            first: First session.
            last: Last session.
            which: A choice of assets; all by default.
        """
        start, end = self._from[which], self._until[which]
        if (start <= first).all() and (end >= last).all():
            return np.ones((last - first + 1, len(start)), dtype=bool)
        days = np.arange(first, last + 1, dtype=np.int32)[:, None]
        found: Mask = (start <= days) & (days <= end)
        return found

    def is_bar(self, column: Any) -> bool:
        """Say whether a column is one of the daily bars."""
        return column.dataset.root is EquityPricing and self._loader(column) is None

    def _loader(self, column: Any) -> Any:
        if not self._loaders and not hasattr(self._loaders, "__missing__"):
            return column.dataset.root.loader
        for key in (column, column.unspecialize(), column.dataset, column.dataset.root):
            if key in self._loaders:
                return self._loaders[key]
        if column.dataset.root is not EquityPricing and hasattr(self._loaders, "__missing__"):
            with suppress(KeyError):
                return self._loaders[column]  # it makes loaders when they are asked for
        return column.dataset.root.loader

    def load(self, column: Any, first: int, last: int, assets: Sequence[Asset]) -> Loaded:
        """Return a column over the sessions `first` to `last`.

        Raises:
            NotBuilt: no loader provides the column's values.
        """
        loader = self._loader(column)
        if loader is not None:
            return loaded_by(loader, column, self, first, last, assets)
        if column.dataset.root is not EquityPricing:
            name = column.dataset.__name__
            raise NotBuilt(
                f"{column.qualname} has no values: call {name}.use(frame), with a frame that has "
                "the columns symbol, timestamp and "
                f"{', '.join(column.dataset.column_names)}"
            )
        if assets is not self._index[0]:  # the terms of a chunk have the same
            self._index = assets, np.array([asset.index for asset in assets])
        index = self._index[1]
        values = self._seen(column.name, first, last, index)
        restatements, level = self._restated(column.name == "volume", first, last, index)
        return Loaded(values, restatements, first, level)

    # The row of a day contains the bar of the previous session.
    def _seen(self, field: str, first: int, last: int, index: Any) -> Any:
        return self._bars(field, first - 1, last - 1, index)

    # Rows without bars yet are missing bars, as are those of unlisted assets.
    def _bars(self, field: str, first: int, last: int, index: Any) -> Any:
        table = self._market.daily
        low, high = first - table.first_session, last - table.first_session + 1
        empty = 0.0 if field == "volume" else np.nan
        there = max(low, 0), max(min(high, table.rows), 0)
        whole = len(index) == table.width and bool((np.diff(index) == 1).all())
        if there == (low, high):
            values = table.values(field, low, high)
            return values if whole else np.take(values, index, axis=1)
        out = np.full((high - low, len(index)), empty)
        if there[0] < there[1]:
            known = np.take(table.values(field, *there), index, axis=1)
            out[there[0] - low : there[1] - low] = known
        return out

    # All factors on bars that are known by the last day, and the product of those that
    # took effect before the first.
    def _restated(
        self, volume: bool, first: int, last: int, index: Places
    ) -> tuple[Sequence[Restatement], Values | None]:
        factors = self._adjustments(last).table()
        if not len(factors.sessions):
            return [], None
        columns = np.full(len(self._market.assets), -1)
        columns[index] = np.arange(len(index))
        columns = columns.take(factors.assets)
        ratios = factors.volumes if volume else factors.prices
        wanted = (columns >= 0) & (ratios != 1.0)
        earlier = wanted & (factors.sessions < first)
        level = None
        if earlier.any():
            level = np.ones(len(index))
            np.multiply.at(level, columns[earlier], ratios[earlier])  # one after the other
        at = (wanted & (factors.sessions >= first) & (factors.sessions <= last)).nonzero()[0]
        at = at[np.lexsort((columns[at], factors.sessions[at]))]
        found = Restatements(factors.sessions[at] - first, columns[at], ratios[at])
        return found, None if level is None or (level == 1.0).all() else level

    def _closes_before(self, session: int) -> Any:
        table = self._market.daily
        row = session - 1 - table.first_session
        return table.values("close", row, row + 1)[0] if 0 <= row < table.rows else None

    # A backtest computes later days in advance: their actions take effect only for the
    # pipeline.
    def _adjustments(self, last: int) -> Adjustments:
        market = self._market
        if not market.preload:
            return cast("Market", market).adjustments
        if self._ahead is None:
            portal = market.portal
            self._ahead = Adjustments(
                portal.shared.actions(portal.splits, portal.dividends).coming,
                width=len(market.assets),
                closes_before=self._closes_before,
            )
        self._ahead.advance(last)
        return self._ahead


class ClosesKnown(Source):
    """The market after each day's close: the row of a day contains that day's own
    bar.
    """

    def _seen(self, field: str, first: int, last: int, index: Places) -> Values:
        found: Values = self._bars(field, first, last, index)
        return found

    # An action on a day adjusts the days before it, but not the day's own bar.
    def _restated(
        self, volume: bool, first: int, last: int, index: Places
    ) -> tuple[Sequence[Restatement], Values | None]:
        return super()._restated(volume, first + 1, last, index)


class DaySoFar(ClosesKnown):
    """The market in the middle of a session: the last row is the day so far."""

    def _seen(self, field: str, first: int, last: int, index: Any) -> Any:
        past = self._bars(field, first, last - 1, index)
        market = cast("Market", self._market)
        so_far = session_so_far(market.table, field, row=market.row)
        return np.vstack([past, so_far[index]])
