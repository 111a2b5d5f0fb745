"""Recorded bars as a feed.

The rule: bars are converted to decimals a chunk at a time, and nothing that the portal
has checked is checked again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from rbtlive.data.calendars.calendar import datetime_of, us_of
from rbtlive.data.feeds.data_feed import DataFeed, FeedPlan, Sleep
from rbtlive.data.feeds.slot_axis import Labels, SlotAxis
from rbtlive.data.foreign_attributes import REPLAY_ARGUMENTS
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BadFrequency, InvalidSetting, SettingsError
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV, Bar, trusted_bar
from rbtlive.model.events import Event, MarketDataEvent, trusted_slice
from rbtlive.model.interval import DAY
from rbtlive.model.other_names import teaches_names

_CHUNK_ROWS = 20_000


class ReplayFeed(DataFeed):
    """Recorded bars as a feed.

    Args:
        data: A portal, a frame of bars, or the path of one.
        speed: How many times faster than in reality the bars come; None is as fast as
            they are processed.
        frequency: Length of the bars of a plain frame, e.g. "1d"; by default the
            session's.
        calendar: Calendar of the sessions, for a plain frame; by default the session's,
            otherwise XNYS.
        sleep: Sleeps for some seconds; by default the loop's own.
        monotonic_s: Returns seconds that never run backwards; by default the loop's
            own.

    Raises:
        SettingsError: `speed` is not a positive number.
    """

    is_live = False

    @teaches_names(REPLAY_ARGUMENTS)
    def __init__(
        self,
        data: object,
        speed: float | None = None,
        *,
        frequency: str | None = None,
        calendar: str | None = None,
        sleep: Sleep = asyncio.sleep,
        monotonic_s: Callable[[], float] | None = None,
    ) -> None:
        super().__init__()
        if speed is not None and not (isinstance(speed, (int, float)) and 0 < speed < math.inf):
            raise SettingsError(
                f"speed must be a positive number: was {speed!r}; pass None for as fast as the "
                "bars are taken"
            )
        self.speed = speed
        self._data = data
        self._portal: PolarsDataPortal | None = data if isinstance(data, PolarsDataPortal) else None
        self._frequency = frequency
        self._calendar = calendar
        self._sleep = sleep
        self._monotonic_s = monotonic_s
        self._plan: FeedPlan | None = None
        self._allowed: list[bool] = []
        self._slices = self._bars = self._empty = 0

    def __repr__(self) -> str:
        speed = "" if self.speed is None else f", speed={self.speed}"
        named = isinstance(self._data, (str, Path))
        shown = self._portal or (repr(str(self._data)) if named else type(self._data).__name__)
        return f"ReplayFeed({shown}{speed})"

    @property
    def portal(self) -> PolarsDataPortal:
        """The bars that are replayed; a plain frame is checked on first access."""
        if self._portal is None:
            frequency = self._frequency or (self._plan.frequency if self._plan else DAY)
            calendar = self._calendar or (self._plan.calendar.name if self._plan else None)
            self._portal = PolarsDataPortal.coerce(
                self._data, frequency=frequency, calendar=calendar
            )
        return self._portal

    def suppose(self, *, frequency: str, calendar: str | None) -> None:
        """Assume the session's frequency and calendar for a plain frame, unless they
        were given.
        """
        self._frequency = self._frequency or frequency
        self._calendar = self._calendar or calendar

    def configure(self, plan: FeedPlan) -> None:
        """Store the session's requirements; called before iteration."""
        self._plan = plan

    def take_labels(self, labels: Labels) -> None:
        """Interpret the recording's stamps as ends of bars, as they were read.

        Raises:
            InvalidSetting: `labels` says that they are starts.
        """
        if labels != "end":
            raise InvalidSetting(
                'labels="start" is said where a recording is read: pass '
                'ReplayFeed(rbt.read(data, labels="start")), and leave it out here'
            )

    def slices(self, after: datetime | None = None) -> Iterator[MarketDataEvent]:
        """Yield the slices of the plan in order, including those without bars.

        Args:
            after: Skip the slices that end at or before this moment; by default the
                plan's `after`.

        Raises:
            BadFrequency: the data has no bars of the required frequency.
        """
        plan = self._plan or FeedPlan(
            calendar=self.portal.calendar, frequency=self._frequency or self.portal.interval.text
        )
        portal = self._portal_at(plan.frequency)
        first = portal.first_session if plan.first_session is None else plan.first_session
        last = portal.last_session if plan.last_session is None else plan.last_session
        begin_us = us_of(portal.calendar.open(first))
        after = after or plan.after
        if after is not None:
            begin_us = max(begin_us, us_of(after))
        axis = SlotAxis(portal.calendar, frequency=plan.frequency)
        slots = axis.slots(after_us=begin_us, before_us=us_of(portal.calendar.close(last)) + 1)
        self._subscriptions_changed()
        yield from self._merged(slots, self._rows(portal, axis, after_us=begin_us, last=last))

    def _portal_at(self, frequency: str) -> PolarsDataPortal:
        try:
            return self.portal.at(frequency)
        except BadFrequency as error:
            raise BadFrequency(
                f"a replay needs bars of its frequency: there are none for {frequency!r}; {error}"
            ) from None

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the slices, each when it is due."""
        monotonic_s = self._monotonic_s or asyncio.get_running_loop().time
        started_s: float | None = None
        first: datetime | None = None
        for event in self.slices():
            if self.speed is not None:
                if started_s is None or first is None:
                    started_s, first = monotonic_s(), event.timestamp
                due_s = started_s + (event.timestamp - first).total_seconds() / self.speed
                delay_s = due_s - monotonic_s()
                if delay_s > 0:
                    await self._sleep(delay_s)
            yield event

    def stats(self) -> dict[str, int]:
        """Return the number of slices, empty slices and bars given."""
        return {
            "slices": self._slices,
            "empty": self._empty,
            "bars": self._bars,
            "skipped": 0,
            "quarantined": 0,
            "reconnects": 0,
        }

    def _subscriptions_changed(self) -> None:
        if self._portal is not None:
            self._allowed = [self.wants(asset.symbol) for asset in self._portal.assets]

    def _rows(
        self, portal: PolarsDataPortal, axis: SlotAxis, *, after_us: int, last: int
    ) -> Iterator[tuple[Any, ...]]:
        # (END of the slice, asset, open, high, low, close, volume, the five as floats),
        # in order; decimals are created a chunk at a time.
        for frame in _frames(portal, axis, axis.calendar.next_session(after_us), last):
            if axis.interval.intraday:
                ends = frame["us"].to_numpy()
            else:
                ends = axis.calendar.closes_us[frame["session"].to_numpy()]
            begin = int(np.searchsorted(ends, after_us, side="right"))
            for start in range(begin, len(ends), _CHUNK_ROWS):
                chunk = frame.slice(start, _CHUNK_ROWS)
                columns = [chunk[name].to_numpy() for name in OHLCV]
                yield from zip(
                    ends[start : start + _CHUNK_ROWS].tolist(),
                    chunk["asset"].to_list(),
                    *map(_decimals, columns),
                    zip(*(column.tolist() for column in columns), strict=True),
                    strict=True,
                )

    def _merged(
        self, slots: Iterator[int], rows: Iterator[tuple[Any, ...]]
    ) -> Iterator[MarketDataEvent]:
        symbols = [asset.symbol for asset in self.portal.assets]
        nothing = (math.inf,)
        row = next(rows, nothing)
        for slot_us in slots:
            timestamp = datetime_of(slot_us)
            bars: dict[str, Bar] = {}
            while row[0] < slot_us:  # a row that is in no slice of the calendar
                row = next(rows, nothing)
            while row[0] == slot_us:
                _end, asset, first, high, low, last, volume, floats = row
                if self._allowed[asset]:
                    symbol = symbols[asset]
                    bars[symbol] = trusted_bar(
                        {
                            "symbol": symbol,
                            "timestamp": timestamp,
                            "open": first,
                            "high": high,
                            "low": low,
                            "close": last,
                            "volume": volume,
                            "_floats": floats,
                        }
                    )
                row = next(rows, nothing)
            self._slices += 1
            self._bars += len(bars)
            self._empty += not bars
            yield trusted_slice(timestamp, bars)


def _frames(
    portal: PolarsDataPortal, axis: SlotAxis, first: int, last: int
) -> Iterable[pl.DataFrame]:
    if axis.interval.intraday and portal.minutes is not None:
        return portal.minutes.parts(first, last)
    return [portal.daily]


def _decimals(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[Decimal]:
    distinct, places = np.unique(values, return_inverse=True)
    exact = np.array([Decimal(repr(value)) for value in distinct.tolist()], dtype=object)
    decimals: list[Decimal] = exact[places].tolist()
    return decimals
