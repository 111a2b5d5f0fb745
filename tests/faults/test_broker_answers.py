"""A broker class of a user's own that answers what it should not: it is named with
method, field and value, nothing is booked by a guess, and the session goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.brokers.base import BrokerAccount, BrokerExecution
from rbtlive.errors import BrokerError, EngineStopped
from rbtlive.model.events import OrderFillEvent, OrderReplacedEvent, OrderUpdateEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker import asking, order_sender
from rbtlive.runtime.broker.reconciliation import sequence_of
from rbtlive.runtime.clock import SystemClock
from tests.builders import daily_frame, run, until
from tests.faults.test_broker_surprises import held, order, trading
from tests.runtime.test_engine_broker import BookBroker, Buyer, Inbox

NAIVE = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)
EXECUTION = BrokerExecution(
    execution_id="x9", amount=Decimal(4), price=Decimal(50), at=datetime(2026, 1, 2, tzinfo=UTC)
)


class Odd(BookBroker):
    """Gives the odd answers, once `odd` is set."""

    odd = False

    def __init__(self, method, answer):
        super().__init__()
        real = getattr(BookBroker, method)

        async def answered(*args, **options):
            kept = await real(self, *args, **options)
            return answer(kept) if self.odd else kept

        setattr(self, method, answered)


def messages(reported):
    return [getattr(event, "message", getattr(event, "reason", "")) for event in reported]


def order_with(**facts):
    return lambda orders: [_changed(one, facts) for one in orders]


def _changed(one, facts):
    one = replace(one)
    for name, value in facts.items():
        object.__setattr__(one, name, value)
    return one


def account_with(**facts):
    return lambda account: replace(account, **facts)


UNREADABLE = [
    ("orders", lambda _: None, "must return a list of BrokerOrder: was None"),
    ("orders", lambda _: "abc", "must return a list of BrokerOrder: was 'abc'"),
    ("orders", lambda _: {}, "must return a list of BrokerOrder: was {}"),
    ("orders", lambda _: [{"id": 1}], "must return a BrokerOrder: was {'id': 1}"),
    ("orders", order_with(amount=None), "whose amount must be a number: was None"),
    ("orders", order_with(filled=Decimal("NaN")), "filled must be a finite number"),
    ("orders", order_with(filled=True), "filled must be a number: was True"),
    ("orders", order_with(amount=10**40), "amount must be a finite number below 1e15"),
    ("orders", order_with(state="held"), "state must be an OrderState"),
    ("orders", order_with(updated_at=NAIVE), "updated_at must be a datetime with a time zone"),
    ("orders", order_with(symbol=None), "symbol must be a text: was None"),
    ("orders", order_with(broker_order_id="b" * 300), "an id: a text of at most 256"),
    ("orders", order_with(executions=None), "must return a list of BrokerExecution: was None"),
    ("orders", order_with(executions=(replace(EXECUTION, at=NAIVE),)), "at must be a datetime"),
    ("orders", order_with(executions=(replace(EXECUTION, price=Decimal(-1)),)), "price of zero"),
    ("orders", order_with(executions=(replace(EXECUTION, execution_id=""),)), "not empty"),
    ("positions", lambda _: None, "must return a dict of symbol and shares: was None"),
    ("positions", lambda _: {"AAA": None}, "each a number: was 'AAA': None"),
    ("positions", lambda _: {"ZZZ": float("nan")}, "each a finite number below 1e15"),
    ("positions", lambda _: {5: Decimal(1)}, "each a text: was 5: Decimal('1')"),
    ("account", lambda _: {"cash": 1}, "must return a BrokerAccount: was {'cash': 1}"),
    ("account", account_with(cash=Decimal("NaN")), "cash must be a finite number"),
    ("account", account_with(currency=None), "currency must be a text: was None"),
]


@pytest.mark.parametrize(("method", "answer", "said"), UNREADABLE)
def test_an_answer_that_cannot_be_read_is_named_once_and_the_next_is_awaited(method, answer, said):
    broker = Odd(method, answer)

    async def work(engine, bar):
        broker.odd = True
        failed = engine.link.blindness
        await until(lambda: engine.failure or failed.failing)
        looks = engine.link.polls
        broker.odd = False
        broker.fill(broker.sent[0], 4, reports=0)
        await until(lambda: engine.failure or (engine.link.polls > looks and held(engine)))

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert (order(engine).filled, held(engine)) == (4, 4)
    named = [text for text in messages(reported) if f"{method}() of Odd" in text]
    assert named
    assert all(said in text for text in named)


@pytest.mark.parametrize(("method", "answer", "said"), UNREADABLE)
def test_such_an_answer_at_the_start_ends_the_session_with_the_same_words(
    tmp_path, method, answer, said
):
    broker = Odd(method, answer)
    broker.odd = True
    if method == "orders":
        run(broker.submit_order(_command(), client_order_id="-1"))  # a row to be answered with

    async def begun():
        session = rbt.attach(Buyer, broker, feed=Inbox(), data=daily_frame(), journal=tmp_path)
        run_id = session.engine.journal.run_id
        broker.book = {
            f"{run_id}-1": _changed(one, {"client_order_id": f"{run_id}-1"})
            for one in broker.book.values()
        }
        with pytest.raises(BrokerError) as raised:
            await session.wait()
        return str(raised.value)

    text = run(begun())

    assert f"{method}() of Odd" in text
    assert said in text


def _command():
    return rbt.model.commands.SubmitOrder(order_id="1", symbol="AAA", amount=Decimal(3))


def test_what_can_be_read_without_a_guess_is_read():
    broker = BookBroker()

    async def asked():
        await broker.submit_order(_command(), client_order_id="R-1")
        loose = {
            "amount": 10.0,
            "filled": "4",
            "state": "partially_filled",
            "broker_order_id": 7,
            "reason": None,
            "executions": [replace(EXECUTION, amount=4.0, execution_id=12)],
        }
        broker.book["R-1"] = _changed(broker.book["R-1"], loose)
        broker.held = {"AAA": 4.5}
        return await asking.orders(broker, prefix="R-"), await asking.positions(broker)

    (one,), positions = run(asked())

    assert (one.amount, one.filled, one.broker_order_id, one.reason) == (10, 4, "7", "")
    assert one.state is OrderState.PARTIALLY_FILLED
    assert [(e.execution_id, e.amount) for e in one.executions] == [("12", Decimal(4))]
    assert all(type(n) is Decimal for n in (one.amount, one.filled, one.executions[0].amount))
    assert positions == {"AAA": Decimal("4.5")}


def test_an_order_of_which_nothing_must_be_read_stays_the_object_that_was_given():
    broker = BookBroker()

    async def asked():
        await broker.submit_order(_command(), client_order_id="R-1")
        facts = {"executions": (EXECUTION,), "reason": "as told"}
        broker.book["R-1"] = _changed(broker.book["R-1"], facts)
        return await asking.orders(broker, prefix="R-")

    (one,) = run(asked())

    assert one is broker.book["R-1"]


def test_rows_that_were_not_asked_for_may_be_anything():
    broker = BookBroker()

    async def asked():
        await broker.submit_order(_command(), client_order_id="R-1")
        theirs = _changed(broker.book["R-1"], {"client_order_id": "other" * 100, "amount": None})
        broker.orders = _always([*broker.book.values(), theirs])
        return await asking.orders(broker, prefix="R-")

    assert [one.client_order_id for one in run(asked())] == ["R-1"]


def _always(answer):
    async def answered(*_args, **_options):
        return answer

    return answered


def test_a_method_that_is_no_coroutine_is_named(tmp_path):
    class Plain(BookBroker):
        def positions(self):
            return {}

    async def begun():
        session = rbt.attach(Buyer, Plain(), feed=Inbox(), data=daily_frame(), journal=tmp_path)
        with pytest.raises(BrokerError, match=r"positions\(\) of Plain must be an async def"):
            await session.wait()

    run(begun())


@pytest.mark.parametrize(
    "text", ["0", "01", "²", "\u0661", "9" * 12, "9" * 5000, "", "-1", "1 ", "1\n", "+1", "1_0"]
)
def test_only_a_number_that_a_run_writes_is_an_order_of_it(text):
    assert sequence_of(f"RUN-{text}", "RUN") is None
    assert sequence_of("RUN-17", "RUN") == "17"


@pytest.mark.parametrize("sequence", ["0", "01", "²", "\u0661"])
def test_an_order_under_nearly_our_name_is_left_alone(sequence):
    broker = BookBroker()

    async def work(engine, bar):
        twin = replace(
            broker.book[broker.sent[0]],
            client_order_id=f"{engine.journal.run_id}-{sequence}",
            broker_order_id="another",
        )
        broker.book[twin.client_order_id] = twin
        polls = engine.link.polls
        await until(lambda: engine.failure or engine.link.polls > polls + 2)

    engine, _reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert broker.cancels == []
    assert order(engine).state is OrderState.PENDING


# -- the stream ----------------------------------------------------------------------


def fill(engine, **facts):
    told = OrderFillEvent(
        timestamp=SystemClock().now(),
        order_id=f"{engine.journal.run_id}-1",
        execution_id="x1",
        amount=Decimal(4),
        price=Decimal(50),
    )
    return told.model_copy(update=facts)


def update(engine, status):
    return OrderUpdateEvent(
        timestamp=SystemClock().now(),
        order_id=f"{engine.journal.run_id}-1",
        status=OrderState.PENDING,
    ).model_copy(update={"status": status})


def replaced(engine, amount):
    return OrderReplacedEvent(
        timestamp=SystemClock().now(),
        order_id=f"{engine.journal.run_id}-1",
        amount=Decimal(20),
        broker_order_id="b9",
    ).model_copy(update={"amount": amount})


GARBAGE = [
    (lambda _: None, "must yield events: was None"),
    (lambda _: "fill", "must yield events: was 'fill'"),
    (lambda _: {"order_id": 1}, "must yield events: was {'order_id': 1}"),
    (lambda _: OrderFillEvent, "must yield events: was <class"),
    (lambda e: fill(e, order_id=1), "OrderFillEvent whose order_id cannot be"),
    (lambda e: fill(e, amount=Decimal("NaN")), "OrderFillEvent whose amount must be finite"),
    (lambda e: fill(e, amount=None), "OrderFillEvent whose facts cannot be"),
    (lambda e: fill(e, price="many"), "OrderFillEvent whose price cannot be"),
    (lambda e: fill(e, timestamp=NAIVE), "OrderFillEvent whose timestamp cannot be"),
    (lambda e: fill(e, execution_id="x" * 1000), "must be an id of at most 256"),
    (lambda e: update(e, "held"), "OrderUpdateEvent whose status cannot be"),
    (lambda e: update(e, OrderState.DENIED), "a broker cannot say of order 1 that it is denied"),
    (lambda e: update(e, OrderState.CREATED), "a broker cannot say of order 1 that it is created"),
    (lambda e: replaced(e, Decimal(-20)), "which is for 10, is for -20: it is left out"),
    (lambda e: replaced(e, Decimal(0)), "which is for 10, is for 0: it is left out"),
]


@pytest.mark.parametrize(("given", "said"), GARBAGE)
def test_what_nobody_can_understand_in_the_stream_is_left_out_and_asked_for(given, said):
    broker = BookBroker()

    async def work(engine, bar):
        for _time in range(3):
            broker.tell(given(engine))
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or order(engine).state is OrderState.FILLED)

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert held(engine) == 10
    assert any(said in text for text in messages(reported))


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize("before", ["pending", "partial", "filled", "canceled"])
def test_no_state_that_a_broker_reports_ends_the_session(before, state):
    broker = BookBroker()

    async def work(engine, bar):
        if before == "partial":
            broker.fill(broker.sent[0], 4)
        elif before == "filled":
            broker.fill(broker.sent[0], 10)
        elif before == "canceled":
            await broker.cancel_order(client_order_id=broker.sent[0])
        wanted = {"partial": 4, "filled": 10}.get(before, 0)
        ended = before in {"filled", "canceled"}
        await until(
            lambda: (
                engine.failure
                or (order(engine).filled == wanted and order(engine).is_open is not ended)
            )
        )
        seen = engine.meters.events
        broker.tell(update(engine, state))
        await until(lambda: engine.failure or engine.meters.events > seen)

    engine, _reported = run(trading(broker, work))

    assert engine.failure is None
    assert engine.state == "stopped"


class Streams(BookBroker):
    """Opens the streams it is given, then its own."""

    def __init__(self, *streams):
        super().__init__()
        self.streams, self.opened = list(streams), 0

    def events(self):
        self.opened += 1
        return self.streams.pop(0)() if self.streams else super().events()


async def ends():
    return
    yield


async def breaks():
    raise ConnectionResetError("gone")
    yield


@pytest.mark.parametrize(
    ("stream", "said"),
    [(ends, "BrokerError: it has ended"), (breaks, "ConnectionResetError: gone")],
)
def test_a_stream_that_ends_or_breaks_is_said_and_opened_again(stream, said):
    broker = Streams(stream)

    async def work(engine, bar):
        await until(lambda: engine.failure or broker.opened == 2)
        broker.fill(broker.sent[0], 10)
        await until(lambda: engine.failure or order(engine).state is OrderState.FILLED)

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert messages(reported) == [f"the stream of events: {said}"]


@pytest.mark.parametrize("stream", [lambda: None, list, lambda: (x for x in ())])
def test_a_method_that_gives_no_stream_ends_the_session_with_its_name(tmp_path, stream):
    async def begun():
        session = rbt.attach(
            Buyer, Streams(stream), feed=Inbox(), data=daily_frame(), journal=tmp_path
        )
        with pytest.raises(BrokerError, match=r"events\(\) of Streams must be an async generator"):
            await session.wait()

    run(begun())


def test_a_reason_of_any_length_is_kept_short():
    broker = BookBroker()

    async def work(engine, bar):
        broker.tell(update(engine, OrderState.CANCELED).model_copy(update={"reason": "r" * 10**6}))
        await until(lambda: engine.failure or not order(engine).is_open)

    engine, _reported = run(trading(broker, work))

    assert len(order(engine).reason) <= asking.LONGEST_TEXT + 1


# -- looks that fail, and answers that never come ------------------------------------


def test_looks_that_fail_alike_are_said_at_the_first_tenth_and_hundredth_time():
    class Down(BookBroker):
        """Raises another text at every look, of one kind."""

        down = False
        looks = 0

        async def orders(self, **options):
            if not self.down:
                return await super().orders(**options)
            self.looks += 1
            raise OSError(f"look {self.looks} at {object()}")

    broker = Down()

    async def work(engine, bar):
        broker.down = True
        await until(lambda: engine.failure or broker.looks > 25)
        broker.down = False
        polls = engine.link.polls
        await until(lambda: engine.failure or engine.link.polls > polls)

    _engine, reported = run(trading(broker, work))

    assert [text[:45] for text in messages(reported)] == [
        "a look at the broker's books: OSError: look 1",
        "a look at the broker's books (10 times): OSEr",
    ]


def test_looks_go_on_whatever_a_broker_raises():
    class Stopped(BookBroker):
        """Raises what the engine itself raises when it is over."""

        looks = 0

        async def orders(self, **options):
            self.looks += 1
            if self.looks == 4:
                raise EngineStopped("another session of the broker's own")
            return await super().orders(**options)

    broker = Stopped()

    async def work(engine, bar):
        await until(lambda: engine.failure or broker.looks > 6)

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert [text[:43] for text in messages(reported)] == [
        "a look at the broker's books: EngineStopped"
    ]


def test_a_broker_that_stays_unreadable_halts_again_after_a_resume(tmp_path):
    class Down(BookBroker):
        down = False

        async def orders(self, **options):
            if self.down:
                raise OSError("down")
            return await super().orders(**options)

    broker = Down()

    async def traded():
        session = rbt.attach(
            Buyer,
            broker,
            feed=Inbox(),
            data=daily_frame(),
            journal=tmp_path,
            breakers=rbt.Breakers(blind_after_s=0.05),
        )
        await until(lambda: session.state != "starting")
        broker.down = True
        session.engine.link._look_now.set()
        await until(lambda: session.engine.failure or session.trading_state == "halted")
        session.resume()
        await until(lambda: session.engine.failure or session.trading_state == "halted")
        broker.down = False
        await session.stop()
        return session

    session = run(traded())

    assert sum("trading is halted: blind" in line for line in session.logs) == 2


def test_a_command_without_an_answer_is_said_and_cancels_of_other_orders_get_through(monkeypatch):
    monkeypatch.setattr(order_sender, "SILENCE_S", 0.01)
    monkeypatch.setattr(order_sender, "WATCH_EVERY_S", 0.005)

    class Deaf(BookBroker):
        """Never answers the second order."""

        async def submit_order(self, order, *, client_order_id):
            if self.sent:
                self.sent.append(client_order_id)
                await asyncio.Event().wait()
            return await super().submit_order(order, client_order_id=client_order_id)

    broker = Deaf()

    async def work(engine, bar):
        engine.account_side.call(lambda context, data: context.order(context.symbol("BBB"), 5))
        await until(lambda: engine.failure or len(broker.sent) == 2)
        engine.account_side.call(lambda context, data: context.cancel_order("1"))
        await until(lambda: engine.failure or not order(engine).is_open)

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert [order(engine, n).state for n in "12"] == [OrderState.CANCELED, OrderState.SUBMITTED]
    assert any(
        "SubmitOrder of order 2" in text and "no answer" in text for text in messages(reported)
    )


def test_an_account_that_changes_its_currency_halts():
    broker = Odd("account", lambda account: replace(account, currency="EUR"))

    async def work(engine, bar):
        broker.odd = True
        await until(lambda: engine.failure or engine.core.state.trading_state == "halted")

    _engine, reported = run(trading(broker, work))

    assert any("its currency is EUR, and the run's is USD" in text for text in messages(reported))


def test_a_position_that_comes_and_goes_is_said():
    class Flickering(BookBroker):
        looks = 0

        async def positions(self):
            self.looks += 1
            return {"AAA": Decimal(7)} if self.looks % 2 else {}

    broker = Flickering()
    broker.looks = 1

    async def work(engine, bar):
        polls = engine.link.polls
        await until(lambda: engine.failure or engine.link.polls > polls + 15)

    engine, reported = run(trading(broker, work))

    assert engine.state == "stopped"
    assert any("differs at some looks and not at others" in text for text in messages(reported))


def test_an_account_answer_reads_numbers_of_any_type():
    class Loose(BookBroker):
        async def account(self):
            return BrokerAccount(cash="77000.5", equity=80_000.25, currency="usd", account_id=12)

    account = run(asking.account(Loose()))

    assert (account.cash, account.equity) == (Decimal("77000.5"), Decimal("80000.25"))
    assert account.account_id == "12"
