"""What a session keeps of the events it has processed: bars and orders, and nothing
else.

`python -m benchmarks.memory` shows it over a million events.
"""

from __future__ import annotations

import gc
import tracemalloc

from benchmarks import memory
from rbtlive.model.events import MarketDataEvent
from tests.fresh_process import in_fresh_process

WARM = 4_200
"""Events until the window of latencies, the largest, is full."""
EVENTS = 6_000
"""So many that what is under way at a look, some 25 kB either way on a busy machine,
does not decide.
"""
BYTES_AN_EVENT = 20
"""20 MB a million."""


def growth(folder, *, order_every=0, leak=False):
    """Return by how many bytes a session grows over `EVENTS` events, stored bars apart,
    its orders then, and the events that a leak kept.
    """
    seen, kept = [], []

    def look(engine):
        engine.journal._unpacked.forget()  # the newest rows, up to a limit
        gc.collect()
        seen.append(
            (
                tracemalloc.get_traced_memory()[0],
                memory.stored_bytes(engine),
                len(engine.core.state.orders),
            )
        )
        if leak:
            engine.dispatcher.register_handler(MarketDataEvent, kept.append)

    looker = memory.Looker(look, at={WARM, WARM + EVENTS}, order_every=order_every)
    tracemalloc.start()
    try:
        memory.feed_session(looker, folder, events=WARM + EVENTS + 1)
    finally:
        tracemalloc.stop()
    (before, stored, orders), (after, stored_after, orders_after) = seen
    return after - before - (stored_after - stored), orders_after - orders, len(kept)


def test_events_that_were_processed_leave_nothing_behind_but_their_bars(tmp_path):
    grown, _orders, _kept = in_fresh_process(growth, tmp_path)

    assert grown < BYTES_AN_EVENT * EVENTS


def test_an_order_leaves_itself_and_its_fill_behind(tmp_path):
    grown, orders, _kept = in_fresh_process(growth, tmp_path, order_every=10)

    assert orders == EVENTS // 10
    assert grown < BYTES_AN_EVENT * EVENTS + 3_000 * orders


def test_a_session_that_kept_its_events_would_be_found(tmp_path):
    grown, _orders, kept = in_fresh_process(growth, tmp_path, leak=True)

    assert kept > EVENTS // 2
    assert grown > BYTES_AN_EVENT * EVENTS
