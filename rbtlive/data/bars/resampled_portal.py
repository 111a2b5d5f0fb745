"""Build longer bars, splits and dividends from a portal's.

The rule: a longer bar is built only from the bars that end in it. Bars of a week or
month are in the shares of its last session: bars before a split within it are adjusted,
and the split takes effect with its first session.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from rbtlive.data.bars.folding import folded
from rbtlive.data.bars.minute_bars import HeldMinutes, MinuteBars
from rbtlive.data.calendars.calendar import TradingCalendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.checking.corporate import Dividend, Split
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import BAR_FIELDS
from rbtlive.model.number import ENGINE_CONTEXT


def fold_minutes(minutes: MinuteBars, grid: BarGrid) -> HeldMinutes:
    """Return intraday bars of a grid, built from shorter bars that add up to them."""
    parts = [
        folded(part, grid.ends_of(part["us"].to_numpy(), part["session"].to_numpy()))
        for part in minutes.parts(minutes.first_session, minutes.last_session)
    ]
    return HeldMinutes(pl.concat(parts).rechunk())


class PeriodFold:
    """Converts sessions to the weeks or months that contain them.

    Args:
        days: The calendar of the sessions.
        periods: The calendar of the weeks or months.
    """

    def __init__(self, days: TradingCalendar, periods: TradingCalendar) -> None:
        self._days = days
        self._periods = periods
        # Sessions unknown to the period calendar get the number after its last.
        self._of = np.searchsorted(periods.closes_us, days.closes_us)

    def session(self, session: int) -> int:
        """Return the week or month of a session."""
        return int(self._of[session])

    def periods_of(self, sessions: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the weeks or months of sessions."""
        periods: NDArray[np.int64] = self._of[sessions]
        return periods

    def label(self, label: date) -> date:
        """Return the last session's label of the week or month that contains a
        session.
        """
        return self._periods.label(self.session(self._days.at_or_after(label)))

    def daily(self, bars: pl.DataFrame, splits: Iterable[Split]) -> pl.DataFrame:
        """Return one bar per week or month, built from daily bars."""
        adjusted = self._in_last_shares(bars, splits)
        made = folded(adjusted, self._of[adjusted["session"].to_numpy()])
        return made.with_columns(pl.col("us").cast(pl.Int32).alias("session")).drop("us")

    def _in_last_shares(self, bars: pl.DataFrame, splits: Iterable[Split]) -> pl.DataFrame:
        session, asset = bars["session"].to_numpy(), bars["asset"].to_numpy()
        ratios: NDArray[np.float64] | None = None
        for split in splits:
            before = (asset == split.asset) & (session < split.session)
            before &= self._of[session] == self.session(split.session)
            if before.any():
                ratios = np.ones(len(bars)) if ratios is None else ratios
                ratios[before] *= float(split.ratio)
        if ratios is None:
            return bars
        ratio = pl.Series(ratios)
        return bars.with_columns(
            pl.col(name) * ratio if field.is_price else pl.col(name) / ratio
            for name, field in BAR_FIELDS.items()
        )

    def split(self, split: Split) -> Split:
        """Return a split, moved to the first session of its week or month."""
        return replace(split, session=self.session(split.session))

    def dividend(self, dividend: Dividend, splits: Iterable[Split]) -> Dividend:
        """Return a dividend on the shares held before the first session of its week or
        month; if a split is within it, on the split shares.
        """
        amount, paid = dividend.amount, dividend.pay_session
        for split in splits:
            begun = split.asset == dividend.asset and split.session <= dividend.ex_session
            if begun and self.session(split.session) == self.session(dividend.ex_session):
                amount = ENGINE_CONTEXT.divide(amount, split.ratio)
        return replace(
            dividend,
            amount=amount,
            ex_session=self.session(dividend.ex_session),
            pay_session=None if paid is None else self.session(paid),
            ex_is_session=True,
            pay_is_session=paid is not None,  # any day of a week belongs to it
        )

    def end(self, label: date) -> dict[str, Any]:
        """Return the end of an asset by its last bar's session: that of its week or
        month.
        """
        end = self.label(label)
        return {"end_date": end, "auto_close_date": end + timedelta(days=1)}
