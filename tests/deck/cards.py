"""The deck: one card a situation of a real account, played in every world.

The rule: a card speaks to the broker's side only through the world, and to the session
only through its public names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

import rbtlive as rbt
from rbtlive.notebook.panel.snapshot import PanelState
from tests.builders import until

CARDS: dict[str, Card] = {}


@dataclass(frozen=True)
class Card:
    """One situation.

    Attributes:
        situation: What happens, as a sentence.
        right: What is right then.
        play: Plays it in a world.
    """

    situation: str
    right: str
    play: Callable[[Any, Any], Awaitable[None]]

    @property
    def name(self) -> str:
        """The card's name."""
        return self.play.__name__


def card(situation: str, right: str) -> Callable[[Any], Any]:
    """Put a function into the deck."""

    def put(play: Any) -> Any:
        CARDS[play.__name__] = Card(situation, right, play)
        return play

    return put


class Alternating(rbt.TradingAlgorithm):
    """In one day, out the next."""

    def initialize(self, context):
        context.bars, context.rejected = 0, []

    def handle_data(self, context, data):
        context.bars += 1
        self.order_target(self.symbol(self.ticker), 100 if context.bars % 2 else 0)

    def on_order_reject(self, context, order, reason):
        context.rejected.append(reason)


class Holder(rbt.TradingAlgorithm):
    """Holds some shares."""

    target = 10

    def initialize(self, context):
        context.bars, context.adjusted, context.ended = 0, [], []

    def handle_data(self, context, data):
        context.bars += 1
        self.order_target(self.symbol(self.ticker), self.target)

    def on_position_adjustment(self, context, asset, amount, reason):
        context.adjusted.append(amount)


class Resting(rbt.TradingAlgorithm):
    """Lets limit orders rest far below the market."""

    limit = 1.0
    count = 3

    def initialize(self, context):
        context.bars, context.ended = 0, []

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 1:
            for _number in range(self.count):
                self.order(self.symbol(self.ticker), 10, limit_price=self.limit)

    def on_order_cancel(self, context, order, reason):
        context.ended.append(order.id)


class Flip(rbt.TradingAlgorithm):
    """Long, then short."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order_target(self.symbol(self.ticker), 10 if context.bars == 1 else -5)


class Watcher(rbt.TradingAlgorithm):
    """Buys once, and compares the close before as it looked then and as it looks now."""

    target = 10

    def initialize(self, context):
        context.bars, context.seen, context.ratio = 0, [], None

    def handle_data(self, context, data):
        context.bars += 1
        asset = self.symbol(self.ticker)
        if context.bars == 1:
            self.order(asset, self.target)
        closes = data.history(asset, "close", 2, "1d")
        if context.seen:
            context.ratio = float(closes[0]) / context.seen[-1]
        context.seen.append(float(closes[-1]))


class AllIn(rbt.TradingAlgorithm):
    """Invests nearly everything."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order_target_percent(self.symbol(self.ticker), 0.95)


async def attached(world, folder, strategy, **options):
    """Attach a strategy in a world, and wait until it runs."""
    kind = type(strategy.__name__, (strategy,), {"ticker": world.symbol})
    settings = world.options() | {"journal": folder} | options
    session = rbt.attach(kind, world.broker(), **settings)
    await until(lambda: session.engine.failure or session.state == "running")
    if session.engine.failure is None:
        await until(lambda: session.engine.link is not None)
        await until(lambda: session.engine.failure or world.is_fed(session))
    return session


async def days(world, session, count):
    """Let sessions happen one by one, each seen by the strategy and its orders answered."""
    for _day in range(count):
        seen = session.context.bars
        await world.pass_days()
        await until(lambda seen=seen: session.engine.failure or session.context.bars > seen)
        await settled(session)


async def settled(session):
    """Wait until no order is on its way or about to fill."""
    orders = session.engine.core.state.orders
    await until(
        lambda: (
            session.engine.failure
            or not any(o.limit is None and o.stop is None for o in orders.get_active_orders())
        )
    )


@card(
    "the session was stopped for four trading days", "missed bars are shown, only the latest trades"
)
async def absence(world, folder):
    session = await attached(world, folder, Alternating)
    await days(world, session, 2)
    await session.stop()
    await world.left()
    await world.pass_days(4)

    again = await attached(world, folder, Alternating)
    await until(lambda: again.engine.failure or again.context.bars == 6)
    await settled(again)

    assert await world.sent() == [100, -100]
    assert len(again.context.rejected) == 2
    assert all("late bar" in reason for reason in again.context.rejected)
    await days(world, again, 1)
    assert await world.sent() == [100, -100, 100]
    await again.stop()


@card("the same, with late_orders='send'", "late orders are sent")
async def absence_sent(world, folder):
    session = await attached(world, folder, Alternating, late_orders="send")
    await days(world, session, 2)
    await session.stop()
    await world.left()
    await world.pass_days(3)

    again = await attached(world, folder, Alternating, late_orders="send")
    await until(lambda: again.engine.failure or again.context.bars == 5)
    await settled(again)

    assert len(await world.sent()) == 5
    await again.stop()


@card("stop() with open_orders='cancel'", "cancels are sent, awaited and confirmed")
async def stop_cancels(world, folder):
    session = await attached(
        world, folder, Resting, open_orders="cancel", params={"limit": world.low}
    )
    await days(world, session, 1)
    await until(lambda: all(o.broker_order_id for o in session.engine.core.state.orders))
    assert await world.resting() == 3

    report = await session.stop()

    assert await world.resting() == 0
    assert (report.confirmed, report.orders) == (True, ())
    assert len(session.context.ended) == 3


@card("the broker does not cancel", "stop() names the orders that still rest")
async def stop_cannot_cancel(world, folder, monkeypatch=None):
    session = await attached(
        world, folder, Resting, open_orders="cancel", params={"limit": world.low, "count": 1}
    )
    await days(world, session, 1)
    await until(lambda: all(o.broker_order_id for o in session.engine.core.state.orders))
    await world.deafen_to_cancels()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rbtlive.runtime.engine.account_side.STOP_WITHIN_S", 0.5)
        report = await session.stop()

    assert not report.confirmed
    assert len(report.orders) == 1
    assert any("still rests at the broker" in line for line in session.logs)


@card(
    "a position is closed by hand, then kill(flatten=True)",
    "nothing is sold twice, and the report says so",
)
async def closed_by_hand_then_flatten(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    await world.by_hand(-10, world.symbol)

    report = await session.kill(flatten=True)

    assert await world.held() == {}
    assert not report.confirmed
    assert report.positions == {}
    assert len(report.differences) == 1
    assert session.trading_state == "halted"
    await session.stop()


@card("flatten() of an open position", "the broker's books are flat, and it is confirmed")
async def flatten(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)

    report = await session.flatten()

    assert (report.confirmed, await world.held()) == (True, {})
    assert sum("trading is halted" in line for line in session.logs) == 1
    await session.stop()


@card(
    "the account holds shares before the first start",
    "they stay outside: neither capital nor position",
)
async def held_before(world, folder):
    await world.by_hand(300, world.symbol)
    equity_and_all = Decimal(100_000)

    session = await attached(world, folder, AllIn)
    value = session.portfolio.portfolio_value
    await days(world, session, 2)

    ours = session.engine.core.state.portfolio
    assert 0 < value < equity_and_all
    assert ours.cash >= 0
    assert (await world.held())[world.symbol] == 300 + sum(p.amount for p in ours)
    assert session.trading_state == "running"
    report = await session.flatten()
    assert (await world.held(), report.confirmed) == ({world.symbol: 300}, True)
    await session.stop()


@card("capital_base is more than the free money", "refused, naming the free amount")
async def too_much_capital(world, folder):
    await world.by_hand(300, world.symbol)

    session = await attached(world, folder, Holder, capital_base=100_000)

    with pytest.raises(
        rbt.errors.InvalidSetting, match="capital_base must be at most what is free"
    ):
        await session.wait()


@card("positions='take'", "the run owns them, at the broker's cost")
async def taken(world, folder):
    await world.by_hand(300, world.symbol)

    session = await attached(world, folder, Holder, positions="take", params={"target": 100})
    taken_over = [
        (p.asset.symbol, p.amount, p.cost_basis) for p in session.engine.core.state.portfolio
    ]
    value = session.portfolio.portfolio_value
    await days(world, session, 1)

    assert [(symbol, amount) for symbol, amount, _cost in taken_over] == [(world.symbol, 300)]
    assert taken_over[0][2] > 0
    assert value == pytest.approx(100_000, rel=0.05)
    assert (await world.held(), session.trading_state) == ({world.symbol: 100}, "running")
    assert sum("taken over from the account" in line for line in session.logs) == 1
    await session.stop()


@card("a person trades another symbol", "noted; the run continues")
async def other_symbol_by_hand(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    await world.by_hand(5, world.other)
    await looked(session, 3)

    assert session.trading_state == "running"
    assert session.engine.link.outside == {world.other: 5}
    await session.stop()


@card("a person buys more of the run's symbol", "left outside; the run continues")
async def same_symbol_bought_by_hand(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    await world.by_hand(5, world.symbol)
    await until(lambda: (session.engine.link.outside or {}).get(world.symbol) == 5)
    await looked(session, 2)

    assert session.trading_state == "running"
    report = await session.flatten()
    assert (await world.held(), report.confirmed) == ({world.symbol: 5}, True)
    await session.stop()


@card("a person sells the run's shares", "a difference: trading halts")
async def sold_by_hand(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    await world.by_hand(-4, world.symbol)
    await until(lambda: session.trading_state == "halted")

    why = session.engine.core.state.halt_reason
    assert "is 10 here and 6 at the broker" in why
    assert f"orders placed elsewhere traded -4 {world.symbol}" in why
    await session.stop()


@card(
    "the same with reconciliation='adopt'",
    "refused: the run would own shares that the account lacks",
)
async def sold_by_hand_adopt(world, folder):
    session = await attached(world, folder, Holder, reconciliation="adopt")
    await days(world, session, 1)
    await world.by_hand(-4, world.symbol)
    await until(lambda: session.trading_state == "halted")

    assert session.engine.link.outside == {}
    await session.stop()


@card(
    "the same with reconciliation='follow'",
    "the books are corrected, and `on_position_adjustment` is called",
)
async def sold_by_hand_follow(world, folder):
    session = await attached(world, folder, Holder, reconciliation="follow")
    await days(world, session, 1)
    await world.by_hand(-4, world.symbol)
    await until(lambda: session.context.adjusted)

    assert session.context.adjusted == [-4]
    assert [p.amount for p in session.engine.core.state.portfolio] == [6]
    assert session.trading_state == "running"
    await days(world, session, 1)
    assert await world.held() == {world.symbol: 10}
    await session.stop()
    report = session.parity()
    assert report.interventions == 1
    assert f"{world.symbol} by -4 at" in report.followed[0]
    assert report.followed[0] in repr(report)


@card(
    "two runs trade one symbol on one account",
    "each owns its own shares; together they are the account's",
)
async def two_runs(world, folder):
    first = await attached(world, folder, Holder, name="first", capital_base=50_000)
    second = await attached(
        world, folder, Holder, name="second", capital_base=50_000, params={"target": 25}
    )
    await world.pass_days()
    for session in (first, second):
        await until(lambda s=session: s.engine.failure or s.context.bars == 1)
        await settled(session)
    await looked(first, 3)
    await looked(second, 3)

    assert await world.held() == {world.symbol: 35}
    assert [s.trading_state for s in (first, second)] == ["running", "running"]
    shown = PanelState(first).whole()
    assert [row["elsewhere"] for row in shown["positions"]] == ["25 second"]
    assert "elsewhere" in [column["key"] for column in shown["columns"]["positions"]]
    report = await first.flatten()
    assert (report.confirmed, await world.held()) == (True, {world.symbol: 25})
    await looked(second, 3)
    assert second.trading_state == "running"
    for session in (first, second):
        await session.stop()


@card(
    "a run is stopped, and another begins under another name",
    "the stopped one keeps its shares; its money becomes free",
)
async def after_another(world, folder):
    first = await attached(world, folder, Holder, name="first")
    await days(world, first, 1)
    await first.stop()

    second = await attached(world, folder, Holder, name="second", params={"target": 25})
    await days(world, second, 1)

    await until(lambda: [p.amount for p in second.engine.core.state.portfolio] == [25])
    assert await world.held() == {world.symbol: 35}
    assert abs(second.engine.core.state.settings.capital_base - first.portfolio.cash) < 1
    again = await attached(world, folder, Holder, name="first")
    await until(lambda: any("more cash than the account has" in line for line in again.logs))
    assert [s.trading_state for s in (again, second)] == ["running", "running"]
    for session in (again, second):
        await session.stop()


@card("the account can't be read any more", "the blind breaker halts")
async def blind(world, folder):
    session = await attached(world, folder, Holder, breakers=rbt.Breakers(blind_after_s=1.0))
    await days(world, session, 1)
    await world.silence()
    session.engine.link._look_now.set()
    await until(lambda: session.trading_state == "halted")

    assert session.engine.core.state.halt_reason.startswith("blind: ")
    await session.stop()


@card("session.call places an order", "it is journaled, and a restart repeats it")
async def called(world, folder):
    session = await attached(world, folder, Resting, params={"limit": world.low, "count": 0})
    await days(world, session, 1)

    given = await session.call(lambda context, data: context.order(context.symbol(world.symbol), 7))
    await settled(session)
    assert (given, await world.held()) == ("1", {world.symbol: 7})
    await session.stop()
    await world.left()

    again = await attached(world, folder, Resting, params={"limit": world.low, "count": 0})
    assert [p.amount for p in again.engine.core.state.portfolio] == [7]
    assert await world.sent() == [7]
    await again.stop()


@card("a resting order is replaced on the broker's page", "it continues as the same order")
async def replaced(world, folder):
    session = await attached(world, folder, Resting, params={"limit": world.low, "count": 1})
    await days(world, session, 1)
    await until(lambda: session.engine.core.state.orders.get_order("1").broker_order_id)
    await world.replace_by_hand(20, world.low + 1)
    order = session.engine.core.state.orders.get_order("1")
    await until(lambda: order.amount == 20)
    await looked(session, 2)

    assert (order.is_open, float(order.limit), session.context.ended) == (True, world.low + 1, [])
    assert session.trading_state == "running"
    report = await session.kill()
    assert (report.confirmed, await world.resting()) == (True, 0)
    await session.stop()


@card("a dividend, a fee and a deposit arrive", "booked as cash, by their kinds")
async def cash(world, folder):
    session = await attached(world, folder, Holder)
    await days(world, session, 1)
    before, base = session.portfolio.cash, session.engine.core.state.portfolio.capital_base
    await world.pay("dividend", "12.5")
    await world.pay("fee", "-0.5")
    await world.pay("deposit", "1000")
    while session.portfolio.cash != before + 1012:  # the test's own limit ends it
        await looked(session, 1)
        await asyncio.sleep(0.2)

    assert session.engine.core.state.portfolio.capital_base == base + 1000
    assert session.trading_state == "running"
    await session.stop()


@card("a broker refuses an order through zero", "it is closed, then opened, as one order")
async def through_zero(world, folder):
    session = await attached(world, folder, Flip)
    await days(world, session, 2)
    await until(lambda: [p.amount for p in session.engine.core.state.portfolio] == [-5])
    await looked(session, 3)

    assert await world.held() == {world.symbol: -5}
    assert [int(o.amount) for o in session.engine.core.state.orders] == [10, -15]
    assert session.trading_state == "running"
    await session.stop()


async def looked(session, count):
    """Wait for so many looks at the account."""
    link = session.engine.link
    for _look in range(count):
        polls = link.polls
        link._look_now.set()
        await until(lambda polls=polls: session.engine.failure or link.polls > polls)
