"""Compare the account's holdings with those of the run, look by look.

The rule: a run compares the assets that it trades or has traded. Each difference is
explained (another run, an order placed elsewhere, a split) or handled by the policy; it
is never ignored silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from operator import eq
from typing import TYPE_CHECKING, Literal

from rbtlive.brokers.base import BrokerAdapter, BrokerOrder
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    SystemErrorEvent,
)
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker import reconciliation as facts
from rbtlive.runtime.broker.account_splits import (
    SESSIONS_BACK,
    is_restated_first,
    is_split,
    looks_split,
    recent_splits,
)
from rbtlive.runtime.broker.asset_fees import fees_taken
from rbtlive.runtime.broker.lasting_differences import LastingDifferences
from rbtlive.runtime.broker.ownership import (
    OtherRun,
    Ownership,
    claimed,
    explains,
    is_outsides,
    left_by_splits,
    put,
    taken_from_outside,
)
from rbtlive.runtime.broker.recent_fills import RecentFills
from rbtlive.runtime.broker.symbol_names import by_own_symbols, called_here, called_there
from rbtlive.runtime.broker.trades_elsewhere import (
    Trade,
    left_the_runs_theirs,
    owned_until,
    price_of,
    totals,
    trades_elsewhere,
)

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

Policy = Literal["halt", "warn", "adopt", "follow"]
FILLED_ELSEWHERE = "FilledElsewhere"
"""Type of the note that holds the explained fills of orders placed elsewhere: signed
shares by symbol.
"""


class BooksWatch:
    """Compares one run's books with its account's.

    Args:
        broker: The broker.
        core: Returns the core.
        run_id: The run's id, a prefix of its client order ids.
        policy: How an unexplained difference is handled.
        ownership: What other runs own.
        outside: Signed shares held outside of all runs, by symbol; None until the run's
            first look.
        foreign: Signed shares, by symbol, that orders placed elsewhere had filled when
            they were last explained; None at the run's first start.
        recent: The executions that the account may not show yet.
        tell: Puts events into the queue.
        note: Writes a note for people.
        now: Returns the time, UTC.
    """

    def __init__(  # noqa: PLR0913 - its connections, each by name
        self,
        broker: BrokerAdapter,
        *,
        core: Callable[[], TradingCore],
        run_id: str,
        policy: Policy,
        ownership: Ownership,
        outside: dict[str, Decimal] | None,
        foreign: dict[str, Decimal] | None,
        recent: RecentFills,
        tell: Callable[[Event], None],
        note: Callable[[str, object], None],
        now: Callable[[], datetime],
    ) -> None:
        self.policy: Policy = policy
        self.ownership = ownership
        self.outside = outside
        self._differences = LastingDifferences()
        self._broker = broker
        self._core = core
        self._run_id = run_id
        self._tell = tell
        self._note = note
        self._now = now
        self._reported: set[str] = set()
        self._others: dict[str, OtherRun] = {}
        self._foreign = foreign
        self._recent = recent
        self._taken_elsewhere: dict[str, tuple[Decimal, Decimal | None]] = {}
        self._claims: dict[str, Decimal] | None = None
        self._splits: set[tuple[int, int]] | None = None
        self._unsure: set[tuple[int, int]] = set()
        self._traded: set[str] = set()
        self._traded_upto = self._version = -1

    # -- owners -----------------------------------------------------------------------

    def ours(self) -> dict[str, Decimal]:
        """Return the signed shares that this run owns, by symbol."""
        return {p.asset.symbol: p.amount for p in self._core().state.portfolio if p.amount}

    def traded(self) -> set[str]:
        """Return the symbols that this run trades or has traded."""
        core = self._core()
        if core.state.orders.last_id != self._traded_upto:
            self._traded_upto = core.state.orders.last_id
            self._traded |= {order.asset.symbol for order in core.state.orders}
        return self._traded | {p.asset.symbol for p in core.state.portfolio}

    def note_traded(self, orders: Iterable[BrokerOrder]) -> None:
        """Mark the symbols of orders as traded: the broker holds them for this run."""
        self._traded.update(self.called_here(order.symbol) for order in orders)

    def called_here(self, symbol: str) -> str:
        """Return a symbol of the broker in this run's spelling."""
        return called_here(self._core(), symbol)

    def elsewhere(self, symbol: str) -> str:
        """Describe the holdings of outside and other runs in a symbol at the last look;
        empty if they held nothing.
        """
        owners = [(run.name, run.positions) for run in self._others.values()]
        shares = [(name, held.get(symbol, ZERO)) for name, held in owners]
        shares.append(("outside", (self.outside or {}).get(symbol, ZERO)))
        return ", ".join(f"{plain_text(amount)} {name}" for name, amount in shares if amount)

    def held_elsewhere(self, symbol: str) -> Decimal:
        """Return the signed shares of a symbol that outside and other runs held at the
        last look.
        """
        theirs = (run.positions.get(symbol, ZERO) for run in self._others.values())
        return sum(theirs, (self.outside or {}).get(symbol, ZERO))

    async def held(self) -> dict[str, Decimal]:
        """Return the signed shares that the account holds, by the run's symbols."""
        return by_own_symbols(self._core(), await asking.positions(self._broker))

    async def share(self) -> dict[str, Decimal]:
        """Return the account's holdings for this run: without the shares of outside and
        other runs.
        """
        held = await self.held()
        return self._share_of(held)

    def _share_of(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        theirs, outside = claimed(self.others()), self.outside or {}
        symbols = self.traded()
        return {
            s: n
            for s in symbols
            if (n := held.get(s, ZERO) - outside.get(s, ZERO) - theirs.get(s, ZERO))
        }

    def others(self) -> list[OtherRun]:
        """Return the other runs on the account. Shares of a run that has ended count as
        outside from then on.
        """
        core = self._core()
        now = {
            run.run_id: replace(run, positions=by_own_symbols(core, run.positions))
            for run in self.ownership.others()
        }
        for run_id, run in self._others.items():
            if run_id not in now and self.outside is not None:
                for symbol, amount in run.positions.items():
                    self.outside[symbol] = self.outside.get(symbol, ZERO) + amount
        self._others = now
        return list(now.values())

    def publish(self) -> None:
        """Publish this run's holdings to other runs, if they have changed."""
        version = self._core().state.portfolio.version
        if version == self._version:
            return
        self._version = version
        core = self._core()
        owned = {called_there(core, symbol): n for symbol, n in self.ours().items()}
        self.ownership.publish(owned, self._core().state.portfolio.cash)

    # -- a look -----------------------------------------------------------------------

    async def look(
        self, order_differences: list[facts.Mismatch], *, settled: bool, patient: bool
    ) -> None:
        """Compare positions, and store the differences.

        Args:
            order_differences: Differences among the orders.
            settled: Whether nothing is on its way; positions are compared only then.
            patient: Whether the account may not show the latest executions yet.
        """
        self.publish()
        others = claimed(self.others())
        if self.outside is None:
            held = await asking.agreed(self.held, eq)
            self._begin(held, others)
        else:
            held = await self.held()
        self._split_outside(held, others)
        await self._follow_untraded(held, others)
        found = list(order_differences)
        assert self.outside is not None
        if settled:
            differing = self._position_differences(held, others)
            if patient:
                differing = [one for one in differing if not self._recent.explain(one)]
            fees = fees_taken(
                [one for one in differing if one in self._differences],
                self._core().state.record.transactions,
                rate=self._broker.fee_in_asset,
                now=self._now(),
            )
            for fee in fees:
                self._tell(fee)
            if fees:
                differing = []  # the next look compares
            if differing:
                differing = await self._explained(differing, held, others)
            self._claims = {  # each asset's claims when it last agreed
                **others,
                **{one.symbol: (self._claims or {}).get(one.symbol, ZERO) for one in differing},
            }
            found += differing
        for one in self._differences.take(found):
            self._say_once(f"{one.what} differs at some looks and not at others: {one}")

    async def _explained(
        self,
        differing: list[facts.Mismatch],
        held: Mapping[str, Decimal],
        others: Mapping[str, Decimal],
    ) -> list[facts.Mismatch]:
        # Each explanation handles what the previous one left unexplained: a share is
        # counted once. Known facts (claims, orders) come before possible effects of a
        # split.
        assert self.outside is not None
        lasting = [one for one in differing if one in self._differences]
        if taken_from_outside(
            lasting, self.outside, ours=self.ours(), claims=others, before=self._claims
        ):
            self._note("HeldOutside", self.outside)
            differing = self._position_differences(held, others)
        await self._explain_by_foreign_orders(differing, held, others)
        differing = self._position_differences(held, others)
        left = left_by_splits(
            [one for one in differing if one in self._differences],
            self.outside,
            ours=self.ours(),
            others=self.others(),
            split={s for s in self.traded() if recent_splits(self._core(), s)},
        )
        for symbol, shares in left.items():
            self._say_once(f"a split left {plain_text(shares)} {symbol}: left outside")
        if left:
            self._note("HeldOutside", self.outside)
            differing = self._position_differences(held, others)
        return differing

    def _begin(self, held: Mapping[str, Decimal], others: Mapping[str, Decimal]) -> None:
        ours = self.ours()
        self.outside = {
            symbol: rest
            for symbol in sorted({*held, *ours, *others})
            if (rest := held.get(symbol, ZERO) - ours.get(symbol, ZERO) - others.get(symbol, ZERO))
        }
        self._note("HeldOutside", self.outside)

    async def _follow_untraded(
        self, held: Mapping[str, Decimal], others: Mapping[str, Decimal]
    ) -> None:
        # Shares of assets that this run never traded belong to outside. A change counts
        # if a second answer at once confirms it.
        assert self.outside is not None
        traded = self.traded()
        rests = {
            symbol: held.get(symbol, ZERO) - others.get(symbol, ZERO)
            for symbol in {*held, *self.outside} - traded
        }
        changed = {s: rest for s, rest in rests.items() if rest != self.outside.get(s, ZERO)}
        if changed:
            again = await self.held()
            changed = {s: n for s, n in changed.items() if again.get(s) == held.get(s)}
        if not changed:
            return
        for symbol, rest in changed.items():
            put(self.outside, symbol, rest)
        self._note("HeldOutside", self.outside)
        if (
            self._foreign is not None
        ):  # shares already counted as outside explain no later difference
            now = totals(await self._trades_elsewhere())
            explained = {s: n for s, n in self._foreign.items() if s in traded}
            self._foreign = {s: n for s, n in now.items() if s not in traded} | explained
            self._note(FILLED_ELSEWHERE, self._foreign)

    def _position_differences(
        self, held: Mapping[str, Decimal], others: Mapping[str, Decimal]
    ) -> list[facts.Mismatch]:
        assert self.outside is not None
        traded = self.traded()
        elsewhere = {
            symbol: self.outside.get(symbol, ZERO) + others.get(symbol, ZERO) for symbol in traded
        }
        found = facts.position_mismatches(
            self._core().state.portfolio,
            {symbol: amount for symbol, amount in held.items() if symbol in traded},
            elsewhere,
        )
        if not found:
            return found
        # The account may be split overnight, before the run's session begins; the
        # difference is judged in that session.
        core, ours, now = self._core(), self.ours(), self._now()
        coming = {
            core.state.assets[index].symbol: (core.state.assets[index], ratio)
            for index, ratio in core.state.market.coming_splits().items()
        }

        def is_early(symbol: str) -> bool:
            asset, ratio = coming[symbol]
            before = ours.get(symbol, ZERO) + elsewhere[symbol]
            return is_restated_first(core, asset, now) or looks_split(
                held.get(symbol, ZERO), before, ratio
            )

        return [one for one in found if one.symbol not in coming or not is_early(one.symbol)]

    def _split_outside(self, held: Mapping[str, Decimal], others: Mapping[str, Decimal]) -> None:
        # Shares held outside are split together with the run's own. Of the cash for
        # fractions, outside gets the part that the run's own shares leave. A starting
        # process may have died between a split and its note; while shares are on their
        # way, a look cannot tell.
        assert self.outside is not None
        core = self._core()
        market = core.state.market
        coming = market.coming_splits()
        now = {
            one for one in market.known_splits if one[1] <= market.session or one[0] not in coming
        }
        recent = {one for one in now if one[1] > market.session - SESSIONS_BACK}
        begun = set() if self._splits is None else now - self._splits
        unsure = recent if self._splits is None else self._unsure
        self._splits, self._unsure, before = now, set(), dict(self.outside)
        for index, session in begun | unsure:
            symbol = core.state.assets[index].symbol
            ratio = market.ratio_of(index, session)
            if not ratio or symbol not in self.outside:
                continue
            left = self.outside[symbol]
            exact = left / ratio
            owned = self.ours().get(symbol, ZERO) + others.get(symbol, ZERO)
            rest = held.get(symbol, ZERO) - owned
            there = is_split(rest, exact)
            if not there and (index, session) in unsure:
                if rest != left:
                    self._unsure.add((index, session))
            else:
                put(self.outside, symbol, rest if there and exact % 1 else exact)
        if self.outside != before:
            self._note("HeldOutside", self.outside)

    async def _explain_by_foreign_orders(
        self,
        differing: list[facts.Mismatch],
        held: Mapping[str, Decimal],
        others: Mapping[str, Decimal],
    ) -> None:
        # Shares from an order placed elsewhere belong to outside, as long as the runs'
        # own shares are still there.
        trades = await self._trades_elsewhere()
        before, now = self._foreign, totals(trades)
        ours = self.ours()
        for one in differing:
            symbol = one.symbol
            came = ZERO if before is None else now.get(symbol, ZERO) - before.get(symbol, ZERO)
            explained = explains(came, one.gap or ZERO, recent_splits(self._core(), symbol))
            if before is None or not explained or one not in self._differences:
                continue  # another run may be about to claim them
            owned = ours.get(symbol, ZERO) + others.get(symbol, ZERO)
            assert self.outside is not None
            left = self.outside.get(symbol, ZERO)
            if not is_outsides(left, held.get(symbol, ZERO) - owned, owned) and not (
                came == one.gap
                and left_the_runs_theirs(
                    trades.get(symbol, ()),
                    came,
                    before=left,
                    owned_at=owned_until(self._core(), symbol, owned),
                )
            ):
                self._taken_elsewhere[symbol] = came, price_of(trades.get(symbol, ()), came)
                continue
            before[symbol] = now[symbol]
            self._note(FILLED_ELSEWHERE, before)
            put(self.outside, symbol, self.outside.get(symbol, ZERO) + (one.gap or ZERO))
            self._note("HeldOutside", self.outside)
            self._say_once(f"an order placed elsewhere changed {symbol} by {came}: left outside")

    async def begin_foreign(self) -> None:
        """Record the fills of orders placed elsewhere from before the run's first start
        as known.
        """
        if self._foreign is None:
            self._foreign = totals(await self._trades_elsewhere())
            self._note(FILLED_ELSEWHERE, self._foreign)

    async def _trades_elsewhere(self) -> dict[str, list[Trade]]:
        return await trades_elsewhere(
            self._broker, runs={self._run_id, *self._others}, spelled=self.called_here
        )

    @property
    def differences(self) -> tuple[facts.Mismatch, ...]:
        """The differences of the last look."""
        return self._differences.latest

    def lasting(self) -> list[facts.Mismatch]:
        """Return the differences that persisted over several looks, growing ones
        included.
        """
        return self._differences.lasting()

    # -- handling differences --------------------------------------------------------

    async def settle_by_policy(self) -> None:
        """At a start, adopt or follow differences, if that is the policy."""
        if not self.differences:
            return
        if self.policy == "adopt":
            self.adopt(await self.held())
            self._differences.drop(one for one in self.differences if one.gap is None)
        elif self.policy == "follow":
            self.follow(self.differences)

    def judge(
        self,
        lasting: Iterable[facts.Mismatch],
        held: Mapping[str, Decimal],
        causes: Iterable[str] = (),
    ) -> None:
        """Handle lasting differences according to the policy.

        Args:
            lasting: The differences.
            held: The account's holdings, by the run's symbols.
            causes: Likely faults of an adapter's code, a sentence each.
        """
        found = list(lasting)
        if self.policy == "adopt" and any(one.gap is not None for one in found):
            self.adopt(held)
        elif self.policy == "follow":
            self.follow(found)
        found = [one for one in found if one in self._differences]
        if not found:
            return
        elsewhere = (
            f"orders placed elsewhere traded {plain_text(came)} {one.symbol}"
            for one in found
            if (came := self._taken_elsewhere.get(one.symbol, (ZERO, None))[0]) and came == one.gap
        )
        text = "; ".join([facts.listed(found), *elsewhere, *causes])
        if self.policy == "warn":
            self._say_once(text)
        elif self._core().state.trading_state != "halted":
            self._tell(
                CircuitBreakerEvent(timestamp=self._now(), name="reconciliation", reason=text)
            )

    def adopt(self, held: Mapping[str, Decimal]) -> None:
        """Count differences as outside shares, unless the runs' own shares would then
        be missing.
        """
        assert self.outside is not None
        ours, others = self.ours(), claimed(self.others())
        adopted = []
        for one in self.differences:
            symbol = one.symbol
            owned, there = ours.get(symbol, ZERO) + others.get(symbol, ZERO), held.get(symbol, ZERO)
            left = self.outside.get(symbol, ZERO)
            if one.gap is None or not is_outsides(left, there - owned, owned):
                continue
            put(self.outside, symbol, there - owned)
            adopted.append(one)
        if adopted:
            self._note("HeldOutside", self.outside)
            self._differences.drop(adopted)

    def follow(self, found: Iterable[facts.Mismatch]) -> None:
        """Correct the run's books to match the broker, by journaled events."""
        followed = list(found)
        prices = {
            one.symbol: price
            for one in followed
            if (elsewhere := self._taken_elsewhere.get(one.symbol)) is not None
            and elsewhere[0] == one.gap
            and (price := elsewhere[1]) is not None
        }
        for event in facts.corrections(self._core(), followed, self._now(), prices=prices):
            self._tell(event)
        self._differences.drop(followed)

    def _say_once(self, text: str) -> None:
        if text not in self._reported:
            self._reported.add(text)
            self._tell(
                SystemErrorEvent(timestamp=self._now(), message=text, source="reconciliation")
            )
