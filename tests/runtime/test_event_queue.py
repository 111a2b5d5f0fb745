"""The queue: what waits leaves by priority, then in order of arrival; only market data
is ever refused.
"""

import queue
from datetime import UTC, datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbtlive.errors import QueueEmpty, QueueFull, SettingsError
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    MarketDataEvent,
    OperatorEvent,
    OrderFillEvent,
    OrderRejectEvent,
    Priority,
    ScheduledTriggerEvent,
    SystemErrorEvent,
)
from rbtlive.runtime.engine.event_queue import EventQueue

NOW = datetime(2020, 1, 2, 21, tzinfo=UTC)
MAKERS = (
    lambda i: OperatorEvent(timestamp=NOW, action="pause"),
    lambda i: CircuitBreakerEvent(timestamp=NOW, name=f"b{i}", reason="drawdown"),
    lambda i: SystemErrorEvent(timestamp=NOW, message=f"m{i}", source="test"),
    lambda i: OrderFillEvent(timestamp=NOW, order_id="1", execution_id=f"e{i}", amount=1, price=2),
    lambda i: OrderRejectEvent(timestamp=NOW, order_id=f"{i}", reason="no"),
    lambda i: ScheduledTriggerEvent(timestamp=NOW, name=f"t{i}"),
    lambda i: MarketDataEvent(timestamp=NOW, bars={}),
)
BAR, FILL, OPERATOR = MAKERS[6](0), MAKERS[3](0), MAKERS[0](0)


def drained(events):
    return [events.get() for _ in range(len(events))]


@given(st.lists(st.integers(0, len(MAKERS) - 1)))
def test_events_leave_by_priority_then_by_arrival(kinds):
    events = [MAKERS[kind](i) for i, kind in enumerate(kinds)]
    waiting = EventQueue(maxsize=1000)

    for event in events:
        waiting.put(event)

    expected = [e for _, _, e in sorted((e.priority, i, e) for i, e in enumerate(events))]
    assert [id(e) for e in drained(waiting)] == [id(e) for e in expected]


@given(
    st.lists(st.one_of(st.integers(0, len(MAKERS) - 1), st.none()), max_size=60), st.integers(1, 4)
)
def test_any_mixture_of_puts_and_gets_agrees_with_a_sorted_list(steps, maxsize):
    waiting, model, numbers = EventQueue(maxsize), [], count()
    for step in steps:
        if step is None and not model:
            with pytest.raises(QueueEmpty):
                waiting.get()
        elif step is None:
            model.sort(key=lambda entry: entry[:2])
            assert waiting.get() is model.pop(0)[2]
        else:
            event = MAKERS[step](0)
            if event.priority == Priority.MARKET_DATA and len(model) >= maxsize:
                with pytest.raises(QueueFull):
                    waiting.put(event)
            else:
                waiting.put(event)
                model.append((event.priority, next(numbers), event))
        assert len(waiting) == len(model)
        assert sum(waiting.depth_by_priority().values()) == len(model)


def test_market_data_is_refused_when_full_and_nothing_changes():
    waiting = EventQueue(maxsize=2)
    waiting.put(BAR)
    waiting.put(FILL)

    with pytest.raises(QueueFull, match="the limit for market data is 2") as refusal:
        waiting.put(BAR)

    assert isinstance(refusal.value, queue.Full)
    assert waiting.is_full
    assert (len(waiting), waiting.accepted, waiting.refused) == (2, 2, 1)
    assert drained(waiting) == [FILL, BAR]


def test_everything_but_market_data_is_taken_beyond_the_limit():
    waiting = EventQueue(maxsize=1)
    waiting.put(BAR)

    for make in MAKERS[:6]:
        waiting.put(make(0))

    assert len(waiting) == 7


def test_depth_counters_and_high_water_are_readable_at_any_moment():
    waiting = EventQueue(maxsize=10)
    for event in (BAR, FILL, OPERATOR, BAR):
        waiting.put(event)
    waiting.get()
    waiting.put(FILL)
    waiting.get()

    assert waiting.depth_by_priority() == {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 2}
    assert (waiting.accepted, waiting.taken, waiting.high_water) == (5, 2, 4)


def test_an_empty_queue_says_so_with_an_error_of_the_queue_module():
    with pytest.raises(queue.Empty, match="is empty"):
        EventQueue(1).get()


@pytest.mark.parametrize("maxsize", [0, -1, 2.5, "10", True, None])
def test_a_limit_that_is_no_positive_whole_number_is_refused(maxsize):
    with pytest.raises(SettingsError, match="maxsize"):
        EventQueue(maxsize)


class Misplaced(Event):
    default_priority = 7


@pytest.mark.parametrize("thing", [None, "bar", Misplaced(timestamp=NOW)])
def test_what_is_no_event_with_a_priority_is_refused(thing):
    waiting = EventQueue(1)

    with pytest.raises(TypeError, match="priority of 0 to 5"):
        waiting.put(thing)

    assert len(waiting) == 0
