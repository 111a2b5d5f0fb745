"""Fills of each model; the figures are those of zipline-reloaded 3.2.1 unless a test
says otherwise.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import NotBuilt, TransactionVolumeExceedsOrder, TransactionWithWrongDirection
from rbtlive.finance import slippage
from rbtlive.finance.financial_model import Future, whole_lots
from rbtlive.finance.slippage import (
    DEFAULT_ETA,
    EquitySlippageModel,
    FixedBasisPointsSlippage,
    FixedSlippage,
    FutureSlippageModel,
    LiquidityExceeded,
    NoSlippage,
    SlippageModel,
    VolatilityVolumeShare,
    VolumeShareSlippage,
    fill_price_worse_than_limit_price,
)
from rbtlive.model.asset import Equity
from rbtlive.model.number import Number
from tests.finance.builders import ABar, AnOrder, an_asset, fills

CLOSES = [100, 101.5, 99.25, 100.5, 102, 101, 103.5, 104, 102.25, 101, 100, 98.5, 99, 101.25, 103]
CLOSES += [102.5, 104, 105.5, 104.25, 103, 107]
VOLUMES = [1000.0 + 7 * day for day in range(21)]
ANY_MODEL = st.sampled_from(
    [NoSlippage, FixedSlippage, VolumeShareSlippage, FixedBasisPointsSlippage]
)


class Says(SlippageModel):
    """Answers each call with the next of the given answers."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)
        self.budgets = []

    def process_order(self, data, order):
        self.budgets.append(self.volume_for_bar)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("decimal", [False, True])
@pytest.mark.parametrize(
    ("model", "amounts", "bar", "expected"),
    [
        (NoSlippage(), (7, -5000), ABar(50.17, 1), [("1", 50.17, 7), ("2", 50.17, -5000)]),
        (FixedSlippage(0.03), (7, -5000), ABar(50.17, 1), [("1", 50.185, 7), ("2", 50.155, -5000)]),
        (
            VolumeShareSlippage(),
            (10, -10, 30),
            ABar(50.17, 1001),
            [
                ("1", 50.1705006981031, 10),
                ("2", 50.16799720758762, -10),
                ("3", 50.17312936314435, 5),
            ],
        ),
        (
            VolumeShareSlippage(0.1, 0.5),
            (-30, 100),
            ABar(50.17, 1001),
            [("1", 50.14746858536069, -30), ("2", 50.42034905154785, 70)],
        ),
        (
            FixedBasisPointsSlippage(),
            (70, -70, 5),
            ABar(50.17, 1009),
            [("1", 50.195085, 70), ("2", 50.144915000000005, -30)],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_model_fills_as_zipline_does_whatever_the_kind_of_number(
    model, amounts, bar, expected, decimal
) -> None:
    bar.decimal = decimal
    orders = [
        AnOrder(Number(amount) if decimal else amount, filled=Number(0) if decimal else 0)
        for amount in amounts
    ]

    assert fills(model, bar, *orders) == expected


def test_a_buy_and_a_sale_share_the_volume_of_the_bar() -> None:
    model = FixedBasisPointsSlippage(volume_limit=0.1)

    assert [
        amount
        for _, _, amount in fills(model, ABar(volume=100), AnOrder(6), AnOrder(-6), AnOrder(1))
    ] == [6, -4]


def test_the_budget_of_a_bar_starts_anew_with_the_next() -> None:
    model, order = FixedBasisPointsSlippage(volume_limit=0.1), AnOrder(25)

    amounts = [fills(model, ABar(volume=100), order)[0][2] for _ in range(3)]

    assert amounts == [10, 10, 5]
    assert fills(model, ABar(volume=100), order) == []


@pytest.mark.parametrize(
    "bar", [ABar(volume=0), ABar(close=math.nan), ABar(close=math.nan, decimal=True)]
)
def test_a_bar_without_volume_or_close_is_not_even_a_trigger(bar) -> None:
    order = AnOrder(10, limit=1000)

    assert fills(NoSlippage(), bar, order) == []
    assert order.seen == []


def test_orders_behind_an_exhausted_one_are_not_looked_at() -> None:
    model, first, second = Says(LiquidityExceeded()), AnOrder(10), AnOrder(-10, stop=200)

    assert fills(model, ABar(), first, second) == []
    assert second.seen == []
    assert not second.triggered


def test_an_order_that_is_not_triggered_lets_the_next_one_pass() -> None:
    assert fills(NoSlippage(), ABar(close=100), AnOrder(10, limit=99), AnOrder(5)) == [
        ("2", 100, 5)
    ]


def test_triggers_see_the_close_and_the_time_of_the_bar() -> None:
    order, bar = AnOrder(10, limit=100), ABar(close=99.5)

    fills(NoSlippage(), bar, order)

    assert order.seen == [(99.5, bar.current_dt)]


def test_a_filled_order_is_passed_over() -> None:
    assert fills(NoSlippage(), ABar(), AnOrder(10, filled=10)) == []


def test_a_part_filled_order_gets_only_what_it_has_open_from_every_model() -> None:
    for model in (
        NoSlippage(),
        FixedSlippage(),
        VolumeShareSlippage(1),
        FixedBasisPointsSlippage(5, 1),
    ):
        assert [amount for _, _, amount in fills(model, ABar(), AnOrder(-10, filled=-4))] == [-6]


def test_volume_share_refuses_a_price_worse_than_the_limit_and_fills_a_better_one() -> None:
    model = VolumeShareSlippage(0.1, 0.5)

    assert fills(model, ABar(close=50), AnOrder(60, limit=50.0)) == []
    assert fills(model, ABar(close=50), AnOrder(60, limit=51.0)) == [("1", 50.09, 60)]


def test_less_than_one_share_of_volume_ends_the_bar_for_all_orders() -> None:
    assert fills(VolumeShareSlippage(), ABar(volume=39), AnOrder(10), AnOrder(10)) == []
    assert fills(VolumeShareSlippage(), ABar(volume=40), AnOrder(10)) == [("1", 100.00625, 1)]
    assert fills(FixedBasisPointsSlippage(), ABar(volume=9), AnOrder(10), AnOrder(10)) == []


@pytest.mark.parametrize(
    ("limit", "amount", "price", "worse"),
    [
        (10, 1, 10.01, True),
        (10, 1, 10, False),
        (10, -1, 9.99, True),
        (10, -1, 10, False),
        (None, 1, 99, False),
    ],
)
def test_worse_than_the_limit_means_above_for_buys_and_below_for_sales(
    limit, amount, price, worse
) -> None:
    assert fill_price_worse_than_limit_price(price, AnOrder(amount, limit=limit)) is worse


def test_a_limit_of_zero_counts_as_none() -> None:
    assert not fill_price_worse_than_limit_price(5.0, AnOrder(1, limit=0.0))


# The market-impact model


class OnEquities(VolatilityVolumeShare):
    allowed_asset_types = (Equity,)


def test_the_impact_follows_volatility_and_the_root_of_the_volume_share() -> None:
    bar = ABar(107, 1000, high=108.07, low=104.86, daily={"close": CLOSES, "volume": VOLUMES})

    assert fills(OnEquities(0.05), bar, AnOrder(400), AnOrder(-30)) == [
        ("1", 106.46502708486386, 50),
        ("2", 106.46497902015467, -30),
    ]


def test_a_missing_close_counts_as_unchanged_and_its_volume_as_none() -> None:
    closes, volumes = list(CLOSES), list(VOLUMES)
    closes[3] = volumes[3] = math.nan
    bar = ABar(107, 1000, high=108.07, low=104.86, daily={"close": closes, "volume": volumes})

    assert fills(OnEquities(0.05), bar, AnOrder(400)) == [("1", 106.46502903246942, 50)]


@pytest.mark.parametrize(
    "daily",
    [
        None,
        {"close": [math.nan, *CLOSES[1:]], "volume": VOLUMES},
        {"close": CLOSES, "volume": [0.0] * 21},
        {"close": [0.0, *CLOSES[1:]], "volume": VOLUMES},
    ],
    ids=["history begins later", "first close missing", "no volume", "a close of zero"],
)
def test_without_twenty_known_sessions_the_impact_is_seven_and_a_half_basis_points(daily) -> None:
    bar = ABar(107, 1000, high=108.07, low=104.86, daily=daily)

    assert fills(OnEquities(0.05), bar, AnOrder(400), AnOrder(-30)) == [
        ("1", 106.54484875, 50),
        ("2", 106.38515125, -30),
    ]


def test_the_impact_model_refuses_a_price_worse_than_the_limit() -> None:
    bar = ABar(100, 1000, high=101, low=99.5)

    assert fills(OnEquities(0.05), bar, AnOrder(10, limit=100.32)) == []
    assert fills(OnEquities(0.05), bar, AnOrder(10, limit=100.33)) == [("1", 100.3251875, 10)]


def test_a_share_of_volume_under_one_leaves_the_other_orders_their_turn() -> None:
    assert fills(OnEquities(0.05), ABar(volume=19), AnOrder(10), AnOrder(-10)) == []


@pytest.mark.parametrize(
    ("bar", "order"), [(ABar(volume=0), AnOrder(10)), (ABar(), AnOrder(10, filled=10))]
)
def test_the_impact_model_asked_by_itself_fills_nothing_without_volume_or_open_shares(
    bar, order
) -> None:
    class Greedy(OnEquities):
        def get_txn_volume(self, data, order):
            return 1000.0

    assert Greedy(0.05).process_order(bar, order) == (None, None)


@pytest.mark.parametrize(
    ("eta", "root_symbol", "used"),
    [
        (0.5, "CL", 0.5),
        ({"CL": 0.5}, "CL", 0.5),
        ({"CL": 0.5}, "ES", DEFAULT_ETA),
        (None, "CL", DEFAULT_ETA),
    ],
)
def test_eta_is_chosen_by_root_symbol(eta, root_symbol, used) -> None:
    class Contract:
        pass

    order = AnOrder(10)
    order.asset = Contract()
    order.asset.root_symbol = root_symbol

    impact = VolatilityVolumeShare(0.1, eta).get_simulated_impact(
        order, 100.0, 500.0, 10.0, 1000.0, 0.2
    )

    assert impact == 100.0 * (used * 0.2 * math.sqrt(0.01)) / 10000


def test_an_equity_has_the_default_eta_even_if_another_was_given() -> None:
    given = VolatilityVolumeShare(0.1, 0.7).get_simulated_impact(
        AnOrder(10), 100.0, 500.0, 10.0, 1000.0, 0.2
    )

    assert given == VolatilityVolumeShare(0.1).get_simulated_impact(
        AnOrder(10), 100.0, 500.0, 10.0, 1000.0, 0.2
    )


# Models of the user's


def test_a_user_model_sees_what_filled_before_in_the_bar() -> None:
    model = Says((10.0, 3), (10.0, -2), (10.0, 4))

    fills(model, ABar(), AnOrder(5), AnOrder(-2), AnOrder(4))

    assert model.budgets == [0, 3, 5]
    assert all(type(budget) is int for budget in model.budgets)


def test_a_user_models_fraction_is_cut_to_whole_shares() -> None:
    assert fills(Says((10.0, 6.9)), ABar(), AnOrder(21)) == [("1", 10, 6)]


def test_a_user_models_decimal_is_written_as_the_books_write_it() -> None:
    order = AnOrder(Number(5))

    ((_, _, amount),) = Says((10.0, Decimal("5.000"))).simulate(ABar(), order.asset, [order])

    assert str(amount) == "5"


def test_nothing_filled_yet_is_a_whole_number_for_any_lot() -> None:
    model = Says((10.0, 0.25), (10.0, 0.5))
    asset = an_asset(lot_size="0.01")

    list(model.simulate(ABar(), asset, [AnOrder(0.25, asset=asset), AnOrder(0.5, asset=asset)]))

    assert list(map(repr, model.budgets)) == ["0", "0.25"]


def test_none_means_no_fill_and_the_next_order_has_its_turn() -> None:
    assert fills(Says((None, None), (10.0, 4)), ABar(), AnOrder(5), AnOrder(4)) == [("2", 10, 4)]


def test_a_fill_of_less_than_one_share_ends_the_run() -> None:
    with pytest.raises(
        Exception,
        match=r"at least one lot of 1: process_order of Says gave 0.4 .*return \(None, None\)",
    ):
        fills(Says((10.0, 0.4)), ABar(), AnOrder(5))


def test_a_fill_against_its_order_is_refused() -> None:
    order = AnOrder(-5)

    with pytest.raises(
        TransactionWithWrongDirection,
        match=r"order's sign: .* gave 5 for order 1 .ALFA., which has -5 open",
    ):
        fills(Says((10.0, 5)), ABar(), order)

    assert order.filled == 0


def test_a_fill_above_its_order_is_refused() -> None:
    with pytest.raises(
        TransactionVolumeExceedsOrder, match=r"gave 6 for order 1 .ALFA., which has 5 open"
    ):
        fills(Says((10.0, 6)), ABar(), AnOrder(5))


@pytest.mark.parametrize("answer", [None, 10.0, (10.0,)])
def test_an_answer_that_is_no_pair_is_explained(answer) -> None:
    with pytest.raises(TypeError, match="Says must return a price and an amount"):
        fills(Says(answer), ABar(), AnOrder(5))


def test_a_subclass_may_leave_out_the_base_constructor() -> None:
    class Bare(SlippageModel):
        def __init__(self):
            self.mine = 1

        def process_order(self, data, order):
            return 1.0, order.amount

    assert fills(Bare(), ABar(), AnOrder(5)) == [("1", 1, 5)]


def test_a_model_without_process_order_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="process_order"):
        SlippageModel()


# Which assets a model serves


def test_models_serve_the_assets_of_their_marked_bases() -> None:
    class Both(EquitySlippageModel, FutureSlippageModel):
        pass

    class Own(FutureSlippageModel):
        allowed_asset_types = (Equity,)

    class Child(EquitySlippageModel):
        pass

    assert FixedSlippage.allowed_asset_types == (Equity, Future)
    assert Both.allowed_asset_types == (Equity, Future)
    assert Own.allowed_asset_types == (Equity,)
    assert Child.allowed_asset_types == (Equity,)
    assert VolatilityVolumeShare.allowed_asset_types == (Future,)


def test_a_future_cannot_be_made() -> None:
    with pytest.raises(NotBuilt, match="futures are not built"):
        Future(1, "CLF20")


# Lots


@pytest.mark.parametrize(
    ("quantity", "lot", "expected"),
    [
        (2.999, "1", "2"),
        (-2.999, "1", "-2"),
        (0.123456, "0.001", "0.123"),
        (0.3 - 0.1, "0.1", "0.2"),
        (-0.19999, "0.1", "-0.1"),
        (250.0, "100", "200"),
        (Number("0.29"), "0.01", "0.29"),
        (0.0, "0.001", "0"),
    ],
)
def test_a_quantity_is_cut_toward_zero_to_whole_lots(quantity, lot, expected) -> None:
    assert whole_lots(quantity, Decimal(lot)) == Decimal(expected)


@pytest.mark.parametrize("model", [VolumeShareSlippage(0.25, 0), FixedBasisPointsSlippage(0, 0.25)])
def test_fractional_lots_share_the_volume_without_a_binary_rest(model) -> None:
    coin = an_asset(lot_size="0.1")
    orders = [
        AnOrder(Decimal(text), filled=Decimal(0), asset=coin) for text in ("0.1", "-0.2", "9")
    ]

    amounts = [str(fill[2]) for fill in booked(model, ABar(volume=4.43), coin, orders)]

    assert amounts == ["0.1", "-0.2", "0.8"]


def booked(model, bar, asset, orders):
    for fill in model.simulate(bar, asset, orders):
        fill[0].filled += fill[2]
        yield fill


@given(
    model=ANY_MODEL,
    close=st.decimals("0.01", "5000", places=2),
    volume=st.integers(0, 10**7),
    amounts=st.lists(st.integers(-(10**6), 10**6).filter(bool), min_size=1, max_size=6),
)
def test_fills_never_exceed_their_order_nor_the_models_share_of_the_volume(
    model, close, volume, amounts
) -> None:
    orders = [AnOrder(amount) for amount in amounts]
    share = getattr(model(), "volume_limit", math.inf)

    done = fills(model(), ABar(float(close), volume), *orders)

    assert all(0 <= order.filled / order.amount <= 1 for order in orders)
    assert all(amount == int(amount) for _, _, amount in done)
    assert not done or sum(abs(amount) for _, _, amount in done) <= share * volume


# Parameters


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: VolumeShareSlippage(volume_limit=-0.1),
            "volume_limit of VolumeShareSlippage must be finite and at least 0",
        ),
        (
            lambda: VolumeShareSlippage(price_impact=math.nan),
            "price_impact of VolumeShareSlippage .*: was nan",
        ),
        (lambda: FixedSlippage(math.inf), "spread of FixedSlippage must be finite: was inf"),
        (
            lambda: FixedBasisPointsSlippage(basis_points=-1),
            "basis_points of FixedBasisPointsSlippage .*: was -1",
        ),
        (
            lambda: FixedBasisPointsSlippage(volume_limit=0),
            "volume_limit .* must be finite and above 0: was 0",
        ),
        (lambda: VolatilityVolumeShare(-1), "volume_limit of VolatilityVolumeShare"),
        (
            lambda: VolatilityVolumeShare(0.1, {"CL": math.nan}),
            r"eta\['CL'\] of VolatilityVolumeShare",
        ),
    ],
)
def test_a_parameter_out_of_range_is_a_value_error_that_names_it(make, message) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()

    assert type(caught.value) is ValueError


@pytest.mark.parametrize("wrong", ["0.1", None, True, [0.1]])
def test_a_parameter_that_is_no_number_is_a_type_error_that_names_it(wrong) -> None:
    with pytest.raises(TypeError, match="volume_limit of VolumeShareSlippage must be a number"):
        VolumeShareSlippage(volume_limit=wrong)


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (
            VolumeShareSlippage(),
            "VolumeShareSlippage(\n    volume_limit=0.025,\n    price_impact=0.1)",
        ),
        (FixedSlippage(), "FixedSlippage(spread=0.0)"),
        (
            FixedBasisPointsSlippage(),
            "FixedBasisPointsSlippage(\n    basis_points=5.0,\n    volume_limit=0.1,\n)",
        ),
        (VolatilityVolumeShare(0.05, 2), "VolatilityVolumeShare(volume_limit=0.05, eta=2.0)"),
        (VolatilityVolumeShare(0.05), "VolatilityVolumeShare(volume_limit=0.05, eta=<varies>)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_model_shows_its_parameters_as_ziplines_does(model, text) -> None:
    assert repr(model) == text


def test_the_module_exports_what_exists() -> None:
    assert all(hasattr(slippage, name) for name in slippage.__all__)
