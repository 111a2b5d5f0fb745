"""Pairs at Alpaca: their own addresses, spelling, times in force and fees, met by the
official SDK and traded by a session.
"""

import asyncio
import warnings
from datetime import date, timedelta
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive.brokers.alpaca_bars import read_bar
from rbtlive.brokers.alpaca_messages import read_pair_terms
from rbtlive.brokers.alpaca_places import place_of
from rbtlive.brokers.alpaca_rules import PairTerms, legal_terms
from rbtlive.brokers.alpaca_values import Untranslatable
from rbtlive.errors import InvalidSetting, OrderRefused
from rbtlive.model.interval import DAY
from rbtlive.model.order_facts import OrderState
from tests.brokers.alpaca_session import broker_at, connected, order
from tests.builders import run
from tests.builders import until as hold
from tests.venue.fixtures import MIDNIGHT, PAIRS
from tests.venue.process import KEY, SECRET, until, within

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK uses a part of websockets that is on its way out
    from alpaca.common.exceptions import APIError
    from alpaca.data.historical import CryptoHistoricalDataClient
    from alpaca.data.live import CryptoDataStream
    from alpaca.data.requests import CryptoBarsRequest, CryptoLatestBarRequest
    from alpaca.data.timeframe import TimeFrame
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, OrderStatus, TimeInForce
    from alpaca.trading.requests import MarketOrderRequest


def test_the_sdk_reads_bars_of_pairs_with_days_that_begin_at_midnight_utc(crypto_venue):
    crypto_venue.advance(1440)
    client = CryptoHistoricalDataClient(KEY, SECRET, url_override=crypto_venue.url)
    days = CryptoBarsRequest(
        symbol_or_symbols=list(PAIRS), timeframe=TimeFrame.Day, start=MIDNIGHT - timedelta(days=1)
    )
    minutes = CryptoBarsRequest(
        symbol_or_symbols="BTC/USD", timeframe=TimeFrame.Minute, start=MIDNIGHT, limit=3
    )

    found = client.get_crypto_bars(days).data
    first = client.get_crypto_bars(minutes).data["BTC/USD"]
    latest = client.get_crypto_latest_bar(CryptoLatestBarRequest(symbol_or_symbols="ETH/USD"))
    client._session.close()

    assert {symbol: [bar.timestamp for bar in part] for symbol, part in found.items()} == {
        symbol: [MIDNIGHT] for symbol in PAIRS
    }
    assert found["BTC/USD"][0].close == 41_439
    assert [bar.timestamp for bar in first] == [MIDNIGHT + timedelta(minutes=n) for n in range(3)]
    assert latest["ETH/USD"].close == 3_440


def test_the_sdk_hears_of_pairs_at_their_own_stream(crypto_venue):
    bars = []

    async def note(bar):
        bars.append(bar)

    async def session():
        address = crypto_venue.url.replace("http", "ws") + "/v1beta3/crypto/us"
        stream = CryptoDataStream(KEY, SECRET, url_override=address)
        stream.subscribe_bars(note, "ETH/USD")
        running = asyncio.create_task(stream._run_forever())
        await until(lambda: stream._running)
        while not bars:
            await asyncio.to_thread(crypto_venue.advance, 1)
        await stream.stop_ws()
        await stream.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    within(session())

    assert {bar.symbol for bar in bars} == {"ETH/USD"}


def test_the_sdk_trades_pairs_under_both_spellings(crypto_venue):
    client = TradingClient(KEY, SECRET, url_override=crypto_venue.url)

    def buy(symbol, quantity, force):
        return client.submit_order(
            MarketOrderRequest(symbol=symbol, qty=quantity, side=OrderSide.BUY, time_in_force=force)
        )

    order = client.get_order_by_id(buy("BTCUSD", 0.2, TimeInForce.GTC).id)
    (position,) = client.get_all_positions()
    asset = client.get_asset("BTC/USD")
    with pytest.raises(APIError, match="time_in_force must be one of gtc, ioc"):
        buy("BTC/USD", 0.1, TimeInForce.DAY)
    with pytest.raises(APIError, match="insufficient balance for USD"):
        buy("BTC/USD", 3, TimeInForce.IOC)
    held = client.get_open_position("BTC/USD").qty
    client._session.close()

    assert (order.symbol, order.status, order.qty) == ("BTC/USD", OrderStatus.FILLED, "0.2")
    assert (position.symbol, position.qty, held) == ("BTCUSD", "0.1995", "0.1995")
    assert (asset.symbol, asset.shortable, asset.marginable) == ("BTC/USD", False, False)


def test_what_an_ioc_order_does_not_fill_at_once_is_cancelled(crypto_venue):
    async def session():
        async with connected(crypto_venue, crypto_time_in_force="ioc") as (broker, _reported):
            await broker.submit_order(
                order("0.1", symbol="BTC/USD", limit="39000"), client_order_id="RUN-1"
            )
            return await broker.find_order("RUN-1")

    assert within(session()).state is OrderState.CANCELED


def test_a_pair_is_not_sold_beyond_what_is_held(crypto_venue):
    async def session():
        async with connected(crypto_venue) as (broker, _reported):
            with pytest.raises(OrderRefused, match="BTC/USD cannot be sold short"):
                await broker.submit_order(order("-0.1", symbol="BTC/USD"), client_order_id="R-1")

    within(session())


class Pairs(rbt.TradingAlgorithm):
    """Buys a part of a coin, and sells all of it later."""

    def initialize(self, context):
        context.bars, context.adjusted = 0, []

    def handle_data(self, context, data):
        context.bars += 1
        coin = self.symbol("BTC/USD")
        if context.bars == 1:
            self.order(coin, 0.123456789)
        if context.adjusted and context.portfolio.positions[coin].amount:
            self.order_target(coin, 0)

    def on_position_adjustment(self, context, asset, amount, reason):
        context.adjusted.append((amount, reason))


def test_a_session_trades_a_pair_and_books_the_fee_that_is_taken_in_coins(crypto_venue, tmp_path):
    crypto_venue.advance(30)

    async def play():
        broker = broker_at(crypto_venue)
        data = await broker.feed.fetch_bars(list(PAIRS), MIDNIGHT, frequency="1m")
        session = rbt.attach(
            Pairs,
            broker,
            data=data,
            frequency="1m",
            calendar="24/7",
            journal=tmp_path,
            name="coins",
        )
        link = None

        async def advance():
            await asyncio.to_thread(crypto_venue.advance)

        await hold(lambda: session.engine.failure or session.state == "running")
        await hold(lambda: session.engine.feed._given.reach_us is not None)
        link = session.engine.link
        await advance()
        while not session.context.adjusted:
            assert session.engine.failure is None
            link._look_now.set()
            await asyncio.sleep(0.02)
        await advance()
        await hold(lambda: not list(session.engine.core.state.portfolio))
        await link.news.look_at_cash((await broker.account()).cash, settled=False)
        await hold(lambda: "fee of BTC/USD" in " ".join(session.logs) or session.engine.failure)
        account = await broker.account()
        await session.stop()
        return session, account

    session, account = run(play())

    ((amount, reason),) = session.context.adjusted
    assert amount == Decimal("-0.000308642")
    assert reason == "the broker's fee for what was bought, taken in BTC"
    assert session.trading_state == "running"
    assert session.engine.core.state.portfolio.cash == account.cash
    assert session.engine.core.state.portfolio.conservation_error() == 0


def test_shares_and_pairs_have_their_own_places():
    crypto, stocks = place_of(["BTC/USD"], data_feed="iex"), place_of(["IBM"], data_feed="sip")

    assert crypto.bars == "/v1beta3/crypto/us/bars"
    assert crypto.latest == "/v1beta3/crypto/us/latest/bars"
    assert (crypto.stream, stocks.stream) == ("/v1beta3/crypto/us", "/v2/sip")
    assert "feed" not in crypto.query
    with pytest.raises(InvalidSetting, match="BTC/USD and IBM in one feed"):
        place_of(["IBM", "BTC/USD"], data_feed="iex")


def test_a_day_of_a_pair_that_does_not_begin_at_midnight_utc_is_refused():
    bar = {"t": "2024-03-02T00:00:00Z", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}

    assert read_bar(bar, symbol="BTC/USD", interval=DAY)["timestamp"] == date(2024, 3, 2)
    with pytest.raises(Untranslatable, match="midnight UTC"):
        read_bar(bar | {"t": "2022-01-01T06:00:00Z"}, symbol="BTC/USD", interval=DAY)


def test_prices_and_amounts_of_a_pair_follow_the_terms_of_its_listing():
    terms = read_pair_terms({"min_order_size": "0.0001", "price_increment": "0.5"})

    def legal(amount, limit):
        return legal_terms("BTC/USD", Decimal(amount), limit=Decimal(limit), stop=None, pair=terms)[
            0
        ]

    assert legal("1", "40000.7") == Decimal("40000.5")
    assert legal("-1", "40000.7") == Decimal(40001)
    with pytest.raises(OrderRefused, match=r"at least 0\.0001"):
        legal("0.00005", "40000")
    assert read_pair_terms({}) == PairTerms()
