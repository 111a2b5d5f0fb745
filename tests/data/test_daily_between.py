"""Daily bars of some sessions are those of all, also while only minutes are known."""

from __future__ import annotations

import polars as pl
import pytest

from rbtlive.data.portal import PolarsDataPortal
from tests.data.frames import DAYS, at, daily, minutes

STAMPS = [at(14, minute, day=day) for day in DAYS for minute in (31, 32, 33)]
SPARSE = pl.concat([minutes(STAMPS, ["AAPL"]), minutes(STAMPS[:2] + STAMPS[6:], ["MSFT"])])


@pytest.mark.parametrize(
    "made",
    [
        lambda: PolarsDataPortal(None, minute_bars=SPARSE),
        lambda: PolarsDataPortal(daily(days=DAYS[::2]), minute_bars=SPARSE),
        lambda: PolarsDataPortal(daily(days=DAYS[::2])),
    ],
    ids=["minutes", "both", "days"],
)
def test_days_of_some_sessions_are_the_same_before_and_after_all_were_asked_for(made):
    sessions = sorted({*range(made().first_session - 2, made().last_session + 3)})
    spans = [(first, last) for first in sessions for last in sessions if first <= last]
    asked, fresh = made(), made()
    everything = asked.daily

    for first, last in spans:
        wanted = everything.filter(pl.col("session").is_between(first, last))
        assert fresh.daily_between(first, last).equals(wanted)
        assert asked.daily_between(first, last).equals(wanted)
        assert fresh.daily_between(first, last).schema == wanted.schema
    assert fresh.daily_sessions() == asked.daily_sessions()
    assert asked.daily_sessions() == everything["session"].unique().sort().to_list()


def test_a_span_without_a_session_has_no_days():
    portal = PolarsDataPortal(None, minute_bars=SPARSE)

    assert portal.daily_between(portal.first_session, portal.first_session - 1).is_empty()
