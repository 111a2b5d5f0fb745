"""zipline's rules that are mended by default: each in both settings."""

import ast
from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from rbtlive.core.rules.quirks import AS_ZIPLINE, MENDED, Quirks
from rbtlive.errors import OrderDuringInitialize
from rbtlive.finance.cancel_policy import EODCancel
from rbtlive.finance.slippage import FixedBasisPointsSlippage
from tests.core.plays import on_bar, played
from tests.data.markets import DAYS

FLAT = {"A": [10.0] * 8}


@pytest.mark.parametrize(("quirks", "seen"), [(False, [None, 10, 11]), (True, [10, 11, 12])])
def test_a_daily_morning_sees_the_session_before_or_with_quirks_the_coming_one(quirks, seen):
    found = []

    def morning(context, data):
        price = data.current(context.symbol("A"), "close")
        found.append(None if price != price else price)

    played({"A": [10.0, 11.0, 12.0]}, before_trading_start=morning, quirks=quirks)

    assert found == seen


@pytest.mark.parametrize(("quirks", "open_orders"), [(False, []), (True, ["3"])])
def test_the_end_of_a_day_cancels_every_order_or_with_quirks_the_oldest_of_several(
    quirks, open_orders
):
    found = []

    def initialize(context):
        context.set_cancel_policy(EODCancel(warn_on_cancel=False))

    def place(context, _data):
        for _ in range(3):
            context.order(context.symbol("A"), 1, limit_price=1.0)

    def look(context, _data):
        found.extend(order.id for order in context.get_open_orders(context.symbol("A")))

    played(FLAT, on_bar({0: place, 2: look}), initialize=initialize, quirks=quirks)

    assert found == open_orders


@pytest.mark.parametrize(("quirks", "left"), [(False, 0), (True, 1)])
def test_the_end_of_a_day_cancels_a_single_order_too_unless_with_quirks(quirks, left):
    found = []

    def initialize(context):
        context.set_cancel_policy(EODCancel(warn_on_cancel=False))

    played(
        FLAT,
        on_bar(
            {
                0: lambda context, _data: context.order(context.symbol("A"), 1, limit_price=1.0),
                2: lambda context, _data: found.append(
                    len(context.get_open_orders(context.symbol("A")))
                ),
            }
        ),
        initialize=initialize,
        quirks=quirks,
    )

    assert found == [left]


@pytest.mark.parametrize(("quirks", "price"), [(False, "10"), (True, "10.1")])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_limit_is_never_passed_unless_with_quirks(quirks, price, sign):
    def place(context, _data):
        context.order(context.symbol("A"), 5 * sign, limit_price=10.0)

    result = played(
        FLAT, on_bar({0: place}), quirks=quirks, slippage=FixedBasisPointsSlippage(100, 0.5)
    )

    expected = Decimal(price) if sign > 0 or not quirks else Decimal("9.9")
    assert result.transactions["price"].to_list() == [expected]


@pytest.mark.parametrize(("asked", "mended", "as_zipline"), [
    (3.9999, 4, 3), (7.9999, 8, 8), (-3.9999, -4, -3), (3.9998, 3, 3), (0.99995, 1, 1), (4.0001, 4, 4),
])  # fmt: skip
def test_amounts_next_to_an_integer_are_judged_in_decimals_or_with_quirks_in_binary(
    asked, mended, as_zipline
):
    for quirks, shares in ((False, mended), (True, as_zipline)):
        result = played(
            FLAT,
            on_bar({0: lambda context, _data: context.order(context.symbol("A"), asked)}),
            quirks=quirks,
        )

        assert result.orders["amount"].to_list() == [Decimal(shares)]


def paid_dividend(ex_date, pay_date, *, quirks):
    """Return a run that holds ten shares while half a dollar a share is paid."""
    facts = {"symbol": ["A"], "ex_date": [ex_date], "pay_date": [pay_date], "amount": [0.5]}
    return played(
        FLAT,
        on_bar({0: lambda context, _data: context.order(context.symbol("A"), 10)}),
        quirks=quirks,
        portal={"dividends": pl.DataFrame(facts)},
    )


@pytest.mark.parametrize(("quirks", "cash"), [(False, "5"), (True, None)])
def test_a_dividend_payable_on_a_sunday_is_paid_on_monday_unless_with_quirks(quirks, cash):
    result = paid_dividend(date(2017, 1, 5), date(2017, 1, 8), quirks=quirks)

    flows = dict(zip(result.performance["date"], result.performance["capital_used"], strict=True))
    assert flows[date(2017, 1, 9)] == (float(cash) if cash else 0.0)
    assert result.performance["ending_cash"][-1] == 100_000 - 100 + float(cash or 0)


@pytest.mark.parametrize(("quirks", "cash"), [(False, 5), (True, 0)])
def test_a_dividend_that_goes_ex_on_a_saturday_is_earned_on_monday_unless_with_quirks(quirks, cash):
    result = paid_dividend(date(2017, 1, 7), date(2017, 1, 10), quirks=quirks)

    assert result.performance["ending_cash"][-1] == 100_000 - 100 + cash


@pytest.mark.parametrize(("quirks", "shares"), [(False, 10), (True, 20)])
def test_a_target_counts_open_orders_unless_with_quirks(quirks, shares):
    def twice(context, _data):
        context.order_target(context.symbol("A"), 10)
        context.order_target(context.symbol("A"), 10)

    result = played(FLAT, on_bar({0: twice}), quirks=quirks)

    assert result.orders["amount"].sum() == shares


@pytest.mark.parametrize(
    ("quirks", "error"), [(False, OrderDuringInitialize), (True, AssertionError)]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda context: context.order(context.symbol("A"), 1),
        lambda context: context.order_target_percent(context.symbol("A"), 1),
        lambda context: context.get_datetime(),
    ],
    ids=["order", "order_target_percent", "get_datetime"],
)
def test_calls_that_initialize_does_not_allow_raise_the_documented_class_unless_with_quirks(
    quirks, error, call
):
    with pytest.raises(error):
        played(FLAT, initialize=call, quirks=quirks)


@pytest.mark.parametrize(("quirks", "value"), [(False, 10.12345), (True, 10.123)])
def test_histories_keep_their_digits_unless_with_quirks(quirks, value):
    found = []

    def look(context, data):
        found.append(data.history(context.symbol("A"), "close", 1, "1d")[0])

    played({"A": [10.12345] * 2}, on_bar({1: look}), quirks=quirks)

    assert found == [value]


@pytest.mark.parametrize(
    "call",
    [
        lambda context, data: data.current(context.symbol("A"), "colour"),
        lambda context, _data: context.order(context.symbol("A"), True),
        lambda context, _data: context.get_open_orders("A"),
    ],
    ids=["current", "order", "get_open_orders"],
)
def test_arguments_of_the_wrong_type_are_refused_unless_with_quirks(call):
    played(FLAT, on_bar({0: call}), quirks=True)

    with pytest.raises(Exception, match=r"must be|must name|takes") as caught:
        played(FLAT, on_bar({0: call}))

    assert (
        isinstance(caught.value, (TypeError, KeyError))
        or type(caught.value).__name__ == "UnsupportedOrderParameters"
    )


@pytest.mark.parametrize(("quirks", "fill"), [(False, 12), (True, 11)])
def test_daily_bars_that_end_at_midnight_are_shown_in_time_unless_with_quirks(quirks, fill):
    days = [date(2018, 1, 1) + timedelta(days=number) for number in range(5)]
    seen = []

    def look(context, data):
        price = data.current(context.symbol("A"), "close")
        seen.append(None if price != price else float(price))
        if len(seen) == 2:
            context.order(context.symbol("A"), 1)

    result = played(
        {"A": [10.0, 11.0, 12.0, 13.0, 14.0]},
        look,
        stamps=days,
        portal={"calendar": "24/7"},
        quirks=quirks,
    )

    assert seen == ([None, 10, 11, 12, 13] if quirks else [10, 11, 12, 13, 14])
    auto_closing = [Decimal(14)] if quirks else []
    assert result.transactions["price"].to_list() == [Decimal(fill), *auto_closing]
    assert result.performance["ending_value"].to_list() == [0, 0, 12, 13, 0 if quirks else 14]


def test_the_table_of_quirks_names_every_one():
    names = [field.name for field in fields(Quirks)]
    docstring = ast.get_docstring(
        ast.parse(Path(Quirks.__module__.replace(".", "/") + ".py").read_text(encoding="utf-8"))
    )

    assert [
        line.split("`")[1] for line in (docstring or "").splitlines() if line.startswith("| `")
    ] == names
    assert (Quirks(*[False] * len(names)), Quirks(*[True] * len(names))) == (MENDED, AS_ZIPLINE)
    assert DAYS[0] == date(2017, 1, 3)
