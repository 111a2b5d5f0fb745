"""A session on bars of the past from any iterator takes the arguments that the backtest
takes.
"""

from __future__ import annotations

import pytest

import rbtlive as rbt
from tests.builders import Churn, daily_frame, minute_frame, run, same, slices, whole


async def given(items):
    for item in items:
        yield item


@pytest.mark.parametrize("zipline_quirks", [False, True])
def test_pandas_frames_work_where_assets_have_no_end(tmp_path, zipline_quirks):
    """On a live feed assets end at a date that pandas cannot tell."""
    bars, options = daily_frame(), {"frames": "pandas", "zipline_quirks": zipline_quirks}

    session = run(whole(Churn, tmp_path, feed=given(slices(bars)), data=bars, **options))

    assert same(rbt.backtest(Churn, bars, **options), session.result())
    assert session.parity().identical


def test_an_iterator_of_minutes_over_a_portal_that_holds_them_has_parity(tmp_path):
    """Days made of the portal's minutes are no history where the run begins with the
    first of them.
    """
    bars = minute_frame(2, 2, every=7)
    options = {"frequency": "1m"}

    session = run(whole(Churn, tmp_path, feed=given(slices(bars)), data=bars, **options))

    report = session.parity()
    assert report.identical, str(report)
    assert report.orders_compared > 0


@pytest.mark.parametrize("end", ["2017-01-31", "2017-01-29"])
def test_an_end_in_the_past_stops_the_session_there(tmp_path, end):
    """The arguments of a backtest are taken as they are, a last day that is no session
    included.
    """
    bars, span = daily_frame(), {"start": "2017-01-03", "end": end}

    session = run(whole(Churn, tmp_path, feed=given(slices(bars)), data=bars, **span))

    assert same(rbt.backtest(Churn, bars, **span), session.result())
    assert session.parity().identical
