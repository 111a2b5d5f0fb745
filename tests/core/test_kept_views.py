"""What a strategy keeps of `context.portfolio` shows what is so when it is read."""

import copy
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import rbtlive as rbt
from tests.builders import daily_frame


def test_views_of_positions_that_are_kept_follow_what_is_held() -> None:
    frame = daily_frame(6, 2)
    first, second = frame["symbol"].unique().sort().to_list()
    seen: list[tuple[int, list[str], list[Any]]] = []

    def initialize(context: Any) -> None:
        context.bars = 0
        positions = context.portfolio.positions
        context.kept = positions, positions.items(), positions.values()

    def handle_data(context: Any, _data: Any) -> None:
        context.bars += 1
        orders = {1: (first, 10), 2: (second, 5), 3: (first, -10)}
        if context.bars in orders:
            symbol, amount = orders[context.bars]
            context.order(context.symbol(symbol), amount)
        positions, items, values = context.kept
        assert [view for _, view in items] == list(values)
        held = [asset.symbol for asset, _ in items]
        assert held == [asset.symbol for asset in positions]
        seen.append((len(items), held, [view.amount for view in values]))

    strategy = {"__name__": "kept", "initialize": initialize, "handle_data": handle_data}
    rbt.backtest(strategy, frame, progress=False)

    assert seen[:4] == [
        (0, [], []),
        (1, [first], [10]),
        (2, [first, second], [10, 5]),
        (1, [second], [5]),
    ]


def test_a_position_opened_again_is_another_one() -> None:
    frame = daily_frame(6, 1)
    (name,) = frame["symbol"].unique().to_list()
    seen: list[tuple[Any, Any, Any]] = []

    def handle_data(context: Any, _data: Any) -> None:
        bars = context.bars = getattr(context, "bars", 0) + 1
        asset = context.symbol(name)
        if bars <= 3:
            context.order(asset, (10, -10, 7)[bars - 1])
        position = context.portfolio.positions[asset]
        seen.append((position.amount, position.last_sale_price, position.cost_basis))

    rbt.backtest(
        {"__name__": "again", "handle_data": handle_data},
        frame,
        commission=rbt.NoCommission(),
        slippage=rbt.NoSlippage(),
        progress=False,
    )

    closes = [Decimal(repr(close)) for close in frame["close"].to_list()]
    assert seen[0] == (0, 0, 0)
    assert [amount for amount, _, _ in seen[1:]] == [10, 0, 7, 7, 7]
    assert seen[1][1:] == (closes[1], closes[1])
    assert seen[2][2] == 0
    assert [price for _, price, _ in seen[3:]] == closes[3:]
    assert {cost for _, _, cost in seen[3:]} == {closes[3]}


def test_a_price_that_nobody_asked_for_at_a_bar_is_that_of_the_bar_asked_at() -> None:
    """As zipline: prices follow the bars at which `portfolio` or `account` is read."""
    frame = daily_frame(8, 1)
    (name,) = frame["symbol"].unique().to_list()
    seen: list[Any] = []

    def handle_data(context: Any, _data: Any) -> None:
        bars = context.bars = getattr(context, "bars", 0) + 1
        if bars == 1:
            context.order(context.symbol(name), 10)
        elif bars == 2:
            context.kept = context.portfolio.positions[context.symbol(name)]
        elif bars > 3:
            seen.append(context.kept.last_sale_price)

    rbt.backtest({"__name__": "kept", "handle_data": handle_data}, frame, progress=False)

    closes = [Decimal(repr(close)) for close in frame["close"].to_list()]
    assert seen == closes[2:-1]  # those of the closes before: sessions mark at their end


@pytest.mark.parametrize("frames", ["polars", "pandas"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda view: pickle.loads(pickle.dumps(view))])
def test_a_copy_of_a_view_keeps_the_values_of_its_moment(
    copied: Callable[[Any], Any], frames: str
) -> None:
    frame = daily_frame(8, 1)
    (name,) = frame["symbol"].unique().to_list()
    kept: dict[str, Any] = {}

    def handle_data(context: Any, _data: Any) -> None:
        bars = context.bars = getattr(context, "bars", 0) + 1
        asset = context.symbol(name)
        context.order(asset, 10, tag="each")
        if bars != 3:
            return
        portfolio, (order,) = context.portfolio, context.get_open_orders(asset)
        kept["then"] = (portfolio.cash, portfolio.positions[asset].amount, order.filled)
        kept["copies"] = copied((portfolio, portfolio.positions, context.account, order))

    rbt.backtest({"__name__": "kept", "handle_data": handle_data}, frame, frames=frames)

    portfolio, positions, account, order = kept["copies"]
    ((asset, position),) = positions.items()
    assert (
        (portfolio.cash, position.amount, order.filled) == kept["then"] == (portfolio.cash, 20, 0)
    )
    assert portfolio.positions[asset].last_sale_price == position.last_sale_price
    assert (asset.symbol, order.tag, order.amount) == (name, "each", 10)
    assert account.net_liquidation == portfolio.portfolio_value


def test_a_view_of_a_position_that_was_closed_shows_its_last_price() -> None:
    frame = daily_frame(6, 1)
    (name,) = frame["symbol"].unique().to_list()
    kept: list[Any] = []
    seen: list[tuple[Any, Any]] = []

    def handle_data(context: Any, _data: Any) -> None:
        bars = context.bars = getattr(context, "bars", 0) + 1
        asset = context.symbol(name)
        if bars in {1, 4}:
            context.order(asset, 10 if bars == 1 else -10)
        if bars == 2:
            kept.append(context.portfolio.positions[asset])
        if bars == 5:
            seen.append((kept[0].amount, kept[0].last_sale_price))

    rbt.backtest({"__name__": "closed", "handle_data": handle_data}, frame, progress=False)

    assert seen == [(0, frame["close"][3])]
