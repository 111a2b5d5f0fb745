"""Trading at Alpaca, or at any server with the same API.

The rule: an order is sent once, under its client order id. If it gets no answer, its
outcome is queried by that id; it is never sent again, here or by lower layers.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import SecretStr

from rbtlive.brokers.alpaca_account import AlpacaAccount
from rbtlive.brokers.alpaca_answers import Answer
from rbtlive.brokers.alpaca_feed import AlpacaFeed
from rbtlive.brokers.alpaca_http import (
    LIVE_URL,
    PAPER_URL,
    AlpacaHttp,
    NoAnswer,
    checked_url,
)
from rbtlive.brokers.alpaca_intents import Intents
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.brokers.alpaca_messages import REPLACED, order_body, read_account, read_order
from rbtlive.brokers.alpaca_orders import AlpacaOrders
from rbtlive.brokers.alpaca_rules import (
    PAIR_FEE,
    SECOND_LEG,
    legal_terms,
)
from rbtlive.brokers.alpaca_stream import KnownExecutions, TradeStream
from rbtlive.brokers.alpaca_through_zero import ThroughZero, refusal
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.brokers.base import (
    BrokerAccount,
    BrokerActivity,
    BrokerAdapter,
    BrokerHolding,
    BrokerOrder,
    CorporateActions,
)
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.errors import BrokerError, InvalidSetting, OrderRefused
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import (
    Event,
    OrderFillEvent,
    OrderReplacedEvent,
    OrderUpdateEvent,
    SystemErrorEvent,
)
from rbtlive.model.order_facts import CLOSED_STATES, OrderState


class AlpacaBroker(BrokerAdapter):
    """A broker that speaks Alpaca's Trading API, version 2.

    Args:
        key: The key's id; by default the value of APCA_API_KEY_ID (or ALPACA_API_KEY).
        secret: The key's secret; by default the value of APCA_API_SECRET_KEY (or
            ALPACA_SECRET_KEY).
        paper: Trade with paper money instead of real money.
        url_override: Another address for trading, e.g. that of `python -m
            rbtlive.venue`.
        data_url_override: Another address for market data; by default `url_override`,
            if given.
        data_feed: Source of market data: "iex", or "sip" with a subscription.
        time_in_force: How long orders for whole shares stay open: "gtc" until
            cancelled, or "day". Orders with fractions of a share are always day orders.
        crypto_time_in_force: How long orders for pairs stay open: "gtc" until
            cancelled, or "ioc", which fills what it can at once.
        timeout_s: Maximum time for an answer, in seconds.
        backoff: How long to wait before reopening a broken stream.
        chance: Returns random numbers from 0 to 1 for the jitter.
        requests_per_minute: The account's limit, which is never exceeded; None sends
            without a limit.

    Raises:
        InvalidSetting: a key is missing, or keys must not be sent to an address.
    """

    name: ClassVar[str] = "alpaca"
    simulated: ClassVar[bool] = False
    idle_poll_s: ClassVar[float | None] = 15.0
    fee_in_asset: ClassVar[Decimal] = PAIR_FEE

    def __init__(  # noqa: PLR0913 - settings, by name except for the keys
        self,
        key: str | SecretStr | None = None,
        secret: str | SecretStr | None = None,
        *,
        paper: bool = True,
        url_override: str | None = None,
        data_url_override: str | None = None,
        data_feed: Literal["iex", "sip"] = "iex",
        time_in_force: Literal["gtc", "day"] = "gtc",
        crypto_time_in_force: Literal["gtc", "ioc"] = "gtc",
        timeout_s: float = 10.0,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
        requests_per_minute: int | None = 200,
    ) -> None:
        if time_in_force not in ("gtc", "day"):
            raise InvalidSetting(f"time_in_force must be 'gtc' or 'day': was {time_in_force!r}")
        if crypto_time_in_force not in ("gtc", "ioc"):
            raise InvalidSetting(
                f"crypto_time_in_force must be 'gtc' or 'ioc': was {crypto_time_in_force!r}"
            )
        if not isinstance(paper, bool):
            raise InvalidSetting(f"paper must be True, or False for real money: was {paper!r}")
        self._keys = AlpacaKeys.find(key, secret)
        self.paper = paper
        home = PAPER_URL if paper else LIVE_URL
        self.url = checked_url(home if url_override is None else url_override, "url_override")
        self._whole, self._pairs = time_in_force, crypto_time_in_force
        self._timeout_s = timeout_s
        self._backoff = backoff
        self._chance = chance
        self._http = AlpacaHttp(
            self._keys,
            self.url,
            timeout_s=timeout_s,
            chance=chance,
            requests_per_minute=requests_per_minute,
        )
        self._intents = Intents()
        self._executions = KnownExecutions()
        self._stream: TradeStream | None = None
        self._orders = AlpacaOrders(
            self._http, self._intents, self._executions, note_listed=self._note_listed
        )
        data_url = url_override if data_url_override is None else data_url_override
        self._feed = AlpacaFeed(
            key=self._keys.key_id,
            secret=self._keys.secret,
            url_override=data_url,
            clock_url=self.url,
            data_feed=data_feed,
            backoff=backoff,
            chance=chance,
        )
        self._account = AlpacaAccount(self._http, self._feed)
        self._through_zero = ThroughZero(
            self._intents,
            positions=self.positions,
            post=self._post,
            placed=self._placed,
            look_up=self._orders.look_up,
            tell=self._tell_own,
        )

    @property
    def feed(self) -> AlpacaFeed:
        """Alpaca's market data: minute or daily bars of the session's assets, live."""
        return self._feed

    @property
    def left_out(self) -> int:
        """Number of listed orders that could not be translated."""
        return self._orders.left_out

    def stats(self) -> dict[str, int]:
        """Return the counters: the stream's reconnects, messages it left out, repeated
        queries, orders left out.
        """
        stream = self._stream
        return {
            "reconnects": 0 if stream is None else stream.reconnects,
            "quarantined": 0 if stream is None else stream.quarantined,
            "retries": self._http.retries,
            "left_out": self.left_out,
        }

    # -- connection -------------------------------------------------------------------

    async def connect(self) -> None:
        """Authenticate, check the account, and listen to its updates.

        Raises:
            BrokerError: the keys are rejected, the account may not trade, or the
                connection fails.
            MissingExtra: aiohttp is not installed.
        """
        if self._stream is not None:
            raise BrokerError(
                f"{self!r} is connected already: one session has one broker; make another"
            )
        try:
            await self._open()
        except BaseException:
            await self._http.close()  # a broker that never connected is not disconnected later
            raise

    async def _open(self) -> None:
        answer = await self._http.ask("/v2/account")
        if answer.status in {401, 403}:
            kind = "paper" if self.paper else "live"
            raise BrokerError(
                f"the keys were refused by {self.url}: {answer.message}; {kind} trading needs the "
                f"keys of the {kind} account"
            )
        if answer.status != 200:
            raise BrokerError(
                f"the account cannot be read: {answer.message} (HTTP status {answer.status})"
            )
        blocked = read_account(answer.body).blocked
        if blocked:
            raise BrokerError(
                f"the account may not trade: {blocked}; look at the broker's own pages"
            )
        stream = TradeStream(
            self._keys,
            self._http,
            executions=self._executions,
            now=self._http.now,
            backoff=self._backoff,
            chance=self._chance,
        )
        await stream.open(timeout_s=self._timeout_s + 5.0)
        self._stream = stream

    async def disconnect(self) -> None:
        """Close the connection; orders do not change."""
        stream, self._stream = self._stream, None
        self._through_zero.close()
        if stream is not None:
            await stream.close()
        await self._http.close()

    async def events(self) -> AsyncIterator[Event]:
        """Yield fills, rejects and updates as they arrive, with the client order id as
        order id; and a SystemErrorEvent for each message that was left out, and when
        the stream breaks or is restored.
        """
        stream = self._stream
        if stream is None:
            raise BrokerError("there are no events before connect()")
        while (event := await stream.take()) is not None:
            yield await self._of_intent(event)

    async def _tell_own(self, client_order_id: str, reason: str) -> None:
        # An order's end that the adapter itself has to report.
        if self._stream is not None:
            await self._stream.put(
                OrderUpdateEvent(
                    timestamp=self._http.now(),
                    order_id=client_order_id,
                    status=OrderState.CANCELED,
                    reason=reason,
                )
            )

    async def _of_intent(self, event: Event) -> Event:
        # Orders of one intent are reported under its id.
        reported = getattr(event, "order_id", None)
        if reported is None:
            return event
        if isinstance(event, OrderUpdateEvent) and event.reason == REPLACED:
            return await self._replaced(event)
        intent = self._intents.intent_of(reported)
        parts = self._intents.parts.get(intent)
        if parts is not None and reported == intent:
            if isinstance(event, OrderFillEvent):
                parts.closed += event.amount
                self._through_zero.open_if_closed(intent)
            elif isinstance(event, OrderUpdateEvent) and event.status in CLOSED_STATES:
                parts.sent = True  # it was cancelled, so nothing is opened
        return event if intent == reported else event.model_copy(update={"order_id": intent})

    async def _replaced(self, event: OrderUpdateEvent) -> Event:
        # The order continues as its replacement, for the total amount of both.
        intent = self._intents.intent_of(event.order_id)
        try:
            successor, failure = await self.find_order(intent), "it is not there"
        except BrokerError as error:
            successor, failure = None, str(error)
        if successor is None:
            return SystemErrorEvent(
                timestamp=event.timestamp,
                message=f"order {event.order_id} was replaced, and its successor is not known "
                f"yet: {failure}"[:500],
                source=self.name,
            )
        return OrderReplacedEvent(
            timestamp=event.timestamp,
            order_id=intent,
            amount=successor.amount,
            limit=successor.limit,
            stop=successor.stop,
            broker_order_id=successor.broker_order_id,
        )

    # -- orders -----------------------------------------------------------------------

    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Send an order once, and return Alpaca's id for it.

        Raises:
            OrderRefused: Alpaca refused the order.
            BrokerError: no answer gave the order's outcome.
        """
        limit, stop = legal_terms(
            order.symbol,
            order.amount,
            limit=order.limit,
            stop=order.stop,
            pair=await self._account.pair_terms(order.symbol),
        )
        await self._account.refuse_unsellable(order)
        legal = order.model_copy(update={"limit": limit, "stop": stop})
        answer = await self._post(legal, order.amount, client_order_id)
        if answer.status in {200, 201}:
            return self._placed(answer, client_order_id)
        if (
            answer.status == 422
            and "client_order_id" in answer.message
            and "unique" in answer.message
        ):
            return await self._earlier(order, client_order_id)
        if answer.status == 403 and "insufficient qty" in answer.message:
            parts = await self._through_zero.split(legal, client_order_id)
            if parts is not None:
                return parts
        raise refusal(answer, order.symbol, client_order_id)

    async def _post(self, order: SubmitOrder, amount: Decimal, client_order_id: str) -> Answer:
        body = order_body(
            symbol=order.symbol,
            amount=amount,
            limit=order.limit,
            stop=order.stop,
            client_order_id=client_order_id,
            whole=self._whole,
            pairs=self._pairs,
        )
        return await self._http.insist("POST", "/v2/orders", body=body)

    def _placed(self, answer: Answer, client_order_id: str) -> str:
        placed = read_order(answer.body)
        if placed.client_order_id != client_order_id:
            raise Untranslatable(
                f"an order was acknowledged under another client order id than {client_order_id}"
            )
        self._orders.remember(placed)
        return placed.broker_order_id

    async def _earlier(self, order: SubmitOrder, client_order_id: str) -> str:
        # The id is taken: by this very order, if an earlier answer was lost on its way.
        found = await self.find_order(client_order_id)
        if found is None:
            raise NoAnswer(f"{client_order_id} is taken at the broker, which does not find it")
        if (found.symbol, found.amount) != (order.symbol, order.amount):
            raise OrderRefused(
                f"{client_order_id} is taken by another order: {found.amount} {found.symbol}; this "
                "one was for "
                f"{order.amount} {order.symbol}"
            )
        return found.broker_order_id

    async def cancel_order(self, *, client_order_id: str) -> None:
        """Request the cancellation of an order; the answer comes as an event. An ended
        order is not an error.

        Raises:
            BrokerError: the broker does not know the order, or gave no answer.
        """
        parts = self._intents.parts.get(client_order_id)
        if parts is not None:
            parts.sent = True  # the second part, if not sent yet, is no longer sent
        second = self._orders.broker_ids.get(client_order_id + SECOND_LEG)
        broker_id = second or self._orders.broker_ids.get(client_order_id)
        if broker_id is None:
            found = await self._orders.look_up(client_order_id)
            if found is None:
                raise BrokerError(
                    f"order {client_order_id} cannot be cancelled: the broker does not know it"
                )
            broker_id = found[1].broker_order_id
        # Cancelling twice has the same effect as once, so this request may be repeated.
        answer = await self._http.ask(f"/v2/orders/{broker_id}", method="DELETE")
        if answer.status not in {200, 204, 404, 422}:
            raise BrokerError(
                f"cancelling {client_order_id} was refused: {answer.message} (HTTP status "
                f"{answer.status})"
            )

    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order with that client order id and its executions; None if Alpaca
        does not know it.

        The executions are queried separately: for a moment they may be fewer than the
        filled shares.
        """
        return await self._orders.find(client_order_id)

    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Return the orders whose client order id begins with `prefix`, oldest first,
        without their executions.

        Orders that cannot be translated (money instead of shares, several legs) are
        left out: ours are never like that.
        """
        return await self._orders.listed(prefix=prefix, open_only=open_only)

    def _note_listed(self, order: BrokerOrder) -> None:
        parts = self._intents.parts.get(order.client_order_id)
        if parts is not None and not parts.sent and abs(order.filled) >= abs(parts.close):
            parts.closed = parts.close  # the stream may have lost its fill
            self._through_zero.open_if_closed(order.client_order_id)

    # -- account ----------------------------------------------------------------------

    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol; pairs are spelled as in positions."""
        return await self._account.positions()

    async def holdings(self) -> list[BrokerHolding]:
        """Return the account's holdings, with costs and values."""
        return await self._account.holdings()

    async def account(self) -> BrokerAccount:
        """Return cash, equity, and whether the account may trade."""
        return await self._account.account()

    async def activities(self) -> list[BrokerActivity]:
        """Return dividends, interest, fees and transfers, oldest first."""
        return await self._account.activities()

    async def corporate_actions(self, symbols: Iterable[str]) -> CorporateActions:
        """Return the corporate actions of these symbols around the market's present
        day.
        """
        return await self._account.corporate_actions(symbols)

    def __repr__(self) -> str:
        return f"AlpacaBroker(paper={self.paper}, url={self.url!r})"
