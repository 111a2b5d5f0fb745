"""The official SDK, which knows nothing of this package, trades at the venue and
listens to it.
"""

import asyncio
import warnings
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK uses a part of websockets that is on its way out
    from alpaca.common.exceptions import APIError
    from alpaca.data.historical import StockHistoricalDataClient
    from alpaca.data.historical.corporate_actions import CorporateActionsClient
    from alpaca.data.live import StockDataStream
    from alpaca.data.requests import (
        CorporateActionsRequest,
        StockBarsRequest,
        StockLatestBarRequest,
    )
    from alpaca.data.timeframe import TimeFrame
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import (
        OrderSide,
        OrderStatus,
        QueryOrderStatus,
        TimeInForce,
        TradeEvent,
    )
    from alpaca.trading.requests import (
        ClosePositionRequest,
        GetCalendarRequest,
        GetOrdersRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopLimitOrderRequest,
    )
    from alpaca.trading.stream import TradingStream

from tests.venue.process import KEY, SECRET, until, within


@pytest.fixture
def client(venue):
    client = TradingClient(KEY, SECRET, url_override=venue.url)
    yield client
    client._session.close()


def market(client_id, *, qty=10, symbol="IBM", side=OrderSide.BUY):
    return MarketOrderRequest(
        symbol=symbol, qty=qty, side=side, time_in_force=TimeInForce.DAY, client_order_id=client_id
    )


def limit(client_id, price, *, qty=10):
    return LimitOrderRequest(
        symbol="IBM",
        qty=qty,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        limit_price=price,
        client_order_id=client_id,
    )


def test_an_order_fills_at_the_bars_close_and_becomes_a_position(client):
    order = client.submit_order(market("one"))

    assert (order.client_order_id, order.status) == ("one", OrderStatus.ACCEPTED)
    filled = client.get_order_by_id(order.id)
    assert (filled.status, filled.filled_qty, filled.filled_avg_price) == (
        OrderStatus.FILLED,
        "10",
        "97.75",
    )
    (position,) = client.get_all_positions()
    assert (position.symbol, position.qty, position.avg_entry_price) == ("IBM", "10", "97.75")
    assert client.get_open_position("IBM").market_value == "977.5"
    account = client.get_account()
    assert (account.cash, account.equity) == ("99022.5", "100000")


def test_a_client_order_id_is_taken_once(client):
    client.submit_order(market("one"))

    with pytest.raises(APIError) as refusal:
        client.submit_order(market("one", qty=5))

    assert (refusal.value.status_code, refusal.value.code) == (422, 40010001)
    assert refusal.value.message == "client_order_id must be unique"
    assert len(client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))) == 1


def test_an_order_is_found_by_the_clients_id_and_an_unknown_one_is_not(client):
    placed = client.submit_order(limit("resting", 50))

    assert client.get_order_by_client_id("resting").id == placed.id
    with pytest.raises(APIError) as refusal:
        client.get_order_by_client_id("never sent")
    assert refusal.value.status_code == 404


def test_orders_are_listed_by_status_newest_first(client):
    for name, order in {"a": market("a"), "b": limit("b", 50), "c": limit("c", 51)}.items():
        assert client.submit_order(order).client_order_id == name

    def names(status):
        return [o.client_order_id for o in client.get_orders(GetOrdersRequest(status=status))]

    assert names(QueryOrderStatus.OPEN) == ["c", "b"]
    assert names(QueryOrderStatus.CLOSED) == ["a"]
    assert names(QueryOrderStatus.ALL) == ["c", "b", "a"]


def test_orders_are_cancelled_one_by_one_and_all_at_once(client):
    first = client.submit_order(limit("a", 50))
    client.submit_order(limit("b", 51))
    client.submit_order(limit("c", 52))

    client.cancel_order_by_id(first.id)
    cancelled = client.cancel_orders()

    assert client.get_order_by_client_id("a").status is OrderStatus.CANCELED
    assert [one.status for one in cancelled] == [200, 200]
    assert client.get_orders() == []
    with pytest.raises(APIError, match="not cancelable"):
        client.cancel_order_by_id(first.id)


def test_a_stop_limit_order_rests_until_its_prices_are_touched(client, venue):
    order = StopLimitOrderRequest(
        symbol="IBM",
        qty=1,
        side=OrderSide.BUY,
        time_in_force=TimeInForce.GTC,
        stop_price=98.5,
        limit_price=99.5,
        client_order_id="s",
    )
    client.submit_order(order)

    assert client.get_order_by_client_id("s").status is OrderStatus.NEW
    venue.advance(120)
    found = client.get_order_by_client_id("s")
    assert (found.stop_price, found.limit_price) == ("98.5", "99.5")
    assert found.status in {OrderStatus.FILLED, OrderStatus.NEW}


def test_a_replaced_order_goes_on_as_its_successor(client):
    placed = client.submit_order(limit("a", 50))

    successor = client.replace_order_by_id(placed.id, ReplaceOrderRequest(qty=5, limit_price=51))

    before = client.get_order_by_id(placed.id)
    assert (before.status, before.replaced_by) == (OrderStatus.REPLACED, successor.id)
    assert (successor.replaces, successor.qty, successor.limit_price) == (placed.id, "5", "51")
    assert successor.client_order_id != "a"


def test_an_order_beyond_the_buying_power_is_refused(client):
    with pytest.raises(APIError, match="insufficient buying power") as refusal:
        client.submit_order(market("big", qty=1_000_000))

    assert refusal.value.status_code == 403


def test_positions_are_closed_in_part_whole_and_all_at_once(client):
    client.submit_order(market("a"))
    client.submit_order(market("b", symbol="AAPL", side=OrderSide.SELL))
    client.submit_order(
        LimitOrderRequest(
            symbol="IBM", qty=4, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=500
        )
    )

    part = client.close_position("IBM", ClosePositionRequest(percentage="30"))
    with pytest.raises(APIError, match="insufficient qty available") as refusal:
        client.close_position("IBM")
    with pytest.raises(APIError, match="position does not exist"):
        client.close_position("MSFT")
    closed = client.close_all_positions(cancel_orders=True)

    assert (part.qty, part.side, refusal.value.status_code) == ("3", OrderSide.SELL, 403)
    assert {one.symbol: one.status for one in closed} == {"IBM": 200, "AAPL": 200}
    assert (client.get_all_positions(), client.get_orders()) == ([], [])


def test_clock_calendar_and_assets_are_those_of_the_bars(client):
    clock = client.get_clock()
    days = client.get_calendar(GetCalendarRequest(start="2005-01-01", end="2005-01-05"))

    assert clock.timestamp.astimezone(UTC) == datetime(2005, 1, 3, 21, tzinfo=UTC)
    assert clock.is_open is False
    assert [str(day.date) for day in days] == ["2005-01-03", "2005-01-04", "2005-01-05"]
    assert {asset.symbol for asset in client.get_all_assets()} >= {"AAPL", "IBM"}
    assert client.get_asset("IBM").fractionable is True


def test_trade_updates_come_in_order_with_execution_ids(client, venue):
    updates = []

    async def note(update):
        updates.append(update)

    async def session():
        stream = TradingStream(
            KEY, SECRET, url_override=venue.url.replace("http", "ws") + "/stream"
        )
        stream.subscribe_trade_updates(note)
        running = asyncio.create_task(stream._run_forever())
        await until(lambda: stream._running)
        await asyncio.to_thread(client.submit_order, market("one", qty=3))
        await until(lambda: len(updates) == 2)
        await stream.stop_ws()
        await stream.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    within(session())

    assert [u.event for u in updates] == [TradeEvent.NEW, TradeEvent.FILL]
    assert [(u.order.client_order_id, u.order.status) for u in updates] == [
        ("one", OrderStatus.NEW),
        ("one", OrderStatus.FILLED),
    ]
    fill = updates[1]
    assert isinstance(fill.execution_id, UUID)
    assert (fill.qty, fill.price, fill.position_qty) == (3, 97.75, 3)


def test_minute_bars_and_trades_come_by_the_market_stream(minute_venue):
    bars, trades = [], []

    async def note_bar(bar):
        bars.append(bar)

    async def note_trade(trade):
        trades.append(trade)

    async def session():
        stream = StockDataStream(
            KEY, SECRET, url_override=minute_venue.url.replace("http", "ws") + "/v2/iex"
        )
        stream.subscribe_bars(note_bar, "AAA", "BBB")
        stream.subscribe_trades(note_trade, "BBB")
        running = asyncio.create_task(stream._run_forever())
        await until(lambda: stream._running)
        await asyncio.to_thread(minute_venue.advance, 1)
        while len(bars) < 2 or not trades:
            await asyncio.to_thread(minute_venue.advance, 1)
        await stream.stop_ws()
        await stream.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    within(session())

    assert {bar.symbol for bar in bars} == {"AAA", "BBB"}
    assert bars[0].timestamp.date().isoformat() == "2024-01-03"
    assert bars[0].close - 100 * (1 + (bars[0].symbol == "BBB")) < 4
    assert {trade.symbol for trade in trades} == {"BBB"}


def test_recorded_bars_come_in_pages_and_never_from_the_future(venue):
    client = StockHistoricalDataClient(KEY, SECRET, url_override=venue.url)
    asked = StockBarsRequest(
        symbol_or_symbols=["AAPL", "IBM"],
        timeframe=TimeFrame.Day,
        start=datetime(2004, 12, 29, tzinfo=UTC),
    )

    found = client.get_stock_bars(asked).data
    latest = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="IBM"))
    client._session.close()

    assert {
        symbol: [str(bar.timestamp.date()) for bar in part] for symbol, part in found.items()
    } == {
        symbol: ["2004-12-29", "2004-12-30", "2004-12-31", "2005-01-03"]
        for symbol in ("AAPL", "IBM")
    }
    assert latest["IBM"].close == 97.75


def test_pages_follow_each_other_without_gap_or_repetition(venue):
    query = "/v2/stocks/bars?symbols=AAPL,IBM&timeframe=1Day&start=2004-12-01T00:00:00Z&limit=7"
    pages, token = [], ""
    while token is not None:
        _status, answer = venue.request(
            query + (f"&page_token={token}" if token else ""), keys=True
        )
        pages += [(symbol, bar["t"]) for symbol, part in answer["bars"].items() for bar in part]
        token = answer["next_page_token"]

    assert len(pages) == len(set(pages)) == 2 * 23
    assert pages == sorted(pages)


def test_corporate_actions_are_read(venue):
    venue.control("symbol", {"symbol": "IBM", "new_symbol": "IBMX"})
    client = CorporateActionsClient(KEY, SECRET, url_override=venue.url)
    asked = CorporateActionsRequest(
        symbols=["AAPL", "IBM"], start=date(2005, 1, 1), end=date(2005, 3, 31)
    )

    found = client.get_corporate_actions(asked).data
    client._session.close()

    (split,) = found["forward_splits"]
    assert (split.symbol, split.old_rate, split.new_rate) == ("AAPL", 1, 2)
    (change,) = found["name_changes"]
    assert (change.old_symbol, change.new_symbol) == ("IBM", "IBMX")
