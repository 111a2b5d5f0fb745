"""What Alpaca says becomes facts and events, and what nobody should say becomes
nothing.
"""

import copy
import os
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.brokers import AlpacaBroker
from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.brokers.alpaca_messages import (
    STATES,
    read_account,
    read_activity,
    read_message,
    read_order,
    read_positions,
)
from rbtlive.brokers.alpaca_stream import KnownExecutions, TradeStream
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.model.events import (
    OrderFillEvent,
    OrderRejectEvent,
    OrderUpdateEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import OrderState

CASES = int(os.environ.get("RBTLIVE_FUZZ_CASES", "200"))
"""How many damaged messages are tried; more by setting the variable."""
NOON = datetime(2024, 1, 3, 17, tzinfo=UTC)
ORDER = {
    "id": "904837e3-3b76-47ec-b432-046db621571b", "client_order_id": "RUN-1", "symbol": "AAPL", "side": "sell",
    "qty": "10", "filled_qty": "4", "filled_avg_price": "101.5", "status": "partially_filled", "type": "limit",
    "limit_price": "101", "stop_price": None, "submitted_at": "2024-01-03T14:30:00.123456789Z",
    "updated_at": "2024-01-03T14:31:00.5Z", "created_at": "2024-01-03T14:30:00Z",
}  # fmt: skip
FILL = {
    "stream": "trade_updates",
    "data": {
        "event": "partial_fill",
        "execution_id": "2f63ea93-423d-4169-b3f6-3fdafc10c418",
        "price": "101.5",
        "qty": "4",
        "position_qty": "-4",
        "timestamp": "2024-01-03T14:31:00.5Z",
        "order": ORDER,
    },
}


def update(event, *, status="new", filled="0", **facts):
    return {
        "stream": "trade_updates",
        "data": {
            "event": event,
            "timestamp": "2024-01-03T14:31:00Z",
            "order": ORDER | {"status": status, "filled_qty": filled},
        }
        | facts,
    }


def stream():
    keys = AlpacaKeys.find("a", "b")
    return TradeStream(
        keys, AlpacaHttp(keys, "http://127.0.0.1:9"), executions=KnownExecutions(), now=lambda: NOON
    )


def test_an_order_is_read_with_signed_shares_and_exact_prices():
    order = read_order(ORDER)

    assert (order.client_order_id, order.broker_order_id, order.symbol) == (
        "RUN-1",
        ORDER["id"],
        "AAPL",
    )
    assert (order.amount, order.filled, order.average_price) == (-10, -4, Decimal("101.5"))
    assert (order.limit, order.stop, order.state) == (101, None, OrderState.PARTIALLY_FILLED)
    assert order.updated_at == datetime(2024, 1, 3, 14, 31, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(("status", "state"), STATES.items())
def test_every_state_of_alpacas_has_one_of_ours(status, state):
    untouched = read_order(ORDER | {"status": status, "filled_qty": "0"})
    touched = read_order(ORDER | {"status": status})

    assert untouched.state is state
    assert touched.state is (OrderState.PARTIALLY_FILLED if state is OrderState.PENDING else state)


def test_a_state_that_alpaca_may_add_is_unknown():
    assert read_order(ORDER | {"status": "on_the_moon"}).state is OrderState.UNKNOWN


def test_a_fill_carries_alpacas_execution_id():
    fill, order_id, cumulative = read_message(FILL)

    assert isinstance(fill, OrderFillEvent)
    assert (fill.order_id, fill.amount, fill.price, fill.commission) == (
        "RUN-1",
        -4,
        Decimal("101.5"),
        0,
    )
    assert fill.execution_id == FILL["data"]["execution_id"]
    assert (order_id, cumulative) == (ORDER["id"], 4)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("new", OrderState.PENDING),
        ("accepted", OrderState.PENDING),
        ("pending_cancel", OrderState.PENDING),
        ("done_for_day", OrderState.PENDING),
        ("canceled", OrderState.CANCELED),
        ("expired", OrderState.EXPIRED),
        ("replaced", OrderState.CANCELED),
    ],
)
def test_updates_say_where_an_order_stands(event, expected):
    read, _order_id, _cumulative = read_message(update(event))

    assert isinstance(read, OrderUpdateEvent)
    assert (read.order_id, read.status, read.broker_order_id) == ("RUN-1", expected, ORDER["id"])


def test_a_reject_carries_its_reason():
    read, *_ = read_message(update("rejected", reason="no shares to borrow\x1b[2J"))

    assert isinstance(read, OrderRejectEvent)
    assert read.reason == "no shares to borrow [2J"


@pytest.mark.parametrize("event", ["trade_bust", "trade_correct", "something_new"])
def test_updates_without_a_certain_meaning_say_nothing(event):
    assert read_message(update(event))[0] is None


@pytest.mark.parametrize(
    "change",
    [
        {"execution_id": None}, {"execution_id": ""}, {"qty": "0"}, {"qty": "-4"}, {"qty": "NaN"}, {"qty": "5"}, {"qty": True},
        {"price": "0"}, {"price": "-1"}, {"price": "inf"}, {"price": None}, {"timestamp": "yesterday"}, {"timestamp": None},
        {"timestamp": "2024-01-03T14:31:00"}, {"order": None}, {"order": ORDER | {"side": "hold"}},
        {"order": ORDER | {"client_order_id": None}}, {"order": ORDER | {"filled_qty": "11"}}, {"qty": "1e9999999"},
        {"order": ORDER | {"qty": None}}, {"qty": "4" * 50}, {"execution_id": "x" * 500}, {"execution_id": "a\nb"},
    ],
    ids=str,
)  # fmt: skip
def test_a_fill_that_is_not_certain_is_named_and_left_out(change):
    broken = copy.deepcopy(FILL)
    broken["data"] |= change
    listener = stream()

    read = listener.translate(broken)

    assert isinstance(read, SystemErrorEvent)
    assert "left out" in read.message
    assert (read.source, read.timestamp, listener.quarantined) == ("alpaca", NOON, 1)


def test_an_execution_of_two_names_has_the_one_that_was_reported_first():
    known = KnownExecutions()
    facts = {"order_id": "o", "cumulative": Decimal(4), "amount": Decimal(4), "price": Decimal(10)}

    assert known.settled("by-stream", by="stream", **facts) == "by-stream"
    assert known.settled("by-rest", by="activities", **facts) == "by-stream"
    assert (
        known.settled("by-rest", by="activities", **facts | {"cumulative": Decimal(8)}) == "by-rest"
    )


def test_two_executions_reported_with_the_same_total_stay_two():
    known = KnownExecutions()
    facts = {"order_id": "o", "cumulative": Decimal(8), "amount": Decimal(4), "price": Decimal(10)}

    assert known.settled("first", by="stream", **facts) == "first"
    assert known.settled("second", by="stream", **facts) == "second"
    assert known.settled("first", by="activities", **facts | {"cumulative": Decimal(4)}) == "first"
    assert known.settled("second", by="activities", **facts) == "second"


def test_an_activity_is_an_execution():
    order_id, cumulative, execution = read_activity({
        "id": "20240103093100500::2f63ea93-423d-4169-b3f6-3fdafc10c418", "activity_type": "FILL", "type": "partial_fill",
        "transaction_time": "2024-01-03T14:31:00.5Z", "price": "101.5", "qty": "4", "side": "sell_short", "symbol": "AAPL",
        "leaves_qty": "6", "order_id": ORDER["id"], "cum_qty": "4",
    })  # fmt: skip

    assert (order_id, cumulative) == (ORDER["id"], 4)
    assert (execution.execution_id, execution.amount, execution.price) == (
        "2f63ea93-423d-4169-b3f6-3fdafc10c418",
        -4,
        Decimal("101.5"),
    )


def test_positions_are_signed_whichever_way_a_short_is_written():
    read = [
        {"symbol": "A", "qty": "5", "side": "long"},
        {"symbol": "B", "qty": "-5", "side": "short"},
        {"symbol": "C", "qty": "5", "side": "short"},
    ]

    assert read_positions(read) == {"A": 5, "B": -5, "C": -5}


def test_an_account_without_cash_is_no_account():
    assert read_account({"cash": "1.5", "equity": "2"}).cash == Decimal("1.5")
    with pytest.raises(Untranslatable, match="cash must be a number"):
        read_account({"equity": "2"})


# -- whatever may come ---------------------------------------------------------------

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["10", "-1", "1e999", "NaN", "buy", "sell", "fill", "filled", "2024-01-03T14:31:00Z", "0x10", "٣", ""])
    | st.decimals()
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
EVENTS = st.sampled_from(
    ["fill", "partial_fill", "new", "canceled", "rejected", "expired", "replaced", "restated", "?"]
)


@st.composite
def damaged_updates(draw):
    """A trade update in which some values were replaced by something else."""
    message = copy.deepcopy(FILL)
    message["data"]["event"] = draw(EVENTS)
    for _change in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(["stream", "data", "order", "snapshot"]))
        data = message["data"] if isinstance(message.get("data"), dict) else {}
        order = data.get("order") if isinstance(data.get("order"), dict) else {}
        if place == "stream":
            message["stream"] = draw(st.just("trade_updates") | ANYTHING)
        elif place == "data":
            data[draw(st.sampled_from(sorted(FILL["data"])))] = draw(ANYTHING)
        else:
            order[draw(st.sampled_from(sorted(ORDER)))] = draw(ANYTHING)
    return message


def check_what_was_sent(message, read):
    """A fill is reported only for what the message says in so many words."""
    if isinstance(read, OrderFillEvent):
        data, order = message["data"], message["data"]["order"]
        assert data["event"] in {"fill", "partial_fill"}
        assert read.execution_id == data["execution_id"]
        assert read.order_id == order["client_order_id"]
        assert abs(read.amount) == Decimal(str(data["qty"]))
        assert read.price == Decimal(str(data["price"]))
        assert (read.amount > 0) == (order["side"] == "buy")
        assert (
            0 < abs(read.amount) <= Decimal(str(order["filled_qty"])) <= Decimal(str(order["qty"]))
        )
    elif read is not None:
        assert isinstance(read, (OrderUpdateEvent, OrderRejectEvent, SystemErrorEvent))
        read.model_dump_json()


@settings(max_examples=CASES, deadline=None, derandomize=True)
@given(damaged_updates())
def test_a_damaged_update_crashes_nothing_and_fills_nothing_wrongly(message):
    check_what_was_sent(message, stream().translate(message))


@settings(max_examples=CASES // 3, deadline=None, derandomize=True)
@given(ANYTHING)
def test_whatever_comes_crashes_nothing(message):
    read = stream().translate(message)

    assert read is None or isinstance(read, SystemErrorEvent)


@settings(max_examples=CASES // 3, deadline=None, derandomize=True)
@given(st.data())
def test_damaged_answers_are_reported_as_such(data):
    name = data.draw(st.sampled_from(sorted(ORDER)))
    for read, body in (
        (read_order, ORDER | {name: data.draw(ANYTHING)}),
        (read_activity, data.draw(ANYTHING)),
        (read_positions, data.draw(ANYTHING)),
        (read_account, data.draw(ANYTHING)),
    ):
        with suppress(Untranslatable):
            assert read(body) is not None


def test_the_adapter_says_which_states_it_knows():
    assert set(STATES.values()) <= set(OrderState)
    assert AlpacaBroker.simulated is False
