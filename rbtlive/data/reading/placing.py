"""Find the calendar, interval and ENDs of bars.

The rule: bars that do not fit are left out and counted, and too many are an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import polars as pl

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.calendars.reach import calendar_to_us
from rbtlive.data.columns.found import ROW
from rbtlive.data.reading import fit
from rbtlive.data.reading.exchanges import exchange_of
from rbtlive.data.reading.intake import Intake
from rbtlive.data.reading.long_bars import are_weekends, last_days
from rbtlive.data.reading.needs import Needs
from rbtlive.data.reading.suggesting import (
    days_after,
    exchange_of_dates,
    likely_cause,
    trades_at_weekends,
    zone_of_currencies,
)
from rbtlive.data.reading.tables import Labels
from rbtlive.data.reading.timestamps import PERIODS, Moments, to_utc
from rbtlive.errors import BadFrequency, DataWarning, RowsLost
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset_class import common_class
from rbtlive.model.bar import OHLCV
from rbtlive.model.calls import warn_user
from rbtlive.model.interval import DAY, DAY_US, MINUTE, MINUTE_US, Interval

_FEW_ROWS: Final = 4

_LONGEST_MONTH: Final = 31
"""Days."""

_ENDS: Final[tuple[Labels, Labels]] = ("start", "end")

_END_SECOND_US: Final = 59_000_000


@dataclass(frozen=True)
class Asked:
    """The user's arguments of `rbt.read`."""

    interval: Any
    labels: Labels | None
    tz: str | None
    asset_class: str | None
    calendar: str | None
    labels_by_default: Labels | None = None


@dataclass(frozen=True)
class Placed:
    """The place of bars in time.

    Attributes:
        calendar: Name of the calendar.
        interval: Length of the bars.
        asset_class: Common class of the symbols.
        times: Days since 1970, or ENDs in µs UTC, one per row; -1 for rows left out.
    """

    calendar: str
    interval: Interval
    asset_class: str | None
    times: NDArray[np.int64]

    def bars(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the bars with their times, in a portal's form."""
        if self.interval.intraday:
            time = pl.Series("timestamp", self.times).cast(pl.Datetime("us", "UTC"))
        else:
            time = pl.Series("date", self.times).cast(pl.Int32).cast(pl.Date)
        rows = [ROW] if ROW in frame.columns else []
        bars = frame.select(time, "symbol", *OHLCV, *rows)
        inside = self.times >= 0
        return bars if inside.all() else bars.filter(pl.Series(inside))


@dataclass
class _Placing:
    frame: pl.DataFrame
    moments: Moments
    asked: Asked
    hint: Labels | None
    needs: Needs
    intake: Intake
    asset_class: str | None
    exchange: str | None

    def interval(self, length: str | None) -> Interval:
        """Return the length of the bars, or ask for it."""
        us = self.moments.us.to_numpy()
        step = fit.usual_step(us, _codes(self.frame["symbol"]))
        said = self.asked.interval
        wanted = None if said is None else Interval.parse(said, name="interval")
        found = fit.interval_of_step(step) if step else None
        if wanted is not None:
            self._agree(wanted, found, step)
            return wanted
        if found is None and step and not self.moments.days and step < DAY_US:
            self.needs.ask(
                f"the interval: bars are {step / 1e6:g} s apart, which is not a whole number of "
                "minutes; convert them to minute bars first",
                before=self.needs.minutes,
            )
            if self.needs.minutes is not None:  # such bars are named, and stamped at the start
                self.needs.arguments.pop("columns", None)
                self.needs.arguments["labels"] = '"start"'
        elif found is None and length is not None:
            found = Interval.parse(length)
        elif found is None and (self.moments.days or _all_midnight(us)):
            if step > DAY_US and len(us) > _FEW_ROWS:
                said = (
                    f"the interval: bars are {step / DAY_US:g} days apart, which is not 1d, 1w "
                    "or 1mo"
                )
                if step > _LONGEST_MONTH * DAY_US:
                    self.needs.ask(f"{said}; get bars of a month or less")
                else:
                    self.needs.ask(said, interval='"1mo"' if step > 20 * DAY_US else '"1w"')
            found = DAY
        elif found is None:
            # A bar of each symbol, on a full hour, is most often a day's.
            likely = "1d" if len(us) > 1 and not (us % (60 * MINUTE_US)).any() else "1m"
            self.needs.ask("the interval: no symbol has two bars", interval=f'"{likely}"')
            return MINUTE  # any other unclear point is asked for too
        self.needs.settle()
        assert found is not None
        if self.moments.days and found.intraday:
            self.needs.ask("the times: intraday bars need a time of day; only dates are there")
            self.needs.settle()
        return found

    def _agree(self, wanted: Interval, found: Interval | None, step: int) -> None:
        if found is None or found == wanted or (found.is_finer_than(wanted) is False):
            return
        if wanted.is_finer_than(found) or not step:
            return
        raise BadFrequency(
            f"interval must be that of the source, {found.text!r}: was {wanted.text!r}; leave it "
            f'out, and make longer bars with rbt.resample(portal, "{wanted.text}")'
        )

    def daily(self, interval: Interval) -> Placed:
        """Place bars of a session or longer by their dates."""
        us = self.moments.us.to_numpy()
        name = self._calendar_of_days(us // DAY_US, interval)
        calendar = calendar_to_us(name, int(us.max()))
        if self.moments.days:
            days, zone = us // DAY_US, None
        else:
            days, zone = self._days(us, calendar)
        self.intake.zone = zone
        if interval == DAY:
            days = self._sessions_only(days, calendar)
        elif interval.spans_sessions:
            days = self._in_their_periods(days, interval)
        return Placed(calendar.name, interval, self.asset_class, days)

    # A date at the start of a week or month is moved to where the bar ends. Interactive
    # Brokers stamps the start of minutes, and dates weeks and months by their last day.
    def _in_their_periods(self, days: NDArray[np.int64], interval: Interval) -> NDArray[np.int64]:
        unclear = are_weekends(days, interval)
        labels = self.asked.labels
        if labels is None and (unclear or not self.moments.days):
            labels = self.hint
        if labels is None and self.moments.origin == PERIODS:
            labels = "end"
        if labels is None and unclear:
            labels = self.asked.labels_by_default or self._end_of_weekends()
        self.intake.labels = labels
        return last_days(days, interval) if labels == "start" else days

    # A column of date-times was most likely made by `resample("W")`; dates, text and
    # numbers come from a vendor.
    def _end_of_weekends(self) -> Labels:
        if self.moments.origin != "date-times":
            self.needs.ask(
                "the labels: weeks dated on a weekend may start there (MetaTrader, Investing.com) "
                'or end there (pandas\' resample("W")), which is a week earlier',
                labels='"start"',
            )
            self.needs.settle()
        warn_user(
            'weeks dated on a weekend are taken to end there, as pandas\' resample("W") dates '
            'them; if they start there (label="left"), each close is known a week too early: '
            'write rbt.read(..., labels="start"), or labels="end" if they do end there',
            DataWarning,
        )
        return "end"

    def _days(self, us: NDArray[np.int64], calendar: TradingCalendar) -> tuple[Any, str | None]:
        ways = fit.day_labels(
            us,
            zone=self.moments.zone,
            tz=self.asked.tz,
            calendar=calendar,
            labels=self.asked.labels,
        )
        if len(ways) > 1:
            first = datetime_of(int(us[0]))
            self.needs.ask(
                f"the time zone: {first:%Y-%m-%d %H:%M} may be the session of several dates "
                f"({', '.join(name for name, _ in ways)})",
                tz=f'"{ways[0][0] if "/" in ways[0][0] else calendar.tz}"',
            )
            self.needs.settle()
        return ways[0][1], ways[0][0]

    def _calendar_of_days(self, days: NDArray[np.int64], interval: Interval) -> str:
        if self.asked.calendar is not None:
            return self.asked.calendar
        if self.asset_class == "crypto":
            return "24/7"
        if self.asset_class == "fx":
            sundays = ((days + 3) % 7 == 6).any()  # short bars of Sunday evening
            return "24/7" if sundays and days_after(days, get_calendar("24/5")) == 0 else "24/5"
        if self.exchange is not None:
            return self.exchange
        if interval != DAY or not trades_at_weekends(days):
            return "XNYS"
        self.intake.notes.append("there are bars on weekends: the calendar is 24/7")
        return "24/7"

    def _sessions_only(
        self, days: NDArray[np.int64], calendar: TradingCalendar
    ) -> NDArray[np.int64]:
        labels = days.astype("datetime64[D]")
        out = calendar.sessions_of_labels(labels) < 0
        if not out.any():
            return days
        count, total = int(out.sum()), len(days)
        shift = days_after(days, calendar) if count > fit.LOSS * total else 0
        if shift == 1:
            self.intake.notes.append(
                "the dates are those of the midnights that end the bars: taken a day earlier"
            )
            return days - 1
        if count > fit.LOSS * total:
            first = labels[int(out.argmax())]
            self._refuse(
                f"{count:,} of {total:,} rows are dated on no session of {calendar.name}, the "
                f"first on {first}",
                self._other_calendar(days, shift),
            )
        self.intake.leave_out(f"no session of {calendar.name}", count)
        return np.where(out, -1, days)

    def _other_calendar(self, days: NDArray[np.int64], shift: int) -> tuple[str, dict[str, str]]:
        found = exchange_of_dates(days, self.frame["symbol"])
        if found is not None and (shift == 0 or found[0] not in ("24/7", "24/5")):
            return found[1], {"calendar": f'"{found[0]}"'}
        if shift:
            return (
                "the dates look a day early: midnights of a zone ahead of UTC, written as UTC's "
                "dates; add the day, or pass the times with their zone"
            ), {}
        return "leave such rows out, or name the exchange", {"calendar": '"..."'}

    def _refuse(self, lost: str, cause: tuple[str, dict[str, str]]) -> None:
        if self.needs.held:  # more is missing: one error lists all
            self.needs.ask(f"the calendar: {lost}; {cause[0]}", **cause[1])
            self.needs.settle()
        self.needs.arguments |= cause[1]
        write = f"; write: {self.needs.line()}" if cause[1] else ""
        raise RowsLost(
            f"no more than 1 % of rows may be left out: {lost}; {cause[0]}{write}",
            line=self.needs.line(),
        )

    def intraday(self, interval: Interval) -> Placed:
        """Place intraday bars by their times of day."""
        us = self.moments.us.to_numpy()
        distinct, inverse = np.unique(us, return_inverse=True)
        distinct, labels = self._whole_minutes(distinct)
        self._take_the_said_zone(distinct, interval)
        aware = self.moments.zone is not None
        if aware:
            distinct = to_utc(distinct, str(self.moments.zone))
        elif self.asset_class == "fx" and self.asked.tz is None:
            self._ask_for_the_clock(distinct, interval.us)
        name = self._calendar_of_minutes(distinct, interval)
        calendar = calendar_to_us(name, int(distinct.max()) + DAY_US)
        grid = BarGrid(calendar, interval)
        zones = self._zones(calendar)
        if not aware and zones == ("UTC",) and self.asked.tz is None:
            self.intake.note("times without a zone are taken as UTC")
        found = fit.readings(distinct, zones=zones, aware=aware, grid=grid)
        if self._is_by_the_clock(found, distinct, grid):
            found = fit.clock_readings(distinct, zones=zones, aware=aware, grid=grid)
        if labels is not None:
            found = [one for one in found if one.labels == labels]
        one = self._chosen(found, distinct, grid, aware=aware, step_us=interval.us)
        self._judge_loss(one, distinct, inverse, grid, aware=aware)
        self.intake.labels, self.intake.zone = one.labels, one.zone
        return Placed(calendar.name, interval, self.asset_class, one.ends_us[inverse])

    # If times are not bars in their marked zone, but are in the user's zone, the mark
    # is wrong.
    def _take_the_said_zone(self, distinct: NDArray[np.int64], interval: Interval) -> None:
        marked, said = self.moments.zone, self.asked.tz
        if marked is None or said is None or marked == said:
            return
        utc = to_utc(distinct, marked)
        name = self._calendar_of_minutes(utc, interval)
        grid = BarGrid(calendar_to_us(name, int(distinct.max()) + DAY_US), interval)
        out = [
            min(way.unexplained for way in fit.readings(one, zones=("UTC",), aware=True, grid=grid))
            for one in (utc, to_utc(distinct, said))
        ]
        if out[0] > fit.LOSS * len(distinct) >= out[1]:
            self.moments = replace(self.moments, zone=None)
            self.intake.note(f"the times were marked as {marked}, and are taken as {said}")

    # Bars counted from full hours are accepted if the user gives their length, because
    # they are placed later than they end.
    def _is_by_the_clock(
        self, found: list[fit.Reading], distinct: NDArray[np.int64], grid: BarGrid
    ) -> bool:
        total = len(distinct)
        if self.asked.interval is None or not fit.counts_from_full_hours(distinct, grid):
            return False
        if min(one.misfits for one in found) <= fit.LOSS * total:
            return False
        self.intake.notes.append(
            "the bars are counted from full hours: each stands at the end of the "
            f"{grid.calendar.name} {grid.interval.bar_word} that it ends in, never earlier"
        )
        return True

    # 09:30:59 and 1499040059999 ms mark the END of a bar, a moment early.
    def _whole_minutes(
        self, distinct: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Labels | None]:
        rest = distinct % MINUTE_US
        if len(distinct) and (rest >= _END_SECOND_US).mean() >= 1 - fit.LOSS:
            up = np.where(rest, distinct - rest + MINUTE_US, distinct)
            return up, self.asked.labels or "end"
        seconds = np.unique(rest)
        if len(distinct) >= _FEW_ROWS and len(seconds) == 1 and seconds[0]:
            self.needs.ask(
                f"the times: all are {seconds[0] / 1e6:g} s after a full minute; round them down, "
                "if that is the minute they mean",
                before=self.needs.floored,
            )
            return distinct - rest, self.asked.labels
        return distinct, self.asked.labels

    # Currency hours are not an exchange's: only weekends show the time zone.
    def _ask_for_the_clock(self, distinct: NDArray[np.int64], step_us: int) -> None:
        zone = zone_of_currencies(distinct, step_us)
        if zone not in (None, "UTC"):
            self.needs.ask(
                f"the time zone: the weeks begin and end as on a clock of {zone}, which the times "
                "do not name",
                tz=f'"{zone}"',
            )

    def _zones(self, calendar: TradingCalendar) -> tuple[str, ...]:
        if self.moments.zone is not None:
            return (self.moments.zone,)
        if self.asked.tz is not None:
            return (self.asked.tz,)
        return tuple(dict.fromkeys(("UTC", calendar.tz)))

    def _calendar_of_minutes(self, utc: NDArray[np.int64], interval: Interval) -> str:
        if self.asked.calendar is not None:
            return self.asked.calendar
        # a bar that ends at Friday's midnight does not belong to the weekend
        weekend = float((((utc - MINUTE_US) // DAY_US + 3) % 7 >= 5).mean())
        if self.asset_class == "crypto":
            return "24/7"
        if self.asset_class == "fx":
            return self._calendar_of_currencies(utc, interval) if weekend else "24/5"
        if self.exchange is not None:
            return self.exchange
        if weekend > 0.1 and _go_round_the_clock(utc, interval.us):
            self.intake.notes.append("there are bars on weekends: the calendar is 24/7")
            return "24/7"
        return "XNYS"

    # If there are bars on Sunday evening, days end at 17:00 in New York, if bars fit
    # that.
    def _calendar_of_currencies(self, times: NDArray[np.int64], interval: Interval) -> str:
        naive = self.moments.zone is None and self.asked.tz is not None
        utc = to_utc(times, str(self.asked.tz)) if naive else times
        grid = BarGrid(calendar_to_us("FX", int(utc.max()) + DAY_US), interval)
        out = min(float((fit.ends_of(utc, grid, end) < 0).mean()) for end in _ENDS)
        return "FX" if out <= fit.LOSS else "24/7"

    def _chosen(
        self,
        found: list[fit.Reading],
        distinct: NDArray[np.int64],
        grid: BarGrid,
        *,
        aware: bool,
        step_us: int,
    ) -> fit.Reading:
        best = fit.best_zone(found, len(distinct))
        zones = {one.zone for one in best}
        if len(zones) > 1:
            self.needs.ask(
                f"the time zone: the times fit {grid.calendar.name} as "
                f"{' and as '.join(sorted(zones))}",
                tz=f'"{grid.calendar.tz}"',
            )
        if not best:
            return min(found, key=lambda one: one.misfits)
        chosen = [one for one in best if one.zone == best[0].zone]
        if len(chosen) == 2:
            utc = distinct if aware else to_utc(distinct, chosen[0].zone)
            labels = fit.labels_of(chosen, utc, step_us) or self.hint
            labels = labels or self.asked.labels_by_default
            if labels is None:
                self.needs.ask(
                    "the labels: times may be the start of the bars or their end; most vendors "
                    "stamp the start",
                    labels='"start"',
                )
            else:
                chosen = [one for one in chosen if one.labels == labels]
        self.needs.settle()
        return chosen[0]

    def _judge_loss(
        self,
        one: fit.Reading,
        distinct: NDArray[np.int64],
        inverse: NDArray[np.int64],
        grid: BarGrid,
        *,
        aware: bool,
    ) -> None:
        if not one.misfits:
            return
        utc = distinct if aware else to_utc(distinct, one.zone)
        out = one.ends_us < 0
        extended = out & fit.in_extended_hours(utc, grid.calendar) & (one.after_hours > 0)
        rows = np.bincount(inverse, minlength=len(distinct))
        strange = int(rows[out & ~extended].sum())
        total = int(rows.sum())
        night = int(rows[extended].sum())
        if strange > fit.LOSS * total or night > 0.9 * total:
            first = distinct[int((out & ~extended).argmax())]
            self._refuse(
                f"{strange + night:,} of {total:,} rows are no {grid.interval.bar_word} of "
                f"{grid.calendar.name}, the first at {datetime_of(int(first)):%Y-%m-%d %H:%M} "
                f"({one.zone})",
                likely_cause(
                    utc,
                    raw=distinct,
                    aware=aware,
                    grid=grid,
                    other="end" if one.labels == "start" else "start",
                    length=None if self.asked.interval else grid.interval.text,
                ),
            )
        self.intake.leave_out("before the open or after the close", night)
        self.intake.leave_out(f"no {grid.interval.bar_word} of {grid.calendar.name}", strange)


def place(
    frame: pl.DataFrame,
    moments: Moments,
    *,
    asked: Asked,
    hint: Labels | None,
    length: str | None,
    needs: Needs,
    intake: Intake,
) -> Placed:
    """Return the place of bars in time.

    Args:
        frame: The bars: symbols and fields.
        moments: Their times, row by row.
        asked: The user's arguments.
        hint: Which end of a bar the vendor stamps.
        length: Length of a bar according to the vendor.
        needs: Collects questions.
        intake: Collects decisions.

    Raises:
        UnclearData: something is missing or ambiguous.
        RowsLost: too many rows do not fit.
    """
    symbols = frame["symbol"].unique().to_list()
    asset_class = asked.asset_class or common_class(symbols)
    work = _Placing(frame, moments, asked, hint, needs, intake, asset_class, exchange_of(symbols))
    interval = work.interval(length)
    placed = work.intraday(interval) if interval.intraday else work.daily(interval)
    intake.interval, intake.calendar = placed.interval.text, placed.calendar
    intake.asset_class = asset_class
    intake.notes.append(f"times: {moments.origin}")
    return placed


def _codes(symbols: pl.Series) -> NDArray[np.int32]:
    head = symbols.head(200_000)
    return head.cast(pl.Categorical).to_physical().cast(pl.Int32).to_numpy()


# Exchange hours on weekend dates are in another time zone.
def _go_round_the_clock(us: NDArray[np.int64], step_us: int) -> bool:
    some_days = int(us.max()) - int(us.min()) > 2 * DAY_US
    return not some_days or len(np.unique(us % DAY_US)) * step_us >= 0.7 * DAY_US


def _all_midnight(us: NDArray[np.int64]) -> bool:
    return bool((us % DAY_US == 0).all())
