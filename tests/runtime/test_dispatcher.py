"""The dispatcher: recorded first, then every handler in order, whatever one of them
does.
"""

import asyncio
from datetime import UTC, datetime

import pytest

from rbtlive.model.events import Event, MarketDataEvent, OrderFillEvent, SystemErrorEvent
from rbtlive.runtime.engine.dispatcher import EventDispatcher

NOW = datetime(2020, 1, 2, 21, tzinfo=UTC)
BAR = MarketDataEvent(timestamp=NOW, bars={})
FILL = OrderFillEvent(timestamp=NOW, order_id="1", execution_id="e", amount=1, price=2)
TROUBLE = SystemErrorEvent(timestamp=NOW, message="m", source="s")


class Log(list):
    def writer(self, name):
        def handler(event):
            self.append((name, event.event_type))

        return handler


def explode(event):
    raise ZeroDivisionError("a strategy's mistake")


def test_an_event_is_recorded_before_any_handler_and_handlers_run_in_order_of_registration():
    log = Log()
    dispatcher = EventDispatcher(record=log.writer("record"))
    for name in ("b", "a", "c"):
        dispatcher.register_handler(MarketDataEvent, log.writer(name))

    dispatcher.dispatch_now(BAR)

    assert [name for name, _ in log] == ["record", "b", "a", "c"]


def test_handlers_of_a_base_class_hear_of_all_its_events_at_their_place():
    log = Log()
    dispatcher = EventDispatcher()
    dispatcher.register_handler(MarketDataEvent, log.writer("bar"))
    dispatcher.register_handler(Event, log.writer("any"))
    dispatcher.register_handler(OrderFillEvent, log.writer("fill"))

    dispatcher.dispatch_now(FILL)
    dispatcher.dispatch_now(BAR)

    assert [name for name, _ in log] == ["any", "fill", "bar", "any"]


def test_a_failing_handler_is_kept_reported_turned_into_an_event_and_stops_nobody():
    log, sink, reports = Log(), [], []
    dispatcher = EventDispatcher(sink=sink.append, report=reports.append)
    dispatcher.register_handler(MarketDataEvent, log.writer("before"))
    dispatcher.register_handler(MarketDataEvent, explode)
    dispatcher.register_handler(MarketDataEvent, log.writer("after"))

    dispatcher.dispatch_now(BAR)

    assert [name for name, _ in log] == ["before", "after"]
    (failure,) = dispatcher.failures
    assert reports == [failure]
    assert (failure.event, failure.handler, dispatcher.failed) == (BAR, "explode", 1)
    frame = failure.error.__traceback__.tb_next
    assert frame.tb_frame.f_code is explode.__code__
    message = "explode failed on MarketDataEvent: ZeroDivisionError: a strategy's mistake"
    assert sink == [SystemErrorEvent(timestamp=NOW, message=message, source="explode")]


def test_a_failing_handler_of_system_errors_does_not_feed_itself():
    sink = []
    dispatcher = EventDispatcher(sink=sink.append)
    dispatcher.register_handler(SystemErrorEvent, explode)

    dispatcher.dispatch_now(TROUBLE)

    assert (sink, dispatcher.failed) == ([], 1)


def test_a_critical_handlers_exception_is_kept_and_then_propagates_at_once():
    log, sink = Log(), []
    dispatcher = EventDispatcher(sink=sink.append)
    dispatcher.register_handler(MarketDataEvent, explode, critical=True)
    dispatcher.register_handler(MarketDataEvent, log.writer("after"))

    with pytest.raises(ZeroDivisionError):
        dispatcher.dispatch_now(BAR)

    assert (log, len(dispatcher.failures), len(sink)) == ([], 1, 1)


def test_a_failing_record_propagates_and_no_handler_sees_the_event():
    log = Log()
    dispatcher = EventDispatcher(record=explode)
    dispatcher.register_handler(MarketDataEvent, log.writer("bar"))

    with pytest.raises(ZeroDivisionError):
        dispatcher.dispatch_now(BAR)

    assert (log, dispatcher.dispatched) == ([], 0)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_interrupts_exits_and_cancellation_pass_through_and_the_next_event_works(kind):
    def interrupted(event):
        raise kind

    log = Log()
    dispatcher = EventDispatcher()
    dispatcher.register_handler(MarketDataEvent, interrupted)
    dispatcher.register_handler(OrderFillEvent, log.writer("fill"))

    with pytest.raises(kind):
        dispatcher.dispatch_now(BAR)
    dispatcher.dispatch_now(FILL)

    assert [name for name, _ in log] == ["fill"]
    assert not dispatcher.failures


def test_an_event_that_a_handler_dispatches_waits_until_the_current_one_is_through():
    log = Log()
    dispatcher = EventDispatcher(record=log.writer("record"))
    dispatcher.register_handler(MarketDataEvent, lambda event: dispatcher.dispatch_now(FILL))
    dispatcher.register_handler(MarketDataEvent, log.writer("bar"))
    dispatcher.register_handler(OrderFillEvent, log.writer("fill"))

    dispatcher.dispatch_now(BAR)

    assert log == [
        ("record", "MarketDataEvent"),
        ("bar", "MarketDataEvent"),
        ("record", "OrderFillEvent"),
        ("fill", "OrderFillEvent"),
    ]


def test_the_asynchronous_form_does_the_same_and_never_suspends():
    log = Log()
    dispatcher = EventDispatcher()
    dispatcher.register_handler(MarketDataEvent, log.writer("bar"))

    step = dispatcher.dispatch(BAR)
    with pytest.raises(StopIteration):
        step.send(None)

    assert [name for name, _ in log] == ["bar"]


def test_registering_during_a_dispatch_holds_from_the_next_event_on():
    log = Log()
    late = log.writer("late")
    dispatcher = EventDispatcher()

    def register(event):
        dispatcher.unregister_handler(MarketDataEvent, register)
        dispatcher.register_handler(MarketDataEvent, late)

    dispatcher.register_handler(MarketDataEvent, register)
    dispatcher.dispatch_now(BAR)
    assert log == []

    dispatcher.dispatch_now(BAR)
    assert [name for name, _ in log] == ["late"]


def test_a_failing_report_is_kept_and_stops_nobody():
    sink = []
    dispatcher = EventDispatcher(sink=sink.append, report=explode)
    dispatcher.register_handler(MarketDataEvent, explode)

    dispatcher.dispatch_now(BAR)

    assert (len(dispatcher.failures), len(sink)) == (2, 1)


def test_hostile_exceptions_become_bounded_printable_messages():
    class UnprintableError(Exception):
        def __str__(self):
            raise RuntimeError

    def unprintable(event):
        raise UnprintableError

    def endless(event):
        raise ValueError("\ud800" + "x" * 10_000)

    sink = []
    dispatcher = EventDispatcher(sink=sink.append)
    dispatcher.register_handler(MarketDataEvent, unprintable)
    dispatcher.register_handler(MarketDataEvent, endless)

    dispatcher.dispatch_now(BAR)

    assert "cannot be shown: RuntimeError" in sink[0].message
    assert "\\ud800" in sink[1].message
    assert len(sink[1].message) < 600


def test_failures_kept_are_bounded_and_all_are_counted():
    dispatcher = EventDispatcher(keep=3)
    dispatcher.register_handler(MarketDataEvent, explode)

    for _ in range(10):
        dispatcher.dispatch_now(BAR)

    assert (len(dispatcher.failures), dispatcher.failed, dispatcher.dispatched) == (3, 10, 10)


async def coroutine(event):
    pass


@pytest.mark.parametrize(
    ("event_type", "handler", "error"),
    [
        ("MarketDataEvent", explode, TypeError),
        (int, explode, TypeError),
        (MarketDataEvent, None, TypeError),
        (MarketDataEvent, coroutine, TypeError),
        (OrderFillEvent, explode, ValueError),
    ],
)
def test_what_cannot_be_registered_is_refused_and_changes_nothing(event_type, handler, error):
    dispatcher = EventDispatcher()
    dispatcher.register_handler(OrderFillEvent, explode)

    with pytest.raises(error):
        dispatcher.register_handler(event_type, handler)
    dispatcher.dispatch_now(BAR)

    assert dispatcher.failed == 0


def test_unregistering_what_was_never_registered_is_refused():
    with pytest.raises(ValueError, match="explode is not registered for MarketDataEvent"):
        EventDispatcher().unregister_handler(MarketDataEvent, explode)


def test_of_several_events_the_next_is_asked_for_when_all_is_done_that_one_caused():
    log = Log()
    dispatcher = EventDispatcher(record=log.writer("record"))
    dispatcher.register_handler(MarketDataEvent, lambda event: dispatcher.dispatch_now(FILL))
    dispatcher.register_handler(Event, log.writer("any"))

    def events():
        for event in (BAR, TROUBLE):
            log.append(("asked", event.event_type))
            yield event

    dispatcher.dispatch_each(events())

    assert log == [
        ("asked", "MarketDataEvent"),
        ("record", "MarketDataEvent"),
        ("any", "MarketDataEvent"),
        ("record", "OrderFillEvent"),
        ("any", "OrderFillEvent"),
        ("asked", "SystemErrorEvent"),
        ("record", "SystemErrorEvent"),
        ("any", "SystemErrorEvent"),
    ]
    assert dispatcher.dispatched == 3


def test_an_event_that_was_recorded_is_not_recorded_again():
    log = Log()
    dispatcher = EventDispatcher(record=log.writer("record"))
    dispatcher.register_handler(
        MarketDataEvent, lambda event: dispatcher.dispatch_now(FILL, recorded=True)
    )
    dispatcher.register_handler(OrderFillEvent, log.writer("fill"))

    dispatcher.dispatch_now(FILL, recorded=True)
    dispatcher.dispatch_now(BAR)
    dispatcher.dispatch_now(FILL)

    assert log == [
        ("fill", "OrderFillEvent"),
        ("record", "MarketDataEvent"),
        ("fill", "OrderFillEvent"),
        ("record", "OrderFillEvent"),
        ("fill", "OrderFillEvent"),
    ]


def test_a_critical_failure_leaves_the_rest_untaken_and_the_next_event_works():
    log = Log()
    dispatcher = EventDispatcher()
    dispatcher.register_handler(SystemErrorEvent, explode, critical=True)
    dispatcher.register_handler(MarketDataEvent, log.writer("bar"))
    events = iter([BAR, TROUBLE, BAR, FILL])

    with pytest.raises(ZeroDivisionError):
        dispatcher.dispatch_each(events)
    dispatcher.dispatch_now(BAR)

    assert [name for name, _ in log] == ["bar", "bar"]
    assert list(events) == [BAR, FILL]
