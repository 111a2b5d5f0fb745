"""Dispatch events to their handlers, in order of registration.

The rule: an event is recorded before any handler sees it, and everything one event
causes is finished before the next is taken. Nothing here waits, so the asynchronous
form differs from the plain one in name only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from rbtlive.model.events import Event, SystemErrorEvent
from rbtlive.model.foreign_text import as_utf8, text_of

Handler = Callable[[Any], object]
"""A plain function of one event; its result is ignored."""

_MESSAGE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class HandlerFailure:
    """An exception that a handler raised, with its traceback.

    Attributes:
        event: The event being handled.
        handler: Name of the handler.
        error: The exception; its `__traceback__` leads to the line that raised.
    """

    event: Event
    handler: str
    error: Exception


@dataclass(frozen=True, slots=True, eq=False)
class _Registration:
    event_type: type[Event]
    handler: Handler
    critical: bool


class EventDispatcher:
    """Routes events to the handlers of their type, in order of registration.

    A handler's exception is kept, reported and turned into a SystemErrorEvent; the
    other handlers still run. A handler registered as critical is part of the machinery:
    its exception is kept and then propagates. KeyboardInterrupt, SystemExit and
    cancellation always pass through.

    Args:
        record: Called with each event before its handlers: the journal. Its exceptions
            propagate, and then no handler runs.
        sink: Receives the SystemErrorEvent of a failure, usually the queue's `put`.
        report: Called with each HandlerFailure: the log.
        keep: Number of failures that are kept.
    """

    def __init__(
        self,
        *,
        record: Callable[[Event], object] | None = None,
        sink: Callable[[Event], object] | None = None,
        report: Callable[[HandlerFailure], object] | None = None,
        keep: int = 100,
    ) -> None:
        self.failures: deque[HandlerFailure] = deque(maxlen=keep)
        self.dispatched = 0
        self.failed = 0
        self._record = record
        self._sink = sink
        self.report = report
        self._registrations: tuple[_Registration, ...] = ()
        self._routes: dict[type[Event], tuple[tuple[Handler, bool], ...]] = {}
        self._waiting: deque[tuple[Event, bool]] = deque()
        self._busy = False

    def register_handler(
        self, event_type: type[Event], handler: Handler, *, critical: bool = False
    ) -> None:
        """Call `handler` with every event of `event_type` and its subclasses, after the
        handlers already registered.

        A registration during a dispatch applies from the next event on.

        Args:
            event_type: A class of event; `Event` itself means all of them.
            handler: A plain function of one event.
            critical: Whether its exceptions propagate instead of being contained.

        Raises:
            TypeError: `event_type` is not a class of event, or `handler` cannot be
                called or is a coroutine function.
            ValueError: `handler` is already registered for `event_type`.
        """
        if not (isinstance(event_type, type) and issubclass(event_type, Event)):
            raise TypeError(
                f"event_type must be a class of event: was {event_type!r}; pass e.g. OrderFillEvent"
            )
        if not callable(handler) or iscoroutinefunction(handler):
            raise TypeError(
                f"a handler must be a plain function of one event: was {handler!r:.200} for "
                f"{event_type.__name__}; "
                "start a task from a plain function if it has to wait"
            )
        if self._find(event_type, handler) is not None:
            raise ValueError(
                f"a handler is registered once for a type: {_name(handler)} already is for "
                f"{event_type.__name__}; "
                "unregister it first"
            )
        self._set((*self._registrations, _Registration(event_type, handler, critical)))

    def unregister_handler(self, event_type: type[Event], handler: Handler) -> None:
        """Stop calling `handler` with events of `event_type`.

        Raises:
            ValueError: `handler` is not registered for `event_type`.
        """
        found = self._find(event_type, handler)
        if found is None:
            name = getattr(event_type, "__name__", event_type)
            raise ValueError(
                f"only a registered handler can be unregistered: {_name(handler)} is not "
                f"registered for {name}; "
                "pass the same type and function as to register_handler"
            )
        self._set(tuple(entry for entry in self._registrations if entry is not found))

    def dispatch_now(self, event: Event, *, recorded: bool = False) -> None:
        """Record an event, then call its handlers.

        An event that a handler dispatches waits until the handlers of the current event
        are done, and is finished before the outer call returns.

        Args:
            event: The event.
            recorded: Whether it is already recorded.

        Raises:
            Exception: whatever recording or a critical handler raised.
        """
        if self._busy:
            self._waiting.append((event, recorded))
        else:
            self.dispatch_each((event,), recorded=recorded)

    def dispatch_each(self, events: Iterable[Event], *, recorded: bool = False) -> None:
        """Dispatch events one after the other like `dispatch_now`: the next one is
        requested after everything that the last one caused is done.

        Only the driver may call it, not a handler.
        """
        record, routes, waiting = self._record or _record_nothing, self._routes, self._waiting
        self._busy = True
        try:
            for current in events:
                is_recorded = recorded
                while True:
                    if not is_recorded:
                        record(current)
                    self.dispatched += 1
                    kind = type(current)
                    for handler, critical in routes.get(kind) or self._route(kind):
                        try:
                            handler(current)
                        except Exception as error:
                            self._survive(HandlerFailure(current, _name(handler), error))
                            if critical:
                                raise
                    if not waiting:
                        break
                    current, is_recorded = waiting.popleft()  # noqa: PLW2901 - a nested event comes first
        finally:
            self._busy = False
            waiting.clear()

    async def dispatch(self, event: Event) -> None:
        """Do the same as `dispatch_now`; it never suspends."""
        self.dispatch_now(event)

    def _survive(self, failure: HandlerFailure) -> None:
        self.failed += 1
        self.failures.append(failure)
        if self.report is not None:
            try:
                self.report(failure)
            except Exception as error:  # noqa: BLE001 - a broken log must not stop the trading
                self.failures.append(HandlerFailure(failure.event, _name(self.report), error))
        # a failing handler of system errors would cause new ones forever
        if self._sink is not None and not isinstance(failure.event, SystemErrorEvent):
            self._sink(_as_event(failure))

    def _route(self, kind: type[Event]) -> tuple[tuple[Handler, bool], ...]:
        route = tuple(
            (entry.handler, entry.critical)
            for entry in self._registrations
            if issubclass(kind, entry.event_type)
        )
        self._routes[kind] = route
        return route

    def _find(self, event_type: type[Event], handler: Handler) -> _Registration | None:
        for entry in self._registrations:
            if entry.event_type is event_type and entry.handler == handler:
                return entry
        return None

    def _set(self, registrations: tuple[_Registration, ...]) -> None:
        self._registrations = registrations
        self._routes.clear()


def _record_nothing(_event: Event) -> None:
    pass


def _name(handler: object) -> str:
    return str(getattr(handler, "__qualname__", None) or type(handler).__qualname__)


def _as_event(failure: HandlerFailure) -> SystemErrorEvent:
    error = failure.error
    text = text_of(error)
    message = (
        f"{failure.handler} failed on {failure.event.event_type}: {type(error).__name__}: {text}"
    )
    clean = as_utf8(message[:_MESSAGE_LIMIT])
    return SystemErrorEvent(
        timestamp=failure.event.timestamp, message=clean, source=failure.handler
    )
