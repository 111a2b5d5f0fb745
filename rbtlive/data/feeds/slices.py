"""From loose bars to slices: the calendar says which slices there are, this module
fills and closes them.

Its rule: slices leave in the calendar's order, each exactly once, empty ones included;
what does not fit is left out, counted and named, and never stops the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import chain, islice
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of, us_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.errors import InvalidBar
from rbtlive.model.arrays import np
from rbtlive.model.bar import Bar, aware_utc, plain_values, trusted_bar
from rbtlive.model.events import Event, MarketDataEvent, SystemErrorEvent, trusted_slice
from rbtlive.model.interval import MINUTE, Interval
from rbtlive.model.number import to_decimal

_FIELDS = ("open", "high", "low", "close", "volume")
_REQUIRED = ("symbol", "timestamp", *_FIELDS)
_LARGEST_EXPONENT = 30
_MOST_DIGITS = 38
_NOTHING: Iterator[Event] = iter(())
_MOST_BY_CLOCK = 1000
"""Of how many slices that the clock closed it is known which bars they lack."""


class SlotAxis:
    """The slices that a calendar has: the ENDs of its bars, in microseconds since 1970.

    Args:
        calendar: Whose sessions; of weeks or months, the calendar of those.
        frequency: How long a bar is, e.g. "1d" for one slice a session.

    Raises:
        BadFrequency: `frequency` is no interval.
    """

    def __init__(self, calendar: TradingCalendar, *, frequency: str | Interval) -> None:
        self.calendar = calendar
        self.interval = Interval.parse(frequency)
        self.frequency = self.interval.text
        self.step_us = self.interval.us
        self._grid = BarGrid(calendar, self.interval)
        self._zone = ZoneInfo(str(calendar.tz))

    def slot_of(self, moment: datetime | date) -> int | None:
        """Return the END of the slice that a bar's stamp means; None if it lies in no
        slice.

        A daily bar may be stamped with any time in its session, its close included,
        with midnight (UTC or the exchange's) of its label where no session is open at
        that moment, or with the label itself, a date; one of a week or month with any
        of these of any of its days. An intraday bar is stamped with its END.
        """
        if not isinstance(moment, datetime):
            return None if self.interval.intraday else self._close_of_label(moment)
        moment_us = us_of(moment)
        if self.interval.intraday:
            return moment_us if self._grid.end_of(moment_us) == moment_us else None
        session = self.calendar.session_of_us(moment_us)
        if session >= 0:
            return int(self.calendar.closes_us[session])
        for local in (moment.astimezone(UTC), moment.astimezone(self._zone)):
            if local.hour == local.minute == local.second == local.microsecond == 0:
                slot = self._close_of_label(local.date())
                if slot is not None:
                    return slot
        return None

    def slots(self, *, after_us: int, before_us: int) -> Iterator[int]:
        """Yield the slices that end strictly between two moments, in order."""
        closes = self.calendar.closes_us
        session = int(np.searchsorted(closes, after_us, side="right"))
        if not self.interval.intraday:
            yield from closes[session : int(np.searchsorted(closes, before_us))].tolist()
            return
        while session < len(closes) and self.calendar.opens_us[session] < before_us:
            ends = self._grid.ends_us(session)
            yield from ends[(ends > after_us) & (ends < before_us)].tolist()
            session += 1

    def last_at(self, moment_us: int) -> int | None:
        """Return the END of the last slice that is over at a moment; None if there is
        none.
        """
        closes = self.calendar.closes_us
        session = int(np.searchsorted(closes, moment_us, side="right"))
        if self.interval.intraday and session < len(closes):
            ends = self._grid.ends_us(session)
            over = int(np.searchsorted(ends, moment_us, side="right"))
            if over:
                return int(ends[over - 1])
        return int(closes[session - 1]) if session else None

    def stretch(self, moment_us: int) -> tuple[int, int]:
        """Return the (begin, end] around a moment in which bars of full length follow
        each other without a break.

        (0, 0) where there is none: no session is open, or slices are whole sessions.
        """
        if not self.interval.intraday:
            return 0, 0
        begin_us, end_us = self._grid.stretch(moment_us)
        return begin_us, end_us - (end_us - begin_us) % self.step_us

    def _close_of_label(self, label: date) -> int | None:
        day = np.array([label], dtype="datetime64[D]")
        session = int(self.calendar.sessions_of_labels(day)[0])
        return None if session < 0 else int(self.calendar.closes_us[session])


class SliceBuilder:
    """Collects bars into slices, and closes each when a later one begins.

    What `add`, `close_through` and `finish` return may be taken lazily: the builder's
    own state has moved on already.

    Args:
        axis: Which slices there are.
        symbols: The symbols that exist, in their proper spelling; None takes any.
        wants: Says whether bars of a symbol go into the slices; those of others only
            tell the time. None wants all.
        after: END of the last slice that is over already; what is not later is skipped.
            Without it the first bar's slice is the first.
        until: END of the last slice that is wanted.
        latest: Gives the END of the latest bar that can be right, the clock's now; None
            knows no future.

    Attributes:
        bars: Bars taken.
        slices: Slices closed.
        empty: Slices among them without a bar.
        skipped: Bars not later than where a source was taken up again.
        quarantined: Bars left out, counted by reason.
        ended: Whether a bar beyond `until` came.
    """

    def __init__(
        self,
        axis: SlotAxis,
        *,
        symbols: Iterable[str] | None = None,
        wants: Callable[[str], bool] | None = None,
        after: datetime | None = None,
        until: datetime | None = None,
        latest: Callable[[], datetime] | None = None,
    ) -> None:
        self.bars = self.slices = self.empty = self.skipped = 0
        self.quarantined: Counter[str] = Counter()
        self.ended = False
        self._axis = axis
        self._known = None if symbols is None else {symbol.upper(): symbol for symbol in symbols}
        self._closed_us: int | None = None if after is None else us_of(after)
        self._until_us = None if until is None else us_of(until)
        self._latest = latest
        self._wants = wants
        self._open_us: int | None = None
        self._open_bars: dict[str, Bar] = {}
        self._repeats_us = self._closed_us
        self._by_clock: dict[int, set[str]] = {}
        self._spelled = None if self._known is None else frozenset(self._known.values())
        self._stretch = (0, 0)

    def add(self, item: object) -> Iterator[Event]:
        """Take what a source gave, and return what follows from it.

        Args:
            item: A bar, a mapping with a bar's fields, a list of either (one whole
                slice), or a MarketDataEvent.

        Returns:
            The slices that are over now, and a SystemErrorEvent for each bar that was
            left out.
        """
        if type(item) is dict or type(item) is Bar:
            quick = self._add_in_order(item)
            if quick is not None:
                return quick
        if isinstance(item, MarketDataEvent):
            return self._add_event(item)
        if isinstance(item, (list, tuple)):
            return self._add_slice(item)
        return self._add_bar(item, whole_slice_us=None)[1]

    def _add_in_order(self, item: dict[str, Any] | Bar) -> Iterator[Event] | None:
        # What `_add_bar` does to a bar of floats in the minute that is open or in the
        # next one, at a tenth of its cost. Where anything is out of the ordinary
        # nothing has changed, and None leaves the bar to that.
        if self._repeats_us is not None or self._open_us is None:
            return None
        bar = _plain_bar(item)
        if bar is None or not (self._spelled is None or bar.symbol in self._spelled):
            return None
        symbol, timestamp, open_us = bar.symbol, bar.timestamp, self._open_us
        us = us_of(timestamp)
        begin_us, end_us = self._stretch
        if not begin_us < us <= end_us:
            begin_us, end_us = self._stretch = self._axis.stretch(us)
        step_us = self._axis.step_us
        if (
            not begin_us < us <= end_us
            or (us - begin_us) % step_us
            or (self._until_us is not None and us > self._until_us)
        ):
            return None
        if self._latest is not None and timestamp > self._latest():
            return None
        events: Iterator[Event] = _NOTHING
        if us == open_us:
            if symbol in self._open_bars:
                return None
        elif us == open_us + step_us and open_us > begin_us:
            events = self._close_open()
            self._open_us = us
        else:
            return None
        if self._wants is None or self._wants(symbol):
            self._open_bars[symbol] = bar
            self.bars += 1
        return events

    def close_through(self, moment: datetime) -> Iterator[Event]:
        """Close the slices that are over at a moment, whether bars came or not; bars
        for them are late from now on.
        """
        moment_us = us_of(aware_utc(moment))
        last_us = self._axis.last_at(
            moment_us if self._until_us is None else min(moment_us, self._until_us)
        )
        if last_us is None or (self._closed_us is not None and last_us <= self._closed_us):
            return iter(())
        if (
            self._open_us is None and self._closed_us is None
        ):  # nothing has begun that could be closed
            self._closed_us = last_us
            return iter(())
        self._note_closed_by_clock(last_us)
        closing = (
            self._close_open()
            if self._open_us is not None and self._open_us <= last_us
            else iter(())
        )
        return chain(closing, self._gap(last_us + 1))

    def _note_closed_by_clock(self, last_us: int) -> None:
        # Of these slices bars may come late, which are no repetitions: a source that is
        # opened again gives them first.
        slots = self._axis.slots(
            after_us=self._closed_us or self._open_us or 0, before_us=last_us + 1
        )
        for slot_us in islice(slots, _MOST_BY_CLOCK):
            self._by_clock[slot_us] = set(self._open_bars) if slot_us == self._open_us else set()
        for slot_us in list(self._by_clock)[:-_MOST_BY_CLOCK]:
            del self._by_clock[slot_us]

    def finish(self) -> Iterator[Event]:
        """Close the slice that is open: the source has ended."""
        return self._close_open() if self._open_us is not None else iter(())

    def open_bars(self) -> list[Bar]:
        """Return the bars of the slice that is still open."""
        return list(self._open_bars.values())

    def take_up_again(self) -> None:
        """Skip, instead of naming, what a source that was opened again repeats."""
        self._repeats_us = self._closed_us or 0

    @property
    def now(self) -> datetime:
        """Event time: the END of the slice that is open, or of the last one that is
        over; 1970 before the first.
        """
        return datetime_of(self._open_us or self._closed_us or 0)

    def _add_event(self, event: MarketDataEvent) -> Iterator[Event]:
        slot_us = self._axis.last_at(us_of(event.timestamp))
        if slot_us is not None and self._until_us is not None and slot_us > self._until_us:
            self.ended = True
            return self.finish()
        if slot_us is not None and self._open_us is None and self._closed_us is None:
            self._closed_us = slot_us - 1  # an empty slice may well be the first
        return chain(
            self._add_slice(list(event.bars.values())), self.close_through(event.timestamp)
        )

    def _add_slice(self, items: Iterable[object]) -> Iterator[Event]:
        events: list[Iterator[Event]] = []
        slot_us: int | None = None
        for item in items:
            placed_us, following = self._add_bar(item, whole_slice_us=slot_us)
            slot_us = placed_us if slot_us is None else slot_us
            events.append(following)
        if slot_us is not None and slot_us == self._open_us:
            events.append(self._close_open())
        return chain.from_iterable(events)

    def _add_bar(
        self, item: object, *, whole_slice_us: int | None
    ) -> tuple[int | None, Iterator[Event]]:
        # Returns the slice the bar went into, None if it went nowhere, and what
        # follows.
        try:
            values = self._facts(item)
            slot_us = self._slot(values)
            if self._until_us is not None and slot_us > self._until_us:
                self.ended = True
                return None, self.finish()
            bar = _validated({**values, "timestamp": datetime_of(slot_us)})
            if self._is_repeated(bar, slot_us):
                self.skipped += 1
                return None, iter(())
            self._refuse_misplaced(bar, slot_us=slot_us, whole_slice_us=whole_slice_us)
        except _QuarantinedError as refusal:
            self.quarantined[refusal.reason] += 1
            return None, iter((self._report(item, str(refusal)),))
        following = self._open(slot_us)
        if self._wants is None or self._wants(bar.symbol):
            self._open_bars[bar.symbol] = bar
            self.bars += 1
        return slot_us, following

    def _facts(self, item: object) -> dict[str, Any]:
        if isinstance(item, Bar):
            values: dict[str, Any] = dict(item)
        elif isinstance(item, Mapping):
            missing = [name for name in _REQUIRED if name not in item]
            if missing:
                raise _QuarantinedError(
                    "wrong_type",
                    f"a bar needs {', '.join(_REQUIRED)}: {', '.join(missing)} missing",
                )
            values = {name: item[name] for name in _REQUIRED}
        else:
            raise _QuarantinedError(
                "wrong_type",
                f"a bar, a mapping or a list of them is expected: was {type(item).__name__}",
            )
        symbol = values["symbol"]
        if not isinstance(symbol, str) or not symbol or not _is_encodable(symbol):
            raise _QuarantinedError("wrong_type", f"symbol must be a string: was {_shown(symbol)}")
        if self._known is not None:
            if symbol.upper() not in self._known:
                raise _QuarantinedError(
                    "unknown_symbol", f"symbol {_shown(symbol)} is not among the session's assets"
                )
            values["symbol"] = self._known[symbol.upper()]
        return values

    def _slot(self, values: dict[str, Any]) -> int:
        moment = _moment(values["timestamp"])
        begun = (
            moment
            if isinstance(moment, datetime)
            else datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
        )
        if self._latest is not None and begun > self._latest():
            raise _QuarantinedError("future", f"timestamp {moment.isoformat()} lies in the future")
        try:
            slot_us = self._axis.slot_of(moment)
        except (
            OverflowError,
            ValueError,
        ):  # beyond the years that a date can have in another time zone
            slot_us = None
        if slot_us is None:
            what = "minute" if self._axis.interval == MINUTE else self._axis.interval.bar_word
            raise _QuarantinedError(
                "outside_session",
                f"timestamp {moment.isoformat()} lies in no {what} of calendar "
                f"{self._axis.calendar.name}",
            )
        return slot_us

    def _is_repeated(self, bar: Bar, slot_us: int) -> bool:
        if self._repeats_us is None:
            return False
        if slot_us <= self._repeats_us:
            there = self._by_clock.get(slot_us)
            if there is None or bar.symbol in there:
                return True
            there.add(bar.symbol)  # it is named once
            return False
        if slot_us == self._open_us and self._open_bars.get(bar.symbol) == bar:
            return True
        if self._closed_us is None or slot_us > self._closed_us:
            self._repeats_us = None
        return False

    def _refuse_misplaced(self, bar: Bar, *, slot_us: int, whole_slice_us: int | None) -> None:
        if whole_slice_us is not None and slot_us != whole_slice_us:
            raise _QuarantinedError(
                "out_of_order", "all bars of a list must have one timestamp: this one has another"
            )
        over = self._closed_us is not None and slot_us <= self._closed_us
        if over or (self._open_us is not None and slot_us < self._open_us):
            raise _QuarantinedError(
                "out_of_order", f"it came late: the slices up to {self.now.isoformat()} have begun"
            )
        if slot_us == self._open_us and bar.symbol in self._open_bars:
            raise _QuarantinedError("duplicate", "its slice has a bar of this symbol already")

    def _open(self, slot_us: int) -> Iterator[Event]:
        if slot_us == self._open_us:
            return iter(())
        closing = self._close_open() if self._open_us is not None else iter(())
        gap = self._gap(slot_us) if self._closed_us is not None else iter(())
        self._open_us = slot_us
        return chain(closing, gap)

    def _close_open(self) -> Iterator[Event]:
        assert self._open_us is not None
        slot_us, bars = self._open_us, self._open_bars
        self._open_us, self._open_bars = None, {}
        self._closed_us = slot_us
        self.slices += 1
        for bar in bars.values():
            return iter((trusted_slice(bar.timestamp, bars),))
        return iter((trusted_slice(datetime_of(slot_us), bars),))

    def _gap(self, before_us: int) -> Iterator[Event]:
        # Closes, empty, every slice between the last closed one and `before_us`.
        assert self._closed_us is not None
        after_us = self._closed_us
        self._closed_us = max(after_us, before_us - 1)
        return self._empty_slices(after_us, before_us)

    def _empty_slices(self, after_us: int, before_us: int) -> Iterator[Event]:
        for slot_us in self._axis.slots(after_us=after_us, before_us=before_us):
            self.slices += 1
            self.empty += 1
            yield trusted_slice(datetime_of(slot_us), {})

    def _report(self, item: object, reason: str) -> SystemErrorEvent:
        message = f"bar left out: {reason} in {_described(item)}; the strategy sees a missing bar"
        return SystemErrorEvent(timestamp=self.now, message=_clean(message), source="feed")


class _QuarantinedError(InvalidBar):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def _moment(stamp: object) -> datetime | date:
    if isinstance(stamp, str):
        try:
            stamp = datetime.fromisoformat(stamp)
        except ValueError:
            raise _QuarantinedError(
                "wrong_type", f"timestamp {_shown(stamp)} is no ISO 8601 date-time"
            ) from None
    if isinstance(stamp, datetime):
        if stamp.tzinfo is None or stamp.utcoffset() is None:
            raise _QuarantinedError(
                "wrong_type", f"timestamp must carry a time zone: was {_shown(stamp)}"
            )
        try:
            return datetime_of(us_of(stamp))  # a plain date-time in UTC, whatever subclass it was
        except (OverflowError, ValueError):
            raise _QuarantinedError(
                "wrong_type", f"timestamp {_shown(stamp)} is beyond what can be told"
            ) from None
    if isinstance(stamp, date):
        return stamp
    raise _QuarantinedError(
        "wrong_type", f"timestamp must be a date-time: was {_shown(stamp)} ({type(stamp).__name__})"
    )


# A bar of ordinary floats, whose decimals need no further look; None for any other.
def _plain_bar(item: dict[str, Any] | Bar) -> Bar | None:
    if not isinstance(item, dict):
        return item if item.is_plain else None
    try:
        values = plain_values(
            item if len(item) == len(_REQUIRED) else {name: item[name] for name in _REQUIRED}
        )
    except KeyError:
        return None
    return None if values is None else trusted_bar(values)


def _validated(values: dict[str, Any]) -> Bar:
    for name in _FIELDS:
        values[name] = _exact(name, values[name])
    try:
        return Bar(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        reason = f"{where}: {first['msg']}, was {_shown(first['input'])}" if where else first["msg"]
        raise _QuarantinedError("invalid", reason) from None


def _exact(name: str, value: object) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) else to_decimal(value)
    except (TypeError, InvalidOperation):
        raise _QuarantinedError(
            "wrong_type", f"{name} must be a number: was {_shown(value)}"
        ) from None
    if not number.is_finite():
        raise _QuarantinedError("invalid", f"{name} must be finite: was {number}")
    if number and (
        abs(number.adjusted()) > _LARGEST_EXPONENT or len(number.as_tuple().digits) > _MOST_DIGITS
    ):
        raise _QuarantinedError(
            "invalid", f"{name} is beyond what can be traded: was {_shown(value)}"
        )
    return number or Decimal(0)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _described(item: object) -> str:
    if isinstance(item, Bar):
        return f"bar of {_shown(item.symbol)} at {item.timestamp.isoformat()}"
    if isinstance(item, Mapping) and "symbol" in item:
        return f"bar of {_shown(item['symbol'])} at {_shown(item.get('timestamp'))}"
    return _shown(item)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return str(value)
    try:
        return f"{value!r:.80}"
    except BaseException as error:  # noqa: BLE001 - what a source gives may even fail to print
        return f"(unprintable {type(value).__name__}: {type(error).__name__})"


def _clean(text: str) -> str:
    return text[:500].encode("utf-8", "backslashreplace").decode("utf-8")
