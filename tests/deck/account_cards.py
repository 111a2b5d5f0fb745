"""The deck's cards of whose account it is, and of what people did in an absence."""

from decimal import Decimal

import pytest

import rbtlive as rbt
from tests.builders import until
from tests.deck.cards import Holder, Resting, attached, card, days, looked


@card("the keys are those of another account", "the run refuses to continue there, by name")
async def another_account(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    await session.stop()
    await world.left()
    await world.change_account()

    for policy in ("halt", "adopt", "follow"):
        again = await attached(world, folder, Holder, reconciliation=policy)
        with pytest.raises(rbt.errors.BrokerError, match="these keys are those of account"):
            await again.wait()
    assert await world.sent() == []


@card(
    "a resting order fills while the session is stopped, and a person closes the position",
    "the start is refused before anything trades; 'follow' corrects the books",
)
async def filled_then_closed_away(world, folder):
    resting = {"limit": world.low, "count": 1}
    session = await attached(world, folder, Resting, params=resting)
    await days(world, session, 1)
    await until(lambda: session.engine.core.state.orders.get_order("1").broker_order_id)
    await session.stop()
    await world.left()
    await world.fill_by_hand()
    await world.by_hand(-10, world.symbol)

    again = await attached(world, folder, Resting, params=resting)
    with pytest.raises(rbt.errors.ReconciliationFailed, match="is 10 here and 0 at the broker"):
        await again.wait()
    followed = await attached(world, folder, Resting, params=resting, reconciliation="follow")
    await looked(followed, 3)

    assert [p.amount for p in followed.engine.core.state.portfolio] == []
    assert followed.trading_state == "running"
    await followed.stop()


@card(
    "a run takes over shares that another run left outside",
    "each owns its shares, and nothing is outside any more",
)
async def taken_from_outside(world, folder):
    first = await attached(world, folder, Holder, name="first", capital_base=30_000)
    await days(world, first, 1)
    await world.by_hand(5, world.symbol)
    await until(lambda: (first.engine.link.outside or {}).get(world.symbol) == 5)

    second = await attached(
        world,
        folder,
        Holder,
        name="second",
        capital_base=30_000,
        positions="take",
        params={"target": 5},
    )
    await looked(second, 3)
    await looked(first, 4)

    owned = [sum(p.amount for p in s.engine.core.state.portfolio) for s in (first, second)]
    assert owned == [10, 5]
    assert [first.engine.link.outside, second.engine.link.outside] == [{}, {}]
    assert [first.trading_state, second.trading_state] == ["running", "running"]
    for session in (first, second):
        await session.stop()


@card(
    "a resting order is replaced so that it fills at once", "one order, filled with its new terms"
)
async def replaced_and_filled(world, folder):
    session = await attached(world, folder, Resting, params={"limit": world.low, "count": 1})
    await days(world, session, 1)
    await until(lambda: session.engine.core.state.orders.get_order("1").broker_order_id)
    await world.replace_by_hand(20, world.low * 20)
    order = session.engine.core.state.orders.get_order("1")
    await until(lambda: order.filled == 20)
    await looked(session, 2)

    assert (order.amount, await world.held()) == (20, {world.symbol: Decimal(20)})
    assert not any("fills more than was ordered" in line for line in session.logs)
    assert session.trading_state == "running"
    await session.stop()


@card(
    "the account is short before the first start",
    "the short is outside, and the money to buy it back is not the run's",
)
async def short_before(world, folder):
    await world.by_hand(-100, world.symbol)
    session = await attached(world, folder, Holder)
    capital = session.engine.core.state.settings.capital_base
    await days(world, session, 1)
    await looked(session, 3)

    assert capital == 100_000
    assert session.engine.link.outside == {world.symbol: -100}
    assert (await world.held(), session.trading_state) == ({world.symbol: -90}, "running")
    await session.stop()


@card(
    "a run is short in shares held outside, and a person sells some of those",
    "outside holds fewer shares; the run continues",
)
async def outside_sold_against_a_short(world, folder):
    await world.by_hand(100, world.symbol)
    session = await attached(world, folder, Holder, params={"target": -10})
    await days(world, session, 1)
    await looked(session, 2)
    await world.by_hand(-40, world.symbol)
    await until(lambda: session.engine.link.outside == {world.symbol: 60})
    await looked(session, 3)

    assert [p.amount for p in session.engine.core.state.portfolio] == [-10]
    assert (await world.held(), session.trading_state) == ({world.symbol: 50}, "running")
    await session.stop()
