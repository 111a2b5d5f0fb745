"""What people trip over who write a broker class: floats, spellings, fills without
executions. It is named, or forgiven where nothing else can be meant.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.errors import BrokerError, ReconciliationFailed
from rbtlive.model.events import OrderFillEvent
from rbtlive.runtime.broker import asking
from tests.builders import Gated, daily_frame, run, until
from tests.faults.test_broker_answers import messages
from tests.faults.test_broker_surprises import trading
from tests.faults.test_false_answers import looks
from tests.runtime.test_engine_broker import BookBroker, Buyer


@pytest.mark.parametrize("name", ["connect", "cancel_order"])
def test_a_plain_method_is_named_before_it_is_awaited(name):
    broker = BookBroker()
    setattr(broker, name, lambda **_given: None)
    asked = asking.connect(broker) if name == "connect" else asking.cancel(broker, "x-1")

    with pytest.raises(BrokerError, match=rf"{name}\(\) of BookBroker must be an async def"):
        run(asked)


@pytest.mark.parametrize(
    ("said", "believed"),
    [
        (0.1 + 0.2, "0.3"),
        (100 * 1.1, "110"),
        (-33.3 * 3, "-99.9"),
        (Decimal("0.30000000000000004"), "0.3"),
        ("100.00000000000001", "100"),
        (1e-8, "1E-8"),
        (0.1234567890123456, "0.1234567890123456"),
        (Decimal("1234567.1234567891"), "1234567.1234567891"),
        (1 / 3, "0.3333333333333333"),
    ],
    ids=str,
)
def test_noise_of_floats_is_no_difference_of_positions(said, believed):
    class Floating(BookBroker):
        async def positions(self):
            return {"AAA": said}

    assert run(asking.positions(Floating())) == {"AAA": Decimal(believed)}


def test_noise_of_floats_is_no_amount_of_a_fill():
    filled = OrderFillEvent(
        timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        order_id="x-1",
        execution_id="x1",
        amount=0.1 + 0.2,
        price=50,
    )

    assert asking.judged_event(BookBroker(), filled).amount == Decimal("0.3")


def halting(broker, change, *, asset_class="equity"):
    """Return why a run halts once its order filled at a broker that then changes."""

    async def work(engine, bar):
        broker.fill(broker.sent[0], 10)
        change(broker)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work, asset_class=asset_class))
    return next(text for text in messages(reported) if text.startswith("position of AAA"))


def test_a_fill_without_executions_halts_and_says_where_fills_come_from():
    class Cumulative(BookBroker):
        def tell(self, event):
            """Says nothing."""

    def forget(broker):
        client_id = broker.sent[0]
        broker.book[client_id] = replace(broker.book[client_id], executions=())

    text = halting(Cumulative(), forget)

    assert "is filled 10 there: fills are booked from BrokerOrder.executions" in text


def test_a_symbol_that_positions_spell_otherwise_is_named():
    class Spelled(BookBroker):
        async def positions(self):
            return {f"{symbol}.N": amount for symbol, amount in self.held.items()}

    text = halting(Spelled(), lambda _broker: None)

    assert "it has 10 of 'AAA.N': positions() has to spell symbols as orders do, 'AAA'" in text


class KeepsCoins(BookBroker):
    """Keeps a thousandth of the coins of a purchase."""

    async def positions(self):
        return {symbol: amount * Decimal("0.999") for symbol, amount in self.held.items()}


class Declared(KeepsCoins):
    fee_in_asset = Decimal("0.001")


@pytest.mark.parametrize(("asset_class", "named"), [("crypto", True), ("equity", False)])
def test_a_fee_in_coins_that_the_adapter_does_not_declare_is_named(asset_class, named):
    text = halting(KeepsCoins(), lambda _broker: None, asset_class=asset_class)

    assert ("fee_in_asset has to be the highest rate" in text) is named


def test_a_declared_fee_in_coins_is_booked_whatever_the_symbol_looks_like():
    async def work(engine, bar):
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or engine.portfolio.positions.get(asset(engine)))
        await until(lambda: engine.failure or engine.portfolio.positions[asset(engine)].amount < 10)
        await looks(engine, 4)

    def asset(engine):
        return engine.core.state.assets[0]

    broker = Declared()
    engine, reported = run(trading(broker, work, asset_class="crypto"))

    assert messages(reported) == []
    assert engine.portfolio.positions[asset(engine)].amount == Decimal("9.99")


def test_an_execution_id_that_comes_again_is_named():
    class Restarted(BookBroker):
        """Counts its executions from one again: the second fill has the first one's id."""

        async def orders(self, *, prefix="", open_only=False):
            found = await super().orders(prefix=prefix, open_only=open_only)
            return [
                replace(order, executions=tuple(named(one) for one in order.executions))
                for order in found
            ]

        def tell(self, event):
            """Says nothing."""

    def named(execution):
        return replace(execution, execution_id="1")

    async def work(engine, bar):
        engine.core.state.orders.executions.add("1")  # as an earlier order's
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    broker = Restarted()
    _engine, reported = run(trading(broker, work))

    text = next(text for text in messages(reported) if text.startswith("position of AAA"))
    assert "order 1 is filled 10 there by execution '1', an id that an earlier execution" in text


def test_an_adapter_that_confuses_open_with_ended_confirms_no_stop(tmp_path):
    class Confused(BookBroker):
        async def orders(self, *, prefix="", open_only=False):
            return [
                order
                for order in await super().orders(prefix=prefix)
                if not (open_only and order.state.is_open)
            ]

        async def cancel_order(self, *, client_order_id):
            """Nothing comes of it."""

    broker = Confused()

    async def killed():
        session = rbt.attach(
            Buyer,
            broker,
            feed=Gated(daily_frame(), 2),
            data=daily_frame(),
            journal=tmp_path / "j",
        )
        await until(lambda: session.state == "failed" or broker.sent)
        report = await session.kill()
        await session.stop()
        return report

    report = run(killed())

    assert report.orders == tuple(broker.sent)
    assert not report.confirmed


def test_cash_without_the_sales_that_are_not_settled_is_named():
    class Sells(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            if not self.get_open_orders() and not context.portfolio.positions:
                self.order(self.symbol("AAA"), -10)

    class CashAccount(BookBroker):
        unsettled = 0

        async def account(self):
            sold = sum(50 * -amount for amount in self.held.values())
            cash = 77_000 + sold - self.unsettled
            return replace(await super().account(), cash=cash)

    broker = CashAccount()

    async def work(engine, bar):
        await looks(engine)
        broker.fill(broker.sent[0], -10)
        await until(lambda: engine.portfolio.cash == 80_500)
        await looks(engine)
        broker.unsettled = 500
        await looks(engine, 5)

    _engine, reported = run(trading(broker, work, strategy=Sells))

    (said,) = messages(reported)
    assert "cash changed by -500 that no order" in said
    assert "it is what order 1 was sold for: account() has to count sales that are not" in said


def test_an_order_that_is_filled_with_a_part_missing_is_a_difference():
    class RoundsDown(BookBroker):
        """Ends an order as filled one share early."""

    async def work(engine, bar):
        broker.fill(broker.sent[0], 9)
        broker._change(broker.sent[0], state=rbt.OrderState.FILLED)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    broker = RoundsDown()
    engine, reported = run(trading(broker, work))

    assert messages(reported) == [
        "order 1 (AAA): is open with 9 of 10 filled here and filled at the broker"
    ]
    assert engine.order_manager.get_order("1").is_open


def test_following_the_broker_ends_an_order_that_is_filled_with_a_part_missing():
    async def work(engine, bar):
        broker.fill(broker.sent[0], 9)
        broker._change(broker.sent[0], state=rbt.OrderState.FILLED)
        await until(lambda: engine.failure or not engine.order_manager.get_order("1").is_open)

    broker = BookBroker()
    engine, _reported = run(trading(broker, work, policy="follow"))

    order = engine.order_manager.get_order("1")
    assert (order.state, order.filled) == (rbt.OrderState.CANCELED, 9)
    text = "order 1 (AAA): is open with 9 of 10 filled here and filled at the broker"
    assert order.reason == text


def test_an_order_that_the_broker_rounded_to_its_lots_ends_with_its_amount():
    class Lots(BookBroker):
        async def submit_order(self, order, *, client_order_id):
            known = await super().submit_order(order, client_order_id=client_order_id)
            self._change(client_order_id, amount=Decimal(5))
            return known

    async def work(engine, bar):
        broker.fill(broker.sent[0], 5)
        await until(lambda: engine.failure or not engine.order_manager.get_order("1").is_open)

    broker = Lots()
    engine, reported = run(trading(broker, work))

    assert messages(reported) == []
    reason = engine.core.state.orders.get_order("1").reason
    assert reason == "the broker's order was for 5, the rest was not sent"


def test_a_commission_with_the_wrong_sign_is_named():
    class Negative(BookBroker):
        cost = 0

        async def account(self):
            cash = 80_000 - sum(50 * amount for amount in self.held.values()) - self.cost
            return replace(await super().account(), cash=cash)

    broker = Negative()

    class Twice(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            self.order(self.symbol("AAA"), 10)

    async def work(engine, bar):
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.portfolio.cash == 79_500)
        await looks(engine, 5)
        await bar()
        await until(lambda: engine.failure or len(broker.book) == 2)
        broker.tell = lambda event: BookBroker.tell(
            broker, event.model_copy(update={"commission": Decimal("-1.25")})
        )
        broker.fill(broker.sent[1], 10, execution_id="x2")
        broker.cost = Decimal("1.25")
        await until(lambda: engine.portfolio.cash == Decimal("79001.25"))
        await looks(engine, 6)

    _engine, reported = run(trading(broker, work, strategy=Twice))

    (said,) = messages(reported)
    assert "cash changed by -2.5 that no order" in said
    assert "twice the commission of order 2, -1.25: a commission is a cost, so it is posi" in said


def test_a_stream_of_many_waiting_events_leaves_the_loop_to_others():
    broker = BookBroker()
    taken = []

    async def work(engine, bar):
        left = engine.link._tell
        engine.link._tell = lambda event: (taken.append(event), left(event))
        broker.fill(broker.sent[0], 10, reports=4_000)
        stretches, before = [], 0
        while len(taken) < 4_000:
            await asyncio.sleep(0)
            stretches.append(len(taken) - before)
            before = len(taken)
        assert max(stretches) < 4_000

    engine, _reported = run(trading(broker, work))

    assert engine.portfolio.positions[engine.core.state.assets[0]].amount == 10


@pytest.mark.parametrize(
    ("held", "hint"),
    [
        ({"AAA": 20}, "if AAA was split, splits() has to report it"),
        ({"AAA": 2}, "if AAA was split, splits() has to report it"),
        ({"AAAX": 10}, "a change of a symbol belongs into corporate_actions()"),
        ({"AAA": 13}, None),
        ({}, None),
    ],
)
def test_a_refused_start_says_what_an_adapter_may_have_left_out(tmp_path, held, hint):
    broker = BookBroker()
    options = {"data": daily_frame(), "journal": tmp_path, "name": "paused"}

    async def life():
        first = rbt.attach(Buyer, broker, feed=Gated(daily_frame(), 1), **options)
        await until(lambda: first.engine.failure or broker.book)
        broker.fill(broker.sent[0], 10)
        await until(
            lambda: first.engine.failure or first.engine.order_manager.get_order("1").filled == 10
        )
        await first.stop()
        broker.held = {symbol: Decimal(amount) for symbol, amount in held.items()}
        with pytest.raises(ReconciliationFailed) as refused:
            await rbt.attach(Buyer, broker, feed=Gated(daily_frame(), 1), **options).wait()
        return str(refused.value)

    text = run(life())

    assert "position of AAA: is 10 here" in text
    if hint is None:
        assert "()" not in text
    else:
        assert hint in text


def _executions(broker, *executions, **facts):
    broker._change(broker.sent[0], executions=executions, **facts)


def cancelled_by_the_broker(broker):
    broker.held = {}
    _executions(broker, filled=Decimal(0), state=rbt.OrderState.CANCELED)


def test_an_execution_that_the_broker_takes_back_is_named():
    broker = BookBroker()

    async def work(engine, bar):
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or not engine.order_manager.get_order("1").is_open)
        cancelled_by_the_broker(broker)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work))

    (text,) = messages(reported)
    assert "order 1 is filled 10 here and 0 there: if the broker cancelled an execution" in text


def test_an_execution_with_two_ids_is_named():
    broker = BookBroker()

    async def work(engine, bar):
        broker.fill(broker.sent[0], 4)
        await until(lambda: engine.failure or engine.order_manager.get_order("1").filled == 4)
        (done,) = broker.book[broker.sent[0]].executions
        again = OrderFillEvent(
            timestamp=done.at,
            order_id=broker.sent[0],
            execution_id="t-1",
            amount=done.amount,
            price=done.price,
        )
        broker.tell(again)
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work))

    (text,) = messages(reported)
    assert "order 1 is filled 8 here and 4 there: executions 'x1' and 't-1' are alike" in text


def test_an_execution_that_is_the_total_so_far_is_named():
    class Totals(BookBroker):
        def tell(self, event):
            """Says nothing."""

    broker = Totals()

    async def work(engine, bar):
        broker.fill(broker.sent[0], 3)
        await until(lambda: engine.failure or engine.order_manager.get_order("1").filled == 3)
        broker.fill(broker.sent[0], 4, execution_id="x2")
        one, two = broker.book[broker.sent[0]].executions
        _executions(broker, one, replace(two, amount=Decimal(7)))
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work))

    (text,) = messages(reported)
    assert "execution 'x2' of order 1 is of 7, and only 4 of the order is not booked yet" in text
