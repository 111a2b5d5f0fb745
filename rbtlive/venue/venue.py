"""The venue itself, combining book, clock, state and streams.

The rule: an input is on disk before the book applies it, and in the book before any
client learns of it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr

from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import FixedBasisPointsSlippage, NoSlippage
from rbtlive.model.number import plain_text
from rbtlive.venue.bars import Frequency, VenueMarket
from rbtlive.venue.book import Fills, VenueBook
from rbtlive.venue.book_entries import Update, VenueOrder
from rbtlive.venue.faults import Faults
from rbtlive.venue.limits import RateLimit, RequestLimits
from rbtlive.venue.order_requests import OrderRequest, Refused
from rbtlive.venue.shapes import update_shape
from rbtlive.venue.state import Input, InputLog
from rbtlive.venue.streams import MarketStreams, TradeStreams
from rbtlive.venue.venue_clock import VenueClock

SLIPPAGE: dict[str, Callable[[], Any]] = {
    "none": NoSlippage,
    "basis-points": FixedBasisPointsSlippage,
}
"""Slippage models by their names on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """A venue's settings.

    Attributes:
        portal: The bars.
        frequency: "1d" or "1m".
        start: Label of the first session, None for the first with bars.
        end: Label of the last session, None for the last with bars.
        cash: Money at the start.
        lot_size: Smallest tradable amount.
        slippage: A name in `SLIPPAGE`.
        fills: "now" or "next" bar.
        speed: How many times faster than real time bars come; None waits for `advance`.
        state: File that stores the book; None does not store it.
        keys: Accepted key pairs, id to secret.
        control_token: Token that the control endpoints require.
        multiplier: Maximum value of positions, as a multiple of equity.
        strict: Refuse whatever the imitated broker refuses because of the account's
            books.
        hard_to_borrow: Symbols that cannot be sold short.
        crypto_fee: Fraction of a pair's trade that is kept as a fee, from the amount
            received.
        requests_per_minute: Limit of trading requests, and of market data requests, per
            minute of real or venue time; None is no limit.
    """

    portal: PolarsDataPortal
    keys: Mapping[str, SecretStr]
    control_token: SecretStr
    frequency: Frequency = "1d"
    start: date | None = None
    end: date | None = None
    cash: Decimal = Decimal(100_000)
    lot_size: Decimal = Decimal("1E-9")
    slippage: str = "none"
    fills: Fills = "now"
    speed: float | None = None
    state: Path | None = None
    multiplier: Decimal = field(default=Decimal(2))
    strict: bool = True
    hard_to_borrow: frozenset[str] = frozenset()
    crypto_fee: Decimal = field(default=Decimal(0))
    requests_per_minute: int | None = None

    def facts(self) -> dict[str, Any]:
        """Return the settings that a saved book depends on."""
        return {
            "bars": self.portal.fingerprint(),
            "frequency": self.frequency,
            "start": None if self.start is None else self.start.isoformat(),
            "end": None if self.end is None else self.end.isoformat(),
            "cash": plain_text(self.cash),
            "lot_size": plain_text(self.lot_size),
            "slippage": self.slippage,
            "fills": self.fills,
            "multiplier": plain_text(self.multiplier),
            "strict": self.strict,
            "hard_to_borrow": sorted(self.hard_to_borrow),
            "crypto_fee": plain_text(self.crypto_fee),
        }


class Venue:
    """A paper venue, as its HTTP side sees it.

    Args:
        settings: The venue's settings.
        monotonic_s: Returns seconds of real time that never run backwards.
    """

    def __init__(self, settings: VenueSettings, *, monotonic_s: Callable[[], float]) -> None:
        self.settings = settings
        self.faults = Faults()
        self.trade_streams = TradeStreams(self.faults, knows=self.knows)
        self.market_streams = MarketStreams(self.faults, knows=self.knows)
        self._monotonic_s = monotonic_s
        self._log = InputLog(settings.state, self._new_header())
        self._moved = asyncio.Event()
        self._updates: list[dict[str, Any]] = []
        self._rebuild()
        self.limits = RequestLimits(self._new_limit)

    def knows(self, key_id: object, secret: object) -> bool:
        """Say whether a key pair is accepted."""
        if not isinstance(key_id, str) or not isinstance(secret, str):
            return False
        expected = self.settings.keys.get(key_id)
        return expected is not None and _same(secret, expected)

    def controls(self, token: object) -> bool:
        """Say whether a control token is correct."""
        return isinstance(token, str) and _same(token, self.settings.control_token)

    # -- inputs -----------------------------------------------------------------------

    def place(self, request: OrderRequest) -> VenueOrder:
        """Place an order.

        Raises:
            Refused: it cannot be placed; then nothing changes.
        """
        self.book.check(request)
        return self._input("place", request.facts())  # type: ignore[no-any-return]

    def cancel(self, placed: VenueOrder) -> None:
        """Cancel an order."""
        self._input("cancel", {"id": str(placed.id)})

    def replace(self, placed: VenueOrder, request: OrderRequest) -> VenueOrder:
        """Replace an open order; the new one has a client order id of its own.

        Raises:
            Refused: the new order cannot be placed; then nothing changes.
        """
        if self.book.by_client_id(request.client_order_id) is not None:
            raise Refused(422, 40010001, "client_order_id must be unique")
        facts = {"id": str(placed.id), "request": request.facts()}
        return self._input("replace", facts)  # type: ignore[no-any-return]

    def pay(self, code: str, amount: Decimal, symbol: str = "") -> None:
        """Change the account's cash without an order."""
        self._input("pay", {"code": code, "amount": plain_text(amount), "symbol": symbol})

    def announce_symbol(self, symbol: str, new_symbol: str) -> None:
        """Announce a new symbol for an asset, from the next session on.

        Raises:
            Refused: the asset does not exist, or the new symbol is taken.
        """
        self._input("rename", {"symbol": symbol, "new_symbol": new_symbol})

    def announce_split(self, symbol: str, ratio: Decimal) -> None:
        """Announce a split of an asset in the next session.

        Raises:
            Refused: the asset does not exist, or already has a split then.
        """
        self._input("split", {"symbol": symbol, "ratio": plain_text(ratio)})

    def restrict(self, facts: Mapping[str, Any]) -> None:
        """Change facts of the account: its flags, status or currency."""
        self._input("restrict", dict(facts))

    def advance(self) -> bool:
        """Move to the next slice; False if there is none."""
        next_us = self.market.next_end_us
        if next_us is None:
            return False
        self._input("advance", {}, at_us=self.clock.set(next_us))
        market = self.market
        self.market_streams.tell(
            prints=market.prints(),
            days=market.day_prints() if market.session_is_over else (),
            minutes=market.frequency == "1m",
        )
        return True

    def _input(self, kind: str, facts: dict[str, Any], *, at_us: int | None = None) -> Any:
        one = Input(kind, self.clock.stamp_us() if at_us is None else at_us, facts)
        self._log.append(one)
        result = self._take(one)
        updates, self._updates = self._updates, []
        for update in updates:
            self.trade_streams.tell(update)
        self._moved.set()
        return result

    def _take(self, one: Input) -> Any:
        book, at = self.book, datetime_of(one.at_us)
        result: Any = None
        if one.kind == "place":
            result = book.place(OrderRequest.from_facts(one.facts), at)
        elif one.kind == "cancel":
            book.cancel(book.orders[UUID(one.facts["id"])], at)
        elif one.kind == "replace":
            request = OrderRequest.from_facts(one.facts["request"])
            result = book.replace(book.orders[UUID(one.facts["id"])], request, at)
        elif one.kind == "restrict":
            book.restrictions |= one.facts
        elif one.kind == "rename":
            book.announce_symbol(**one.facts)
        elif one.kind == "split":
            book.announce_split(one.facts["symbol"], Decimal(one.facts["ratio"]))
        elif one.kind == "pay":
            facts = one.facts
            book.pay(facts["code"], Decimal(facts["amount"]), at, symbol=facts["symbol"])
        else:
            book.advance(at)
        return result

    def _note(self, update: Update) -> None:
        self._updates.append(update_shape(self.book, update))

    # -- life -------------------------------------------------------------------------

    async def run(self) -> None:
        """Advance in step with real time, for a venue with a speed."""
        while self.settings.speed is not None and self.market.next_end_us is not None:
            self._moved.clear()
            wait_s = self.clock.wait_s(self.market.next_end_us)
            if wait_s:
                try:  # noqa: SIM105 - setting the clock changes the waiting time
                    await asyncio.wait_for(self._moved.wait(), wait_s)
                except TimeoutError:
                    pass
            else:
                self.advance()
                await asyncio.sleep(0)

    def restart(self) -> None:
        """Simulate a crash and a restart: connections are cut, and the book is rebuilt
        from its state.
        """
        self.disconnect()
        self._rebuild()

    def reset(self) -> None:
        """Start a new book, without faults."""
        self.faults.switch([])
        self.disconnect()
        self._log.forget(self._new_header())
        self._rebuild()
        self.limits = RequestLimits(self._new_limit)

    def disconnect(self) -> int:
        """Cut all streams and return how many there were."""
        return self.trade_streams.abort_all() + self.market_streams.abort_all()

    def close(self) -> None:
        """Close the state."""
        self._log.close()

    def _rebuild(self) -> None:
        settings = self.settings
        self.market = VenueMarket(
            settings.portal,
            frequency=settings.frequency,
            start=settings.start,
            end=settings.end,
            lot_size=settings.lot_size,
        )
        self.market.step()
        self.book = VenueBook(
            self.market,
            book_id=UUID(self._log.header["book_id"]),
            cash=settings.cash,
            slippage=SLIPPAGE[settings.slippage](),
            commission=NoCommission(),
            fills=settings.fills,
            multiplier=settings.multiplier,
            strict=settings.strict,
            hard_to_borrow=settings.hard_to_borrow,
            crypto_fee=settings.crypto_fee,
            on_update=self._note,
        )
        latest_us = self.market.now_us
        for one in self._log:
            self._take(one)
            latest_us = one.at_us
        self._updates = []  # they were sent when they happened, or lost with the connections
        self.clock = VenueClock(latest_us, speed=settings.speed, monotonic_s=self._monotonic_s)
        self._moved.set()

    def _new_limit(self) -> RateLimit:
        return RateLimit(
            self.settings.requests_per_minute,
            monotonic_s=self._monotonic_s,
            venue_s=lambda: self.clock.now_us() / 1e6,
            speed=self.settings.speed,
        )

    def _new_header(self) -> dict[str, Any]:
        return self.settings.facts() | {"book_id": str(uuid4())}


def _same(given: str, expected: SecretStr) -> bool:
    return hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.get_secret_value().encode()
    )
