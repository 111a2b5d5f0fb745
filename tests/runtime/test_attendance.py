"""Which sessions an asset lacks follows from the rows of a journal."""

from datetime import date, timedelta
from typing import Any

import polars as pl

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.model.events import Event, PastDaysEvent, UniverseChangedEvent
from rbtlive.runtime.recorded.attendance import Attendance, Gap

SYMBOLS = ("AAA", "BBB", "CCC")
CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2024, 1, 2))


def bars() -> rbt.PolarsDataPortal:
    """Return a bar of each asset on the first day and on a late one."""
    row = {"open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
    days = [(name, label(number)) for name in SYMBOLS for number in (0, 9)]
    return rbt.PolarsDataPortal(
        pl.DataFrame([{"date": day, "symbol": name} | row for name, day in days])
    )


def attendance() -> Attendance:
    return Attendance(bars().assets, CALENDAR)


def changed(*symbols: str, before: Any = None, whole_from: date | None = None) -> Event:
    return UniverseChangedEvent(
        timestamp=CALENDAR.open(FIRST), symbols=symbols, before=before, whole_from=whole_from
    )


def answered(*symbols: str, first: int, last: int) -> Event:
    return PastDaysEvent(
        timestamp=CALENDAR.open(FIRST), symbols=symbols, first=label(first), last=label(last),
        bars=(),
    )  # fmt: skip


def label(number: int) -> date:
    return CALENDAR.label(FIRST + number)


def test_a_feed_that_gives_all_leaves_no_gap():
    known = attendance()
    known.close(label(0))

    assert known.gaps == {}
    assert known.inside is None


def test_a_gap_grows_by_session_and_a_part_of_it_can_be_answered():
    known = attendance()
    known.take(changed(*SYMBOLS[1:]))
    for number in range(5):
        known.close(label(number))

    known.take(answered("AAA", "BBB", first=1, last=2))

    assert known.gaps == {
        "AAA": [
            Gap(label(0), label(1) - timedelta(days=1)),
            Gap(label(2) + timedelta(days=1), label(4)),
        ]
    }
    known.close(label(5))
    assert known.gaps["AAA"][-1].last == label(5)
    known.take(answered("AAA", first=0, last=5))
    assert known.gaps == {}


def test_who_joins_leaves_and_joins_again_lacks_the_sessions_between():
    known = attendance()
    known.take(changed("AAA"))
    known.close(label(0))
    known.take(changed("AAA", "BBB", whole_from=label(1)))
    known.close(label(1))  # whole
    known.take(changed("AAA", whole_from=label(2)))
    known.take(changed("AAA", "BBB", whole_from=label(3)))  # within session 2
    known.close(label(2))
    known.close(label(3))

    assert known.gaps["BBB"] == [Gap(label(0), label(0)), Gap(label(2), label(2))]
    assert known.gaps["CCC"] == [Gap(label(0), label(3))]


def test_who_was_not_asked_for_before_the_first_change_lacks_all_days_of_the_run():
    known = attendance()
    known.close(label(0))
    known.close(label(1))
    known.take(changed("AAA", "BBB", before=("AAA",), whole_from=label(2)))
    known.close(label(2))

    assert known.gaps["BBB"] == [Gap(label(0), label(1))]
    assert "AAA" not in known.gaps
