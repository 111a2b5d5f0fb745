"""Calendars: numbers, opens and closes, minutes, names; the shipped tables against
exchange_calendars.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files

import exchange_calendars
import numpy as np
import polars as pl
import pytest

from rbtlive.data.calendars import calendar as module
from rbtlive.data.calendars.calendar import (
    ALIASES,
    TABLES,
    TradingCalendar,
    datetime_of,
    get_calendar,
    us_of,
)
from rbtlive.data.calendars.exchange_library import evaluate
from rbtlive.errors import InvalidCalendarName, NotASession, OutsideCalendar, UnknownCalendar


def us(*parts: int) -> int:
    return us_of(datetime(*parts, tzinfo=UTC))


@pytest.fixture(scope="module")
def xnys() -> TradingCalendar:
    return get_calendar("XNYS")


def test_new_york_opens_at_half_past_nine_and_closes_at_four_local_time(xnys):
    winter, summer = xnys.number(date(2012, 1, 3)), xnys.number(date(2012, 7, 2))

    assert xnys.open(winter) == datetime(2012, 1, 3, 14, 30, tzinfo=UTC)
    assert xnys.close(winter) == datetime(2012, 1, 3, 21, 0, tzinfo=UTC)
    assert xnys.open(summer) == datetime(2012, 7, 2, 13, 30, tzinfo=UTC)
    assert xnys.close(summer) == datetime(2012, 7, 2, 20, 0, tzinfo=UTC)
    assert xnys.tz == "America/New_York"


def test_the_day_after_thanksgiving_closes_early(xnys):
    friday = xnys.number(date(2012, 11, 23))

    assert xnys.is_early_close(friday)
    assert not xnys.is_early_close(friday - 1)
    assert xnys.close(friday) == datetime(2012, 11, 23, 18, 0, tzinfo=UTC)
    assert xnys.minute_count(friday) == 210
    assert xnys.minute_count(friday - 1) == 390


def test_minutes_are_stamped_with_their_end_from_open_plus_one_to_close(xnys):
    minutes = xnys.minutes_us(xnys.number(date(2012, 11, 23)))

    assert minutes[0] == us(2012, 11, 23, 14, 31)
    assert minutes[-1] == us(2012, 11, 23, 18, 0)
    assert len(minutes) == 210


def test_numbers_count_sessions_from_the_first_and_labels_lead_back(xnys):
    assert xnys.number(date(1970, 1, 2)) == 0
    assert xnys.label(0) == date(1970, 1, 2)
    for number in (0, 1, 7000, len(xnys) - 1):
        assert xnys.number(xnys.label(number)) == number


def test_a_datetime_label_means_its_date(xnys):
    assert xnys.number(datetime(2012, 11, 23, 18, 0, tzinfo=UTC)) == xnys.number(date(2012, 11, 23))


def test_at_or_after_and_at_or_before_step_over_a_weekend(xnys):
    friday, monday = xnys.number(date(2013, 3, 1)), xnys.number(date(2013, 3, 4))

    assert xnys.at_or_after(date(2013, 3, 2)) == monday
    assert xnys.at_or_before(date(2013, 3, 3)) == friday
    assert xnys.at_or_after(date(2013, 3, 1)) == xnys.at_or_before(date(2013, 3, 1)) == friday


def test_a_day_without_session_is_an_error_that_names_its_neighbours(xnys):
    with pytest.raises(
        NotASession, match="was 2013-03-02; the sessions around it are 2013-03-01 and 2013-03-04"
    ):
        xnys.number(date(2013, 3, 2))


@pytest.mark.parametrize(
    ("method", "label"),
    [
        ("at_or_before", date(1969, 12, 31)),
        ("at_or_after", date(2031, 1, 1)),
        ("number", date(2031, 1, 1)),
    ],
)
def test_a_date_outside_the_calendar_is_an_error_that_tells_its_reach(xnys, method, label):
    with pytest.raises(OutsideCalendar, match="reaches from 1970-01-02 to 2030-12-31"):
        getattr(xnys, method)(label)


@pytest.mark.parametrize(
    ("moment", "label"),
    [
        ((2012, 11, 23, 14, 30), None),  # the open itself belongs to no bar
        ((2012, 11, 23, 14, 31), date(2012, 11, 23)),
        ((2012, 11, 23, 18, 0), date(2012, 11, 23)),
        ((2012, 11, 23, 18, 1), None),
        ((1960, 1, 4, 15, 0), None),
        ((2050, 1, 4, 15, 0), None),
    ],
)
def test_a_moment_belongs_to_the_session_open_over_it(xnys, moment, label):
    session = xnys.session_of_us(us(*moment))

    assert session == (-1 if label is None else xnys.number(label))
    assert xnys.sessions_of_us(np.array([us(*moment)])).tolist() == [session]
    assert xnys.sessions_of_minutes(np.array([us(*moment)])).tolist() == [session]


def test_a_moment_between_two_whole_minutes_is_no_calendar_minute(xnys):
    moment = np.array([us(2012, 11, 23, 15, 0) + 1, us(2012, 11, 23, 15, 0, 30)])

    assert (xnys.sessions_of_us(moment) == xnys.number(date(2012, 11, 23))).all()
    assert xnys.sessions_of_minutes(moment).tolist() == [-1, -1]


def test_dates_are_numbered_together_as_one_by_one(xnys):
    labels = np.array(
        ["1960-01-04", "2013-03-01", "2013-03-02", "2013-03-04", "2050-01-03"],
        dtype="datetime64[D]",
    )
    friday = xnys.number(date(2013, 3, 1))

    assert xnys.sessions_of_labels(labels).tolist() == [-1, friday, -1, friday + 1, -1]


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "24/7", "CMES"])
def test_many_moments_are_numbered_as_few_are(name):
    calendar = get_calendar(name)
    last = len(calendar) - 1
    begin, end = us(2018, 12, 20), us(2019, 1, 4)
    moments = np.concatenate(
        [np.arange(begin, end, 60_000_000), np.arange(begin + 1, end, 7_000_001)]
    )
    edge = np.arange(
        int(calendar.closes_us[last]) - 1_800_000_000,
        int(calendar.closes_us[last]) + 86_400_000_000,
        60_000_000,
    )

    for many in (moments[::-1], edge):
        few = [
            calendar.sessions_of_minutes(part)
            for part in np.array_split(many, len(many) // 500 + 1)
        ]
        assert calendar.sessions_of_minutes(many).tolist() == np.concatenate(few).tolist()


def test_moments_far_apart_are_numbered_as_each_is(xnys):
    moments = np.concatenate([xnys.closes_us[::10], xnys.closes_us[::10] + 60_000_000])

    assert xnys.sessions_of_minutes(moments).tolist() == [
        xnys.session_of_us(int(one)) for one in moments
    ]


def test_many_dates_are_numbered_as_few_are(xnys):
    first = xnys.labels[0]
    days = np.arange(5_000).astype("timedelta64[D]")
    within, beyond = first + days, first - np.timedelta64(100, "D") + days

    for many in (within, within[::-1], beyond):
        few = [xnys.sessions_of_labels(part) for part in np.array_split(many, 50)]
        assert xnys.sessions_of_labels(many).tolist() == np.concatenate(few).tolist()


def test_round_the_clock_has_one_session_a_utc_day_that_ends_at_the_next_midnight():
    calendar = get_calendar("24/7")
    sunday = calendar.number(date(2018, 3, 4))

    assert calendar.open(sunday) == datetime(2018, 3, 4, tzinfo=UTC)
    assert calendar.close(sunday) == datetime(2018, 3, 5, tzinfo=UTC)
    assert calendar.minute_count(sunday) == len(calendar.minutes_us(sunday)) == 1440
    assert calendar.session_of_us(us(2018, 3, 5)) == sunday
    assert calendar.session_of_us(us(2018, 3, 5, 0, 1)) == sunday + 1
    assert not calendar.is_early_close(sunday)


def test_lunch_breaks_have_no_minutes():
    calendar = get_calendar("XHKG")
    day = calendar.number(date(2018, 3, 6))
    before, inside, after = us(2018, 3, 6, 4, 0), us(2018, 3, 6, 4, 30), us(2018, 3, 6, 5, 1)

    minutes = calendar.minutes_us(day)

    assert len(minutes) == calendar.minute_count(day) == 330
    assert {before, after} <= set(minutes.tolist())
    assert inside not in minutes
    assert calendar.session_of_us(inside) == day
    assert calendar.sessions_of_minutes(np.array([before, inside, after])).tolist() == [
        day,
        -1,
        day,
    ]


def test_a_session_that_closes_before_lunch_has_no_break():
    calendar = get_calendar("XHKG")
    eve = calendar.number(date(2018, 12, 24))

    assert calendar.is_early_close(eve)
    assert len(calendar.minutes_us(eve)) == calendar.minute_count(eve) == 150


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_shipped_tables_are_those_of_exchange_calendars(name):
    source = TABLES[name]
    path = files("rbtlive.data").joinpath("calendars", f"{source}.parquet")
    made_with = pl.read_parquet_metadata(path.read_bytes())["exchange_calendars"]
    shipped = pl.read_parquet(path.read_bytes())
    # Another version may know of closures that were announced since; the years before
    # the tables were made are settled.
    settled = pl.col("label") <= (
        date(2030, 12, 31) if made_with == version("exchange_calendars") else date(2025, 12, 31)
    )

    library = module.library_sessions(name)

    assert shipped.filter(settled).height > 7000
    assert shipped.filter(settled).equals(library.filter(settled))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in their `session_minutes`
@pytest.mark.parametrize("name", ["XNYS", "XLON", "XTKS", "XHKG", "CMES", "24/7"])
def test_minutes_are_those_of_exchange_calendars_stamped_right(name):
    theirs = evaluate(name, start="2018-01-01", end="2018-12-31", side="right")
    ours = get_calendar(name)

    for label in theirs.sessions[::13]:
        number = ours.number(label.date())
        expected = (
            theirs.session_minutes(label)
            .tz_localize(None)
            .to_numpy()
            .astype("datetime64[us]")
            .astype(np.int64)
        )
        assert ours.minutes_us(number).tolist() == expected.tolist()
        assert ours.minute_count(number) == len(expected)


def test_aliases_of_the_shipped_calendars_are_those_of_exchange_calendars():
    known = exchange_calendars.get_calendar_names(include_aliases=True)

    assert {
        alias: name
        for alias in known
        if (name := exchange_calendars.resolve_alias(alias)) in TABLES and alias != name
    } == ALIASES
    assert get_calendar("NYSE") is get_calendar("NASDAQ") is get_calendar("XNYS")
    assert get_calendar("FWB").name == "XFRA"


def test_time_zones_of_the_shipped_calendars_are_those_of_exchange_calendars():
    assert {name: get_calendar(name).tz for name in TABLES} == {
        name: str(evaluate(name).tz) for name in TABLES
    }


def test_other_calendars_come_from_exchange_calendars_from_1970_on():
    toronto = get_calendar("TSX")

    assert toronto.name == "XTSE"
    assert toronto.tz == "America/Toronto"
    assert toronto.label(0) == date(1970, 1, 2)
    assert toronto.close(toronto.number(date(2018, 12, 24))) == datetime(
        2018, 12, 24, 18, 0, tzinfo=UTC
    )


def test_a_calendar_of_the_library_is_evaluated_once(monkeypatch):
    asked, real = [], exchange_calendars.get_calendar

    def counted(name, **bounds):
        asked.append(name)
        return real(name, **bounds)

    monkeypatch.setattr(exchange_calendars, "get_calendar", counted)

    calendar = module._calendar("XWBO", date(2031, 12, 31))  # an end that no other test asks for

    assert (calendar.tz, asked) == ("Europe/Vienna", ["XWBO"])


def test_a_calendar_reaches_as_far_as_asked_and_numbers_stay(xnys):
    longer = get_calendar("XNYS", through=date(2033, 6, 1))

    assert longer.number(date(2033, 6, 1)) > len(xnys)
    assert np.array_equal(longer.labels[: len(xnys)], xnys.labels)
    assert np.array_equal(longer.closes_us[: len(xnys)], xnys.closes_us)
    assert get_calendar("24/7", through=date(2033, 6, 1)).label(22_278 + 1) == date(2031, 1, 1)


def test_a_calendar_that_is_not_known_so_far_ahead_is_an_error():
    with pytest.raises(OutsideCalendar, match="XBOM has no session on or after 2041-03-01"):
        get_calendar("XBOM", through=date(2041, 3, 1))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("XNYZ", "did you mean 'XNYS'"),
        ("nyse", "did you mean 'NYSE'"),
        ("~", "pass e.g."),
        ("US", "did you mean 'XNYS'"),
        ("crypto", "did you mean '24/7'"),
    ],
)
def test_an_unknown_name_is_an_error_that_suggests_the_nearest(name, hint):
    with pytest.raises(UnknownCalendar, match=hint) as caught:
        get_calendar(name)
    assert isinstance(caught.value, InvalidCalendarName)


def test_a_name_that_is_no_text_is_an_error():
    with pytest.raises(UnknownCalendar, match="was 247"):
        get_calendar(247)


def test_arrays_are_read_only(xnys):
    with pytest.raises(ValueError, match="read-only"):
        xnys.opens_us[0] = 0


def test_microseconds_and_datetimes_convert_without_loss():
    moment = datetime(2262, 4, 11, 23, 47, 16, 854775, tzinfo=UTC)

    assert datetime_of(us_of(moment)) == moment
    assert us_of(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    assert datetime_of(-1) == datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)


def test_a_shipped_calendar_needs_neither_pandas_nor_exchange_calendars():
    code = (
        "import sys; from rbtlive.data.calendars.calendar import get_calendar; get_calendar('NYSE'); "
        "get_calendar('24/7');"
        "print({'pandas', 'exchange_calendars'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"
