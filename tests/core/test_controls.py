"""Controls refuse what breaks them: exactly at the limit nothing happens, one step
further it does.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from rbtlive.core.rules.controls import (
    AccountControl,
    AssetDateBounds,
    LongOnly,
    MaxLeverage,
    MaxOrderCount,
    MaxOrderSize,
    MaxPositionSize,
    MinLeverage,
    RestrictedListOrder,
    TradingControl,
)
from rbtlive.errors import AccountControlViolation, RbtliveWarning, TradingControlViolation
from rbtlive.finance.asset_restrictions import StaticRestrictions
from rbtlive.model.number import Number
from tests.finance.builders import NOW, ABar, an_asset

ALFA, BETA = an_asset("ALFA", 1), an_asset("BETA", 2)


@dataclass
class Held:
    """A position, and the account of a portfolio that holds it."""

    amount: Any = 0
    leverage: Any = 0.0


@dataclass
class Holding:
    """A portfolio that holds some ALFA."""

    amount: Any = 0
    positions: Any = field(init=False)

    def __post_init__(self):
        self.positions = defaultdict(Held, {ALFA: Held(self.amount)})


def broken(control, amount, *, asset=ALFA, held=0, price=10.0, when=NOW) -> bool:
    """Say whether an order breaks the control."""
    try:
        control.validate(asset, amount, Holding(held), when, ABar(close=price))
    except TradingControlViolation:
        return True
    return False


@pytest.mark.parametrize(
    ("control", "held", "fine", "too_much"),
    [
        (MaxOrderSize("fail", max_shares=100), 500, 100, 101),
        (MaxOrderSize("fail", max_shares=100), 500, -100, -101),
        (MaxOrderSize("fail", max_notional=1000), 500, 100, 101),
        (MaxOrderSize("fail", max_shares=200, max_notional=1000), 0, 100, 101),
        (MaxOrderSize("fail", max_shares=0), 0, 0, 1),
        (MaxPositionSize("fail", max_shares=100), 60, 40, 41),
        (MaxPositionSize("fail", max_shares=100), -60, -40, -41),
        (MaxPositionSize("fail", max_notional=1000.0), 60, 40, 41),
        (LongOnly("fail"), 60, -60, -61),
    ],
    ids=lambda value: repr(value) if isinstance(value, TradingControl) else str(value),
)
def test_an_order_up_to_the_limit_passes_and_one_share_more_does_not(
    control, held, fine, too_much
) -> None:
    assert not broken(control, fine, held=held)
    assert broken(control, too_much, held=held)


@pytest.mark.parametrize("kind", [int, float, Decimal, Number])
def test_amounts_and_prices_may_be_of_any_kind(kind) -> None:
    control = MaxPositionSize("fail", max_notional=999.9)

    assert not broken(control, kind(99), held=kind(0), price=kind(10))
    assert broken(control, kind(99), held=kind(1), price=kind(10))


def test_value_is_compared_exactly() -> None:
    assert not broken(
        MaxOrderSize("fail", max_notional=0.3), 3, price=0.1
    )  # the floats make 0.30000000000000004


@pytest.mark.parametrize("price", [math.nan, Number("NaN")])
def test_without_a_price_only_shares_are_limited(price) -> None:
    control = MaxOrderSize("fail", max_shares=10, max_notional=1)

    assert not broken(control, 10, price=price)
    assert broken(control, 11, price=price)


@pytest.mark.parametrize("cls", [MaxOrderSize, MaxPositionSize])
def test_a_limit_on_one_asset_leaves_the_others_alone(cls) -> None:
    control = cls("fail", asset=an_asset("ALFA", 1), max_shares=10)

    assert broken(control, 11, asset=ALFA)
    assert not broken(control, 11, asset=BETA)


def test_orders_are_counted_by_day_in_utc() -> None:
    control = MaxOrderCount("fail", 2)

    day = [broken(control, 1, when=NOW) for _ in range(3)]
    next_day = [broken(control, 1, when=NOW + timedelta(hours=3)) for _ in range(3)]

    assert day == next_day == [False, False, True]


def test_orders_of_restricted_assets_are_refused() -> None:
    control = RestrictedListOrder("fail", StaticRestrictions([ALFA]))

    assert broken(control, 1, asset=ALFA)
    assert not broken(control, 1, asset=BETA)


def test_orders_before_an_assets_first_day_and_after_its_last_are_refused() -> None:
    days = {
        date(2020, 1, 2): True,
        date(2020, 1, 3): False,
        date(2020, 2, 3): False,
        date(2020, 2, 4): True,
    }
    moments = {day: datetime(day.year, day.month, day.day, 15, tzinfo=UTC) for day in days}

    assert {day: broken(AssetDateBounds("fail"), 1, when=moments[day]) for day in days} == days
    assert not broken(AssetDateBounds("fail"), 0, when=moments[date(2020, 1, 2)])


def test_a_violation_tells_order_time_control_and_metadata() -> None:
    with pytest.raises(TradingControlViolation) as caught:
        AssetDateBounds("fail").validate(ALFA, 7, Holding(), NOW, ABar())

    assert str(caught.value) == (
        "an order for 7 shares of Equity(1 [ALFA]) at 2020-01-02 21:00:00+00:00 breaks the trading "
        "control "
        "AssetDateBounds({}) (Metadata: {'asset_start_date': '2020-01-03'})"
    )
    assert caught.value.kwargs["amount"] == 7


def test_with_log_a_violation_is_reported_and_the_order_passes() -> None:
    control, reported = MaxOrderSize("log", max_shares=10, max_notional=50), []
    control.report = reported.append

    control.validate(ALFA, 11, Holding(), NOW, ABar(close=10))

    (message,) = reported  # of shares and of value: one order is reported once
    assert message.startswith("an order for 11 shares of Equity(1 [ALFA]) at ")
    assert "MaxOrderSize" in message


def test_with_log_an_assets_violations_are_reported_at_the_first_the_10th_the_100th() -> None:
    control, reported = MaxOrderSize("log", max_shares=10), []
    control.report = reported.append

    for number in range(1, 1001):
        control.validate(ALFA, 10 + number, Holding(), NOW, ABar())
    control.validate(BETA, 11, Holding(), NOW, ABar())

    assert [message.split(" shares")[0] for message in reported] == [
        f"an order for {amount}" for amount in (11, 20, 110, 1010, 11)
    ]
    assert [re.findall(r"\(([\d,]+) times so far\)", message) for message in reported] == [
        [],
        ["10"],
        ["100"],
        ["1,000"],
        [],
    ]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (Decimal("-0"), "0 shares"),
        (Decimal("513.000000000000"), "513 shares"),
        (Number("-1.0"), "-1 share"),
        (2.5, "2.5 shares"),
        ("too many", "too many shares"),
    ],
)
def test_a_message_shows_an_amount_as_a_plain_number(amount, shown) -> None:
    with pytest.raises(
        TradingControlViolation, match=f"^an order for {re.escape(shown)} of Equity"
    ):
        LongOnly("fail").handle_violation(ALFA, amount, NOW)


def test_with_log_an_order_beyond_the_count_is_counted_too() -> None:
    control, reported = MaxOrderCount("log", 1), []
    control.report = reported.append

    for _ in range(3):
        control.validate(ALFA, 1, Holding(), NOW, ABar())

    assert len(reported) == 1
    assert control.orders_placed == 3
    assert control.orders_placed == 3


def test_with_log_and_nobody_to_report_to_a_python_warning_tells() -> None:
    with pytest.warns(RbtliveWarning, match="breaks the trading control LongOnly"):
        LongOnly("log").validate(ALFA, -1, Holding(), NOW, ABar())


def test_a_control_of_the_users_own_reports_through_handle_violation() -> None:
    class NoOddLots(TradingControl):
        def validate(self, asset, amount, portfolio, algo_datetime, algo_current_data):
            if amount % 100:
                self.handle_violation(asset, amount, algo_datetime, {"lot": 100})

    assert not broken(NoOddLots("fail", lot=100), 200)
    with pytest.raises(
        TradingControlViolation, match=r"NoOddLots\({'lot': 100}\) \(Metadata: {'lot': 100}\)"
    ):
        NoOddLots("fail", lot=100).validate(ALFA, 150, Holding(), NOW, ABar())


def account_breaks(control, leverage, when=NOW) -> bool:
    try:
        control.validate(None, Held(leverage=leverage), when, None)
    except AccountControlViolation:
        return True
    return False


@pytest.mark.parametrize(
    ("leverage", "breaks"),
    [(2.0, False), (2.000001, True), (math.inf, True), (-3.0, False), (Number("2.1"), True)],
)
def test_leverage_above_the_limit_ends_the_run(leverage, breaks) -> None:
    assert account_breaks(MaxLeverage(2), leverage) is breaks


@pytest.mark.parametrize(
    "deadline",
    [NOW, NOW.replace(tzinfo=None), pd.Timestamp(NOW), pd.Timestamp(NOW).tz_localize(None)],
)
def test_too_little_leverage_ends_the_run_once_the_deadline_has_passed(deadline) -> None:
    control, later = MinLeverage(0.5, deadline), NOW + timedelta(microseconds=1)

    assert not account_breaks(control, 0.4, NOW)
    assert account_breaks(control, 0.4, later)
    assert not account_breaks(control, 0.5, later)


def test_a_deadline_may_be_a_date() -> None:
    assert account_breaks(MinLeverage(0.5, date(2020, 1, 2)), 0.4, NOW)
    assert not account_breaks(MinLeverage(0.5, date(2020, 1, 3)), 0.4, NOW)


def test_an_account_violation_names_the_control() -> None:
    with pytest.raises(
        AccountControlViolation,
        match=r"breaks the account control MaxLeverage\({'max_leverage': 2}\)",
    ):
        MaxLeverage(2).validate(None, Held(leverage=3), NOW, None)


def test_an_account_control_of_the_users_own_fails_by_itself() -> None:
    class NoLeverage(AccountControl):
        def validate(self, portfolio, account, algo_datetime, algo_current_data):
            if account.leverage:
                self.fail()

    assert account_breaks(NoLeverage(), 0.1)
    assert not account_breaks(NoLeverage(), 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MaxOrderSize("fail"),
            "MaxOrderSize needs max_shares, max_notional or both: was given neither",
        ),
        (
            lambda: MaxOrderSize("fail", max_shares=-1),
            "max_shares of MaxOrderSize must not be negative: was -1",
        ),
        (lambda: MaxPositionSize("fail", max_notional=math.nan), "max_notional of MaxPositionSize"),
        (lambda: MaxOrderCount("fail", -1), "max_count of MaxOrderCount must not be negative"),
        (lambda: MaxOrderCount("fail", None), "max_count of MaxOrderCount must be given"),
        (lambda: LongOnly("raise"), 'on_error of LongOnly must be "fail" or "log": was \'raise\''),
        (lambda: MaxLeverage(None), "max_leverage of MaxLeverage must be given"),
        (lambda: MaxLeverage(-1), "max_leverage of MaxLeverage must not be negative"),
        (lambda: MinLeverage(-1, NOW), "min_leverage of MinLeverage must not be negative"),
    ],
)
def test_an_impossible_setting_is_a_value_error_that_names_it(make, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()

    assert type(caught.value) is ValueError


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MaxOrderSize("fail", max_shares="10"),
            r"max_shares of MaxOrderSize must be a number: was '10' \(str\)",
        ),
        (
            lambda: MinLeverage(1, "2020-01-02"),
            "deadline of MinLeverage must be a date or a date-time: was '2020-01-02'",
        ),
    ],
)
def test_a_setting_of_the_wrong_type_is_a_type_error_that_names_it(make, message) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_warning_points_at_who_asked_the_control():
    control = LongOnly("log")

    with pytest.warns(RbtliveWarning) as caught:
        control.validate(ALFA, -1, Holding(), NOW, None)

    assert caught[0].filename == __file__
