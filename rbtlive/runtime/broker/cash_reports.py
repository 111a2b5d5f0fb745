"""What is said and done about a change of an account's cash that is not in the run's
books.

The rule: a change that one exact fact explains (a trade placed elsewhere, an execution
whose costs the broker corrected, an earlier report) is no error; any other is reported,
with its likely cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rbtlive.brokers.base import BrokerActivity, BrokerAdapter, BrokerExecution
from rbtlive.model.events import CashAdjustmentEvent, Event, SystemErrorEvent
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.broker_reports import is_due
from rbtlive.runtime.broker.cash_difference import CENT
from rbtlive.runtime.journal.state_folder import client_order_id

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.order_facts import Transaction

_SKEW: Final = timedelta(minutes=5)
"""How far a broker's clock may be behind ours."""
_COSTS: Final = Decimal("0.01")
"""Costs of a trade placed elsewhere that its executions may not report, as a part of
its value.
"""
_LATEST: Final = 20
"""This many reports, activities and orders are remembered or asked for."""
_OFTEN: Final = 3


class CashReports:
    """Explains or reports changes of one account's cash.

    Args:
        broker: The broker.
        run_id: The run's id, a prefix of its client order ids.
        core: Returns the core.
        runs: Returns the ids of all runs on the account.
        tell: Puts events into the queue.
        now: Returns the time, UTC.
    """

    def __init__(
        self,
        broker: BrokerAdapter,
        *,
        run_id: str,
        core: Callable[[], TradingCore],
        runs: Callable[[], set[str]],
        tell: Callable[[Event], None],
        now: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._run_id = run_id
        self._core = core
        self._runs = runs
        self._tell = tell
        self._now = now
        self._open: list[Decimal] = []
        self._activities: list[BrokerActivity] = []
        self._used: set[tuple[str, str]] = set()
        self._corrected: dict[str, Decimal] = {}
        self._times, self._sum = 0, ZERO
        self._moved = self._moved_told = ZERO

    def note_activity(self, one: BrokerActivity) -> bool:
        """Note a new activity; return whether its money had come before, and was
        reported.
        """
        self._activities = [*self._activities, one][-_LATEST:]
        if one.amount not in self._open:
            return False
        self._open.remove(one.amount)
        self._say(f"the change of cash by {plain_text(one.amount)} was {_named(one)}")
        return True

    async def take(self, change: Decimal, *, since: datetime, while_stopped: bool) -> Decimal:
        """Explain or report a change, and return how much of it the run books.

        Args:
            change: The change.
            since: When cash last agreed.
            while_stopped: Whether the session was stopped when it came.
        """
        if -change in self._open:
            self._open.remove(-change)
            self._say(f"the account's cash changed back by {plain_text(change)}")
            return ZERO
        if await self._was_spent_elsewhere(change, since):
            return ZERO
        corrections = await self._corrections(change)
        if corrections:
            for event in corrections:
                self._tell(event)
            return change
        self._open = [*self._open, change][-_LATEST:]
        self._times += 1
        self._sum += change
        if is_due(self._times, "123"):
            self._report(plain_text(change), self._cause(change, while_stopped=while_stopped))
        return ZERO

    def take_moving(self, change: Decimal) -> None:
        """Report the certain part of cash that moves at every look, as it grows."""
        self._moved += change
        if 2 * abs(self._moved - self._moved_told) < abs(self._moved_told):
            return
        self._moved_told = self._moved
        how = f"at least {plain_text(self._moved)}, and moves at every look,"
        self._report(how, self._other_currencies())

    def _report(self, how: str, cause: str) -> None:
        self._tell(
            SystemErrorEvent(
                timestamp=self._now(),
                message=f"the account's cash changed by {how} that no order and "
                f"no activity explains; the run's books are left as they are{cause}",
                source="reconciliation",
            )
        )

    def _say(self, text: str) -> None:
        self._core().state.on_message("info", text)

    # -- exact explanations ------------------------------------------------------------

    # The latest trades placed elsewhere that together cost as much. Their commissions
    # may be missing.
    async def _was_spent_elsewhere(self, change: Decimal, since: datetime) -> bool:
        prefixes = tuple(f"{run_id}-" for run_id in self._runs())
        trades = []
        for order in await asking.orders(self._broker):
            if order.client_order_id.startswith(prefixes) or not order.filled:
                continue
            done = order.executions
            if sum((one.amount for one in done), ZERO) != order.filled:
                done = (
                    BrokerExecution(
                        execution_id=plain_text(order.filled),
                        amount=order.filled,
                        price=order.average_price or ZERO,
                        at=order.updated_at,
                    ),
                )
            trades += [
                (one.at, (order.broker_order_id, one.execution_id), one)
                for one in done
                if one.at >= since - _SKEW
            ]
        spent = value = ZERO
        keys = []
        for _at, key, one in sorted(trades, key=lambda trade: trade[:2], reverse=True):
            if key in self._used:
                continue
            keys.append(key)
            spent += one.amount * one.price + one.commission
            value += abs(one.amount * one.price)
            if -CENT <= -spent - change <= _COSTS * value:
                self._used.update(keys)
                self._say(f"orders placed elsewhere changed cash by {plain_text(change)}")
                return True
        return False

    # Executions whose price or commission the broker has corrected since they were
    # booked, if together, or one of them alone, they are the change.
    async def _corrections(self, change: Decimal) -> list[CashAdjustmentEvent]:
        orders = self._core().state.orders
        booked = {
            one.execution_id: one
            for one in self._core().state.record.transactions[-_LATEST:]
            if one.order_id is not None
        }
        found: list[tuple[Decimal, Decimal, BrokerExecution, Transaction]] = []
        for order_id in dict.fromkeys(str(one.order_id) for one in booked.values()):
            client_id = client_order_id(self._run_id, int(order_id))
            theirs = await asking.find_order(self._broker, client_id)
            for execution in theirs.executions if theirs is not None else ():
                ours = booked.get(execution.execution_id)
                if ours is None or ours.amount != execution.amount:
                    continue
                cost = execution.amount * execution.price + execution.commission
                known = ours.amount * ours.price + ours.commission
                less = self._corrected.get(ours.execution_id, known) - cost
                if less and _correction_id(execution, cost) not in orders.executions:
                    found.append((less, cost, execution, ours))
        alone = [one for one in found if one[0] == change]
        if not alone and sum((less for less, *_rest in found), ZERO) != change:
            return []
        return list(self._corrected_by(alone[:1] or found))

    def _corrected_by(
        self, found: list[tuple[Decimal, Decimal, BrokerExecution, Transaction]]
    ) -> Iterator[CashAdjustmentEvent]:
        for less, cost, execution, ours in found:
            self._corrected[execution.execution_id] = cost
            yield CashAdjustmentEvent(
                timestamp=self._now(),
                amount=less,
                kind="fee",
                activity_id=_correction_id(execution, cost),
                symbol=ours.asset.symbol,
                reason=f"the broker corrected execution {execution.execution_id} of order "
                f"{ours.order_id}: price {plain_text(execution.price)}, commission "
                f"{plain_text(execution.commission)}",
            )

    # -- likely causes ----------------------------------------------------------------

    def _cause(self, change: Decimal, *, while_stopped: bool) -> str:
        for one in self._activities:
            if one.amount == -change:
                return f"; it is {_named(one)}, which account() does not show"
        # A cash account's proceeds settle a day later.
        if asking.is_of_users(self._broker):
            for done in reversed(self._core().state.record.transactions[-_LATEST:]):
                if done.amount < 0 and abs(done.amount * done.price - change) <= CENT:
                    return (
                        f"; it is what order {done.order_id} was sold for: account() has to count "
                        "sales that are not settled yet"
                    )
                if done.commission < 0 and abs(2 * done.commission - change) <= CENT:
                    return (
                        f"; it is twice the commission of order {done.order_id}, "
                        f"{plain_text(done.commission)}: a commission is a cost, so it is positive"
                    )
        if while_stopped:
            return (
                "; it came while the session was stopped: compare the broker's statement, and "
                "begin a new run (fresh=True) to count it"
            )
        if self._times < _OFTEN:
            return ""
        total = plain_text(self._sum)
        return f"; {self._times} such changes are {total} in all{self._other_currencies()}"

    def _other_currencies(self) -> str:
        if not asking.is_of_users(self._broker):
            return ""
        return "; account() must count cash of the run's currency only"


def _named(one: BrokerActivity) -> str:
    of = f" of {one.symbol}" if one.symbol else ""
    return f"the {one.kind}{of}, {plain_text(one.amount)} (activity {one.activity_id})"


def _correction_id(execution: BrokerExecution, cost: Decimal) -> str:
    return f"{execution.execution_id} costs {plain_text(cost)}"
