"""What a session's close keeps, and the rows that are made of it: equal to the last
digit to rows made at once.
"""

from __future__ import annotations

import copy
import decimal
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.core.serialization import capture
from rbtlive.core.state.fixed_point import sums_in_fixed_point
from rbtlive.core.state.held import Held
from rbtlive.core.state.kept_days import Books, KeptDays
from rbtlive.core.state.order_archive import KeptPictures, OrderArchive
from rbtlive.core.state.record import KEPT_FLOATS, SessionRow, SessionRows, column
from rbtlive.core.state.row_log import RowLog
from rbtlive.core.state.session_figures import (
    FEW,
    MANY,
    Figures,
    SessionClose,
    compute_figures,
    sum_exactly,
    totals_of,
)
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.finance.commission import PerShare
from rbtlive.finance.slippage import NoSlippage
from rbtlive.model.events import MarketDataEvent, OrderFillEvent
from rbtlive.model.number import ENGINE_CONTEXT, ZERO
from rbtlive.model.order_facts import Transaction
from rbtlive.runtime.backtest import new_core, prepare_settings, run_core
from tests.data.markets import DAYS, bars

NEW_YORK = get_calendar("XNYS")
FIRST = NEW_YORK.number(DAYS[0])
ASSET = PolarsDataPortal(bars({"S0": [1.0] * len(DAYS)})).assets[0]

NO_PICTURES = KeptPictures(OrderArchive(RowLog(tuple, Transaction)))


def held_of(*amounts: str | Decimal) -> Held:
    numbers = [Decimal(amount) for amount in amounts]
    return Held([ASSET] * len(numbers), numbers, [ZERO] * len(numbers))


def closing(held: Any, prices: list[float], *, number: int = 0, **facts: Any) -> SessionClose:
    given_facts: dict[str, Any] = {
        "session": FIRST + number,
        "close_us": int(NEW_YORK.closes_us[FIRST + number]),
        "starting_cash": Decimal(1000),
        "starting_base": Decimal(1000),
        "starting_value": None,
        "cash": Decimal(1000),
        "capital_base": Decimal(1000),
        "capital_used": ZERO,
        "previous_return": None,
        "held": held,
        "prices": np.array(prices, dtype=np.float64),
        "totals": None,
        "recorded": {},
        "orders": (),
        "transactions": (0, 0),
    }
    return SessionClose(**given_facts | facts)


def written(value: Decimal) -> Any:
    return value.as_tuple()


# -- sums ----------------------------------------------------------------------------

amounts = st.one_of(
    st.integers(-5_000, 5_000).filter(bool).map(Decimal),
    st.decimals(-100, 100, places=4, allow_nan=False).filter(bool),
    st.sampled_from(
        [
            Decimal("1E+2"),
            Decimal("-3E+4"),
            Decimal("0.00000001"),
            Decimal("7E-12"),
            Decimal(10**16),
        ]
    ),
)
prices = st.one_of(
    st.integers(1, 200_000).map(lambda cents: cents / 100),
    st.integers(1, 2_000).map(float),
    st.floats(0.0001, 1e5),
    st.sampled_from([0.0, 1e-05, 1.5e-07, 0.1 + 0.2, 123456789.123456, 1e15, 1e22, 1e300, 5e-324]),
)
books = st.lists(st.tuples(amounts, prices), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(books, min_size=1, max_size=12))
def test_sums_are_those_of_decimals_in_value_and_in_digits(drawn: list[Any]) -> None:
    closes = [
        closing(held_of(*[amount for amount, _ in book]), [price for _, price in book])
        for book in drawn
    ] * FEW

    with decimal.localcontext(ENGINE_CONTEXT):
        for made, one in zip(totals_of(closes), closes, strict=True):
            exactly = sum_exactly(one)
            assert made[2:] == exactly[2:]
            assert list(map(written, made[:2])) == list(map(written, exactly[:2]))


def test_cents_and_whole_shares_are_summed_in_whole_numbers() -> None:
    (totals,) = sums_in_fixed_point([([Decimal(100), Decimal(-30)], np.array([10.25, 3.5]))])

    assert totals is not None
    assert (totals.longs_count, totals.shorts_count) == (1, 1)
    assert [str(value) for value in totals[:2]] == ["1025.00", "-105.0"]


def test_fractions_of_shares_are_summed_in_whole_numbers() -> None:
    (totals,) = sums_in_fixed_point([([Decimal("0.125"), Decimal(2)], np.array([40000.5, 3.25]))])

    assert totals is not None
    assert str(totals.long_value) == "5006.5625"


@pytest.mark.parametrize(
    ("amount", "price"),
    [
        ("1", 0.1 + 0.2),  # seventeen digits
        ("1", 0.0),
        ("1", 1e22),
        ("7E-12", 1.0),
        ("9999999999999999", 1.0),
        ("999999999999999", 99999.99),  # each fits, their product does not
    ],
)
def test_what_does_not_fit_has_no_sum_in_whole_numbers_and_leaves_its_neighbours_alone(
    amount: str, price: float
) -> None:
    usual = ([Decimal(100)], np.array([10.25]))

    sums = sums_in_fixed_point([usual, ([Decimal(amount)], np.array([price])), usual])

    assert sums[1] is None
    assert [str(one.long_value) for one in (sums[0], sums[2]) if one is not None] == ["1025.00"] * 2


def test_more_closes_than_one_part_follow_on_from_each_other() -> None:
    closes = [closing(held_of("10"), [100.0 + number]) for number in range(2 * MANY + 1)]

    figures = compute_figures(closes, ending_value=ZERO, total_return=0.0)

    assert figures["starting_value"][1:] == figures["ending_value"][:-1]
    assert figures["pnl"][1:] == [10] * (2 * MANY)


def test_a_portfolio_worth_nothing_has_infinite_leverage() -> None:
    figures = compute_figures(
        [closing(held_of("-10"), [100.0])], ending_value=ZERO, total_return=0.0
    )

    assert figures["portfolio_value"] == [0]
    assert (figures["gross_leverage"], figures["net_leverage"]) == ([float("inf")], [float("inf")])


def test_figures_do_not_depend_on_the_decimal_context_of_the_reader() -> None:
    closes = [closing(held_of("3"), [0.123456789])] * FEW
    reported = compute_figures(closes, ending_value=ZERO, total_return=0.0)

    with decimal.localcontext() as context:
        context.prec = 3
        assert compute_figures(closes, ending_value=ZERO, total_return=0.0) == reported


# -- floats --------------------------------------------------------------------------

money = st.one_of(
    st.decimals(-(10**7), 10**7, places=2, allow_nan=False),
    st.decimals(1, 10**6, places=7, allow_nan=False),
    st.sampled_from([Decimal("1E+5"), Decimal("0.00"), Decimal("12345678.123456789012")]),
)
cents = st.integers(1, 200_000).map(lambda number: number / 100)
drawn_closes = st.tuples(
    st.lists(st.tuples(amounts, cents), max_size=3),  # held, and at what prices
    money,
    st.one_of(st.none(), money),  # where the session starts
    st.integers(0, 3),  # quiet days after it
)


def rows_of(drawn: list[Any]) -> SessionRows:
    rows, number, base, cash = SessionRows(NEW_YORK), 0, Decimal(1000), Decimal(1000)
    for book, money_after, starting_value, quiet in drawn:
        prices = [price for _, price in book]
        close = closing(
            held_of(*[amount for amount, _ in book]),
            prices,
            number=number,
            starting_cash=cash,
            cash=money_after,
            capital_base=base,
            capital_used=money_after - cash,
            starting_value=starting_value,
            previous_return=None if starting_value is None else 0.25,
        )
        if not book:
            close = close._replace(prices=(), totals=sum_exactly(close))
        rows.note(close)
        number, cash = number + 1, money_after
        if quiet:
            days = KeptDays(close, flow=ZERO, pictures=NO_PICTURES)
            days.count, days.prices = quiet, np.array(prices * quiet)
            if quiet > 1:  # the second of them has fills, which leave what was held
                cash += 7
                days.books.append(Books(1, cash, Decimal(7), close.held, 2))
            rows.note_days(days)
            number += quiet
    return rows


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(drawn_closes, min_size=1, max_size=6))
def test_floats_are_the_ones_next_to_the_exact_figures(drawn: list[Any]) -> None:
    for name in (*Figures._fields, "starting_cash", "ending_cash", "capital_used"):
        exactly = [float(value) for value in rows_of(drawn).column(name)]

        assert list(rows_of(drawn).floats(name)) == exactly, name


# -- rows ----------------------------------------------------------------------------


def some_rows(count: int = 4) -> SessionRows:
    rows = SessionRows(NEW_YORK)
    for number in range(count):
        rows.note(closing(held_of("10"), [100.0 + number], number=number, recorded={"n": number}))
    return rows


def test_a_column_is_the_same_with_and_without_rows() -> None:
    names = [name for name in SessionRow.__dataclass_fields__ if name != "positions"]
    unread = {name: some_rows().column(name) for name in names}
    rows = some_rows()
    assert [row.label for row in rows] == list(DAYS[:4])

    assert unread == {name: rows.column(name) for name in names}
    assert unread == {name: column(list(rows), name) for name in names}


def test_rows_that_are_made_and_those_that_are_not_follow_on_from_each_other() -> None:
    rows = some_rows(3)
    assert rows[-1].ending_value == 1020
    rows.note(closing(held_of("10"), [200.0], number=3))

    assert rows.column("starting_value")[3] == rows.column("ending_value")[2] == 1020
    assert len(rows) == 4
    assert list(rows) == [*rows[:3], rows[3]]


def test_rows_can_be_put_and_taken_as_in_a_list() -> None:
    rows = some_rows()
    plain = list(some_rows())

    rows.append(plain[0])
    del rows[1]
    rows[0] = plain[3]
    rows[1:2] = plain[:2]

    assert rows == [plain[3], plain[0], plain[1], plain[3], plain[0]]
    assert repr(rows) == repr(list(rows))


def test_a_copy_keeps_what_was_when_the_run_goes_on() -> None:
    rows = some_rows(2)
    kept = copy.copy(rows)

    rows.note(closing(held_of("10"), [500.0], number=2))
    rows[0] = rows[1]

    assert kept == list(some_rows(2))


def test_rows_travel_between_processes_as_a_plain_list() -> None:
    arrived = pickle.loads(pickle.dumps(some_rows()))

    assert type(arrived) is list
    assert arrived == list(some_rows())


@pytest.mark.parametrize("made", [0, 2, 4])
def test_the_benchmark_s_returns_reach_rows_that_are_made_and_those_that_are_not(made: int) -> None:
    rows = some_rows(made)
    assert len(list(rows)) == made
    for number in range(made, 4):
        rows.note(closing(held_of("10"), [100.0], number=number))

    rows.measure([0.1, 0.2, 0.3, 0.4])

    assert rows.column("benchmark_return") == [0.1, 0.2, 0.3, 0.4]
    assert [row.benchmark_return for row in rows] == [0.1, 0.2, 0.3, 0.4]


def test_moments_and_positions_of_a_row_are_exact() -> None:
    row = some_rows()[1]

    assert row.open == datetime(2017, 1, 4, 14, 31, tzinfo=UTC)
    assert row.close == datetime(2017, 1, 4, 21, tzinfo=UTC)
    assert [(p.symbol, p.amount, str(p.last_sale_price)) for p in row.positions] == [
        ("S0", 10, "101.0")
    ]
    assert row.positions[0] == row.positions[:1][0]


# -- runs ----------------------------------------------------------------------------

CRYPTO = tuple(f"2021-05-{day:02d}" for day in range(1, 13))
PRICES = {
    "A": [10.0, 10.5, None, 11.25, 12.0, None, None, 12.5],
    "B": [100.1, 99.95, 98.3, 101.75, None, None, None, None],
}


def ran(
    callbacks: dict[str, Any], portal: PolarsDataPortal, *, heard: bool, **asked: Any
) -> TradingCore:
    """Run callbacks over a market; `heard` has somebody listen to closes, which makes
    each row at once.
    """
    costs = {"slippage": NoSlippage(), "commission": PerShare(0.013)}
    settings_of_run = prepare_settings(portal, capital_base=5_000, **costs, **asked)
    core = new_core({"__name__": "run", **callbacks}, portal, settings_of_run, preload=True)
    if heard:
        core.state.on_session_closed = lambda _row: None
    run_core(core)
    return core


def record_of(core: TradingCore) -> Any:
    # The text of a row shows every digit of every number.
    return list(map(repr, core.finish().sessions)), capture(core.state)


def churn(context: Any, data: Any) -> None:
    for number, asset in enumerate(context.assets):
        if data.can_trade(asset):
            context.order(asset, (-7, 12, 3)[(context.bar + number) % 3])
    context.record(bar=context.bar)
    context.bar += 1


def begin(context: Any) -> None:
    context.assets, context.bar = context.symbols("A", "B"), 0


def look(context: Any, _data: Any) -> None:
    context.record(morning=float(context.portfolio.portfolio_value))


def controlled(context: Any) -> None:
    begin(context)
    context.set_max_leverage(50.0)


def plain_market() -> PolarsDataPortal:
    return PolarsDataPortal(bars(PRICES))


def market_with_splits() -> PolarsDataPortal:
    splits = pl.DataFrame({"symbol": ["A"], "effective_date": [DAYS[3]], "ratio": [0.3]})
    dividends = pl.DataFrame(
        {"symbol": ["B"], "ex_date": [DAYS[2]], "pay_date": [DAYS[3]], "amount": [0.37]}
    )
    return PolarsDataPortal(bars(PRICES), splits=splits, dividends=dividends)


def market_that_b_leaves() -> PolarsDataPortal:
    assets = pl.DataFrame({"symbol": ["A", "B"], "auto_close_date": [None, DAYS[6]]})
    return PolarsDataPortal(bars(PRICES), assets=assets)


def market_without_pause() -> PolarsDataPortal:
    prices = {"A": [10.1 + n / 4 for n in range(12)], "B": [7.0 + n % 5 for n in range(12)]}
    return PolarsDataPortal(bars(prices, CRYPTO), calendar="24/7")


@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("initialize", [begin, controlled])
@pytest.mark.parametrize("before", [None, look])
@pytest.mark.parametrize(
    "market", [plain_market, market_with_splits, market_that_b_leaves, market_without_pause]
)
def test_a_run_is_the_same_whether_somebody_listens_to_its_closes_or_not(
    market: Any, before: Any, initialize: Any, quirks: bool
) -> None:
    callbacks = {"initialize": initialize, "handle_data": churn, "before_trading_start": before}

    unheard, heard = (
        ran(callbacks, market(), heard=heard, zipline_quirks=quirks) for heard in (False, True)
    )

    assert len(unheard.state.record.sessions) >= len(DAYS)
    assert any(row.positions for row in unheard.state.record.sessions)
    assert record_of(unheard) == record_of(heard)


@pytest.mark.parametrize("heard", [False, True])
def test_a_position_that_is_kept_shows_the_last_close_s_price(heard: bool) -> None:
    seen = []

    def handle_data(context: Any, _data: Any) -> None:
        if context.bar == 0:
            context.order(context.assets[1], 5)
        elif context.bar == 1:
            context.kept = context.portfolio.positions[context.assets[1]]
        elif context.bar < 4:
            seen.append((str(context.kept.last_sale_price), context.kept.last_sale_date.date()))
        context.bar += 1

    ran({"initialize": begin, "handle_data": handle_data}, plain_market(), heard=heard)

    assert seen == [("99.95", DAYS[1]), ("98.3", DAYS[2])]


@pytest.mark.parametrize("heard", [False, True])
def test_a_position_that_was_sold_keeps_the_price_it_had_at_the_last_close(heard: bool) -> None:
    seen = []

    def handle_data(context: Any, _data: Any) -> None:
        if context.bar == 0:
            context.order(context.assets[1], 5)
        elif context.bar == 1:
            context.kept = context.portfolio.positions[context.assets[1]]
        elif context.bar == 2:
            context.order(context.assets[1], -5)
        elif context.bar == 3:
            seen.append((str(context.kept.amount), str(context.kept.last_sale_price)))
        context.bar += 1

    ran({"initialize": begin, "handle_data": handle_data}, plain_market(), heard=heard)

    assert seen == [("0", "98.3")]


def buy_once(context: Any, _data: Any) -> None:
    for asset in context.assets if context.bar == 0 else ():
        context.order(asset, 5)
    context.bar += 1


@pytest.mark.parametrize("heard", [False, True])
def test_a_mark_that_nobody_read_is_not_lost_when_a_price_is_missing_at_the_next_one(
    heard: bool,
) -> None:
    at_last = []

    def handle_data(context: Any, data: Any) -> None:
        buy_once(context, data)
        if context.bar == 6:
            kept = context.portfolio.positions
            at_last.extend((str(p.last_sale_price), p.last_sale_date.date()) for p in kept.values())

    core = ran(
        {"initialize": begin, "handle_data": handle_data}, market_that_b_leaves(), heard=heard
    )

    assert at_last == [("12.0", DAYS[5]), ("101.75", DAYS[3])]
    assert [str(p.last_sale_price) for p in core.state.record.sessions[5].positions] == [
        "12.0",
        "101.75",
    ]


@pytest.mark.parametrize("heard", [False, True])
def test_what_is_filled_between_two_sessions_is_there_at_the_second_one_s_start(
    heard: bool,
) -> None:
    portal = plain_market()
    asked = prepare_settings(portal, capital_base=5_000)
    callbacks = {"__name__": "run", "initialize": begin, "handle_data": buy_once}
    core = new_core(callbacks, portal, asked, preload=True, simulated=False)
    if heard:
        core.state.on_session_closed = lambda _row: None
    closes = [NEW_YORK.close(FIRST + number) for number in range(3)]
    core.start()
    for number, close in enumerate(closes):
        orders = core.process(MarketDataEvent(timestamp=close, bars={}))
        for sent in orders:
            core.process(_fill(sent.order_id, "1", 2, close))
        if number == 1:
            core.process(_fill("1", "2", 3, close))

    rows = core.state.record.sessions
    assert [str(row.ending_value) for row in rows] == ["0", "220.90", "249.1"]
    assert [str(row.starting_value) for row in rows] == ["0", "40", "252.40"]


def _fill(order_id: str, name: str, amount: int, when: datetime) -> OrderFillEvent:
    return OrderFillEvent(
        timestamp=when,
        order_id=order_id,
        execution_id=f"{order_id}-{name}",
        amount=amount,
        price=10,
        commission=0,
    )


def test_arrays_of_figures_are_kept_of_the_latest_runs_alone() -> None:
    first = some_rows()
    before = first.floats("portfolio_value")
    others = [some_rows() for _ in range(KEPT_FLOATS + 3)]
    for rows in others:
        assert rows.floats("returns")

    kept = [rows for rows in (first, *others) if rows._floats]
    assert len(kept) == KEPT_FLOATS
    assert kept[0] is not first
    assert first.floats("portfolio_value") == before
