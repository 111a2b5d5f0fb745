"""The start of a run on a real account: its money, and the shares it takes over.

The rule: shares that the account held before do not belong to the run unless it takes
them; money that belongs to others is not capital.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from rbtlive.brokers.base import BrokerAccount, BrokerAdapter, BrokerHolding
from rbtlive.errors import BrokerError, InvalidSetting
from rbtlive.model.events import PositionAdjustmentEvent
from rbtlive.model.number import ZERO, plain_text
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.ownership import Ownership, claimed

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore

PRICES_MOVE = Decimal("0.02")
"""Equities of two answers in a row agree if they differ by no more than this part of
what the account holds; without holdings they must be equal.
"""

Positions = Literal["leave", "take"] | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """What a run on a real account may own.

    Attributes:
        positions: How to treat shares that the account holds at the first start:
            "leave" keeps them outside the run, "take" makes them the run's, a list of
            symbols takes only those.
        currency: The run's currency.
    """

    positions: Positions = "leave"
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenHolding:
    """Shares that a run takes over.

    Attributes:
        symbol: Symbol of the asset.
        amount: Signed shares.
        price: The broker's cost per share.
    """

    symbol: str
    amount: Decimal
    price: Decimal

    def event(self, at: datetime) -> PositionAdjustmentEvent:
        """Return the event that books the shares."""
        return PositionAdjustmentEvent(
            timestamp=at,
            symbol=self.symbol,
            amount=self.amount,
            price=self.price,
            reason="taken over from the account",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAccount:
    """What a run starts with.

    Attributes:
        capital: Its capital base.
        equity: The account's equity.
        elsewhere: Equity that is not this run's: shares held outside, other runs'
            money.
        taken: The shares it takes over.
        account_id: The broker's name for the account; empty if unknown.
    """

    capital: Decimal
    equity: Decimal
    elsewhere: Decimal
    taken: list[TakenHolding]
    account_id: str = ""

    def facts(self) -> dict[str, str]:
        """Return the opening as facts for the journal: "equity" is the run's capital
        base.
        """
        return {
            "equity": plain_text(self.capital),
            "account_equity": plain_text(self.equity),
            "elsewhere": plain_text(self.elsewhere),
        }


class AccountOpener:
    """Opens an account for one run.

    Args:
        broker: The broker, connected.
        rules: What the run may own.
        ownership: What other runs own.
        assets: The run's symbols.
        last_price: Returns the last price of a symbol, zero if none is known.
    """

    def __init__(
        self,
        broker: BrokerAdapter,
        rules: AccountRules,
        *,
        ownership: Ownership,
        assets: Iterable[str],
        last_price: Callable[[str], Decimal],
    ) -> None:
        self._broker = broker
        self._rules = rules
        self._ownership = ownership
        self._assets = frozenset(assets)
        self._short = {s.replace("/", ""): s for s in self._assets if "/" in s}
        self._last_price = last_price

    async def know_account(self) -> BrokerAccount:
        """Ask for the account, and store its identity.

        Raises:
            BrokerError: the answer is not an account, or its currency differs from the
                run's.
        """
        account = await asking.account(self._broker)
        if account.currency.upper() != self._rules.currency:
            raise BrokerError(
                f"the account's currency must be the run's, {self._rules.currency}: was "
                f"{account.currency}; its money and prices cannot be compared"
            )
        # An account without a name is identified by its adapter in this process.
        own_name = f"{self._broker.name}/{os.getpid()}/{id(self._broker)}"
        self._ownership.account = account.account_id or own_name
        self._ownership.currency = self._rules.currency
        return account

    async def open(self, given: Decimal | None) -> OpenedAccount:
        """Return the opening of a run that has not started before.

        Args:
            given: The requested capital base; None for all free money.

        Raises:
            BrokerError: the account cannot be used.
            InvalidSetting: more was requested than is free, or nothing is free.
        """
        self._check_wanted()
        account, held = await asking.agreed(self._look, _agree)
        others = self._ownership.others()
        theirs = claimed(others)
        taken, outside = self._divided(held, theirs)
        owed = -sum((min(one.value or ZERO, ZERO) for one in outside.values()), ZERO)
        cost = sum((one.amount * one.price for one in taken), ZERO)
        # Shares sold short outside must be bought back, so their proceeds are not free.
        money = account.equity - value_of(held, account) - owed
        free = money - sum((run.cash for run in others if run.running), ZERO) + cost
        shared = bool(outside or others)
        if given is not None and given > free and (shared or taken):
            raise InvalidSetting(
                f"capital_base must be at most what is free on the account, {free}: was {given}; "
                f"{self._whose(outside, others)}; pass a smaller capital_base, or "
                "positions='take' to make the account's shares the run's"
            )
        if given is None and free <= 0:
            raise InvalidSetting(
                f"the account has no free money for this run: {self._whose(outside, others)}; "
                "stop the runs you no longer need, pass capital_base= to those that share the "
                "account, or positions='take' to make its shares this run's"
            )
        capital = free if given is None else given
        return OpenedAccount(
            capital=capital,
            equity=account.equity,
            elsewhere=account.equity - free,
            taken=taken,
            account_id=account.account_id,
        )

    async def _look(self) -> tuple[BrokerAccount, list[BrokerHolding]]:
        return await self.know_account(), await asking.holdings(self._broker)

    def _divided(
        self, held: Iterable[BrokerHolding], theirs: dict[str, Decimal]
    ) -> tuple[list[TakenHolding], dict[str, BrokerHolding]]:
        wanted = self._wanted()
        taken, outside = [], {}
        for one in held:
            symbol = one.symbol if one.symbol in self._assets else self._short.get(one.symbol, "")
            amount = one.amount - theirs.get(symbol or one.symbol, ZERO)
            if not amount:
                continue
            if symbol and (wanted is None or symbol in wanted):
                price = one.cost_basis
                taken.append(
                    TakenHolding(
                        symbol=symbol,
                        amount=amount,
                        price=self._last_price(symbol) if price is None else price,
                    )
                )
            else:
                price = self._last_price(symbol) if one.value is None else one.value / one.amount
                rest = replace(one, amount=amount, value=price * amount)
                outside[symbol or one.symbol] = rest
        return taken, outside

    def _check_wanted(self) -> None:
        unknown = sorted((self._wanted() or frozenset()) - self._assets)
        if unknown:
            raise InvalidSetting(
                f"positions must name symbols of the run's data: {', '.join(unknown)} "
                "is none; load its history with data=, or leave it out"
            )

    # The symbols to take over; None means all.
    def _wanted(self) -> frozenset[str] | None:
        positions = self._rules.positions
        if isinstance(positions, str):
            return None if positions == "take" else frozenset()
        return frozenset(positions)

    @staticmethod
    def _whose(outside: Iterable[str], others: list[Any]) -> str:
        parts = []
        if outside:
            parts.append(f"it holds {', '.join(sorted(outside))} outside of this run")
        parts += [
            f"session {run.name!r}, which was not stopped, has {run.cash} of its cash"
            for run in others
            if run.running
        ]
        return " and ".join(parts) or "its cash is not positive"


# Prices may move between two looks; cash and shares rest.
def _agree(
    one: tuple[BrokerAccount, list[BrokerHolding]], other: tuple[BrokerAccount, list[BrokerHolding]]
) -> bool:
    (account, held), (again, held_again) = one, other
    amounts, same = ({one.symbol: one.amount for one in side} for side in (held, held_again))
    moved = abs(account.equity - again.equity)
    return account.cash == again.cash and amounts == same and moved <= _may_move(account, held)


# Shorts and longs move separately, so their values do not offset each other.
def _may_move(account: BrokerAccount, held: Sequence[BrokerHolding]) -> Decimal:
    values = [one.value for one in held if one.amount]
    if None in values:
        return PRICES_MOVE * abs(account.equity)
    return PRICES_MOVE * sum((abs(value) for value in values if value is not None), ZERO)


def value_of(held: Sequence[BrokerHolding], account: BrokerAccount) -> Decimal:
    """Return the value of an account's holdings: the sum of their values, or equity
    less cash if one value is unknown.
    """
    values = [one.value for one in held if one.amount]
    if None in values:
        return account.equity - account.cash
    return sum((value for value in values if value is not None), ZERO)


def checked_positions(positions: object) -> Positions:
    """Return the argument `positions=` of attach, checked.

    Raises:
        InvalidSetting: it is neither "leave", "take" nor a list of symbols.
    """
    if isinstance(positions, str) and positions in {"leave", "take"}:
        return positions
    if not isinstance(positions, (str, bytes)) and isinstance(positions, Iterable):
        symbols: list[Any] = [getattr(one, "symbol", one) for one in positions]
        if all(isinstance(symbol, str) for symbol in symbols):
            return tuple(symbols)
    raise InvalidSetting(
        f'positions must be "leave", "take" or a list of symbols: was {positions!r}'
    )


def last_price_of(core: TradingCore, symbol: str) -> Decimal:
    """Return the last price of a symbol in the run's market, zero if none is known."""
    asset = next((one for one in core.state.assets if one.symbol == symbol), None)
    price = float("nan") if asset is None else float(core.state.market.price(asset.index))
    return ZERO if price != price else Decimal(repr(price))  # noqa: PLR0124 - NaN
