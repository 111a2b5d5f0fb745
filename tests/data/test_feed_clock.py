"""Slices against a clock: what is provisional, what is of the future, what is enough,
and what comes again.
"""

from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from pydantic import BaseModel

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.model.events import BarRevisedEvent, MarketDataEvent

XNYS, ALWAYS = get_calendar("XNYS"), get_calendar("24/7")
DAILY, MINUTELY = SlotAxis(XNYS, frequency="1d"), SlotAxis(XNYS, frequency="1m")
ROUND = SlotAxis(ALWAYS, frequency="1d")


def at(text):
    return datetime.fromisoformat(text + "Z")


def bar(stamp, symbol="A", close=1.5):
    return {
        "symbol": symbol,
        "timestamp": stamp,
        "open": 1,
        "high": 9,
        "low": 0.5,
        "close": close,
        "volume": 9,
    }


class Watched:
    """A builder with a clock that is set by hand, and what it gave.

    Attributes:
        now: What time it is.
        gave: Time and closes of each slice, "revised", or the first words of an error.
    """

    def __init__(self, axis, now, **options):
        self.now, self.gave = now, []
        self.builder = SliceBuilder(
            axis, latest=lambda: self.now, **{"symbols": ["A", "B"], "expected": ["A"], **options}
        )

    def give(self, *items, now=None):
        """Set the clock, then give items."""
        self.now = now or self.now
        for item in items:
            self._keep(self.builder.add(item))
        return self.gave

    def tick(self, now, grace_s=5.0):
        """Set the clock, and let it close what is over."""
        self.now = now
        self._keep(self.builder.close_through(now - timedelta(seconds=grace_s)))
        return self.gave

    def finish(self):
        self._keep(self.builder.finish())
        return self.gave

    def _keep(self, events):
        for event in events:
            if isinstance(event, MarketDataEvent):
                closes = {symbol: float(b.close) for symbol, b in event.bars.items()}
                self.gave.append((event.timestamp, closes))
            else:
                self.gave.append("revised" if isinstance(event, BarRevisedEvent) else event.message)


def test_a_bar_that_still_forms_is_used_with_its_last_word_once_its_session_is_over():
    watched = Watched(ROUND, at("2026-03-04T10:00:00"))

    watched.give(bar(date(2026, 3, 3)))
    for close in (1.0, 2.0, 3.0):
        watched.give(bar(date(2026, 3, 4), close=close))
    before = list(watched.gave)
    watched.tick(at("2026-03-05T00:00:04"), 900)
    still_before = list(watched.gave)
    watched.tick(at("2026-03-05T00:00:06"), 900)

    assert before == still_before == [(at("2026-03-04T00:00:00"), {"A": 1.5})]
    assert watched.gave[1:] == [(at("2026-03-05T00:00:00"), {"A": 3.0})]
    assert watched.builder.provisional == 3


def test_the_word_after_the_end_closes_a_slice_at_once():
    watched = Watched(MINUTELY, at("2026-03-04T14:30:20"))

    watched.give(bar(at("2026-03-04T14:31:00"), close=2.0))
    watched.give(bar(at("2026-03-04T14:31:00"), close=3.0), now=at("2026-03-04T14:31:00"))

    assert watched.gave == [(at("2026-03-04T14:31:00"), {"A": 3.0})]


def test_the_next_minutes_first_words_close_nothing_while_last_words_may_come():
    watched = Watched(MINUTELY, at("2026-03-04T14:30:50"), expected=["A", "B"])
    end, following = at("2026-03-04T14:31:00"), at("2026-03-04T14:32:00")

    watched.give(bar(end), bar(end, "B"))
    watched.give(bar(end, close=2.0), bar(following), now=end + timedelta(seconds=0.2))
    assert watched.gave == []
    watched.give(bar(end, "B", close=4.0), now=end + timedelta(seconds=0.4))

    assert watched.gave == [(end, {"A": 2.0, "B": 4.0})]


def test_a_run_begins_with_what_its_source_spoke_of_first_although_the_clock_is_behind():
    watched = Watched(MINUTELY, at("2026-03-04T14:31:25"))

    watched.give(bar(at("2026-03-04T14:32:00"), close=2.0))
    watched.give(bar(at("2026-03-04T14:31:00"), close=1.0))
    watched.give(bar(at("2026-03-04T14:33:00"), close=3.0), now=at("2026-03-04T14:33:00"))

    late, *slices = watched.gave
    assert "came late" in late
    assert slices[0] == (at("2026-03-04T14:32:00"), {"A": 2.0})


def test_a_bar_that_forms_keeps_no_other_symbols_last_bar_from_being_the_first():
    watched = Watched(MINUTELY, at("2026-03-04T14:31:25"), expected=["A", "B"])

    watched.give(bar(at("2026-03-04T14:32:00"), close=2.0))
    watched.give(bar(at("2026-03-04T14:31:00"), "B", close=1.0))
    watched.give(bar(at("2026-03-04T14:32:00"), "B"), now=at("2026-03-04T14:32:00"))

    assert watched.gave[0] == (at("2026-03-04T14:31:00"), {"B": 1.0})


@pytest.mark.parametrize(
    ("day", "closes"), [("2026-11-25", "21:00"), ("2026-11-27", "18:00"), ("2026-07-06", "20:00")]
)
def test_a_daily_bar_is_provisional_until_its_own_sessions_close(day, closes):
    close = at(f"{day}T{closes}:00")
    watched = Watched(DAILY, close - timedelta(minutes=30))

    watched.give(bar(date.fromisoformat(day), close=2.0))
    watched.give(bar(date.fromisoformat(day), close=4.0), now=close - timedelta(seconds=1))
    before = list(watched.tick(close - timedelta(seconds=1), 900))
    watched.tick(close + timedelta(hours=1), 900)

    assert before == []
    assert watched.gave == [(close, {"A": 4.0})]


def test_a_bar_of_the_future_is_named_once_and_used_when_its_time_has_come():
    watched = Watched(MINUTELY, at("2026-03-04T14:31:00"))

    for minute in (31, 33, 34):
        watched.give(bar(at(f"2026-03-04T14:{minute}:00"), close=float(minute - 25)))
    watched.give(bar(at("2026-03-04T14:32:00")), now=at("2026-03-04T14:32:00"))
    watched.tick(at("2026-03-04T14:33:09"))

    assert watched.gave[0] == (at("2026-03-04T14:31:00"), {"A": 6.0})
    assert "its END lies 0:02:00 in the future" in watched.gave[1]
    assert watched.gave[2:] == [
        (at("2026-03-04T14:32:00"), {"A": 1.5}),
        (at("2026-03-04T14:33:00"), {"A": 8.0}),
    ]
    assert watched.builder.quarantined == {"future": 2}


def test_a_right_bar_takes_the_place_of_one_that_was_stamped_in_the_future():
    watched = Watched(MINUTELY, at("2026-03-04T14:31:00"))

    watched.give(bar(at("2026-03-04T14:31:00")), bar(at("2026-03-04T14:35:00"), close=8.0))
    for minute in range(32, 36):
        end = at(f"2026-03-04T14:{minute}:00")
        watched.give(bar(end, close=float(minute - 30)), now=end + timedelta(seconds=0.1))

    slices = [one for one in watched.gave if isinstance(one, tuple)]
    assert [closes["A"] for _end, closes in slices] == [1.5, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("step", ["whole", "loose"])
def test_a_bar_that_leaps_over_a_recordings_slices_is_left_out_when_the_next_contradicts_it(step):
    watched = Watched(DAILY, at("2030-01-01T00:00:00"), expected=["A", "B"])
    days = [XNYS.close(XNYS.number(date(2024, 1, 2)) + n) for n in range(30)]

    for number, day in enumerate(days):
        if number == 7:
            watched.give(bar(days[25], close=8.0))
        both = [bar(day), bar(day, "B")]
        watched.give(*([both] if step == "whole" else both))

    errors = [one for one in watched.gave if isinstance(one, str)]
    slices = [one for one in watched.gave if isinstance(one, tuple)]
    assert slices == [(day, {"A": 1.5, "B": 1.5}) for day in days]
    assert len(errors) == 1
    assert "far ahead of the bars around it" in errors[0]


def test_a_recordings_gap_is_believed_once_the_next_bar_bears_it_out():
    watched = Watched(DAILY, at("2030-01-01T00:00:00"))

    watched.give(bar(at("2024-01-02T21:00:00")), bar(at("2024-01-05T21:00:00")))
    assert len(watched.gave) == 1
    watched.give(bar(at("2024-01-08T21:00:00")))

    assert [end.day for end, _closes in watched.gave] == [2, 3, 4, 5, 8]
    assert watched.builder.quarantined == {}


def test_a_slice_is_over_when_all_that_is_expected_has_reported():
    watched = Watched(MINUTELY, at("2030-01-01T00:00:00"), expected=["a", "B"])
    end = at("2024-01-02T14:31:00")

    watched.give(bar(end))
    assert watched.gave == []
    watched.give(bar(end, "B"))

    assert watched.gave == [(end, {"A": 1.5, "B": 1.5})]


def test_a_symbol_that_is_halted_costs_the_grace_and_nothing_else():
    watched = Watched(MINUTELY, at("2026-03-04T14:31:00"), expected=["A", "B"])
    first, second = at("2026-03-04T14:31:00"), at("2026-03-04T14:32:00")

    watched.give(bar(first), bar(first, "B"))
    watched.give(bar(second), now=second)
    watched.tick(second + timedelta(seconds=4))
    assert len(watched.gave) == 1
    watched.tick(second + timedelta(seconds=5))

    assert watched.gave[1:] == [(second, {"A": 1.5})]


def test_symbols_that_are_not_waited_for_are_named_once_when_they_come_late():
    watched = Watched(MINUTELY, at("2030-01-01T00:00:00"))

    for minute in range(31, 51):
        end = at(f"2024-01-02T14:{minute}:00")
        watched.give(bar(end), bar(end, "B"))

    errors = [one for one in watched.gave if isinstance(one, str)]
    assert len(errors) == 2  # the first, and the tenth with the count
    assert "expected= does not wait for it" in errors[0]
    assert watched.builder.quarantined == {"not_expected": 20}


def test_a_bar_that_comes_again_is_silent_and_one_with_other_values_is_kept():
    watched = Watched(MINUTELY, at("2030-01-01T00:00:00"))
    end, following = at("2024-01-02T14:31:00"), at("2024-01-02T14:32:00")

    watched.give(bar(end), bar(end), bar(end, close=2.0), bar(end, close=2.0), bar(following))

    assert watched.gave == [(end, {"A": 1.5}), "revised", (following, {"A": 1.5})]
    assert (watched.builder.skipped, watched.builder.revised) == (2, 1)


def test_a_poller_that_gives_its_last_bars_each_time_repeats_nothing_and_waits_for_the_end():
    watched = Watched(MINUTELY, at("2026-03-04T14:33:20"), expected=["A", "B"])

    for second in (20, 40, 60, 80):
        now = at("2026-03-04T14:33:00") + timedelta(seconds=second)
        minutes = [at("2026-03-04T14:31:00") + timedelta(minutes=n) for n in range(1, 5)]
        known = [m for m in minutes if m - timedelta(minutes=1) < now]
        watched.give([bar(m, symbol) for symbol in "AB" for m in known], now=now)

    assert [end.minute for end, _closes in watched.gave] == [32, 33, 34]
    assert all(len(closes) == 2 for _end, closes in watched.gave)


def test_bars_that_are_not_over_when_the_source_ends_are_left_out():
    watched = Watched(ROUND, at("2026-03-04T10:00:00"))

    watched.give(bar(date(2026, 3, 3)), bar(date(2026, 3, 4)))

    assert watched.finish() == [
        (at("2026-03-04T00:00:00"), {"A": 1.5}),
        "the source ended before the end of 1 bars: they are left out",
    ]


# -- labels --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "frequency", "stamp", "end"),
    [
        ("XNYS", "1m", at("2026-03-04T14:30:00"), at("2026-03-04T14:31:00")),
        ("XNYS", "1m", at("2026-03-04T20:59:00"), at("2026-03-04T21:00:00")),
        ("XNYS", "1m", at("2026-03-04T21:00:00"), None),
        ("XNYS", "1h", at("2026-03-04T20:30:00"), at("2026-03-04T21:00:00")),
        ("XNYS", "1h", at("2026-03-09T13:30:00"), at("2026-03-09T14:30:00")),  # summer time
        ("XHKG", "1m", at("2026-03-04T03:59:00"), at("2026-03-04T04:00:00")),
        ("XHKG", "1m", at("2026-03-04T05:00:00"), at("2026-03-04T05:01:00")),
        ("24/7", "1d", at("2026-03-04T00:00:00"), at("2026-03-05T00:00:00")),
        ("24/7", "1m", at("2026-03-04T23:59:00"), at("2026-03-05T00:00:00")),
        ("XNYS", "1d", at("2026-03-04T14:30:00"), at("2026-03-04T21:00:00")),
        ("XNYS", "1d", at("2026-03-04T05:00:00"), at("2026-03-04T21:00:00")),
        ("XNYS", "1d", date(2026, 3, 4), at("2026-03-04T21:00:00")),
    ],
)
def test_a_stamp_that_names_the_start_means_the_slice_that_begins_there(
    calendar, frequency, stamp, end
):
    axis = SlotAxis(get_calendar(calendar), frequency=frequency, labels="start")

    slot_us = axis.slot_of(stamp)

    assert (None if slot_us is None else datetime.fromtimestamp(slot_us / 1e6, UTC)) == end


def test_an_end_that_is_stamped_a_millisecond_early_is_the_end():
    assert MINUTELY.slot_of(at("2026-03-04T14:30:59.999")) == MINUTELY.slot_of(
        at("2026-03-04T14:31:00")
    )
    assert MINUTELY.slot_of(at("2026-03-04T14:30:59.998")) is None


def warnings_of(watched):
    return [one for one in watched.gave if isinstance(one, str) and 'labels="start"' in one]


def test_a_first_bar_at_the_open_is_a_sign_of_starts_and_extended_hours_are_none():
    starts, extended = (Watched(MINUTELY, at("2030-01-01T00:00:00")) for _ in range(2))

    starts.give(bar(at("2024-01-02T14:30:00")), bar(at("2024-01-02T14:31:00")))
    extended.give(*(bar(at(f"2024-01-02T14:{minute}:00")) for minute in range(20, 33)))

    assert len(warnings_of(starts)) == 1
    assert warnings_of(extended) == []


@pytest.mark.parametrize(("late_s", "warns"), [(60.2, True), (0.4, False), (900.0, False)])
def test_bars_that_come_one_interval_after_their_stamp_are_a_sign_of_starts(late_s, warns):
    axis = SlotAxis(ALWAYS, frequency="1m")
    watched = Watched(axis, at("2026-03-04T14:30:00"))

    for minute in range(31, 40):
        end = at(f"2026-03-04T14:{minute}:00")
        watched.give(bar(end), now=end + timedelta(seconds=late_s))

    assert len(warnings_of(watched)) == warns


def test_a_day_that_goes_on_changing_after_its_stamp_is_a_sign_of_starts():
    watched = Watched(ROUND, at("2026-03-04T10:00:00"))

    for close in (1.0, 2.0, 3.0, 4.0, 5.0):
        watched.give(bar(at("2026-03-04T00:00:00"), close=close))

    assert len(warnings_of(watched)) == 1
    assert watched.gave.count("revised") == 3  # more of one bar are counted
    assert watched.builder.revised == 4


# -- rows ----------------------------------------------------------------------------

STAMP = at("2024-01-02T14:31:00")
FACTS = {**bar(STAMP), "open": 1.0, "high": 9.0, "volume": 9.0}
Row = namedtuple("Row", list(FACTS))  # noqa: PYI024 - what pandas' itertuples gives


@dataclass
class Candle:
    symbol: str
    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


class Model(BaseModel):
    symbol: str
    timestamp: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float


def numpy_record():
    naive = np.datetime64(STAMP.replace(tzinfo=None), "us")
    names = ["symbol", "timestamp", "open", "high", "low", "close", "volume"]
    kinds = ["U8", "datetime64[us]", *["f8"] * 5]
    record = ("A", naive, 1.0, 9.0, 0.5, 1.5, 9.0)
    return np.array([record], dtype=list(zip(names, kinds, strict=True)))[0]


ROWS = {
    "mapping": lambda: dict(FACTS),
    "more fields": lambda: {**FACTS, "trades": 4},
    "series": lambda: pd.Series(FACTS),
    "series of iterrows": lambda: next(
        pd.DataFrame(
            [{k.title(): v for k, v in FACTS.items() if k != "timestamp"}],
            index=pd.DatetimeIndex([STAMP]),
        ).iterrows()
    )[1],
    "itertuples": lambda: next(pd.DataFrame([FACTS]).set_index("timestamp").itertuples()),
    "named tuple": lambda: Row(**FACTS),
    "dataclass": lambda: Candle(**FACTS),
    "model": lambda: Model(**FACTS),
    "record": numpy_record,
    "polars row": lambda: next(pl.DataFrame([FACTS]).iter_rows(named=True)),
    "texts": lambda: {**FACTS, "timestamp": STAMP.isoformat(), "close": "1.5"},
    "numpy scalars": lambda: {
        k: np.float64(v) if isinstance(v, float) else v for k, v in FACTS.items()
    },
}


@pytest.mark.parametrize("shape", ROWS)
def test_a_row_of_any_type_is_a_bar(shape):
    builder = SliceBuilder(MINUTELY, symbols=["A"], expected=["A"])

    (event,) = builder.add(ROWS[shape]())

    assert event.timestamp == STAMP
    assert event.bars["A"].floats() == (1.0, 9.0, 0.5, 1.5, 9.0)


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (pd.DataFrame([FACTS]), "yield its rows"),
        (pl.DataFrame([FACTS]), "yield its rows"),
        ([1700000000000, 1.0, 9.0, 0.5, 1.5, 9.0], "a row of bare numbers"),
        (pd.Series([1, 2, 3]), "missing"),
    ],
)
def test_what_is_no_row_is_refused_in_one_line(item, words):
    builder = SliceBuilder(MINUTELY, symbols=["A"])

    (error,) = builder.add(item)

    assert words in error.message
    assert "\n" not in error.message


def test_bars_out_of_hours_are_counted_and_not_a_line_each():
    watched = Watched(MINUTELY, at("2030-01-01T00:00:00"))

    for minute in range(200):
        watched.give(bar(at("2024-01-02T22:00:00") + timedelta(minutes=minute)))

    assert len(watched.gave) == 3  # the first, the tenth, the hundredth
    assert watched.builder.quarantined == {"outside_session": 200}
