"""The venue's book: orders, executions, cash and positions, built from the package's
own classes.

The rule: it changes only through `place`, `cancel` and `advance`, each with its time.
The same inputs give the same book, including ids, so only the list of inputs has to be
saved.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid5

from rbtlive.core.shown.order_views import OrderView, TransactionView
from rbtlive.core.shown.presenter import get_presenter
from rbtlive.core.state.order import Order
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_money
from rbtlive.model.order_facts import OrderState
from rbtlive.sim.matching import SimVenue, execution_id
from rbtlive.venue import rules
from rbtlive.venue.bars import VenueMarket
from rbtlive.venue.book_entries import CashActivity, Execution, SymbolChange, Update, VenueOrder
from rbtlive.venue.buying_power import money_needed, money_reserved
from rbtlive.venue.order_requests import OrderRequest, Refused

Fills = Literal["now", "next"]
_FEE_STEP = Decimal("1E-9")


class VenueBook:
    """Orders and money of the venue's one account.

    Args:
        market: The market, before its first slice.
        book_id: Source of all ids.
        cash: Money at the start.
        slippage: Decides price and amount of executions.
        commission: Decides their cost.
        fills: "now" tries a new order on the current bar; "next" waits for the next
            bar.
        multiplier: Maximum value of positions, as a multiple of equity.
        strict: Refuse whatever the real broker refuses because of the account's books.
        hard_to_borrow: Symbols that cannot be sold short.
        crypto_fee: Fraction of a pair's trade that is kept as a fee, from the amount
            received.
        on_update: Called with each order event while the order is in that very state.

    Attributes:
        orders: All orders, oldest first.
        executions: All executions, oldest first.
        portfolio: Cash and positions.
        last_equity: Equity at the end of the previous session.
        last_prices: Prices of the positions at that time.
        symbol_changes: Announced new symbols, oldest first.
        restrictions: Facts of the account that differ from those of an unrestricted
            one.
    """

    def __init__(  # noqa: PLR0913 - a book's settings, each by name
        self,
        market: VenueMarket,
        *,
        book_id: UUID,
        cash: Decimal,
        slippage: Any,
        commission: Any,
        fills: Fills = "now",
        multiplier: Decimal = Decimal(2),
        strict: bool = False,
        hard_to_borrow: frozenset[str] = frozenset(),
        crypto_fee: Decimal = ZERO,
        on_update: Callable[[Update], None],
    ) -> None:
        frames = get_presenter("polars")
        self.market = market
        self.id = book_id
        self.multiplier = multiplier
        self.strict = strict
        self.hard_to_borrow = hard_to_borrow
        self._crypto_fee = crypto_fee
        self.day_trades = rules.DayTrades()
        self.activities: list[CashActivity] = []
        self._on_update = on_update
        self.orders: dict[UUID, VenueOrder] = {}
        self.executions: list[Execution] = []
        self.last_equity = cash
        self.last_prices: dict[str, Decimal] = {}
        self._fills = fills
        self._by_client_id: dict[str, VenueOrder] = {}
        self._by_number: dict[str, VenueOrder] = {}
        self._manager = OrderManager()
        self.portfolio = Portfolio(cash)
        self.symbol_changes: list[SymbolChange] = []
        self.restrictions: dict[str, Any] = {}
        self._owed: list[tuple[int, str, Decimal]] = []
        self._updates_made = 0
        self._now = datetime_of(market.now_us)
        # A SimVenue caches resting orders for a whole book, so orders that are tried at
        # once use a second one.
        self._venue, self._at_once = (
            SimVenue(
                slippage,
                commission,
                cap_limit_price=True,
                order_view=lambda order: OrderView(order, frames),
                transaction_view=lambda order, **facts: TransactionView(order, frames, **facts),
            )
            for _ in range(2)
        )
        with _exactly():
            self._enter_slice()

    # -- queries ----------------------------------------------------------------------

    def by_client_id(self, client_order_id: str) -> VenueOrder | None:
        """Return the order with a client order id, if any."""
        return self._by_client_id.get(client_order_id)

    def asset_id(self, symbol: str) -> UUID:
        """Return the venue's id of an asset."""
        return uuid5(self.id, f"asset/{symbol}")

    def open_orders(self) -> list[VenueOrder]:
        """Return the orders that may still fill, in the order of the book."""
        return [self._by_number[order.id] for order in self._manager.get_active_orders()]

    @property
    def cash(self) -> Decimal:
        """Money that is not in positions."""
        return self.portfolio.cash

    def price_of(self, symbol: str) -> Decimal:
        """Return the last price of an asset, zero before the first."""
        return self.market.price(self.market.by_symbol[symbol]) or ZERO

    def equity(self) -> Decimal:
        """Return cash plus positions at the last prices."""
        return self.portfolio.portfolio_value

    def buying_power(self) -> Decimal:
        """Return the money available for new positions: equity times the multiplier,
        less positions and open orders.
        """
        gross = self.portfolio.totals().gross
        reserved = ZERO
        for placed in self.open_orders():
            asset = placed.order.asset
            held = self.portfolio.amount_of(asset)
            reserved += money_reserved(placed, held, self.market.price(asset))
        return max(ZERO, self.equity() * self.multiplier - gross - reserved)

    def check(self, request: OrderRequest) -> None:
        """Raise Refused for a request that cannot be placed now.

        Raises:
            Refused: its id is taken, its asset is unknown or has no price, or it costs
                more than is available.
        """
        if self.strict:
            rules.check_restrictions(self.restrictions)
        if request.client_order_id in self._by_client_id:
            raise Refused(422, 40010001, "client_order_id must be unique")
        asset = self.market.by_symbol.get(request.symbol)
        if asset is None:
            raise Refused(422, 42210000, f'asset "{request.symbol}" not found')
        price = self.market.price(asset)
        if price is None:
            raise Refused(403, 40310000, f'asset "{request.symbol}" has no price yet')
        with _exactly():
            held = self.portfolio.amount_of(asset)
            if self.strict:
                rules.check(self, request, held)
            needed = money_needed(request, held, price, strict=self.strict)
            if self.strict:
                rules.check_cash(self, request, needed)
            if needed > self.buying_power():
                raise Refused(403, 40310000, "insufficient buying power")

    # -- changes ----------------------------------------------------------------------

    def place(self, request: OrderRequest, at: datetime) -> VenueOrder:
        """Accept a checked order, and try it at once if orders fill now.

        Returns:
            The order; it may already be filled.
        """
        self._now = at
        with _exactly():
            asset = self.market.by_symbol[request.symbol]
            order = self._manager.submit_order(
                asset, request.amount, dt=at, limit=request.limit_price, stop=request.stop_price
            )
            placed = VenueOrder(
                id=uuid5(self.id, f"order/{order.id}"),
                request=request,
                order=order,
                submitted=at,
                updated=at,
                expiry_session=self.market.session + self.market.session_is_over,
            )
            self.orders[placed.id] = placed
            self._by_number[order.id] = placed
            self._by_client_id[request.client_order_id] = placed
            order.move(OrderState.SUBMITTED, at)
            order.move(OrderState.PENDING, at)
            self._tell("new", placed)
            if self._fills == "now":
                self._match(self._at_once, {asset: [order]})
                self._end_at_once([placed])
            return placed

    def cancel(self, placed: VenueOrder, at: datetime) -> None:
        """Cancel the unfilled part of an order; an ended order does not change."""
        self._now = at
        if placed.is_open:
            self._end(placed, OrderState.CANCELED, "canceled")

    def pay(self, code: str, amount: Decimal, at: datetime, *, symbol: str = "") -> None:
        """Change the account's cash without an order.

        Args:
            code: The broker's type of the activity, e.g. "DIV" or "CSD".
            amount: Signed money.
            at: Time, UTC.
            symbol: The asset concerned, if any.
        """
        number = len(self.activities) + 1
        name = uuid5(self.id, f"activity/{number}")
        self.activities.append(CashActivity(name, code, amount, at, symbol))
        with _exactly():
            self.portfolio.book_cash(amount, deposit=code in {"CSD", "CSW"})

    def announce_symbol(self, symbol: str, new_symbol: str) -> None:
        """Announce a new symbol for an asset, from the next session on.

        Raises:
            Refused: the asset does not exist, or the new symbol is taken.
        """
        if symbol not in self.market.by_symbol or new_symbol in self.market.by_symbol:
            raise Refused(422, 40010001, "symbol must be an asset's, new_symbol no asset's")
        session = self.market.session + 1
        self.symbol_changes.append(SymbolChange(symbol, new_symbol, session))

    def announce_split(self, symbol: str, ratio: Decimal) -> None:
        """Announce a split of an asset in the next session: 0.5 is two for one, 4 is
        one for four.

        Raises:
            Refused: the asset does not exist, or already has a split then.
        """
        known = {(a.symbol, session) for a, session, _ratio in self.market.known_splits()}
        if symbol not in self.market.by_symbol or (symbol, self.market.session + 1) in known:
            raise Refused(422, 40010001, "symbol must be an asset's that has no split then")
        self.market.announce_split(symbol, ratio)

    def replace(self, placed: VenueOrder, request: OrderRequest, at: datetime) -> VenueOrder:
        """Replace the unfilled part of an order by another order.

        Source: docs.alpaca.markets/reference/patchorderbyorderid-1.
        """
        self._now = at
        placed.replaced_by = uuid5(self.id, f"order/{len(self.orders) + 1}")
        self._end(placed, OrderState.CANCELED, "replaced")
        successor = self.place(request, at)
        successor.replaces = placed.id
        return successor

    def advance(self, at: datetime) -> None:
        """Move to the next slice: process a session's start, fill orders, and expire
        day orders at a session's end.
        """
        self.market.step()
        self._now = at
        with _exactly():
            self._enter_slice()

    # -- a slice ----------------------------------------------------------------------

    def _enter_slice(self) -> None:
        market = self.market
        if market.session_is_new:
            self._begin_session()
        book = self._manager.open_by_asset()
        if book:
            self._match(self._venue, book)
            self._end_at_once(self.open_orders())
            self._manager.prune()
        self._mark()
        if market.session_is_over:
            for placed in self.open_orders():
                if placed.expires_in(market.session):
                    self._end(placed, OrderState.EXPIRED, "expired")
            self._manager.prune()

    def _begin_session(self) -> None:
        # Source: dividends before splits, on overnight holdings, as in
        # rbtlive.core.actions.corporate_actions.
        market = self.market
        for change in self.symbol_changes:
            if change.session == market.session:
                self._change_symbol(change)
        self.last_equity = self.equity()
        self.last_prices = {held.asset.symbol: price for held, price in self.portfolio.priced()}
        for asset, money, pay_session in market.dividends():
            held = self.portfolio.amount_of(asset)
            if held and pay_session is not None:
                self._owed.append((pay_session, asset.symbol, to_money(held * money)))
        due = [one for one in self._owed if one[0] <= market.session]
        for one in due:
            self._owed.remove(one)
            self.pay("DIV", one[2], self._now, symbol=one[1])
        for asset, ratio in market.splits():
            self._split_orders(asset, ratio)
            self.portfolio.apply_split(asset, ratio)
            if ratio > 1:
                self._pay_fraction(asset)

    # A reverse split cancels open orders; any other adjusts them and rounds their size
    # down. Source: FINRA rule 5330, adjustment of orders.
    def _split_orders(self, asset: Asset, ratio: Decimal) -> None:
        placed = [one for one in self.open_orders() if one.order.asset is asset]
        if ratio > 1:
            for one in placed:
                self._end(one, OrderState.CANCELED, "canceled")
            return
        self._manager.apply_split(asset, ratio, self._now)
        for one in placed:
            one.restate(self._now)

    # A reverse split leaves whole shares; the rest is paid at the new price. Source:
    # docs.alpaca.markets/docs/mandatory-corporate-actions, cash in lieu.
    def _pay_fraction(self, asset: Asset) -> None:
        fraction = self.portfolio.amount_of(asset) % 1
        price = self.market.price(asset)
        if not fraction or price is None:
            return
        at = self.portfolio.marks.of(asset).dt or self._now
        self.portfolio.book_transaction(asset, -fraction, price=ZERO, dt=at)
        self.pay("CIL", to_money(fraction * price), self._now, symbol=asset.symbol)

    # Open orders continue under the new symbol.
    def _change_symbol(self, change: SymbolChange) -> None:
        for placed in self.open_orders():
            placed.change_symbol(change)
        self.market.rename(*change.names)

    def _match(self, venue: SimVenue, book: Mapping[Asset, Sequence[Order]]) -> None:
        venue.match(
            book,
            data=self.market.data,
            now=self._now,
            emit=self._fill,
            version=self._manager.version,
            close_of=self.market.close,
        )
        self._mark()

    def _fill(self, order: Order, amount: Decimal, price: Decimal, commission: Decimal) -> None:
        name = execution_id(order)
        self._manager.fill(order, amount, commission, self._now)
        placed = self._by_number[order.id]
        symbol = order.asset.symbol
        before = self.portfolio.amount_of(order.asset)
        self.day_trades.note(symbol, self.market.session, before=before, amount=amount)
        self.portfolio.book_transaction(order.asset, amount, price=price, dt=self._now)
        self.portfolio.book_commission(order.asset, commission)
        if self._crypto_fee and "/" in symbol:
            self._take_fee(order.asset, amount, price)
        execution = placed.executed(
            uuid5(self.id, f"execution/{name}"), amount=amount, price=price, at=self._now
        )
        self.executions.append(execution)
        self._tell("partial_fill" if placed.is_open else "fill", placed, execution)

    # For a purchase the fee is taken from the asset bought, for a sale from the money.
    # Source: docs.alpaca.markets/docs/crypto-fees.
    def _take_fee(self, asset: Asset, amount: Decimal, price: Decimal) -> None:
        fee = (abs(amount) * self._crypto_fee).quantize(_FEE_STEP, rounding=decimal.ROUND_UP)
        if amount < 0:
            self.pay("CFEE", -to_money(fee * price), self._now, symbol=asset.symbol)
            return
        at = self.portfolio.marks.of(asset).dt or self._now
        self.portfolio.book_transaction(asset, -fee, price=ZERO, dt=at)

    # The part of an ioc order that its first chance does not fill is cancelled. Source:
    # docs.alpaca.markets/docs/orders-at-alpaca, time in force.
    def _end_at_once(self, tried: Iterable[VenueOrder]) -> None:
        for placed in tried:
            if placed.request.time_in_force == "ioc" and placed.is_open:
                self._end(placed, OrderState.CANCELED, "canceled")

    def _end(self, placed: VenueOrder, state: OrderState, event: str) -> None:
        self._manager.move(placed.order, state, self._now)
        placed.ended = self._now
        self._tell(event, placed)

    def _tell(self, event: str, placed: VenueOrder, execution: Execution | None = None) -> None:
        placed.updated = self._now
        self._updates_made += 1
        sent = (
            execution.id
            if execution is not None
            else uuid5(self.id, f"update/{self._updates_made}")
        )
        position = None if execution is None else self.portfolio.amount_of(placed.order.asset)
        self._on_update(Update(event, placed, sent, self._now, execution, position))

    def _mark(self) -> None:
        if self.portfolio.positions:
            self.portfolio.marks.set_prices(
                [self.market.price(asset) for asset in self.portfolio.positions], self._now
            )


@contextmanager
def _exactly() -> Iterator[None]:
    with decimal.localcontext(ENGINE_CONTEXT):
        yield
