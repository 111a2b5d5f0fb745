"""Cash activities that the broker reports, booked in the run as events.

The rule: each activity is booked once, by its id; of one that the run's own data covers
only the difference is booked, and unexplained cash is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, NotRequired, TypedDict

from rbtlive.brokers.base import BrokerActivity, BrokerAdapter
from rbtlive.model.events import CashAdjustmentEvent, Event, SystemErrorEvent
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.books_watch import BooksWatch
from rbtlive.runtime.broker.cash_difference import CENT, CashDifference
from rbtlive.runtime.broker.cash_reports import CashReports
from rbtlive.runtime.broker.data_dividends import SAME_DIVIDEND, DataDividends

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

ACTIVITIES_KNOWN = "ActivitiesKnown"
"""Type of the note that holds the activities from before the run's first start."""
CASH_ELSEWHERE = "CashElsewhere"
"""Type of the note that holds a `CashNote`."""


class CashNote(TypedDict):
    """The account's cash that is not the run's, when it was last explained.

    Attributes:
        cash: That cash.
        runs: Ids of the other runs on the account.
        counted: Ids of the activities that are counted in it.
        others: Ids of the activities that the run has no share of, whatever it holds
            later; journals of older versions lack it.
    """

    cash: str
    runs: list[str]
    counted: list[str]
    others: NotRequired[list[str]]


class AccountNews:
    """Asks one broker for cash activities.

    Args:
        broker: The broker.
        core: Returns the core.
        watch: Knows which shares belong to which owner.
        owns_all: Whether the run's capital is all free money on the account.
        known: Ids of the activities from before the run; None at its first start.
        noted: The last note of the cash that is not the run's; None if there is none.
        run_id: The run's id.
        tell: Puts events into the queue.
        note: Writes a note for people.
        now: Returns the time, UTC.
    """

    def __init__(  # noqa: PLR0913 - its connections, each by name
        self,
        broker: BrokerAdapter,
        *,
        core: Callable[[], TradingCore],
        watch: BooksWatch,
        owns_all: bool,
        known: set[str] | None,
        noted: CashNote | None,
        run_id: str,
        tell: Callable[[Event], None],
        note: Callable[[str, object], None],
        now: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._core = core
        self._watch = watch
        self._owns_all = owns_all
        self._known = known
        self._noted = noted
        self._tell = tell
        self._note = note
        self._now = now
        self._dividends = DataDividends(core)
        self._cash = CashDifference()
        self._resting = CashDifference()
        self._start = CashDifference()
        self._orders_then: tuple[int, int] | None = None
        self._claims_compared = self._while_stopped = False
        self._runs: set[str] = set()
        self._counted: set[str] = set(noted["counted"]) if noted else set()
        self._others: set[str] = set(noted.get("others", ())) if noted else set()
        self._agreed_at = now()
        self._reports = CashReports(
            broker,
            run_id=run_id,
            core=core,
            runs=lambda: {run_id, *self._other_runs()},
            tell=tell,
            now=now,
        )

    async def begin(self, *, settled: bool) -> None:
        """Record the activities from before the run's first start as known, and the
        cash that is not the run's.

        Args:
            settled: Whether no order is open and nothing differs.
        """
        if self._known is None:
            self._known = {one.activity_id for one in await asking.activities(self._broker)}
            self._note(ACTIVITIES_KNOWN, sorted(self._known))
        self._runs = self._other_runs()
        if self._noted is not None and set(self._noted["runs"]) == self._runs:
            self._cash.base = Decimal(self._noted["cash"])
            self._while_stopped = True
        elif settled:
            self._start.base = self._elsewhere((await asking.account(self._broker)).cash)
            self._note_base(self._start.base)

    # -- cash -------------------------------------------------------------------------

    async def look_at_cash(
        self, cash: Decimal, *, settled: bool, quiet: bool = False, is_late: bool = False
    ) -> None:
        """Book new activities, and compare cash.

        Args:
            cash: The account's cash.
            settled: Whether no order is open.
            quiet: Whether open orders only rest: none is on its way, and the last look
                brought no news.
            is_late: Whether the cash may lack the latest executions.
        """
        if await self._book_new() or not (settled or quiet):
            # New activities may or may not be included in the cash already.
            self._cash.interrupt()
            self._resting.interrupt()
            self._note_base(self._cash.base)
            return
        runs = self._other_runs()
        if runs != self._runs:  # a run's money has become another's
            self._runs = runs
            self._cash, self._resting, self._start = (CashDifference() for _ in range(3))
        if settled and not self._claims_compared:
            self._claims_compared = True
            self._compare_claims(cash - self._core().state.portfolio.cash)
        compared = self._cash if settled else self._compared_at_rest()
        if compared.base is None:
            again = (await asking.account(self._broker)).cash
            compared.begin(self._elsewhere(cash), agreed=again == cash)
            self._agreed_at = self._now()
            self._note_base(self._cash.base)
        elif is_late:
            compared.interrupt()
        else:
            await self._compare(compared, self._elsewhere(cash))

    async def _book_new(self) -> bool:
        assert self._known is not None
        fresh = [
            one
            for one in await asking.activities(self._broker)
            if one.activity_id not in self._known
        ]
        for one in fresh:
            self._known.add(one.activity_id)
            self._book(one, again=one.activity_id in self._core().state.orders.executions)
        return bool(fresh)

    async def _compare(self, compared: CashDifference, elsewhere: Decimal) -> None:
        change = compared.change(elsewhere)
        if change:
            if compared is self._resting:
                self._cash.shift(change)
            # It may have been late when it was first compared.
            if not self._start.is_near(elsewhere):
                await self._take(change, moves=compared.moves)
        if compared.agrees:
            self._agreed_at, self._while_stopped = self._now(), False
        self._note_base(self._cash.base)

    async def _take(self, change: Decimal, *, moves: bool) -> None:
        if moves:
            self._reports.take_moving(change)
            return
        booked = await self._reports.take(
            change, since=self._agreed_at, while_stopped=self._while_stopped
        )
        self._shift(-booked)

    def _shift(self, amount: Decimal) -> None:
        for compared in (self._cash, self._resting, self._start):
            compared.shift(amount)

    def _other_runs(self) -> set[str]:
        return {run.run_id for run in self._watch.others()}

    # A later start compares with it.
    def _note_base(self, base: Decimal | None) -> None:
        if base is None:
            return
        facts: CashNote = {
            "cash": plain_text(base),
            "runs": sorted(self._runs),
            "counted": sorted(self._counted),
            "others": sorted(self._others),
        }
        if facts != self._noted:
            self._noted = facts
            self._note(CASH_ELSEWHERE, facts)

    # While orders rest, cash is compared with what it was since the last of them was
    # placed, filled or ended: a broker may set money aside for them.
    def _compared_at_rest(self) -> CashDifference:
        orders = self._core().state.orders
        now = orders.version, len(orders.executions)
        if now != self._orders_then:
            self._orders_then, self._resting = now, CashDifference()
        return self._resting

    def _book(self, activity: BrokerActivity, *, again: bool) -> None:
        one = (
            replace(activity, symbol=self._watch.called_here(activity.symbol))
            if activity.symbol
            else activity
        )
        known = self._dividends.reported(one) if one.kind == "dividend" else None
        if again or one.activity_id in self._others:  # judged before a restart
            return
        amount = self._share_of(one, known)
        others_part = one.amount - amount - (known or ZERO)
        if self._reports.note_activity(one):
            others_part -= one.amount  # it is in the cash already
        if one.activity_id in self._counted:
            others_part = ZERO
        elif others_part:
            self._counted.add(one.activity_id)
        self._shift(others_part)
        if not amount:
            self._others.add(one.activity_id)
            return
        self._tell(
            CashAdjustmentEvent(
                timestamp=self._now(),
                amount=amount,
                kind=one.kind,
                activity_id=one.activity_id,
                symbol=one.symbol,
                reason=one.text,
            )
        )

    # This run's share of an activity, without what its data pays for it: proportional
    # to its shares if the activity concerns an asset; otherwise all of it, if no other
    # run has a part.
    def _share_of(self, one: BrokerActivity, known: Decimal | None) -> Decimal:
        if not one.symbol:
            alone = not any(run.running for run in self._watch.others())
            return one.amount if self._owns_all and alone else ZERO
        core = self._core()
        ours = self._watch.ours().get(one.symbol, ZERO)
        others = sum((run.positions.get(one.symbol, ZERO) for run in self._watch.others()), ZERO)
        whole = ours + others + (self._watch.outside or {}).get(one.symbol, ZERO)
        if not ours and one.symbol in {
            t.asset.symbol for t in core.state.record.transactions[-200:]
        }:
            ours = whole = Decimal(1)  # sold between the ex date and the payment
        if known is not None:  # the data has counted the shares of the ex date
            return one.amount - known if ours and ours == whole else ZERO
        if not ours or not whole:
            return ZERO
        amount = one.amount
        if ours != whole:
            amount = (one.amount * ours / whole).quantize(CENT, rounding=ROUND_HALF_EVEN)
        return amount - self._paid_for_fraction(one) if one.kind == "cash in lieu" else amount

    # A split in the run's books has already paid for a fraction of a share.
    def _paid_for_fraction(self, one: BrokerActivity) -> Decimal:
        paid = (
            known.cash
            for known in self._core().state.record.adjustments
            if known.kind == "split"
            and known.asset is not None
            and known.asset.symbol == one.symbol
            and abs(known.dt - one.at) <= SAME_DIVIDEND
        )
        return sum(paid, ZERO)

    def _elsewhere(self, cash: Decimal) -> Decimal:
        ours = self._core().state.portfolio.cash
        elsewhere = cash - ours - sum((run.cash for run in self._watch.others()), ZERO)
        silent = type(self._broker).activities is BrokerAdapter.activities
        return elsewhere if silent else elsewhere + self._dividends.ahead()

    # A stopped run's money is free for others, so it may be gone when that run is
    # resumed.
    def _compare_claims(self, rest: Decimal) -> None:
        running = [run for run in self._watch.others() if run.running]
        lacking = sum((run.cash for run in running), ZERO) - rest
        if running and lacking > CENT:
            names = ", ".join(repr(run.name) for run in running)
            self._tell(
                SystemErrorEvent(
                    timestamp=self._now(),
                    message=f"this run and session {names} count on {plain_text(lacking)} more "
                    "cash than the account has: one of them began while another was stopped; "
                    "the broker may refuse orders",
                    source="reconciliation",
                )
            )
