"""Closing a session's books: delistings, cancel policy, account controls, and the
session's row.

The rule: at a session's end first what leaves the market is closed, then orders are
cancelled by policy, then the account is checked, then everything is marked at the
close, and what decides the session's row is noted. Source: zipline-reloaded 3.2.1,
gens/tradesimulation.py 230-314.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from rbtlive.core.adjustments import adjustment_facts, adjustment_of
from rbtlive.core.closings import Closing
from rbtlive.core.record import RunRecord, SessionRows
from rbtlive.data.calendars.calendar import us_of
from rbtlive.errors import BenchmarkAssetNotAvailableTooEarly, BenchmarkAssetNotAvailableTooLate
from rbtlive.finance.cancel_policy import SESSION_END
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, plain_text
from rbtlive.model.order import Transaction

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore


# A state is taken and restored between events too, in whatever decimal context there
# is.
_add, _subtract = ENGINE_CONTEXT.add, ENGINE_CONTEXT.subtract


def _midnight_us(label: date) -> int:
    return us_of(datetime(label.year, label.month, label.day, tzinfo=UTC))


class SessionBooks:
    """Keeps a session's starting figures, and notes what its row is made of.

    What is None among the figures follows from the row before, which is not made for
    it.
    """

    def __init__(self, core: TradingCore) -> None:
        self._core = core
        self._rows = SessionRows(core.calendar)
        core.record.sessions = self._rows
        self._starting_cash = self._starting_base = core.settings.capital_base
        self._starting_value: Decimal | None = ZERO
        self._previous_cash_flow = ZERO
        self._previous_return: float | None = 0.0
        self._first_transaction = self._told = 0
        self._first_adjustment = self._told_adjustments = 0
        self._before = 0  # how many rows there were at the session's start
        self._prices: object = (
            None  # what was held at the last close was valued at, if that may wait
        )
        self._auto_close_us = [_midnight_us(asset.auto_close_date) for asset in core.market.assets]
        self._first_auto_close_us = min(self._auto_close_us, default=0)

    def open(self) -> None:
        """Begin a session: what a broker elsewhere did since the last one's close is of
        this one.
        """
        self._first_transaction = self._told
        self._first_adjustment = self._told_adjustments

    def note_start(self) -> None:
        """Take the starting figures: dividends are in, splits are not."""
        core, portfolio = self._core, self._core.portfolio
        self._starting_cash = portfolio.cash
        self._starting_base = portfolio.capital_base
        self._before = len(self._rows)
        # A mark that still waits is that of the close: nothing has changed the
        # positions since.
        untouched = self._prices is not None and core.marks.waiting is self._prices
        self._starting_value = None if untouched else portfolio.positions_value

    def close(self) -> None:
        """Do a session's last steps, and note what decides its row."""
        core = self._core
        self._close_delisted()
        core.flush_new_orders()
        self._apply_cancel_policy()  # in daily runs these orders are news of the next session, as in zipline
        if core.account_controls:
            self._check_account()
        self._note_close()
        core.orders.touched.clear()

    def _close_delisted(self) -> None:
        core = self._core
        if core.market.now_us < self._first_auto_close_us:
            return
        now_us, ends_us = core.market.now_us, self._auto_close_us
        over = [asset for asset in core.portfolio.holdings if ends_us[asset.index] <= now_us]
        for asset in [asset for asset in over if self._leaves(asset.index)]:
            position = core.portfolio.positions[asset]
            price = core.marks.value_of(asset)
            price = position.last_sale_price if price is None else price
            amount = -position.amount
            core.portfolio.book_transaction(asset, amount, price=price, dt=core.now)
            core.record.transactions.append(
                Transaction(
                    core.now,
                    asset,
                    amount,
                    price,
                    ZERO,
                    None,
                    f"close-{asset.sid}-{core.session_label}",
                )
            )
        for order in core.orders.get_active_orders():
            if self._leaves(order.asset.index):
                core.cancel_order(order.id, f"{order.asset.symbol} has left the market")

    # A session that ends at midnight ends, in zipline, on the next day.
    def _leaves(self, index: int) -> bool:
        core = self._core
        if core.market.now_us < self._auto_close_us[index]:
            return False
        return (
            core.quirks.lag_at_midnight
            or core.session_label >= core.market.assets[index].auto_close_date
        )

    def _apply_cancel_policy(self) -> None:
        core = self._core
        if not core.orders.open_by_asset() or not core.cancel_policy.should_cancel(SESSION_END):
            return
        warn = getattr(core.cancel_policy, "warn_on_cancel", False)
        daily = not core.settings.intraday
        for asset, orders in list(core.orders.open_by_asset().items()):
            leaving = list(orders)
            if daily and core.quirks.cancel_oldest_only:
                leaving = leaving[:1] if len(leaving) > 1 else []
            for order in leaving:
                reason = "not filled by the end of the session"
                if core.venue.cancels_at_once:
                    core.end_order(order, reason, report=daily)
                else:
                    core.cancel_order(order.id, reason)
                if warn:
                    core.on_message(
                        "warning",
                        f"order {order.id} for {plain_text(order.amount)} {asset.symbol} was "
                        "cancelled at the "
                        f"session's end, {plain_text(order.filled)} filled",
                    )
        core.orders.prune()

    def _check_account(self) -> None:
        core = self._core
        core.marks.mark_now()
        now = core.frames.timestamp(core.market.now_us)
        for control in core.account_controls:
            try:
                control.validate(core.portfolio_view, core.account_view, now, core.data)
            except Exception as failure:  # noqa: BLE001 - a control ends the run as a failing callback does
                core.callbacks.survive(failure)

    # Where somebody listens the row is read at once, and nothing has to wait.
    def _note_close(self) -> None:
        core, portfolio = self._core, self._core.portfolio
        prices = None
        if core.on_session_closed is None:
            prices = core.marks.mark_unseen()
        else:
            core.marks.mark_now()
        self._prices = prices
        self._rows.note(
            Closing(
                session=core.market.session,
                close_us=core.market.now_us,
                starting_cash=self._starting_cash,
                starting_base=self._starting_base,
                starting_value=self._starting_value,
                cash=portfolio.cash,
                capital_base=portfolio.capital_base,
                capital_used=portfolio.cash_flow - self._previous_cash_flow,
                previous_return=self._previous_return,
                held=portfolio.held(),
                prices=tuple([p.last_sale_price for p in portfolio]) if prices is None else prices,
                totals=portfolio.totals() if prices is None else None,
                recorded=dict(core.recorded),
                orders=tuple([order.picture() for order in core.orders.touched.values()]),
                transactions=(self._first_transaction, len(core.record.transactions)),
                adjustments=tuple(core.record.adjustments[self._first_adjustment :]),
            )
        )
        self._previous_cash_flow = portfolio.cash_flow
        self._previous_return = None
        self._told = len(core.record.transactions)
        self._told_adjustments = len(core.record.adjustments)

    def facts(self) -> dict[str, Any]:
        """Return the figures that the next session's row is reckoned from."""
        starting_value, previous_return = self._starting_value, self._previous_return
        if starting_value is None:
            starting_value = self._rows[self._before - 1].ending_value
        if previous_return is None:
            previous_return = self._rows[-1].total_return
        begun = self._core.record.adjustments[self._told_adjustments :]
        facts = {"adjustments": [adjustment_facts(a) for a in begun]} if begun else {}
        return facts | {
            "starting_cash": plain_text(self._starting_cash),
            "starting_value": plain_text(starting_value),
            "previous_pnl": plain_text(
                _subtract(_add(self._starting_cash, starting_value), self._starting_base)
            ),
            "previous_cash_flow": plain_text(self._previous_cash_flow),
            "previous_return": repr(previous_return),
            "first_transaction": self._first_transaction,
        }

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Take what `facts` gave."""
        self._starting_cash = Decimal(facts["starting_cash"])
        self._starting_value = Decimal(facts["starting_value"])
        self._starting_base = _subtract(
            _add(self._starting_cash, self._starting_value), Decimal(facts["previous_pnl"])
        )
        self._previous_cash_flow = Decimal(facts["previous_cash_flow"])
        self._previous_return = float(facts["previous_return"])
        self._first_transaction = facts["first_transaction"]
        self._told = self._rows[-1].transactions[1] if self._rows else 0
        self._restore_adjustments(facts.get("adjustments", ()))

    def _restore_adjustments(self, begun: Iterable[list[Any]]) -> None:
        record = self._core.record
        assets = {asset.symbol: asset for asset in record.assets}
        closed = [a for row in self._rows for a in row.adjustments]
        self._told_adjustments = len(closed)
        record.adjustments = closed + [adjustment_of(facts, assets) for facts in begun]
        self._first_adjustment = len(closed)

    # -- the run as a whole -----------------------------------------------------------

    def check_benchmark(self) -> None:
        """Refuse a benchmark that is not listed all through the run.

        Raises:
            BenchmarkAssetNotAvailableTooEarly: its first bar is after the run's first
                session.
            BenchmarkAssetNotAvailableTooLate: its last bar is before the run's last
                session.
        """
        core = self._core
        if core.benchmark is None and core.settings.benchmark is not None:
            core.benchmark = core.find_symbol(core.settings.benchmark)
        asset, end = core.benchmark, core.settings.end
        if asset is None:
            return
        start = core.market.assets[asset.index].start_date
        last = core.market.assets[asset.index].end_date
        if start > core.settings.start:
            raise BenchmarkAssetNotAvailableTooEarly(
                f"benchmark {asset.symbol} does not exist on {core.settings.start}: it started "
                f"trading on {start}; "
                "start later or choose another benchmark"
            )
        if end is not None and last < end:
            raise BenchmarkAssetNotAvailableTooLate(
                f"benchmark {asset.symbol} does not exist on {end}: it stopped trading on {last}; "
                "end sooner or choose another benchmark"
            )

    def snapshot(self) -> RunRecord:
        """Return what the run did so far; later events leave it alone."""
        core = self._core
        record = core.record
        record.orders = list(core.orders)
        record.denied = list(core.orders.denied.values())
        picture = record.copy()
        picture.sessions = rows = copy.copy(self._rows)
        with localcontext(ENGINE_CONTEXT):
            picture.marks = {p.asset.symbol: p.last_sale_price for p in core.portfolio}
            picture.pnl = core.portfolio.pnl
        if core.benchmark is not None and rows:
            first = core.calendar.number(rows[0].label)
            returns = core.market.benchmark_returns(
                core.benchmark.index, first, len(picture.sessions)
            )
            rows.measure(returns)
        elif core.benchmark_returns is not None:
            given = core.benchmark_returns
            rows.measure([given.get(label, 0.0) for label in rows.column("label")])
        return picture
