"""Bars of any interval on a calendar: against a minute-by-minute oracle, on half days,
around lunch breaks and round the clock; and calendars of weeks and months.
"""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.data.calendars.calendar import get_calendar, us_of
from rbtlive.data.calendars.grid import BarGrid, calendar_of
from rbtlive.model.interval import MONTH, WEEK, Interval

CALENDARS = ("XNYS", "XHKG", "24/7", "CMES")


def naive_ends(calendar, session, minutes):
    """Return the END of the bar of each minute: count minutes, close a bar when it is
    full, or when the next minute does not follow.
    """
    ends, waiting = {}, []
    all_minutes = calendar.minutes_us(session).tolist()
    for place, us in enumerate(all_minutes):
        waiting.append(us)
        last = place + 1 == len(all_minutes) or all_minutes[place + 1] != us + 60_000_000
        if len(waiting) == minutes or last:
            ends.update(dict.fromkeys(waiting, us))
            waiting = []
    return ends


@given(st.sampled_from(CALENDARS), st.integers(0, 400), st.integers(2, 1439))
def test_bars_end_where_counting_minutes_ends_them(name, offset, minutes):
    calendar = get_calendar(name)
    session = calendar.at_or_after(date(2023, 1, 3)) + offset
    grid = BarGrid(calendar, Interval("minute", minutes))
    expected = naive_ends(calendar, session, minutes)
    us = calendar.minutes_us(session)

    ends = grid.ends_us(session)

    assert ends.tolist() == sorted(set(expected.values()))
    assert grid.ends_of(us, np.full(len(us), session)).tolist() == list(expected.values())
    assert [grid.end_of(int(moment)) for moment in us[::37]] == list(expected.values())[::37]
    is_end = grid.sessions_of_ends(us) >= 0
    assert us[is_end].tolist() == ends.tolist()
    begins = [grid.begin_of(int(end)) for end in ends]
    assert all(grid.end_of(begin + 1) == end for begin, end in zip(begins, ends, strict=True))


def test_hours_of_new_york_end_on_the_half_and_the_last_one_is_short():
    calendar = get_calendar("XNYS")
    grid = BarGrid(calendar, Interval.parse("1h"))
    full, half = (calendar.number(day) for day in (date(2023, 11, 22), date(2023, 11, 24)))

    def clock(session):
        return [f"{datetime.fromtimestamp(us / 1e6, UTC):%H:%M}" for us in grid.ends_us(session)]

    assert clock(full) == ["15:30", "16:30", "17:30", "18:30", "19:30", "20:30", "21:00"]
    assert clock(half) == ["15:30", "16:30", "17:30", "18:00"]


def test_nothing_ends_inside_a_lunch_break():
    calendar = get_calendar("XHKG")
    session = calendar.number(date(2023, 11, 22))
    grid = BarGrid(calendar, Interval.parse("1h"))

    lunch = us_of(datetime(2023, 11, 22, 4, 30, tzinfo=UTC))

    assert grid.end_of(lunch) is None
    assert us_of(datetime(2023, 11, 22, 4, 0, tzinfo=UTC)) in grid.ends_us(session)


@pytest.mark.parametrize("interval", [WEEK, MONTH])
@pytest.mark.parametrize("name", ["XNYS", "XTKS", "24/7"])
def test_a_week_or_month_is_one_session_from_its_first_open_to_its_last_close(name, interval):
    days = get_calendar(name)

    periods = calendar_of(days, interval)

    key = {
        "week": lambda day: day.isocalendar()[:2],
        "month": lambda day: (day.year, day.month),
    }[interval.unit]
    first, last = days.at_or_after(date(2019, 1, 1)), days.at_or_before(date(2020, 12, 31))
    grouped: dict = {}
    for number in range(first, last + 1):
        grouped.setdefault(key(days.label(number)), []).append(number)
    for inside in list(grouped.values())[1:-1]:
        period = periods.number(days.label(inside[-1]))
        assert periods.open(period) == days.open(inside[0])
        assert periods.close(period) == days.close(inside[-1])
        assert periods.morning_us(period) == days.morning_us(inside[0])
        assert periods.session_of_us(int(days.closes_us[inside[0]])) == period


def test_any_date_of_a_week_names_it_and_a_week_without_sessions_has_none():
    weeks = calendar_of(get_calendar("XTKS"), WEEK)
    labels = np.array(
        ["2019-04-22", "2019-04-28", "2019-04-29", "2019-05-05", "2019-05-06"], "datetime64[D]"
    )

    found = weeks.sessions_of_labels(labels).tolist()

    assert found[0] == found[1]
    assert found[2:4] == [-1, -1]
    assert found[4] == found[0] + 1
    assert weeks.label(found[0]) == date(2019, 4, 26)


def test_a_calendar_of_days_or_minutes_is_the_calendar_itself():
    days = get_calendar("XNYS")

    assert calendar_of(days, Interval.parse("5m")) is days
    assert calendar_of(calendar_of(days, WEEK), WEEK) is calendar_of(days, WEEK)
