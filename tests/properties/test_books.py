"""What holds of money, positions and orders, whatever the market and the strategy do."""

import itertools
from collections import defaultdict
from decimal import Decimal

import polars as pl
from hypothesis import given, settings

from rbtlive.core.state.order import LIFE
from rbtlive.model.order_facts import OPEN_STATES, OrderState
from tests.properties.programs import DAYS, SYMBOLS, Play, plays, run

THOROUGH = settings(max_examples=60, deadline=None, derandomize=True)


@THOROUGH
@given(plays())
def test_money_is_conserved_to_the_last_digit_after_every_event(play: Play) -> None:
    player, _ = run(play)

    assert set(player.balances) == {Decimal(0)}


@THOROUGH
@given(plays())
def test_cash_is_what_was_deposited_and_every_flow_since(play: Play) -> None:
    _, result = run(play)

    flows = sum(result.performance["capital_used"].to_list())
    assert abs(result.performance["ending_cash"][-1] - 20_000 - flows) < 1e-6
    for row in result.performance.iter_rows(named=True):
        assert abs(row["ending_cash"] + row["ending_value"] - row["portfolio_value"]) < 1e-6


@THOROUGH
@given(plays())
def test_a_position_is_the_sum_of_its_fills_and_splits(play: Play) -> None:
    _, result = run(play)

    held: dict[str, Decimal] = defaultdict(Decimal)
    for number, day in enumerate(DAYS):
        for asset, split_day, ratio in play.splits:
            if split_day == number:
                held[SYMBOLS[asset]] = Decimal(int(float(held[SYMBOLS[asset]]) / ratio))
        fills = result.transactions.filter(pl.col("dt").dt.date() == day)
        for symbol, amount in fills.select("symbol", "amount").iter_rows():
            held[symbol] += amount
        positions = result.positions.filter(pl.col("date") == day)
        assert dict(positions.select("symbol", "amount").iter_rows()) == {
            s: n for s, n in held.items() if n
        }


@THOROUGH
@given(plays())
def test_an_order_lives_along_the_table_and_never_twice(play: Play) -> None:
    player, _ = run(play)

    for states in player.states.values():
        for earlier, later in itertools.pairwise(states):
            assert _reachable(earlier, later), f"{earlier} to {later}"
        closed = [state for state in states if state not in OPEN_STATES]
        assert len(closed) <= 1
        assert closed == states[len(states) - len(closed) :]


# Between two looks an order may take several steps; a venue in memory never loses track
# of one.
def _reachable(earlier: OrderState, later: OrderState) -> bool:
    known, waiting = {earlier}, [earlier]
    while waiting:
        fresh = LIFE[waiting.pop()] - known - {OrderState.UNKNOWN}
        known |= fresh
        waiting += fresh
    return later in known


@THOROUGH
@given(plays(actions=False))
def test_an_order_fills_later_than_it_was_placed_in_its_direction_and_no_further(
    play: Play,
) -> None:
    _, result = run(play)

    fills = result.transactions.drop_nulls("order_id")
    for order in result.orders.iter_rows(named=True):
        own = fills.filter(pl.col("order_id") == order["id"])
        amounts = own["amount"].to_list()
        assert sum(amounts, Decimal(0)) == order["filled"]
        assert all((amount > 0) == (order["amount"] > 0) for amount in amounts)
        assert abs(order["filled"]) <= abs(order["amount"])
        assert all(dt > order["created"] for dt in own["dt"].to_list())
        assert sum(own["commission"].to_list(), Decimal(0)) == order["commission"]
        assert (order["status"] == "filled") == (order["filled"] == order["amount"])


@THOROUGH
@given(plays(actions=False))
def test_a_limit_is_never_passed_and_volume_never_exceeded(play: Play) -> None:
    _, result = run(play)

    limits = {
        row["id"]: row["limit"]
        for row in result.orders.iter_rows(named=True)
        if row["limit"] is not None
    }
    taken: dict[tuple[object, str], Decimal] = defaultdict(Decimal)
    for fill in result.transactions.drop_nulls("order_id").iter_rows(named=True):
        limit = limits.get(fill["order_id"])
        if limit is not None:
            assert fill["price"] <= limit if fill["amount"] > 0 else fill["price"] >= limit
        taken[fill["dt"].date(), fill["symbol"]] += abs(fill["amount"])
    if play.costs[0] >= 2:  # the models with a limit of a tenth of the volume
        for (day, symbol), shares in taken.items():
            bar = play.lines[SYMBOLS.index(symbol)][DAYS.index(day)]
            assert bar is not None
            assert shares * 10 <= bar[1]
