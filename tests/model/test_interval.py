"""Intervals: one value, one spelling, and which bars add up to which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import BadFrequency
from rbtlive.model.interval import DAY, MINUTE, MONTH, WEEK, Interval

SPELLINGS = {
    "1m": ("1m", "1min", "1T", "minute", "1Minute"),
    "5m": ("5m", "5min", "5Min", " 5m "),
    "1h": ("1h", "60m", "60min", "1H", "hourly"),
    "90m": ("90m", "90min"),
    "4h": ("4h", "240m"),
    "1d": ("1d", "1D", "daily", "1Day", "d"),
    "1w": ("1w", "1W", "1wk", "weekly"),
    "1mo": ("1mo", "1mon", "monthly", "1Month"),
}


@pytest.mark.parametrize(("text", "others"), SPELLINGS.items())
def test_every_usual_spelling_means_the_same_interval(text, others):
    assert {Interval.parse(other).text for other in others} == {text}


@pytest.mark.parametrize(
    "wrong", ["", "m1", "0m", "-5m", "1.5h", "2d", "2w", "1y", "24h", "1440m", 5, None, True, "1M"]
)
def test_what_is_no_interval_is_refused_by_name(wrong):
    with pytest.raises(BadFrequency, match="frequency must be an interval such as '1m'"):
        Interval.parse(wrong)


def test_a_capital_m_is_refused_with_both_readings():
    with pytest.raises(BadFrequency, match="'1m' for a minute, '1mo' for a month"):
        Interval.parse("1M")


@given(st.integers(1, 1439))
def test_an_interval_reads_its_own_text(minutes):
    interval = Interval("minute", minutes)

    assert Interval.parse(interval.text) == interval
    assert Interval.parse(interval) is interval


def test_bars_add_up_to_whole_multiples_and_to_sessions_but_weeks_not_to_months():
    five, hour = Interval.parse("5m"), Interval.parse("1h")

    assert MINUTE.makes_up(five)
    assert five.makes_up(hour)
    assert hour.makes_up(hour)
    assert not five.makes_up(Interval.parse("7m"))
    assert not hour.makes_up(five)
    assert all(hour.makes_up(longer) for longer in (DAY, WEEK, MONTH))
    assert DAY.makes_up(WEEK)
    assert DAY.makes_up(MONTH)
    assert not WEEK.makes_up(MONTH)
    assert not WEEK.makes_up(DAY)
    assert not DAY.makes_up(hour)


def test_intervals_are_ordered_by_length():
    texts = ["1m", "5m", "1h", "4h", "1d", "1w", "1mo"]
    intervals = [Interval.parse(text) for text in texts]

    for place, shorter in enumerate(intervals):
        assert [shorter.is_finer_than(other) for other in intervals] == [
            number > place for number in range(len(intervals))
        ]


def test_books_have_a_row_a_session_week_or_month():
    assert Interval.parse("1h").rows_a_year(252) == DAY.rows_a_year(252) == 252
    assert (WEEK.rows_a_year(252), MONTH.rows_a_year(365)) == (52, 12)
