"""The queue's events, validated and timed as the engine takes them.

The rule: an event is validated only when its turn comes, because its validity depends
on the events before it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING

from rbtlive.model.events import Event, MarketDataEvent
from rbtlive.runtime.engine.admission import judged

if TYPE_CHECKING:
    from rbtlive.runtime.engine.account_side import AccountSide
    from rbtlive.runtime.engine.admission import SliceAdmission
    from rbtlive.runtime.engine.decision_age import AgeWatch
    from rbtlive.runtime.engine.event_queue import EventQueue
    from rbtlive.runtime.engine.live_run import LiveRun
    from rbtlive.runtime.engine.loop_budget import LoopBudget
    from rbtlive.runtime.engine.meters import Meters


class AdmittedEvents:
    """Takes events out of the queue, one at a time.

    Args:
        run: The engine's run.
        queue: The queue the events wait in.
        slices: Validates slices.
        age: Checks how old a slice is.
        account_side: Holds back what an account reports too early.
        meters: Count the events and their latencies.
    """

    def __init__(
        self,
        run: LiveRun,
        queue: EventQueue,
        *,
        slices: SliceAdmission,
        age: AgeWatch,
        account_side: AccountSide,
        meters: Meters,
    ) -> None:
        self._run = run
        self._queue = queue
        self._slices = slices
        self._age = age
        self._account_side = account_side
        self._meters = meters

    def until_due(self, loop_budget: LoopBudget) -> Generator[Event, None, None]:
        """Yield events until none wait or the loop must be released."""
        # Each event is done when the next is requested: one clock reading ends one
        # event and begins the next.
        queue, run, age, slices = self._queue, self._run, self._age, self._slices
        keep, count, judges = self._meters.latencies_ns.append, 0, age.judges
        now_ns, get = run.clock.monotonic_ns, queue.get
        ordinary = slices.ordinary
        began_ns = now_ns()
        if judges:
            age.look_at_the_clock()
        try:
            while queue.size and not run.given_up:
                given = get()
                # Nearly all slices of a custom feed take this path, at a tenth of the
                # cost of the one below.
                if (
                    ordinary is not None
                    and type(given) is MarketDataEvent
                    and ordinary.state is run.core.state
                    and ordinary.follows(given)
                    and not (judges and given.timestamp > age.known_to)
                ):
                    yield given
                else:
                    for event in self._admitted(given):
                        if judges and not (
                            type(event) is MarketDataEvent and event.timestamp <= age.known_to
                        ):
                            aged = age.before(event)
                            if aged is not None:
                                yield aged
                        yield event
                    ordinary = slices.ordinary
                count += 1
                ended_ns = now_ns()
                keep(ended_ns - began_ns)
                began_ns = ended_ns
                if ended_ns >= loop_budget.due_ns:
                    break
        finally:
            self._meters.events += count

    def _admitted(self, event: Event) -> Iterable[Event]:
        run = self._run
        if isinstance(event, MarketDataEvent):
            return self._slices.admitted(run.core.state, event, run.last_slice)
        checked = judged(run.core.state, event, source=run.broker.name)
        if checked is not event or run.link is None:
            return (checked,)
        return (self._account_side.held_back(event),)
