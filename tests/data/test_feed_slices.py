"""From loose bars to slices: every slice of the calendar once and in order, whatever a
source does.
"""

from datetime import date, datetime

import pandas as pd
import pytest

from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.slices import SliceBuilder
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.errors import BadFrequency
from rbtlive.model.bar import Bar, trusted_bar
from rbtlive.model.events import MarketDataEvent, trusted_slice
from tests.data.loose_bars import DAILY, MINUTELY, XNYS, at, bar, close, fed, slices_of


def test_a_slice_is_closed_by_the_first_later_bar_or_by_the_end():
    builder = SliceBuilder(DAILY)

    assert fed(builder, bar(close("2020-01-02")), bar(close("2020-01-02"), "B")) == []
    assert slices_of(builder.add(bar(close("2020-01-03")))) == [(close("2020-01-02"), ["A", "B"])]
    assert slices_of(builder.finish()) == [(close("2020-01-03"), ["A"])]
    assert slices_of(builder.finish()) == []


def test_slots_without_bars_become_empty_slices():
    builder = SliceBuilder(DAILY)

    events = fed(builder, bar(close("2020-01-02")), bar(close("2020-01-08")))

    assert slices_of(events) == [
        (close("2020-01-02"), ["A"]),
        (close("2020-01-03"), []),
        (close("2020-01-06"), []),
        (close("2020-01-07"), []),
    ]
    assert (builder.slices, builder.empty, builder.bars) == (4, 3, 2)


def test_minute_slots_go_on_over_night_without_the_hours_between():
    builder = SliceBuilder(MINUTELY)

    events = fed(builder, bar(at("2020-01-02T20:58:00")), bar(at("2020-01-03T14:32:00")))

    assert slices_of(events) == [
        (at("2020-01-02T20:58:00"), ["A"]),
        (at("2020-01-02T20:59:00"), []),
        (at("2020-01-02T21:00:00"), []),
        (at("2020-01-03T14:31:00"), []),
    ]


def test_a_list_is_one_whole_slice_and_closes_at_once():
    builder = SliceBuilder(DAILY)

    events = fed(
        builder,
        bar(close("2020-01-02")),
        [bar(close("2020-01-03")), bar(close("2020-01-03"), "B")],
        [],
    )

    assert slices_of(events) == [(close("2020-01-02"), ["A"]), (close("2020-01-03"), ["A", "B"])]


def test_a_market_data_event_is_a_whole_slice_even_without_bars():
    builder = SliceBuilder(DAILY)
    full = MarketDataEvent(
        timestamp=close("2020-01-03"), bars={"A": Bar(**bar(close("2020-01-03")))}
    )

    events = fed(builder, MarketDataEvent(timestamp=close("2020-01-02"), bars={}), full)

    assert slices_of(events) == [(close("2020-01-02"), []), (close("2020-01-03"), ["A"])]
    assert events[1] == full


@pytest.mark.parametrize(
    "stamp",
    [
        close("2020-01-03"),
        at("2020-01-03T14:31:00"),
        at("2020-01-03T00:00:00"),
        at("2020-01-03T05:00:00"),
        date(2020, 1, 3),
        "2020-01-03",
        "2020-01-03T16:00:00-05:00",
        pd.Timestamp("2020-01-03 16:00", tz="America/New_York"),
        datetime(2020, 1, 3, 22, tzinfo=datetime.strptime("+0100", "%z").tzinfo),
    ],
)
def test_a_daily_bar_may_be_stamped_in_many_ways(stamp):
    if stamp == "2020-01-03":
        stamp += "T00:00:00Z"
    builder = SliceBuilder(DAILY)

    assert fed(builder, bar(stamp)) == []
    (event,) = builder.finish()

    assert event.timestamp == event.bars["A"].timestamp == close("2020-01-03")
    assert type(event.bars["A"].timestamp) is datetime


def test_round_the_clock_midnight_is_the_end_of_the_day_before_and_a_date_is_its_day():
    axis = SlotAxis(get_calendar("24/7"), frequency="1d")

    assert axis.slot_of(at("2020-01-03T00:00:00")) == axis.slot_of(date(2020, 1, 2))
    assert axis.slot_of(at("2020-01-02T12:00:00")) == axis.slot_of(date(2020, 1, 2))


def test_known_symbols_are_found_in_any_case_and_spelled_as_the_assets_are():
    builder = SliceBuilder(DAILY, symbols=["Brk.B"])

    fed(builder, bar(close("2020-01-02"), "BRK.b"))

    assert slices_of(builder.finish()) == [(close("2020-01-02"), ["Brk.B"])]


def test_the_clock_closes_what_is_over_and_later_bars_for_it_are_late():
    builder = SliceBuilder(MINUTELY, after=at("2020-01-02T14:31:00"))

    assert slices_of(builder.close_through(at("2020-01-02T14:32:30"))) == [
        (at("2020-01-02T14:32:00"), [])
    ]
    assert slices_of(
        fed(builder, bar(at("2020-01-02T14:33:00")), bar(at("2020-01-02T14:32:00"), "B"))
    ) == ["error"]
    assert slices_of(builder.close_through(at("2020-01-02T14:34:59"))) == [
        (at("2020-01-02T14:33:00"), ["A"]),
        (at("2020-01-02T14:34:00"), []),
    ]
    assert slices_of(builder.close_through(at("2020-01-02T14:34:59"))) == []
    assert builder.quarantined["out_of_order"] == 1


def test_a_run_taken_up_again_skips_what_is_not_later_and_fills_the_gap():
    builder = SliceBuilder(DAILY, after=close("2020-01-03"))

    events = fed(
        builder,
        *(bar(close(day)) for day in ("2020-01-02", "2020-01-03", "2020-01-07", "2020-01-06")),
    )

    assert slices_of(events) == [(close("2020-01-06"), []), "error"]
    assert builder.skipped == 2


def test_a_source_opened_again_may_repeat_itself():
    builder = SliceBuilder(DAILY)
    fed(builder, bar(close("2020-01-02")), bar(close("2020-01-03")))

    builder.take_up_again()
    events = fed(
        builder,
        *(bar(close(day)) for day in ("2020-01-02", "2020-01-03", "2020-01-06", "2020-01-03")),
    )

    assert slices_of(events) == [(close("2020-01-03"), ["A"])]
    assert (builder.skipped, builder.quarantined.total()) == (3, 0)


def test_bars_beyond_the_last_session_end_the_feed():
    builder = SliceBuilder(DAILY, until=close("2020-01-03"))

    events = fed(builder, bar(close("2020-01-03")), bar(close("2020-01-06")))

    assert slices_of(events) == [(close("2020-01-03"), ["A"])]
    assert builder.ended
    assert slices_of(builder.close_through(close("2020-01-10"))) == []


def test_symbols_nobody_wants_only_tell_the_time():
    builder = SliceBuilder(DAILY, wants=lambda symbol: symbol == "A")

    events = fed(
        builder,
        bar(close("2020-01-02"), "B"),
        bar(close("2020-01-03"), "B"),
        bar(close("2020-01-03"), "A"),
    )

    assert slices_of([*events, *builder.finish()]) == [
        (close("2020-01-02"), []),
        (close("2020-01-03"), ["A"]),
    ]


def test_the_state_has_moved_on_before_the_events_are_taken():
    builder = SliceBuilder(DAILY)
    builder.add(bar(close("2020-01-02")))

    waiting = builder.add(bar(close("2020-01-07")))
    after = builder.add(bar(close("2020-01-08")))

    assert slices_of(waiting) == [
        (close("2020-01-02"), ["A"]),
        (close("2020-01-03"), []),
        (close("2020-01-06"), []),
    ]
    assert slices_of(after) == [(close("2020-01-07"), ["A"])]


def test_trusted_models_equal_checked_ones():
    checked = Bar(**bar(close("2020-01-02")))
    values = checked.model_dump()
    event = MarketDataEvent(timestamp=close("2020-01-02"), bars={"A": checked})

    fast = trusted_slice(close("2020-01-02"), {"A": trusted_bar(values)})

    assert (fast, fast.bars["A"]) == (event, checked)
    assert hash(fast.bars["A"]) == hash(checked)
    assert fast.model_dump() == event.model_dump()
    assert fast.model_dump_json() == event.model_dump_json()
    assert fast.model_copy(deep=True) == event
    assert repr(fast) == repr(event)
    assert fast.model_fields_set == event.model_fields_set


def test_an_unknown_frequency_is_refused():
    with pytest.raises(BadFrequency, match="was '1y'"):
        SlotAxis(XNYS, frequency="1y")


def test_a_slice_that_leaps_and_comes_twice_is_taken_once_at_the_sources_end():
    builder = SliceBuilder(DAILY, symbols=["A"], latest=lambda: close("2024-06-03"))
    days = [
        trusted_slice(close(day), {"A": Bar(**bar(close(day)))})
        for day in ("2024-01-03", "2024-01-04", "2024-01-16", "2024-01-16")
    ]

    events = [*fed(builder, *days), *builder.finish()]

    taken = [e.timestamp for e in events if isinstance(e, MarketDataEvent) and e.bars]
    assert taken == [day.timestamp for day in days[:3]]
    assert builder.quarantined == {"duplicate": 1}
