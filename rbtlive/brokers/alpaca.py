"""Trading at Alpaca, or at anything that speaks as Alpaca does.

The rule: an order is sent once, under its client order id. What became of one that was
not answered is asked for by that id; it is never sent again, here or by anything below.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic import SecretStr

from rbtlive.brokers.alpaca_feed import AlpacaFeed
from rbtlive.brokers.alpaca_http import (
    LIVE_URL,
    PAPER_URL,
    AlpacaHttp,
    AlpacaKeys,
    Answer,
    NoAnswer,
    checked_url,
)
from rbtlive.brokers.alpaca_messages import (
    Untranslatable,
    order_body,
    read_account,
    read_activity,
    read_order,
    read_positions,
)
from rbtlive.brokers.alpaca_stream import KnownExecutions, TradeStream
from rbtlive.brokers.base import BrokerAccount, BrokerAdapter, BrokerExecution, BrokerOrder
from rbtlive.data.feeds.as_feed import Backoff
from rbtlive.errors import BrokerError, InvalidSetting, OrderRefused
from rbtlive.model.commands import SubmitOrder
from rbtlive.model.events import Event

PAGE = 500
ACTIVITIES_PAGE = 100
MOST_PAGES = 2_000


class AlpacaBroker(BrokerAdapter):
    """A broker that speaks Alpaca's Trading API, version 2.

    Args:
        key: The key's id; by default what APCA_API_KEY_ID (or ALPACA_API_KEY) holds.
        secret: The key's secret; by default what APCA_API_SECRET_KEY (or
            ALPACA_SECRET_KEY) holds.
        paper: Trade with paper money, or with real money.
        url_override: Another address to trade at, e.g. that of
            `python -m rbtlive.venue`.
        data_url_override: Another address for market data; by default `url_override`,
            if there is one.
        data_feed: Whose market data: "iex", or "sip" with a subscription.
        time_in_force: How long orders for whole shares stand: "gtc" until cancelled, or
            "day". Parts of a share are always for the day.
        timeout_s: How long an answer may take, in seconds.
        backoff: How long to wait before a broken stream is opened again.
        chance: Gives random numbers from 0 to 1 for the jitter.

    Raises:
        InvalidSetting: a key is missing, or an address is none that keys may be sent
            to.
    """

    name: ClassVar[str] = "alpaca"
    simulated: ClassVar[bool] = False

    def __init__(  # noqa: PLR0913 - settings, all but the keys by name
        self,
        key: str | SecretStr | None = None,
        secret: str | SecretStr | None = None,
        *,
        paper: bool = True,
        url_override: str | None = None,
        data_url_override: str | None = None,
        data_feed: Literal["iex", "sip"] = "iex",
        time_in_force: Literal["gtc", "day"] = "gtc",
        timeout_s: float = 10.0,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        if time_in_force not in ("gtc", "day"):
            raise InvalidSetting(f"time_in_force must be 'gtc' or 'day': was {time_in_force!r}")
        if not isinstance(paper, bool):
            raise InvalidSetting(f"paper must be True, or False for real money: was {paper!r}")
        self._keys = AlpacaKeys.find(key, secret)
        self.paper = paper
        home = PAPER_URL if paper else LIVE_URL
        self.url = checked_url(home if url_override is None else url_override, "url_override")
        self._whole = time_in_force
        self._timeout_s = timeout_s
        self._backoff = backoff
        self._chance = chance
        self._http = AlpacaHttp(self._keys, self.url, timeout_s=timeout_s, chance=chance)
        self._executions = KnownExecutions()
        self._stream: TradeStream | None = None
        self._broker_ids: dict[str, str] = {}
        self._begins: dict[str, datetime] = {}
        self.left_out = 0
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

    @property
    def feed(self) -> AlpacaFeed:
        """Alpaca's market data: minute or daily bars of the session's assets, live."""
        return self._feed

    def stats(self) -> dict[str, int]:
        """Return what was counted: the stream's reconnects, messages it left out,
        questions asked again, orders left out.
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
        """Show the keys, look at the account, and listen to its updates.

        Raises:
            BrokerError: the keys are refused, the account may not trade, or there is no
                connection.
            MissingExtra: aiohttp is not installed.
        """
        if self._stream is not None:
            raise BrokerError(
                f"{self!r} is connected already: one session has one broker; make another"
            )
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
        read_account(answer.body)
        for name in ("account_blocked", "trading_blocked", "trade_suspended_by_user"):
            if answer.body.get(name) is True:
                raise BrokerError(
                    f"the account may not trade: {name} is set; look at the broker's own pages"
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
        """Let go of the connection; orders stay as they are."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
        await self._http.close()

    async def events(self) -> AsyncIterator[Event]:
        """Yield fills, rejects and updates as they are told, with the client order id
        in the place of the order id.

        Beside them a SystemErrorEvent for each message that was left out, and when the
        stream breaks and is back.
        """
        stream = self._stream
        if stream is None:
            raise BrokerError("there are no events before connect()")
        while (event := await stream.take()) is not None:
            yield event

    # -- orders -----------------------------------------------------------------------

    async def submit_order(self, order: SubmitOrder, *, client_order_id: str) -> str | None:
        """Send an order, once, and return Alpaca's id for it.

        Raises:
            OrderRefused: Alpaca said no.
            BrokerError: there was no answer that says what became of it.
        """
        body = order_body(
            symbol=order.symbol,
            amount=order.amount,
            limit=order.limit,
            stop=order.stop,
            whole=self._whole,
            client_order_id=client_order_id,
        )
        answer = await self._http.once("POST", "/v2/orders", body=body)
        if answer.status in {200, 201}:
            return self._placed(answer, client_order_id)
        if (
            answer.status == 422
            and "client_order_id" in answer.message
            and "unique" in answer.message
        ):
            return await self._earlier(order, client_order_id)
        if 400 <= answer.status < 500 and answer.status not in {408, 425, 429}:
            raise OrderRefused(
                f"{answer.message} (HTTP status {answer.status}) for {order.symbol} under "
                f"{client_order_id}"
            )
        raise NoAnswer(
            f"POST /v2/orders for {client_order_id}: {answer.message} (HTTP status {answer.status})"
        )

    def _placed(self, answer: Answer, client_order_id: str) -> str:
        placed = read_order(answer.body)
        if placed.client_order_id != client_order_id:
            raise Untranslatable(
                f"an order was acknowledged under another client order id than {client_order_id}"
            )
        self._remember(placed)
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
        """Ask for an order to be cancelled; the answer comes as an event. An ended
        order is no error.

        Raises:
            BrokerError: the broker does not know the order, or there was no answer.
        """
        broker_id = self._broker_ids.get(client_order_id)
        if broker_id is None:
            found = await self._look_up(client_order_id)
            if found is None:
                raise BrokerError(
                    f"order {client_order_id} cannot be cancelled: the broker does not know it"
                )
            broker_id = found[1].broker_order_id
        # To cancel twice is to cancel once, so this may be asked again.
        answer = await self._http.ask(f"/v2/orders/{broker_id}", method="DELETE")
        if answer.status not in {200, 204, 404, 422}:
            raise BrokerError(
                f"cancelling {client_order_id} was refused: {answer.message} (HTTP status "
                f"{answer.status})"
            )

    async def find_order(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order of that client order id, with its executions; None if Alpaca
        does not know it.

        The executions are asked for apart: for a moment they may be fewer than what has
        filled.
        """
        found = await self._look_up(client_order_id)
        if found is None:
            return None
        body, order = found
        if not order.filled:
            return order
        return read_order(body, executions=await self._executions_of(order, body))

    async def _look_up(self, client_order_id: str) -> tuple[dict[str, Any], BrokerOrder] | None:
        answer = await self._http.ask(
            "/v2/orders:by_client_order_id", query={"client_order_id": client_order_id}
        )
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise BrokerError(
                f"order {client_order_id} cannot be looked up: {answer.message} (HTTP status "
                f"{answer.status})"
            )
        order = read_order(answer.body)
        if order.client_order_id != client_order_id:
            raise Untranslatable(f"the broker gave another order than {client_order_id}")
        self._remember(order)
        return answer.body, order

    async def _executions_of(
        self, order: BrokerOrder, body: dict[str, Any]
    ) -> tuple[BrokerExecution, ...]:
        query = {
            "order_id": order.broker_order_id,
            "direction": "asc",
            "page_size": str(ACTIVITIES_PAGE),
        }
        began = _began(body)
        if began is not None:
            query["after"] = _wire_time(began - timedelta(seconds=1))
        found: dict[str, tuple[Decimal, BrokerExecution]] = {}
        for _page in range(MOST_PAGES):
            page = await self._http.get("/v2/account/activities/FILL", query=query)
            if not isinstance(page, list):
                raise Untranslatable("account activities must be a list")
            for one in page:
                order_id, cumulative, execution = read_activity(one)
                if order_id == order.broker_order_id:  # older servers give those of all orders
                    settled = self._executions.settled(
                        execution.execution_id,
                        by="activities",
                        order_id=order_id,
                        cumulative=cumulative,
                        amount=execution.amount,
                        price=execution.price,
                    )
                    found[settled] = cumulative, replace(execution, execution_id=settled)
            done = sum((execution.amount for _cumulative, execution in found.values()), Decimal(0))
            if len(page) < ACTIVITIES_PAGE or abs(done) >= abs(order.filled):
                break
            query["page_token"] = page[-1]["id"]
        return tuple(
            execution for _cumulative, execution in sorted(found.values(), key=lambda one: one[0])
        )

    async def orders(self, *, prefix: str = "", open_only: bool = False) -> list[BrokerOrder]:
        """Return the orders whose client order id begins with `prefix`, oldest first,
        without their executions.

        Orders that cannot be translated (a sum of money in place of shares, several
        legs) are left out: ours never are such.
        """
        status = "open" if open_only else "all"
        query = {"status": status, "direction": "asc", "limit": str(PAGE), "nested": "false"}
        if prefix in self._begins:
            query["after"] = _wire_time(self._begins[prefix] - timedelta(minutes=1))
        found: dict[str, BrokerOrder] = {}
        seen: set[str] = set()
        first: datetime | None = None
        for _page in range(MOST_PAGES):
            page = await self._http.get("/v2/orders", query=query)
            fresh = [one for one in _objects(page) if str(one.get("id")) not in seen]
            seen.update(str(one.get("id")) for one in fresh)
            for one in fresh:
                client_id = one.get("client_order_id")
                if isinstance(client_id, str) and client_id.startswith(prefix):
                    self._take_order(one, found)
                    first = first or _began(one)
            began = _began(page[-1]) if fresh else None
            if len(page) < PAGE or began is None:
                self._note_begin(prefix, first or began, all_of_them=not open_only)
                return list(found.values())
            # Stamps are finer than what can be asked for: some are told twice, none is
            # left out.
            query["after"] = _wire_time(began - timedelta(microseconds=1))
        raise BrokerError(
            f"there are more than {MOST_PAGES * PAGE} orders; they cannot all be listed"
        )

    def _note_begin(self, prefix: str, began: datetime | None, *, all_of_them: bool) -> None:
        # An account may have years of orders: those before a run's first need not be
        # looked through again.
        if prefix and all_of_them and began is not None:
            self._begins.setdefault(prefix, began)

    def _take_order(self, body: dict[str, Any], found: dict[str, BrokerOrder]) -> None:
        try:
            order = read_order(body)
        except Untranslatable:
            self.left_out += 1
            return
        self._remember(order)
        found[order.broker_order_id] = order

    def _remember(self, order: BrokerOrder) -> None:
        self._broker_ids[order.client_order_id] = order.broker_order_id

    # -- account ----------------------------------------------------------------------

    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol."""
        return read_positions(await self._http.get("/v2/positions"))

    async def account(self) -> BrokerAccount:
        """Return cash and equity."""
        return read_account(await self._http.get("/v2/account"))

    def __repr__(self) -> str:
        return f"AlpacaBroker(paper={self.paper}, url={self.url!r})"


def _objects(page: object) -> list[dict[str, Any]]:
    if not isinstance(page, list) or not all(isinstance(one, dict) for one in page):
        raise Untranslatable("orders must be a list of objects")
    return page


def _began(body: dict[str, Any]) -> datetime | None:
    try:
        began = datetime.fromisoformat(body["submitted_at"])
    except (KeyError, TypeError, ValueError):
        return None
    return began if began.tzinfo is not None else None


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
