"""Factors of splits and dividends: when they take effect, and that runs share them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.windows import adjustments
from rbtlive.data.windows.adjustments import Adjustments, Factor
from tests.builders import daily_frame


def _adjustments(*coming: Any) -> Adjustments:
    return Adjustments(coming, width=3, closes_before=lambda _session: [10.0, 20.0, 0.0])


def test_a_session_puts_its_dividends_into_effect_before_its_splits() -> None:
    upcoming = _adjustments((7, [(0, 1, 1.0), (1, 0, 0.5)]), (5, [(0, 0, 1.0)]))

    assert upcoming.advance(4) == []
    assert upcoming.next_session() == 5
    assert upcoming.advance(6) == [Factor(5, 0, 0.9, 1.0, split=False)]
    assert upcoming.advance(7) == [
        Factor(7, 1, 0.95, 1.0, split=False),
        Factor(7, 0, 0.5, 2.0, split=True),
    ]
    assert upcoming.by_asset[0] == [
        Factor(5, 0, 0.9, 1.0, split=False),
        Factor(7, 0, 0.5, 2.0, split=True),
    ]
    assert upcoming.next_session() is None
    assert upcoming.ratio(0, 4) == 0.5 * 0.9
    assert upcoming.ratio(0, 5) == 0.5


def test_a_dividend_without_a_close_before_or_above_it_has_no_factor() -> None:
    upcoming = _adjustments((5, [(0, 0, 10.0), (0, 1, 25.0), (0, 2, 1.0)]))

    assert upcoming.advance(5) == []


def test_factors_that_nobody_reads_are_not_computed() -> None:
    read: list[int] = []

    def closes_before(session: int) -> list[float]:
        read.append(session)
        return [10.0, 20.0, 0.0]

    coming = [(9, [(0, 1, 1.0)]), (7, [(1, 0, 0.5)]), (5, [(0, 0, 1.0), (0, 1, 1.0)])]
    upcoming = Adjustments(coming, width=3, closes_before=closes_before, lazy=True)
    fresh = upcoming.advance(8)

    assert upcoming.next_session() == 9
    assert read == []
    assert upcoming.ratio(1, 4) == 0.95
    assert list(fresh) == [
        Factor(5, 0, 0.9, 1.0, split=False),
        Factor(5, 1, 0.95, 1.0, split=False),
        Factor(7, 0, 0.5, 2.0, split=True),
    ]
    assert list(upcoming.advance(9)) == [Factor(9, 1, 0.95, 1.0, split=False)]
    assert upcoming.ratio(1, 4) == 0.95 * 0.95
    assert read == [5, 9]


@pytest.mark.parametrize("session", [3, 5, 6, 9])
def test_a_split_that_is_added_takes_its_place(session: int) -> None:
    actions = [(0, 1, 1.0), (1, 0, 0.5)]
    upcoming = _adjustments((8, [(0, 0, 1.0)]), (5, actions))

    upcoming.add_split(2, session, 0.25)

    facts = [(one.session, one.asset) for one in upcoming.advance(9)]
    known = [(5, 1), (5, 0), (8, 0)]
    after_dividends = 1 if session == 5 else sum(other < session for other, _ in known)
    assert facts == [*known[:after_dividends], (session, 2), *known[after_dividends:]]
    assert actions == [(0, 1, 1.0), (1, 0, 0.5)]  # those of all runs stay


def test_runs_over_one_portal_make_each_factor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = daily_frame(30, 2)
    first, second = frame["symbol"].unique().sort().to_list()
    days = frame["date"].unique().sort().to_list()
    dividends = pl.DataFrame(
        {
            "symbol": [first, second, first],
            "ex_date": [days[8], days[9], days[20]],
            "pay_date": [days[10]] * 2 + [days[22]],
            "amount": [0.5, 0.25, 0.5],
        }
    )
    splits = pl.DataFrame({"symbol": [second], "effective_date": [days[15]], "ratio": [0.5]})
    bars = rbt.PolarsDataPortal(frame, splits=splits, dividends=dividends)
    made: list[Any] = []
    make = adjustments.make_factor

    def counted(facts: Any) -> Factor:
        made.append(facts)
        return make(facts)

    monkeypatch.setattr(adjustments, "make_factor", counted)

    def windows(**options: Any) -> list[Any]:
        seen: list[Any] = []

        def handle_data(context: Any, data: Any) -> None:
            assets = [context.symbol(first), context.symbol(second)]
            seen.append(data.window(assets, "close", 5).tolist())
            seen.append(data.history(assets[0], "close", 5, "1d").to_list())

        rbt.backtest(
            {"__name__": "windows", "handle_data": handle_data}, bars, progress=False, **options
        )
        return seen

    start = days[6]
    short = windows(start=start, end=days[16])
    assert len(made) == 3
    whole = windows(start=start)
    assert len(made) == 4
    assert whole[: len(short)] == short
    assert windows(start=start) == whole
    assert len(made) == 4
    later = windows(start=days[18])
    assert later == whole[-len(later) :]
    assert len(made) == 4
