"""Query Alpaca for orders: one by its client order id, all of a run, their
executions.

The rule: an order is found by the id that it was sent with, and its replacements are
followed to the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_intents import Intents
from rbtlive.brokers.alpaca_messages import REPLACED, read_activity, read_order
from rbtlive.brokers.alpaca_rules import SECOND_LEG
from rbtlive.brokers.alpaca_stream import KnownExecutions
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.brokers.base import BrokerExecution, BrokerOrder
from rbtlive.errors import BrokerError

PAGE = 500
ACTIVITIES_PAGE = 100
MOST_PAGES = 2_000


class AlpacaOrders:
    """The orders of one account, as Alpaca reports them.

    Args:
        http: Sends the queries.
        intents: The orders that belong to each client order id.
        executions: Matches executions between stream and activities.
        note_listed: Called with each listed order, with its parts combined.

    Attributes:
        broker_ids: Alpaca's id of each order seen so far, by client order id.
        left_out: Number of listed orders that could not be translated.
    """

    def __init__(
        self,
        http: AlpacaHttp,
        intents: Intents,
        executions: KnownExecutions,
        *,
        note_listed: Callable[[BrokerOrder], None],
    ) -> None:
        self._http = http
        self._intents = intents
        self._executions = executions
        self._note_listed = note_listed
        self._begins: dict[str, datetime] = {}
        self.broker_ids: dict[str, str] = {}
        self.left_out = 0

    async def find(self, client_order_id: str) -> BrokerOrder | None:
        """Return the order with a client order id and its executions, combined from all
        orders of its intent; None if Alpaca does not know it.
        """
        found = await self.look_up(client_order_id)
        if found is None:
            return None
        group, body = [await self._with_executions(*found)], found[0]
        if self._intents.has_second(client_order_id):
            second = await self.look_up(client_order_id + SECOND_LEG)
            if second is not None:
                group.append(await self._with_executions(*second))
                body = second[0]
        while body.get("status") == "replaced" and isinstance(body.get("replaced_by"), str):
            body = await self._http.get(f"/v2/orders/{body['replaced_by']}")
            successor = await self._with_executions(body, read_order(body))
            self._intents.note_successor(successor.client_order_id, client_order_id)
            self.remember(replace(successor, client_order_id=client_order_id))
            group.append(successor)
        return self._intents.merged(group)[0]

    async def _with_executions(self, body: dict[str, Any], order: BrokerOrder) -> BrokerOrder:
        if not order.filled:
            return order
        return read_order(body, executions=await self._executions_of(order, body))

    async def look_up(self, client_order_id: str) -> tuple[dict[str, Any], BrokerOrder] | None:
        """Return the answer about one order, and the order; None if it does not
        exist.

        Raises:
            BrokerError: no answer tells whether it exists.
        """
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
        self.remember(order)
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
                if order_id == order.broker_order_id:  # older servers return those of all orders
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

    async def listed(self, *, prefix: str, open_only: bool) -> list[BrokerOrder]:
        """Return the orders whose client order id begins with `prefix`, one per intent,
        oldest first, without their executions.
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
                return await self._whole_intents(list(found.values()))
            # Stamps are finer than the query's times: some orders are listed twice,
            # none is left out.
            query["after"] = _wire_time(began - timedelta(microseconds=1))
        raise BrokerError(
            f"there are more than {MOST_PAGES * PAGE} orders; they cannot all be listed"
        )

    async def _whole_intents(self, found: list[BrokerOrder]) -> list[BrokerOrder]:
        # Replaced orders are listed with their successors, which have ids of their own.
        merged = []
        for order in self._intents.merged(found):
            successor = order
            if order.reason == REPLACED:
                followed = await self.find(order.client_order_id)
                successor = order if followed is None else replace(followed, executions=())
            self._note_listed(order)
            merged.append(successor)
        return merged

    def _note_begin(self, prefix: str, began: datetime | None, *, all_of_them: bool) -> None:
        # An account may have years of orders: those before a run's first need not be
        # searched again.
        if prefix and all_of_them and began is not None:
            self._begins.setdefault(prefix, began)

    def _take_order(self, body: dict[str, Any], found: dict[str, BrokerOrder]) -> None:
        try:
            order = read_order(body)
        except Untranslatable:
            self.left_out += 1
            return
        if body.get("status") == "replaced" and isinstance(body.get("replaced_by"), str):
            order = replace(order, reason=REPLACED)
        else:
            self.remember(order)
        found[order.broker_order_id] = order

    def remember(self, order: BrokerOrder) -> None:
        """Store Alpaca's id of an order."""
        self.broker_ids[order.client_order_id] = order.broker_order_id


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
