"""The deck's cards of what companies do to their shares, and of an account's terms."""

import pytest

import rbtlive as rbt
from tests.builders import until
from tests.deck.cards import Holder, Watcher, attached, card, days, looked, settled


@card("a split happens overnight", "shares, orders and history are restated, and the books agree")
async def split(world, folder):
    await world.announce_split("0.5")
    session = await attached(world, folder, Watcher, params={"target": 10})
    await days(world, session, 1)
    before = session.engine.core.state.portfolio
    assert [p.amount for p in before] == [10]
    await world.split("0.5")
    await looked(session, 3)
    assert session.trading_state == "running"
    await days(world, session, 1)
    await looked(session, 3)

    assert [p.amount for p in session.engine.core.state.portfolio] == [20]
    assert (session.trading_state, await world.held()) == ("running", {world.symbol: 20})
    assert session.context.ratio == pytest.approx(0.5, rel=0.2)
    await session.stop()


@card(
    "a split happens while the session is stopped", "the next start applies it, and the books agree"
)
async def split_while_away(world, folder):
    await world.announce_split("0.5")
    await world.by_hand(6, world.symbol)
    session = await attached(world, folder, Watcher)
    await days(world, session, 1)
    await session.stop()
    await world.left()
    await world.split("0.5")
    await world.pass_days(2)

    again = await attached(world, folder, Watcher)
    await until(lambda: again.engine.failure or again.context.bars == 3)
    await looked(again, 3)

    assert [p.amount for p in again.engine.core.state.portfolio] == [20]
    assert again.engine.link.outside == {world.symbol: 12}
    assert (again.trading_state, await world.held()) == ("running", {world.symbol: 32})
    await again.stop()


@card("a symbol changes while the session is stopped", "the next start follows it")
async def symbol_change_while_away(world, folder):
    Growing.low = world.low
    session = await attached(world, folder, Growing)
    await days(world, session, 1)
    await session.stop()
    await world.left()
    await world.announce_symbol("NEWONE")
    await world.change_symbol("NEWONE")
    await world.pass_days(2)

    again = await attached(world, folder, Growing)
    await until(lambda: again.engine.failure or again.context.bars == 3)
    await settled(again)
    await looked(again, 3)

    assert (again.trading_state, again.context.ended) == ("running", [])
    assert [p.asset.symbol for p in again.engine.core.state.portfolio] == [world.symbol]
    assert await world.held() == {"NEWONE": 20}
    await again.stop()


@card(
    "the account is blocked, then freed",
    "trading halts and names the cause; after resume() it continues",
)
async def blocked_and_freed(world, folder):
    session = await attached(world, folder, Growing, breakers=rbt.Breakers(blind_after_s=60))
    await days(world, session, 1)
    await world.restrict(blocked=True)
    session.engine.link._account_s = -1e9
    session.engine.link._look_now.set()
    await until(lambda: session.trading_state == "halted")
    assert "blocked" in session.engine.core.state.halt_reason
    await world.restrict(blocked=False)
    session.engine.link._account_s = -1e9
    await looked(session, 2)
    session.resume()
    await days(world, session, 1)
    await looked(session, 2)

    assert session.trading_state == "running"
    assert await world.held() == {world.symbol: 20}
    await session.stop()


@card("shares are held in parts of a share", "taken over they are closed whole")
async def fraction_taken(world, folder):
    await world.by_hand("2.5", world.symbol)
    session = await attached(world, folder, Holder, positions="take", params={"target": 0})
    await days(world, session, 1)
    await looked(session, 2)

    assert (await world.held(), session.trading_state) == ({}, "running")
    await session.stop()


class Growing(rbt.TradingAlgorithm):
    """Buys ten more a day, and lets an order rest; looks its asset up by all its names."""

    def initialize(self, context):
        context.bars, context.seen, context.ended = 0, [], []

    def handle_data(self, context, data):
        context.bars += 1
        asset = self.symbol(self.ticker)
        if context.bars == 1:
            self.order(asset, 1, limit_price=self.low)
        self.order(asset, 10)
        context.seen.append([float(x) for x in data.history(asset, "close", 2, "1d")])

    def on_order_cancel(self, context, order, reason):
        context.ended.append(order.id)


@card("a symbol changes overnight", "position, orders, bars and history follow, by both names")
async def symbol_change(world, folder):
    Growing.low = world.low
    session = await attached(world, folder, Growing)
    await days(world, session, 1)
    await world.announce_symbol("NEWONE")
    await until(lambda: world.is_fed(session))
    while not session.engine.core.state.symbol_changes.names:  # the test's own limit ends it
        session.engine.link._splits_session = -1
        await looked(session, 1)
    await until(lambda: session.engine.failure or world.is_fed(session))
    await world.change_symbol("NEWONE")
    await days(world, session, 2)
    await looked(session, 3)

    core = session.engine.core
    assert (session.trading_state, session.context.ended) == ("running", [])
    assert await world.held() == {"NEWONE": 30}
    assert [(p.asset.symbol, p.amount) for p in core.state.portfolio] == [(world.symbol, 30)]
    assert session.context.seen[2][0] == session.context.seen[1][1]
    assert core.state.orders.get_order("1").is_open
    found = await session.call(lambda context, data: context.symbol("newone").symbol)
    assert found == world.symbol
    await session.stop()
    await world.left()

    again = await attached(world, folder, Growing)
    await days(world, again, 1)
    await looked(again, 3)
    assert (await world.held(), again.trading_state) == ({"NEWONE": 40}, "running")
    report = await again.flatten()
    assert (await world.held(), await world.resting(), report.confirmed) == ({}, 0, True)
    await again.stop()


class Holding(rbt.TradingAlgorithm):
    """Buys once, and lets an order rest."""

    target, rests = 10, True

    def initialize(self, context):
        context.bars, context.ended = 0, []

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars > 1:
            return
        asset = self.symbol(self.ticker)
        self.order(asset, self.target)
        if self.rests:
            self.order(asset, 10, limit_price=self.low)

    def on_order_cancel(self, context, order, reason):
        context.ended.append(order.id)


async def holding(world, folder, **options):
    """Attach a session that holds ten shares and lets an order rest."""
    Holding.low = world.low
    session = await attached(world, folder, Holding, **options)
    await days(world, session, 1)
    orders = session.engine.core.state.orders
    await until(lambda: all(order.broker_order_id for order in orders))
    return session


async def agreed(world, session):
    """Wait until the run's cash is the account's, and compare the shares."""
    while abs(await world.cash() - session.portfolio.cash) > 0.01:  # the test's limit ends it
        session.engine.link._account_s = -1e9
        await looked(session, 1)
    owned = sum(p.amount for p in session.engine.core.state.portfolio)
    outside = (session.engine.link.outside or {}).get(world.symbol, 0)
    assert await world.held() == {world.symbol: owned + outside}
    assert session.trading_state == "running"


@card(
    "a reverse split happens overnight", "whole shares stay, the rest is paid, orders are cancelled"
)
async def reverse_split(world, folder):
    session = await holding(world, folder)
    await world.announce_split_for_next("4")
    while not session.engine.core.state.market.known_splits:  # the test's own limit ends it
        session.engine.link._splits_session = -1
        await looked(session, 1)
    await world.split("4")
    await days(world, session, 1)
    await looked(session, 3)

    assert [p.amount for p in session.engine.core.state.portfolio] == [2]
    assert session.context.ended == ["2"]
    await agreed(world, session)
    await session.stop()


@card("the same while the session is stopped", "the next start takes it, cash and all")
async def reverse_split_away(world, folder):
    session = await holding(world, folder)
    await session.stop()
    await world.left()
    await world.announce_split_for_next("4")
    await world.split("4")
    await world.pass_days(2)

    again = await attached(world, folder, Holding)
    await until(lambda: again.engine.failure or again.context.bars == 3)
    await looked(again, 3)

    assert [p.amount for p in again.engine.core.state.portfolio] == [2]
    assert again.context.ended == ["2"]
    await agreed(world, again)
    await again.stop()


@card(
    "an order is replaced, and its asset split, while the session is stopped",
    "one order, for what the broker has it for",
)
async def replaced_and_split(world, folder):
    session = await holding(world, folder)
    await session.stop()
    await world.left()
    await world.replace_by_hand(20, world.low - 1)
    await world.announce_split_for_next("0.5")
    await world.split("0.5")
    await world.pass_days(2)

    again = await attached(world, folder, Holding)
    await until(lambda: again.engine.failure or again.context.bars == 3)
    await looked(again, 3)

    order = again.engine.core.state.orders.get_order("2")
    assert (order.amount, float(order.limit), order.is_open) == (40, (world.low - 1) / 2, True)
    await agreed(world, again)
    report = await again.kill()
    assert (report.confirmed, await world.resting()) == (True, 0)
    await again.stop()


@card(
    "a person buys more, and the asset is split, while the session is stopped",
    "both parts are split; the person's is outside",
)
async def bought_and_split(world, folder):
    session = await holding(world, folder, params={"rests": False})
    await session.stop()
    await world.left()
    await world.by_hand(6, world.symbol)
    await world.announce_split_for_next("0.5")
    await world.split("0.5")
    await world.pass_days(2)

    again = await attached(world, folder, Holding, params={"rests": False})
    await until(lambda: again.engine.failure or again.context.bars == 3)
    await until(lambda: again.engine.link.outside == {world.symbol: 12})
    await looked(again, 3)

    assert [p.amount for p in again.engine.core.state.portfolio] == [20]
    assert again.trading_state == "running"
    await again.stop()


@card(
    "a reverse split leaves more whole shares than the runs' parts make",
    "it is left outside; neither run halts",
)
async def reverse_split_of_two_runs(world, folder):
    once, less = {"rests": False}, {"rests": False, "target": 7}
    first = await attached(world, folder, Holding, name="first", capital_base=40_000, params=once)
    second = await attached(world, folder, Holding, name="second", capital_base=40_000, params=less)
    await world.pass_days()
    for session in (first, second):
        await until(lambda s=session: s.engine.failure or s.context.bars == 1)
        await settled(session)
    await world.announce_split_for_next("4")
    for session in (first, second):
        while not session.engine.core.state.market.known_splits:  # the test's limit ends it
            session.engine.link._splits_session = -1
            await looked(session, 1)
    await world.split("4")
    await world.pass_days()
    for session in (first, second):
        await until(lambda s=session: s.engine.failure or s.context.bars == 2)
    for session in (first, second, first, second):
        await looked(session, 3)

    owned = [sum(p.amount for p in s.engine.core.state.portfolio) for s in (first, second)]
    assert (owned, await world.held()) == ([2, 1], {world.symbol: 4})
    assert [s.engine.link.outside for s in (first, second)] == [{world.symbol: 1}] * 2
    assert [s.trading_state for s in (first, second)] == ["running", "running"]
    for session in (first, second):
        await session.stop()
