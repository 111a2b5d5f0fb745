"""The parity report finds the first difference between two records, and says so in
words.
"""

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from rbtlive.model.order_facts import OrderState
from rbtlive.research import Difference, ParityReport, parity_report
from tests.research.builders import close_of, order, position, run_of, run_with_trades

TINY = Decimal("1E-12")


def test_two_equal_runs_are_identical():
    report = parity_report(run_with_trades(), run_with_trades())

    assert report == ParityReport(
        identical=True, orders_compared=3, fills_compared=2, interventions=0
    )
    assert (
        report.verdict()
        == "The session and its backtest are identical: 3 orders and 2 fills, digit for digit."
    )


def test_the_same_number_written_otherwise_is_equal():
    other = run_with_trades()
    other.transactions[0] = other.transactions[0]._replace(price=Decimal("50.5000"))

    assert parity_report(run_with_trades(), other).identical


def test_the_last_digit_of_a_fill_price_is_a_difference():
    other = run_with_trades()
    other.transactions[0] = other.transactions[0]._replace(price=Decimal("50.5") + TINY)

    report = parity_report(run_with_trades(), other, sequences={close_of(2): 17})

    assert not report.identical
    assert report.first_difference == Difference(
        17, close_of(2), "fill 1 of order 1: price", Decimal("50.5"), Decimal("50.500000000001")
    )


def test_the_first_difference_in_time_is_named_and_counting_stops_there():
    other = run_with_trades()
    other.orders[1].amount = Decimal(-6)
    other.transactions[1] = other.transactions[1]._replace(commission=Decimal(1))

    report = parity_report(run_with_trades(), other)

    assert report.first_difference.field == "fill 2 of order 1: commission"
    assert report.orders_compared == 1
    assert report.fills_compared == 2


def test_an_order_that_only_the_session_placed_is_a_difference():
    session = run_with_trades()
    session.orders.append(order("4", 7, session=2))

    report = parity_report(session, run_with_trades())

    assert report.first_difference == Difference(
        None, close_of(2), "order 4", "symbol AAA, amount 7", "nothing"
    )


def test_a_fill_that_only_the_backtest_had_is_a_difference():
    session = run_with_trades()
    del session.transactions[1]

    report = parity_report(session, run_with_trades())

    assert report.first_difference.field == "fill 2 of order 1"
    assert report.first_difference.session == "nothing"


def test_another_order_at_the_same_moment_is_a_difference():
    session = run_with_trades()
    session.orders[1] = order("5", -5, asset=session.assets[1], session=3, limit="99.99", stop="90")

    report = parity_report(session, run_with_trades())

    assert report.first_difference == Difference(None, close_of(3), "order", "order 5", "order 2")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", Decimal(11)),
        ("limit", Decimal(5)),
        ("stop", Decimal(5)),
        ("filled", Decimal(9)),
        ("commission", Decimal("0.03")),
        ("state", OrderState.EXPIRED),
        ("reason", "late"),
    ],
)
def test_every_fact_of_an_order_counts(field, value):
    other = run_with_trades()
    setattr(other.orders[0], field, value)

    assert not parity_report(run_with_trades(), other).identical


@pytest.mark.parametrize("field", ["reason", "limit", "amount"])
def test_every_fact_of_a_denial_counts(field):
    other = run_with_trades()
    setattr(other.denied[0], field, "another" if field == "reason" else Decimal(3))

    assert parity_report(run_with_trades(), other).first_difference.field == f"denial 3: {field}"


@pytest.mark.parametrize(
    "change",
    [{"ending_cash": Decimal(1)}, {"portfolio_value": Decimal("10012.480000000001")}, {"capital_used": TINY},
     {"returns": 0.25}, {"longs_count": 2}, {"gross_leverage": math.nextafter(0.05, 1)}, {"benchmark_return": 0.0},
     {"recorded": {"x": 1}}, {"positions": ()}],
)  # fmt: skip
def test_every_figure_of_a_session_counts(change):
    other = run_with_trades()
    other.sessions[4] = replace(other.sessions[4], **change)

    report = parity_report(run_with_trades(), other)

    assert report.first_difference.field.startswith("session 2012-02-07: ")


def test_a_position_is_named_by_its_symbol():
    other = run_with_trades()
    changed = position(other.assets[0], "10", basis="50.876074073408", price="51.3734")
    other.sessions[4] = replace(other.sessions[4], positions=(changed,))

    report = parity_report(run_with_trades(), other)

    assert report.first_difference.field == "session 2012-02-07: cost_basis of AAA"


def test_a_session_that_is_missing_is_a_difference():
    other = run_with_trades()
    del other.sessions[4]

    report = parity_report(run_with_trades(), other)

    assert report.first_difference.backtest == "nothing"
    assert report.first_difference.session == "portfolio_value 10012.48"


@pytest.mark.parametrize(
    "value", [math.nan, Decimal("NaN"), [1, math.nan], {"k": math.nan}, np.array([1.0, np.nan])]
)
def test_missing_recorded_values_are_equal_to_missing_ones(value):
    one, other = (run_of([10000], recorded={0: {"x": value}}) for _ in range(2))

    assert parity_report(one, other).identical


@pytest.mark.parametrize(
    ("left", "right"),
    [([1, 2], [1, 3]), ([1], (1,)), (np.array([1.0]), np.array([2.0])), (1, None)],
)
def test_recorded_values_that_differ_are_found(left, right):
    one, other = (
        run_of([10000], recorded={0: {"x": left}}),
        run_of([10000], recorded={0: {"x": right}}),
    )

    assert parity_report(one, other).first_difference.field == "session 2012-02-01: recorded x"


def test_what_was_not_compared_forbids_the_word_identical():
    report = parity_report(
        run_with_trades(),
        run_with_trades(),
        interventions=2,
        not_compared=["segment 1: its code is gone"],
    )

    assert not report.identical
    assert report.first_difference is None
    assert report.interventions == 2
    assert (
        report.verdict()
        == "No difference in 3 orders and 2 fills, but not everything could be compared."
    )


def test_the_report_in_a_terminal_says_what_differed_where():
    other = run_with_trades()
    other.transactions[0] = other.transactions[0]._replace(price=Decimal("50.6"))

    text = repr(parity_report(run_with_trades(), other, sequences={close_of(2): 17}))

    assert text == (
        "ParityReport(identical=False, orders_compared=1, fills_compared=1, interventions=0)\n"
        "  first difference: 2012-02-03T21:00:00+00:00, event 17: fill 1 of order 1: price was "
        "50.5 in the session "
        "and 50.6 in the backtest"
    )


def test_the_report_in_a_notebook_escapes_what_it_shows():
    other = run_with_trades()
    other.denied[0].reason = "<img src=x onerror=alert(1)>"

    shown = parity_report(run_with_trades(), other)._repr_html_()

    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "The session and its backtest differ" in shown
