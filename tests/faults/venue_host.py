"""A process that forks a trading session for every line of JSON it reads, and lets it
die where the line says.

The session trades minute bars through AlpacaBroker at a venue in a process of its own.
A line holds the journal's `folder`, the venue's `url`, whether the session is
`impatient` with orders that may have been lost, and a `point`, one of `POINTS` or null,
with `number`: the child kills itself when it comes there for that time. The child
writes `settled TIME` when it has done all that follows from the bars so far; the parent
writes `pid N` and `ended CODE`. Forking is what makes hundreds of processes affordable;
nothing may use polars before it, whose threads do not live in a child.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time
import traceback
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path

import polars as pl
from aiohttp import ClientResponse

import rbtlive as rbt
from rbtlive.brokers import AlpacaBroker
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.data.feeds.slot_axis import SlotAxis
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BrokerError, OrderRefused
from rbtlive.model.events import OrderFillEvent
from rbtlive.model.order_facts import OrderState
from rbtlive.runtime.broker import broker_link
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import SystemClock
from rbtlive.runtime.journal import blocks, journal
from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.recorder import Recorder
from tests.venue.process import KEY, SECRET, TOKEN

NAME = "killed"
SYMBOLS = ("AAA", "BBB")
FINAL = "final.json"
NO_VENUE = 3
"""Exit code of a session that could not begin because its venue was not there."""
FIRST_CLOSE = datetime(2024, 1, 3, 21, 0, tzinfo=UTC)
SECOND_OPEN = datetime(2024, 1, 4, 14, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SOON_S = 0.05
BLOCK_BYTES = 1 << 12
"""So much text of the journal's rows is packed into a block."""
EVENING, MORNING = 14, 12
"""How many minutes the bars have before a session's close, and after the next one's
open.
"""


def moments():
    """Return the ENDs of the minutes that have bars."""
    evening = [FIRST_CLOSE - MINUTE * (EVENING - 1 - n) for n in range(EVENING)]
    return evening + [SECOND_OPEN + MINUTE * (n + 1) for n in range(MORNING)]


def frame(stamps):
    """Return bars of small volume, so that orders fill in parts."""
    rows = [
        {"timestamp": stamp, "symbol": symbol, "open": price, "high": price + 0.5, "low": price - 0.5, "close": price, "volume": 900.0}
        for number, stamp in enumerate(stamps)
        for place, symbol in enumerate(SYMBOLS)
        for price in [100.0 * (place + 1) + (number * (7 + 3 * place)) % 11 * 0.25]
    ]  # fmt: skip
    return pl.DataFrame(rows).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))


class Trader(rbt.TradingAlgorithm):
    """Orders by the minute, whatever became of earlier orders, so that a run has one
    right outcome.
    """

    def initialize(self, context):
        """Take the assets."""
        context.assets = [self.symbol(name) for name in SYMBOLS]

    def handle_data(self, context, data):
        """Order something of every kind; nothing in the first minutes, nor at the
        close.
        """
        minute = MINUTES.get(data.current_dt)
        if minute is None or minute < QUIET or data.current_dt == FIRST_CLOSE:
            return
        first, second = context.assets
        self.order(first if minute % 2 else second, 20 + minute if minute % 3 else -15 - minute)
        if minute % 4 == 0:  # more than a tenth of a bar's volume: it fills in parts
            self.order(first, 200 - 10 * minute)
        if minute % 4 == 1:  # rests until it is cancelled
            self.order(second, 10, limit_price=150)
        if minute % 4 == 3:
            for orders in self.get_open_orders().values():
                for order in orders:
                    if order.limit is not None:
                        self.cancel_order(order)
        if minute % 7 == 5:  # costs more than there is: the venue says no
            self.order(first, 1_000_000)


QUIET = 4
MINUTES = {stamp: number for number, stamp in enumerate(moments())}


# -- where a session dies ------------------------------------------------------------


class Death:
    """Kills this process the `number`th time that it is asked to."""

    def __init__(self, number):
        self._left = number

    def is_due(self):
        """Count, and say whether this is the time."""
        self._left -= 1
        return self._left == 0

    def come(self):
        """Kill this process if it is the time."""
        if self.is_due():
            os.kill(os.getpid(), signal.SIGKILL)


def _around(owner, name, before=None, after=None):
    # Wraps a function of a class, whether it is a coroutine or not.
    inner = getattr(owner, name)

    if asyncio.iscoroutinefunction(inner):

        @wraps(inner)
        async def wrapped(self, *args, **kwargs):
            if before is not None:
                before(self, *args, **kwargs)
            result = await inner(self, *args, **kwargs)
            if after is not None:
                after(self, *args, **kwargs)
            return result
    else:

        @wraps(inner)
        def wrapped(self, *args, **kwargs):
            if before is not None:
                before(self, *args, **kwargs)
            result = inner(self, *args, **kwargs)
            if after is not None:
                after(self, *args, **kwargs)
            return result

    setattr(owner, name, wrapped)


def _new_intents(death):
    return lambda recorder, _core, commands: (
        death.come() if commands and not recorder.replaying else None
    )


def _durable(death):
    return lambda _journal, durable=False: death.come() if durable else None


def _within_commit(death):
    def leave(_journal, durable=False):
        if (
            durable and death.is_due()
        ):  # the commit gives the interpreter's lock back while the disk works
            threading.Thread(
                target=lambda: (time.sleep(0.0003), os.kill(os.getpid(), signal.SIGKILL))
            ).start()

    return leave


def _fill(death):
    return lambda _core, event: death.come() if isinstance(event, OrderFillEvent) else None


def _snapshot(death):
    return lambda recorder, *_args: None if recorder.replaying else death.come()


def _after_sending(death, *, accepted):
    # An answer's first line is awaited once the request has been written.
    start = ClientResponse.start

    async def watched(response, connection):
        if response.method == "POST" and response.url.path == "/v2/orders" and death.is_due():
            tries = ARRIVES_WITHIN_S * 500 if accepted else 0  # an order that is refused never does
            while tries > 0 and _control(_origin(response))["orders"] == WATCHED["orders"]:
                tries -= 1
                await asyncio.sleep(0.002)
            os.kill(os.getpid(), signal.SIGKILL)
        return await start(response, connection)

    ClientResponse.start = watched


WATCHED = {"orders": 0}
ARRIVES_WITHIN_S = 2


def _origin(response):
    return str(response.url.origin())


def _note_orders(broker, *_args, **_kwargs):
    WATCHED["orders"] = _control(broker.url)["orders"]


def _after_refusal(death):
    submit = AlpacaBroker.submit_order

    async def watched(broker, order, *, client_order_id):
        try:
            return await submit(broker, order, client_order_id=client_order_id)
        except OrderRefused:
            death.come()
            raise

    AlpacaBroker.submit_order = watched


def _accepted(death):
    _around(AlpacaBroker, "submit_order", before=_note_orders)
    _after_sending(death, accepted=True)


POINTS = {
    "before journal": lambda d: _around(Recorder, "intents", before=_new_intents(d)),
    "in journal, not committed": lambda d: _around(Recorder, "intents", after=_new_intents(d)),
    "before commit": lambda d: _around(Journal, "commit", before=_durable(d)),
    "within commit": lambda d: _around(Journal, "commit", before=_within_commit(d)),
    "after journal, before send": lambda d: _around(Journal, "commit", after=_durable(d)),
    "before send": lambda d: _around(
        AlpacaBroker, "submit_order", before=lambda *_a, **_k: d.come()
    ),
    "after send, before arrival": lambda d: _after_sending(d, accepted=False),
    "after arrival, before answer": _accepted,
    "after answer, before journal": lambda d: _around(
        AlpacaBroker, "submit_order", after=lambda *_a, **_k: d.come()
    ),
    "after refusal, before journal": _after_refusal,
    "before cancel": lambda d: _around(
        AlpacaBroker, "cancel_order", before=lambda *_a, **_k: d.come()
    ),
    "after cancel": lambda d: _around(
        AlpacaBroker, "cancel_order", after=lambda *_a, **_k: d.come()
    ),
    "before fill": lambda d: _around(TradingCore, "process", before=_fill(d)),
    "mid-fill": lambda d: _around(TradingCore, "process", after=_fill(d)),
    "before snapshot": lambda d: _around(Recorder, "session_closed", before=_snapshot(d)),
    "mid-snapshot": lambda d: _around(Recorder, "session_closed", after=_snapshot(d)),
}
"""Where a session can be made to die, and what makes it."""


# -- the session ---------------------------------------------------------------------


def _control(url):
    request = urllib.request.Request(url + "/control/state", headers={"X-Control-Token": TOKEN})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except OSError as failure:
        raise BrokerError(f"the venue does not answer: {failure}") from failure


def live_in_the_past(url):
    """Set this process's clock to the venue's; it runs on from there."""
    here = datetime.fromisoformat(_control(url)["now"])
    began_ns = time.monotonic_ns()
    SystemClock.now = lambda _clock: (
        here + timedelta(microseconds=(time.monotonic_ns() - began_ns) // 1000)
    )


def look_often():
    """Ask for the account at every look, and pack small stretches of the journal."""
    broker_link.ACCOUNT_EVERY_S = 0.0
    blocks.BLOCK_BYTES = BLOCK_BYTES
    blocks._MOST_ROWS = BLOCK_BYTES // blocks.ROW_BYTES + 1
    journal.PACKED_AT_BYTES = 2 * BLOCK_BYTES


async def session(folder, url):
    """Attach, tell how far it has come, and stop once the venue's bars have ended."""
    broker = AlpacaBroker(
        KEY,
        SECRET,
        url_override=url,
        backoff=Backoff(initial_s=0.02, limit_s=0.1),
        requests_per_minute=None,  # bars pass in milliseconds here
    )
    portal = PolarsDataPortal.coerce(
        frame([moments()[0] - MINUTE * (10 - n) for n in range(10)]), frequency="1m"
    )
    running = rbt.attach(
        Trader, broker, data=portal, frequency="1m", journal=folder, name=NAME, log_level="critical"
    )
    await tell(running, folder)
    await running.wait()


async def tell(running, folder):
    """Write a line whenever everything has settled; at the end of the bars write down
    what it came to, and stop.
    """
    engine, latest = running.engine, None
    while engine.state in {"starting", "running"}:
        await asyncio.sleep(0.002)
        if engine.state != "running":
            continue
        try:
            now = (await asyncio.to_thread(_control, engine.broker.url))["now"]
            theirs = await engine.broker.orders(prefix=f"{engine.journal.run_id}-")
            cash = (await engine.broker.account()).cash
        except BrokerError:
            continue  # the venue is killed too, now and then
        if now == latest or not has_settled(engine, us_of(datetime.fromisoformat(now)), theirs):
            continue
        if cash != engine.core.state.portfolio.cash or not knows_names(engine, now):
            await asyncio.sleep(SOON_S)  # an activity is booked by the next look
            engine.link._look_now.set()
            continue
        latest = now
        if datetime.fromisoformat(latest) < moments()[-1]:
            os.write(1, f"settled {latest}\n".encode())
            continue
        (folder / FINAL).write_text(json.dumps(books(engine)))
        await running.stop()


def has_settled(engine, now_us, theirs):
    """Say whether the slice of the venue's last bar was processed, and everything that
    came of it is known.
    """
    begun_us, ours = engine.feed._given.start_us, engine.core.state.orders
    if len(engine.queue) or begun_us is None or any(map(is_on_its_way, ours)):
        return False
    axis = SlotAxis(engine.core.state.calendar, frequency="1m")
    last_us = engine.core.state.market.last_slice_us
    done_us = begun_us if last_us is None else last_us
    known = {(one.client_order_id.rpartition("-")[2], one.state, one.filled) for one in theirs}
    gone = {OrderState.REJECTED, OrderState.EXPIRED}
    return done_us >= axis.last_at(now_us) and known == {
        (o.id, o.state, o.filled) for o in ours if o.state not in gone
    }


def knows_names(engine, now):
    """Say whether a symbol that changes overnight, and a split, are known before the
    night.
    """
    if datetime.fromisoformat(now) < FIRST_CLOSE - MINUTE:
        return True
    engine.link._splits_session = -1
    state = engine.core.state
    return bool(state.symbol_changes.names) and bool(state.market.known_splits)


def is_on_its_way(order):
    """Say whether more is to be heard of an order although no bar comes."""
    unsure = {OrderState.CREATED, OrderState.SUBMITTED, OrderState.UNKNOWN}
    return order.is_open and (
        order.cancel_requested or order.state in unsure or order.broker_order_id is None
    )


def books(engine):
    """Return what a run came to."""
    core = engine.core
    return {
        "orders": [facts(o, engine.journal.run_id) for o in core.state.orders],
        "denied": sorted(core.state.orders.denied),
        "transactions": sorted(
            [t.order_id, str(t.amount), str(t.price)] for t in core.state.record.transactions
        ),
        "positions": {p.asset.symbol: str(p.amount) for p in core.state.portfolio},
        "cash": str(core.state.portfolio.cash),
        "splits": [
            core.state.assets[index].symbol for index, _session in core.state.market.known_splits
        ],
        "unbalanced": str(core.state.portfolio.conservation_error()),
    }


def facts(order, run_id):
    """Return what an order came to; the run's own id is left out of what was said of
    it.
    """
    numbers = {name: str(getattr(order, name)) for name in ("amount", "filled", "limit")}
    reason = (order.reason or "").replace(run_id, "RUN")
    return {
        "id": order.id,
        "symbol": order.asset.symbol,
        "state": order.state.value,
        "reason": reason,
    } | numbers


def child(line):
    """Run one session, and die where the line says."""
    if line.get("impatient"):  # what never arrived is known as such after two seconds, not thirty
        LinkSettings.__init__.__kwdefaults__["unknown_timeout_s"] = 2.0
    if line.get("point"):
        POINTS[line["point"]](Death(line["number"]))
    look_often()
    live_in_the_past(line["url"])
    asyncio.run(session(Path(line["folder"]), line["url"]))


def main():
    """Serve until there is nothing more to read."""
    for text in sys.stdin:
        line = json.loads(text)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                child(line)
                code = 0
            except BrokerError:  # without a venue no session begins
                code = NO_VENUE
            except BaseException:  # noqa: BLE001 - the outermost frame of the child
                traceback.print_exc()
            finally:
                os._exit(code)
        os.write(1, f"pid {pid}\n".encode())
        _pid, status = os.waitpid(pid, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()
