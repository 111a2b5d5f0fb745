"""A cell that blocks the kernel: the lag is shown, nothing is lost, and where data went
stale meanwhile nobody trades on it.
"""

import os

import pytest

from tests.notebook.kernels import Panel, opened

pytestmark = pytest.mark.kernel

BLOCKED_S = float(os.environ.get("RBTLIVE_BLOCKED_S", "3"))
"""How long the cell blocks; `scripts/check_kernels.py --blocked 10` makes it ten
seconds.
"""

SETUP = """\
import asyncio, threading, time
from datetime import timedelta
import rbtlive as rbt
from rbtlive.model.events import OperatorEvent
from rbtlive.runtime.clock import SystemClock
from tests.builders import Churn, daily_frame, same, until
"""


def test_a_blocked_session_shows_its_lag_loses_nothing_and_goes_on(kernel):
    kernel.run(
        "bars = daily_frame(150)\n"
        "session = rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars, speed=2e6), "
        "name='blocked')\n"
        "session"
    )
    panel = Panel(kernel, opened(kernel)[0])
    panel.send(t="resync")
    kernel.listen(lambda: panel.of_kind("delta"))
    before = int(kernel.run("print(session.stats['events'])"))

    kernel.run(f"time.sleep({BLOCKED_S})")
    lag_ms = float(kernel.run("print(session.stats['loop_lag_ms'])"))
    kernel.listen(
        lambda: any(
            m.get("meters", {}).get("worst_lag_ms", 0) > 900 * BLOCKED_S
            for m in panel.of_kind("delta")
        )
    )
    after = int(kernel.run("print(session.stats['events'])"))

    assert lag_ms > 900 * BLOCKED_S - 250  # it is looked at four times a second
    assert after > before
    kernel.run(
        "session = rbt.attach(Churn, rbt.PaperBroker(), feed=rbt.ReplayFeed(bars), name='blocked')"
    )
    kernel.run("await session.wait()")
    equal = kernel.run(
        "print(same(rbt.backtest(Churn, bars), session.result()), session.parity().identical)"
    )
    assert equal.split() == ["True", "True"]


LIVE = """\
class FastReads(SystemClock):
    # A clock on which a block of the test's length is more than three minutes.
    def __init__(self):
        self.start, self.start_s = super().now().replace(second=0, microsecond=0), time.perf_counter()

    def monotonic_ns(self):
        return round((time.perf_counter() - self.start_s) * FACTOR * 1e9)

    def now(self):
        return self.start + timedelta(microseconds=self.monotonic_ns() / 1000)

class Buyer(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.seen, context.reasons = [], []

    def handle_data(self, context, data):
        context.seen.append(context.get_datetime())
        self.order(self.symbol("AAA"), 1)

    def on_order_reject(self, context, order, reason):
        context.reasons.append(reason)

clock, loop = FastReads(), asyncio.get_running_loop()
arrived, over = asyncio.Queue(), threading.Event()

def send():
    # As a socket does: bars arrive on time, whatever the loop is doing.
    for number in range(1, 10_000):
        end = clock.start + timedelta(minutes=number)
        if over.wait(max(0.0, (end - clock.now()).total_seconds() / FACTOR)):
            return
        bar = rbt.Bar(symbol="AAA", timestamp=end, open=9, high=9, low=9, close=9, volume=1000)
        loop.call_soon_threadsafe(arrived.put_nowait, bar)

async def bars():
    while True:
        bar = await arrived.get()
        for _ in range(5):  # as through the tasks of a client
            await asyncio.sleep(0)
        yield bar

import polars as pl
known = pl.DataFrame({"timestamp": [clock.start - timedelta(minutes=5)], "symbol": ["AAA"], "open": [9.0], "high": [9.0], "low": [9.0],
                      "close": [9.0], "volume": [100.0]}).with_columns(pl.col("timestamp").dt.cast_time_unit("us"))
portal = rbt.PolarsDataPortal(None, minute_bars=known, calendar="24/7")
engine = rbt.TradingEngine(Buyer, rbt.PaperBroker(), feed=bars(), portal=portal, frequency="1m", clock=clock)
engine.timekeeper._grace = timedelta(minutes=1)
task = asyncio.create_task(engine.run())
threading.Thread(target=send, daemon=True).start()
"""


def test_data_that_went_stale_while_a_cell_blocked_halt_trading_and_no_bar_is_lost(kernel):
    kernel.run(f"FACTOR = {200 / BLOCKED_S}\n{LIVE}")
    kernel.run("await until(lambda: len(engine.core.context.seen) >= 2)")
    state = kernel.run("print(engine.core.state.trading_state)").strip()

    kernel.run(f"time.sleep({BLOCKED_S})")
    kernel.run(
        "seen = len(engine.core.context.seen)\nawait until(lambda: len(engine.core.context.seen) "
        ">= seen + 4)"
    )
    halted = kernel.run(
        "print(engine.core.state.trading_state, '|', engine.core.state.halt_reason)"
    ).strip()
    reasons = kernel.run("print(set(engine.core.context.reasons))")
    kernel.run("engine.enqueue(OperatorEvent(timestamp=engine.core.state.now, action='resume'))")
    kernel.run("denied = len(engine.core.context.reasons)\nseen = len(engine.core.context.seen)")
    kernel.run("await until(lambda: len(engine.core.context.seen) >= seen + 2)")
    kernel.run("over.set(); await engine.graceful_shutdown(); await task")

    assert state == "running"
    assert halted.startswith("halted | stale data: no bar for ")
    assert "stale data" in reasons
    assert kernel.run("print(len(engine.core.context.reasons) == denied)").strip() == "True"
    gaps = kernel.run(
        "seen = engine.core.context.seen; print({b - a for a, b in zip(seen, seen[1:])} == "
        "{timedelta(minutes=1)})"
    )
    assert gaps.strip() == "True"
    assert kernel.run(
        "print(engine.feed.stats()['quarantined'], engine.feed.stats()['empty'])"
    ).split() == [
        "0",
        "0",
    ]
