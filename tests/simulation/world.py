"""A whole world under one seed: venue, wire, market, and processes that live and die in
it.

The rule: a world is a function of its scenario. Run twice, it gives the same journal,
byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from rbtlive.core.serialization import capture
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.data.feeds.as_feed import StreamFeed
from rbtlive.errors import BrokerError, ReconciliationFailed
from rbtlive.model.events import Event, OperatorEvent, OrderFillEvent
from rbtlive.runtime.backtest import prepare_settings
from rbtlive.runtime.broker.broker_link import LinkSettings
from rbtlive.runtime.clock import VirtualClock
from rbtlive.runtime.engine.engine import TradingEngine
from rbtlive.runtime.journal.header import make_header
from tests.simulation import watch
from tests.simulation.broker import SimBroker
from tests.simulation.disk import Disk, Killed
from tests.simulation.faults import (
    Fault,
    Faults,
    draw,
    draw_account_events,
    draw_odd_answers,
    shrink,
)
from tests.simulation.nights import night_of, small_blocks
from tests.simulation.strategies import HANDLER_CALLED, KINDS, NIGHT, STRATEGIES
from tests.simulation.tape import MANNERS, MINUTE_S, START, Night, Tape, history
from tests.simulation.venue import HELD_BEFORE, Venue
from tests.simulation.virtual_loop import run_virtually
from tests.simulation.watch import Watch
from tests.simulation.wire import Wire

TROUBLED_MINUTES = 11
"""Faults strike in these only; afterwards the world is left to settle."""
SETTLING_MINUTES = 3
QUEUE_SIZE = 16
ATTACH_AGAIN_S = 1.0
OPERATOR_PERIOD_S = 20.0
_STARTS_AT_MOST = 120
"""Two restarts of the venue that overlap refuse every attach for 90 seconds, one each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that a world follows from.

    Attributes:
        seed: Names it.
        faults: What goes wrong.
        strategy: Which of `STRATEGIES`.
        latency_s: One way over the wire.
        poll_s: How often the engine looks at the venue's books.
        whole_slices: Whether bars come a minute at a time, or one by one.
        lists_executions: Whether the venue's list of orders tells executions.
        stream_loss: Which part of the venue's stream is lost, besides the faults.
        minutes: How long it is troubled.
        manner: How the vendor gives bars, one of `MANNERS`.
        night: What happens to an asset overnight, if anything does.
    """

    seed: int
    faults: tuple[Fault, ...] = ()
    strategy: str = "Steady"
    latency_s: float = 0.05
    poll_s: float = 2.0
    whole_slices: bool = True
    lists_executions: bool = True
    stream_loss: float = 0.0
    minutes: int = TROUBLED_MINUTES
    manner: str = "plain"
    night: Night | None = None


def scenario_of(seed: int) -> Scenario:
    """Return the scenario that a seed stands for."""
    chance = random.Random(f"world {seed}")
    faults = (
        *draw(seed, seconds=TROUBLED_MINUTES * 60),
        *draw_account_events(seed, seconds=TROUBLED_MINUTES * 60),
    )
    strategy = chance.choice(sorted(KINDS))
    night = night_of(seed, faults, strategy)
    # A night is short here: no look may be held up.
    odd = () if night is not None else draw_odd_answers(seed)
    return Scenario(
        seed=seed,
        faults=(*faults, *odd),
        manner=_manner_of(seed, faults),
        night=night,
        strategy=strategy,
        latency_s=round(chance.uniform(0.001, 0.4), 3),
        poll_s=round(chance.uniform(2.0, 5.0), 2),
        whole_slices=chance.random() < 0.5,
        lists_executions=chance.random() < 0.5,
        stream_loss=chance.choice((0.0, 0.0, 0.0, 0.2, 0.8)),
    )


def _manner_of(seed: int, faults: Sequence[Fault]) -> str:
    manner = random.Random(f"bars of {seed}").choice(MANNERS)
    # A word of a minute that goes on is its last one where the clock runs ahead, or where
    # it is read after the minute's end.
    held_up = any(fault.where in {"bars", "handler", "time"} for fault in faults)
    return "plain" if manner == "forming" and held_up else manner


@dataclass(slots=True)
class Outcome:
    """What became of a world.

    Attributes:
        wrong: Whatever should not have been, in words.
        hash: Of the journal at the end.
        orders: Id, symbol and amount of every order that was taken, by id.
        positions: Signed shares held at the end, by symbol.
        cash: At the end.
        lost: Ids of orders that were never sent, never arrived, or denied.
        struck: How often which fault struck.
        starts: How many processes there were.
        longest_lag_s: The longest time from a fill at the venue to its booking.
        figures: Other counts.
    """

    wrong: list[str] = field(default_factory=list)
    hash: str = ""
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    positions: dict[str, str] = field(default_factory=dict)
    cash: str = ""
    lost: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    longest_lag_s: float = 0.0
    figures: Counter[str] = field(default_factory=Counter)


_ACCOUNT: dict[str, Callable[[Venue, int], object]] = {
    "dividend": lambda venue, size: venue.pay("dividend", Decimal(size) * 3, "AAA"),
    "fee": lambda venue, size: venue.pay("fee", -Decimal(size) / 10),
    "deposit": lambda venue, size: venue.pay("deposit", Decimal(size) * 1000),
    "foreign trade": lambda venue, size: venue.trade_by_hand(size, "AAA" if size % 2 else "BBB"),
    "another symbol is traded": lambda venue, size: venue.trade_by_hand(size, "CCC"),
    "order is replaced": lambda venue, size: venue.replace_by_hand(size),
}
"""What happens to an account beside the run's orders, by its name."""


class World:
    """The world itself.

    Args:
        scenario: What it follows from.
        folder: Where the journal's file goes; None keeps it in memory.
    """

    venue_type = Venue

    def __init__(self, scenario: Scenario, *, folder: Path | None = None) -> None:
        self.scenario = scenario
        self.clock = VirtualClock(START)
        self.faults = Faults(scenario.faults, stream_loss=scenario.stream_loss, seed=scenario.seed)
        self.wire = Wire(self.faults, latency_s=scenario.latency_s)
        self.disk = Disk(folder)
        self.outcome = Outcome(struck=self.faults.struck)
        self.calm = False
        self.torn = False  # rows that were synced are gone: the operator follows the broker
        self.whole_bars = not any(
            f.where == "bars" or f.what.startswith("bars") for f in scenario.faults
        )
        self.lags_s: dict[str, float] = {}
        self.strategy = STRATEGIES[scenario.strategy]
        self.settings = prepare_settings(
            history(), start=START.date(), frequency="1m", endless=True, on_error="continue"
        )
        self.tape = Tape(
            self.wire,
            whole=scenario.whole_slices,
            manner=scenario.manner,
            night=scenario.night,
        )
        self.process: Process | None = None

    def run(self) -> Outcome:
        """Let it happen, and return what became of it."""
        token = HANDLER_CALLED.set(self._handler_called)
        night = NIGHT.set(self.scenario.night is not None)
        try:
            with small_blocks(wanted=self.scenario.seed % 2 == 1):
                run_virtually(self._happen(), self.clock)
        finally:
            NIGHT.reset(night)
            HANDLER_CALLED.reset(token)
        return self.outcome

    def true_now(self) -> datetime:
        """Return the time that the world's own clocks tell, whatever the engine's clock
        says.
        """
        return START + timedelta(seconds=self.clock.monotonic_ns() / 1e9)

    def _handler_called(self) -> None:
        fault = None if self.calm else self.faults.take("handler")
        if fault is not None:
            self.clock.advance(fault.size)

    # -- what happens by itself -------------------------------------------------------

    async def _happen(self) -> None:
        self.venue = self.venue_type(
            now=self.true_now,
            publish=lambda text: self.wire.publish("news", text),
            lists_executions=self.scenario.lists_executions,
            night=self.scenario.night,
        )
        if self.scenario.night is not None:
            asyncio.get_running_loop().call_later(Night.SECOND, self.venue.pass_the_night)
        helpers = [
            asyncio.create_task(step)
            for step in (self._market(), self._operator(), self._trouble())
        ]
        computer = asyncio.create_task(self._processes())
        await asyncio.wait([computer, helpers[0]], return_when=asyncio.FIRST_COMPLETED)
        if not computer.done():
            await self._quiet_end()
        for task in helpers:
            task.cancel()
        await asyncio.wait([computer, *helpers])
        for task in (computer, *helpers):
            if not task.cancelled() and task.exception() is not None:
                self.outcome.wrong.append(f"the world broke: {task.exception()!r}")

    async def _market(self) -> None:
        troubled = self.scenario.minutes
        for minute in range(1, troubled + SETTLING_MINUTES + 1):
            if minute == troubled + 1:
                self.calm = True
                self.wire.faults = Faults(())
            self.venue.liquid = minute > troubled + 1
            await asyncio.sleep(max(0.0, minute * MINUTE_S - asyncio.get_running_loop().time()))
            self.venue.take_bars(self.tape.publish(), minute)
        await asyncio.sleep(MINUTE_S / 2)

    async def _operator(self) -> None:
        while True:
            await asyncio.sleep(OPERATOR_PERIOD_S)
            engine = None if self.process is None else self.process.engine
            if (
                engine is None
                or engine.state != "running"
                or engine.core.state.trading_state == "running"
            ):
                continue
            reason = engine.core.state.halt_reason
            if not reason.startswith(("stale data", "blind: ")):
                self.outcome.wrong.append(f"trading was halted without a cause: {reason}")
            self.outcome.figures["halts"] += 1
            engine.enqueue(OperatorEvent(timestamp=self.clock.now(), action="resume"))

    async def _trouble(self) -> None:
        await asyncio.gather(*(self._strike(fault) for fault in self.faults.timed()))

    async def _strike(self, fault: Fault) -> None:
        await asyncio.sleep(fault.number)
        self.faults.struck[f"time: {fault.what}"] += 1
        if fault.what == "venue restarts":
            self.wire.down = True
            self.wire.disconnect("news")
            await asyncio.sleep(fault.size)
            self.wire.down = False
        elif fault.what == "clock jumps":
            self.clock.jump(fault.size)
        elif fault.what == "clock jumps back":
            self.clock.jump(-fault.size)
        elif fault.what in {"killed", "absence"}:
            if self.process is not None:
                self.process.kill(fault)
        elif fault.what == "bars fall silent":
            self.wire.silent.add("bars")
            await asyncio.sleep(fault.size)
            self.wire.silent.discard("bars")
            self.wire.disconnect("bars")
        elif fault.what == "bars are away":
            self.wire.silent.add("bars")
            self.wire.disconnect("bars")
            await asyncio.sleep(fault.size)
            self.wire.silent.discard("bars")
        elif fault.what in _ACCOUNT:
            _ACCOUNT[fault.what](self.venue, int(fault.size))
        else:
            self.wire.disconnect("news" if fault.what == "news disconnects" else "bars")

    # -- processes --------------------------------------------------------------------

    async def _processes(self) -> None:
        while self.outcome.starts < _STARTS_AT_MOST:
            self.outcome.starts += 1
            process = self.process = Process(self)
            again_s = await process.live()
            self.outcome.wrong += process.watch.seen if process.watch else []
            if again_s is None:
                return
            await asyncio.sleep(again_s)
        self.outcome.wrong.append("no process lived long enough")

    async def _quiet_end(self) -> None:
        # Everything has settled: compare, then stop in good order.
        process = self.process
        while process is None or process.engine is None or process.engine.state != "running":
            await asyncio.sleep(1.0)
            process = self.process
        await asyncio.sleep(self.scenario.poll_s * 2 + 1.0)
        core, outcome = process.engine.core, self.outcome
        outside: Mapping[str, Decimal] = HELD_BEFORE
        if self.torn and process.engine.link is not None:
            outside = process.engine.link.outside or {}
        else:
            outcome.wrong += watch.unlike_the_venue(core, self.venue)
            outside = added(self.venue.before, self.venue.by_hand)
        outcome.wrong += watch.unlike_positions(core, self.venue, outside)
        outcome.wrong += [
            f"order {order_id} has no known fate" for order_id in watch.still_open(core)
        ]
        outcome.longest_lag_s = max(self.lags_s.values(), default=0.0)
        outcome.orders = [(o.id, o.asset.symbol, str(o.amount)) for o in core.state.orders]
        outcome.positions = {p.asset.symbol: str(p.amount) for p in core.state.portfolio}
        outcome.cash = str(core.state.portfolio.cash)
        outcome.lost = [
            o.id for o in core.state.orders if o.reason in {"never sent", "never arrived"}
        ]
        outcome.lost += list(core.state.orders.denied)
        outcome.figures["orders"] = len(core.state.orders)
        outcome.figures["fills"] = len(core.state.record.transactions)
        outcome.figures["resent"] = sum(self.venue.repeats.values())
        outcome.figures["connections"] = self.wire.opened
        await process.engine.graceful_shutdown()
        await process.over.wait()
        self._check_the_journal(core)

    def _check_the_journal(self, core: Any) -> None:
        journal = self.disk.open(dict, clock=self.clock, reached=lambda _point: None)
        outcome = self.outcome
        outcome.hash = journal.hash()
        if self.torn:
            outcome.wrong += watch.wrong_intents(journal, self.venue)
        else:
            late = bool(outcome.struck["submit: late"])
            outcome.wrong += watch.wrong_ids(journal, core, self.venue, late=late)
            outcome.wrong += watch.wrong_cash(journal, self.venue, foreign=bool(self.venue.by_hand))
        outcome.wrong += watch.wrong_slices(
            journal, whole=self.whole_bars, slice_of=self.tape.slice_of
        )
        outcome.figures["packed"] = journal._connection.execute(
            "SELECT count(*) FROM blocks"
        ).fetchone()[0]
        replayed = self.new_engine(
            journal, SimBroker(self.venue, self.wire, reached=_nothing, sending=_nothing)
        )
        try:
            _finish_at_once(replayed.recovery.restore())
            if capture(replayed.core.state) != capture(core.state):
                outcome.wrong.append("a replay of the journal gives another state")
        except Exception as failure:  # noqa: BLE001 - whatever a replay raises is the finding
            outcome.wrong.append(f"a replay of the journal fails: {failure!r}")
        journal.close()

    def new_engine(self, journal: Any, broker: SimBroker) -> TradingEngine:
        """Return an engine over a journal, as `attach` makes it."""
        engine = TradingEngine(
            self.strategy,
            broker,
            feed=StreamFeed(
                lambda _symbols: self.tape.listen(),
                chance=lambda: 0.5,
                labels="start" if self.tape.manner == "starts" else "end",
            ),
            portal=history(),
            settings=self.settings,
            journal=journal,
            link=LinkSettings(
                poll_s=self.scenario.poll_s, policy="follow" if self.torn else "halt"
            ),
            queue_size=QUEUE_SIZE,
            clock=self.clock,
        )
        engine.live_run.on_message = engine.core.state.on_message = _nothing
        return engine

    def header(self) -> dict[str, Any]:
        """Return what a new journal is headed by."""
        return make_header(
            StrategyExecutor(self.strategy),
            self.settings,
            history(),
            broker=SimBroker.name,
            live=True,
            folder=None,
        )

    def note_booking(self, event: OrderFillEvent) -> None:
        """Remember how long a fill was on its way."""
        lag_s = self.clock.monotonic_ns() / 1e9 - self.venue.filled_at[event.execution_id]
        self.lags_s.setdefault(event.execution_id, lag_s)


class Process:
    """One process: from its start until it is killed, or asked to stop."""

    def __init__(self, world: World) -> None:
        self.over = asyncio.Event()
        self.engine: TradingEngine | None = None
        self.watch: Watch | None = None
        self._world = world
        self._died_s: float | None = None
        self._main: asyncio.Task[None] | None = None

    async def live(self) -> float | None:
        """Live, and return after how many seconds the next one begins; None if this was
        the last.
        """
        self._main = asyncio.create_task(self._run())
        await asyncio.wait([self._main])
        self.over.set()
        failure = None if self._main.cancelled() else self._main.exception()
        if self._died_s is not None:
            return self._died_s
        if failure is None:
            return None
        refused = isinstance(failure, ReconciliationFailed) and not self._world.torn
        if refused or not isinstance(failure, (OSError, TimeoutError, BrokerError)):
            self._world.outcome.wrong.append(f"the engine failed: {failure!r}")
        return ATTACH_AGAIN_S

    async def _run(self) -> None:
        world = self._world
        self.journal = world.disk.open(world.header, clock=world.clock, reached=self.reached)
        broker = SimBroker(
            world.venue, world.wire, reached=self.reached, sending=self._check_intent
        )
        engine = world.new_engine(self.journal, broker)
        self.watch = Watch(engine, self.journal)
        engine.dispatcher.register_handler(Event, self._after_event, critical=True)
        self.engine = engine
        try:
            await engine.run()
        finally:
            await broker.disconnect()

    def _after_event(self, event: Event) -> None:
        assert self.watch is not None
        self.watch.look(event)
        if isinstance(event, OrderFillEvent):
            self._world.note_booking(event)
            self.reached("after fill")

    def _check_intent(self, order_id: str) -> None:
        row = self.journal.intents.get(order_id)
        if self._died_s is None and (row is None or row > self.journal.durable_seq):
            self._world.outcome.wrong.append(
                f"order {order_id} was sent before its intent was durable"
            )

    def reached(self, point: str) -> None:
        """Die here, if that is what is planned.

        Raises:
            Killed: the process is dead, from now on or from before.
        """
        if self._died_s is None:
            fault = None if self._world.calm else self._world.faults.take(point)
            if fault is None:
                return
            self._die(fault)
            if asyncio.current_task() is None:
                self.kill(fault)
        raise Killed

    def kill(self, fault: Fault) -> None:
        """Die at a moment that is no step of its own: nothing of it runs on."""
        if self._main is None or self._main.done() or not hasattr(self, "journal"):
            return
        if self._died_s is None:
            self._die(fault)
        self._main.cancel()

    def _die(self, fault: Fault) -> None:
        self._died_s = fault.size
        self._world.torn = self._world.torn or fault.what == "tear"
        self.journal.die(how=fault.what)


def _nothing(*_anything: object) -> None:
    pass


def _finish_at_once(coroutine: Any) -> None:
    # A replay waits for nobody.
    with contextlib.suppress(StopIteration):
        coroutine.send(None)
        coroutine.close()


def added(one: Mapping[str, Decimal], other: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return the sums of two mappings."""
    return {
        name: one.get(name, Decimal(0)) + other.get(name, Decimal(0)) for name in {*one, *other}
    }


def run(scenario: Scenario, *, folder: Path | None = None) -> Outcome:
    """Run a scenario in a world of its own."""
    return World(scenario, folder=folder).run()


def without_faults(scenario: Scenario) -> Scenario:
    """Return the same world with nothing going wrong."""
    return replace(scenario, faults=(), stream_loss=0.0)


def wrong_in(scenario: Scenario, outcome: Outcome | None = None) -> list[str]:
    """Return whatever went wrong in a world, compared with the same world without
    faults where they may decide nothing.

    Args:
        scenario: The world.
        outcome: What became of it, if it was run already.
    """
    outcome = outcome or run(scenario)
    wrong = list(outcome.wrong)
    torn = any(fault.what == "tear" for fault in scenario.faults)
    if (
        scenario.strategy == "Steady"
        and not outcome.lost
        and not torn
        and not outcome.struck["submit: lost"]
        and (scenario.night is None or scenario.night.ratio == 1)
    ):
        unbroken = run(without_faults(scenario))
        if (outcome.orders, outcome.positions) != (unbroken.orders, unbroken.positions):
            wrong.append(f"ends with {outcome.positions}, unbroken with {unbroken.positions}")
    return wrong


def description_of(scenario: Scenario) -> str:
    """Return what a person needs to see a failing world again: its seed, the faults
    that it takes, what goes wrong.
    """
    left = shrink(scenario.faults, lambda faults: fails(scenario, faults), tries=60)
    wrong = wrong_in(replace(scenario, faults=tuple(left)))
    seed = scenario.seed
    again = f"run scripts/simulate.py --seeds {seed}"
    lines = [f"seed {seed} goes wrong ({scenario.strategy}); {again}"]
    lines += [f"  with {fault}" for fault in left]
    return "\n".join([*lines, *(f"  {sentence}" for sentence in wrong[:10])])


def fails(scenario: Scenario, faults: Sequence[Fault]) -> bool:
    """Say whether the world goes wrong with these faults instead of its own."""
    return bool(wrong_in(replace(scenario, faults=tuple(faults))))
