"""What Alpaca lends for a short sale changes from day to day."""

from __future__ import annotations

import pytest
from aiohttp import web

from rbtlive.brokers.alpaca_account import AlpacaAccount
from rbtlive.brokers.alpaca_feed import AlpacaFeed
from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.errors import OrderRefused
from tests.brokers.alpaca_session import QUICK, order
from tests.brokers.test_alpaca_answers import KEY, KEYS, SECRET, at
from tests.venue.process import within


def test_a_share_is_sold_short_once_it_is_lent_again_and_then_not_asked_for_any_more():
    days, asked = iter([False, False, True]), []

    async def answer(request):
        asked.append(request.path)
        if request.path == "/v2/positions":
            return web.json_response([])
        return web.json_response({"shortable": True, "easy_to_borrow": next(days)})

    async def sell():
        async with at(answer) as url:
            http = AlpacaHttp(KEYS, url, attempts=1, backoff=QUICK)
            account = AlpacaAccount(http, AlpacaFeed(key=KEY, secret=SECRET, url_override=url))
            try:
                for _day in range(2):
                    with pytest.raises(OrderRefused, match="not easy to borrow"):
                        await account.refuse_unsellable(order(-5))
                for _day in range(3):
                    await account.refuse_unsellable(order(-5))
            finally:
                await http.close()

    within(sell(), 30)

    assert [path for path in asked if "assets" in path] == ["/v2/assets/IBM"] * 3
