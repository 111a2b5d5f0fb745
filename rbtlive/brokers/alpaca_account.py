"""The account at Alpaca: its holdings, its cash activities, and the assets that it may
sell short.

The rule: every request here is a query and may be repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

from rbtlive.brokers.alpaca_actions import ask_corporate_actions
from rbtlive.brokers.alpaca_feed import AlpacaFeed
from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_messages import (
    read_account,
    read_cash_activity,
    read_holdings,
    read_pair_terms,
    read_positions,
)
from rbtlive.brokers.alpaca_rules import PairTerms, is_crypto, refuse_unsellable
from rbtlive.brokers.alpaca_values import Untranslatable, as_object, read_moment
from rbtlive.brokers.base import BrokerAccount, BrokerActivity, BrokerHolding, CorporateActions
from rbtlive.errors import BrokerError
from rbtlive.model.commands import SubmitOrder

PAGE = 100
MOST_PAGES = 2_000
DAYS_BACK, DAYS_AHEAD = timedelta(days=31), timedelta(days=4)
"""How far from today to query corporate actions: a session may have been away."""


class AlpacaAccount:
    """Queries about one account.

    Args:
        http: The trading API.
        feed: The data service, which provides the corporate actions.
    """

    def __init__(self, http: AlpacaHttp, feed: AlpacaFeed) -> None:
        self._http = http
        self._feed = feed
        self._shortable: set[str] = set()
        self._pairs: dict[str, PairTerms] = {}

    async def positions(self) -> dict[str, Decimal]:
        """Return signed shares held, by symbol."""
        return read_positions(await self._http.get("/v2/positions"))

    async def holdings(self) -> list[BrokerHolding]:
        """Return the account's holdings, with costs and values."""
        return read_holdings(await self._http.get("/v2/positions"))

    async def account(self) -> BrokerAccount:
        """Return cash, equity, and whether the account may trade."""
        return read_account(await self._http.get("/v2/account"))

    async def activities(self) -> list[BrokerActivity]:
        """Return the cash changes other than trades, oldest first."""
        query = {"direction": "asc", "page_size": str(PAGE), "category": "non_trade_activity"}
        found = []
        for _page in range(MOST_PAGES):
            page = await self._http.get("/v2/account/activities", query=query)
            if not isinstance(page, list):
                raise Untranslatable("account activities must be a list")
            found += [one for one in map(read_cash_activity, page) if one is not None]
            if len(page) < PAGE:
                break
            query["page_token"] = str(page[-1]["id"])
        return found

    async def corporate_actions(self, symbols: Iterable[str]) -> CorporateActions:
        """Return the corporate actions of these symbols around the market's present
        day.
        """
        names = sorted(symbol for symbol in symbols if not is_crypto(symbol))
        if not names:
            return CorporateActions()
        clock = as_object(await self._http.get("/v2/clock"), "the clock")
        today = read_moment(clock, "timestamp").date()
        return await ask_corporate_actions(
            self._feed.ask_data, names, start=today - DAYS_BACK, end=today + DAYS_AHEAD
        )

    async def refuse_unsellable(self, order: SubmitOrder) -> None:
        """Refuse a short sale of shares that cannot be borrowed; shares that are held
        can be sold.

        Raises:
            OrderRefused: the order would sell short shares that the broker does not
                lend.
        """
        if order.amount > 0:
            return
        pair = is_crypto(order.symbol)
        shortable, easy = (False, False) if pair else await self.can_be_shorted(order.symbol)
        if shortable and easy:
            return
        name = order.symbol.replace("/", "") if pair else order.symbol
        held = (await self.positions()).get(name, Decimal(0))
        if held < -order.amount:
            refuse_unsellable(order.symbol, shortable=shortable, easy=easy)

    async def pair_terms(self, symbol: str) -> PairTerms | None:
        """Return the terms of a crypto pair, queried once; None for a share."""
        if not is_crypto(symbol):
            return None
        known = self._pairs.get(symbol)
        if known is None:
            try:
                body = await self._http.get(f"/v2/assets/{quote(symbol, safe='')}")
            except BrokerError:
                return PairTerms()  # the broker refuses the order if necessary
            known = self._pairs[symbol] = read_pair_terms(body)
        return known

    async def can_be_shorted(self, symbol: str) -> tuple[bool, bool]:
        """Return whether an asset is shortable, and easy to borrow; queried until it is
        both, because the list of what can be borrowed changes daily.
        """
        if symbol in self._shortable:
            return True, True  # if that has changed, the broker refuses the order
        try:
            path = f"/v2/assets/{quote(symbol, safe='')}"
            body = as_object(await self._http.get(path), "an asset")
        except BrokerError:
            return True, True  # the broker refuses the order if necessary
        shortable = body.get("shortable") is not False
        easy = body.get("easy_to_borrow") is not False
        if shortable and easy:
            self._shortable.add(symbol)
        return shortable, easy
