"""Each rule of the broker that docs/venue.md lists, met with the official SDK: what it
is reported, and that it can go on.
"""

import warnings
from decimal import Decimal

import pytest

from tests.venue.process import KEY, SECRET, VenueProcess

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK uses a part of websockets that is on its way out
    from alpaca.common.exceptions import APIError, RetryException
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import (
        OrderClass,
        OrderSide,
        OrderStatus,
        QueryOrderStatus,
        TimeInForce,
    )
    from alpaca.trading.requests import (
        GetOrdersRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopLimitOrderRequest,
        StopLossRequest,
        StopOrderRequest,
        TakeProfitRequest,
        TrailingStopOrderRequest,
    )

BUY, SELL, DAY, GTC, IOC = (
    OrderSide.BUY,
    OrderSide.SELL,
    TimeInForce.DAY,
    TimeInForce.GTC,
    TimeInForce.IOC,
)


class Sdk:
    """The official SDK at a venue."""

    def __init__(self, venue):
        self.venue = venue
        self.client = TradingClient(KEY, SECRET, url_override=venue.url)

    def order(self, side, qty, kind=MarketOrderRequest, *, symbol="IBM", force=GTC, **facts):
        """Place an order, and return it as it is then."""
        asked = kind(symbol=symbol, side=side, qty=qty, time_in_force=force, **facts)
        return self.client.get_order_by_id(self.client.submit_order(asked).id)

    def limit(self, side, qty, price, **facts):
        """Place a limit order."""
        return self.order(side, qty, LimitOrderRequest, limit_price=price, **facts)

    def refused(self, status, words, side, qty, kind=MarketOrderRequest, **facts):
        """Place an order that is refused in these words, and changes nothing."""
        before = self.count()
        with pytest.raises(APIError, match=words) as refusal:
            self.order(side, qty, kind, **facts)
        assert refusal.value.status_code == status
        assert self.count() == before

    def count(self):
        """Return how many orders there are."""
        return len(self.client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, limit=500)))


@pytest.fixture
def sdk(venue):
    found = Sdk(venue)
    yield found
    found.client._session.close()


@pytest.fixture
def pairs(crypto_venue):
    found = Sdk(crypto_venue)
    yield found
    found.client._session.close()


def test_no_order_goes_through_zero_and_held_shares_are_not_free(sdk):
    sdk.order(BUY, 10)

    sdk.refused(403, "insufficient qty available", SELL, 11)
    sdk.limit(SELL, 6, 200)
    sdk.refused(403, "available: 4", SELL, 5)
    assert sdk.order(SELL, 4).status == OrderStatus.FILLED


def test_two_orders_that_could_trade_with_each_other(sdk):
    sdk.limit(BUY, 10, 50)

    sdk.refused(403, "potential wash trade detected", SELL, 1)
    assert sdk.limit(SELL, 1, 200).status == OrderStatus.NEW


def test_prices_between_the_ticks(sdk):
    sdk.refused(422, "sub-penny increment", BUY, 1, LimitOrderRequest, limit_price=50.001)
    sdk.refused(422, "sub-penny increment", BUY, 1, StopOrderRequest, stop_price=200.005)

    assert sdk.limit(BUY, 1, 0.1234).limit_price == "0.1234"


def test_parts_of_a_share(sdk):
    sdk.refused(422, "fractional orders must be DAY orders", BUY, 0.5)
    sdk.refused(403, "fractional orders cannot be sold short", SELL, 0.5, force=DAY)

    assert sdk.order(BUY, 0.5, force=DAY).filled_qty == "0.5"


def test_money_in_place_of_shares(sdk):
    money = {"notional": 100}
    sdk.refused(422, "notional orders must be market orders", BUY, None, **money)
    with pytest.raises(APIError, match="notional orders must be market orders"):
        sdk.client.submit_order(
            LimitOrderRequest(symbol="IBM", side=BUY, time_in_force=DAY, limit_price=50, **money)
        )

    assert Decimal(sdk.order(BUY, None, force=DAY, **money).filled_qty) == Decimal("1.023017902")


def test_extended_hours(sdk):
    early = {"extended_hours": True}
    sdk.refused(422, "extended hours order must be DAY limit orders", BUY, 1, force=DAY, **early)
    sdk.refused(
        422, "extended hours", BUY, 1, LimitOrderRequest, limit_price=50, **early
    )  # until cancelled

    assert sdk.limit(BUY, 1, 50, force=DAY, **early).extended_hours


def test_stops_and_forces_of_pairs(pairs):
    bitcoin = {"symbol": "BTC/USD"}
    pairs.refused(
        422,
        "invalid order type for crypto",
        BUY,
        0.1,
        StopOrderRequest,
        stop_price=50_000,
        **bitcoin,
    )
    pairs.refused(422, "time_in_force must be one of gtc, ioc", BUY, 0.1, force=DAY, **bitcoin)
    pairs.refused(403, "insufficient balance for BTC", SELL, 0.1, **bitcoin)
    resting = pairs.order(
        BUY, 0.1, StopLimitOrderRequest, stop_price=50_000, limit_price=50_100, **bitcoin
    )
    assert resting.status == OrderStatus.NEW


def test_pairs_are_paid_in_cash_and_never_on_margin(pairs):
    pairs.refused(403, "insufficient balance for USD", BUY, 3, symbol="BTC/USD")

    assert pairs.order(BUY, 2, symbol="BTC/USD").status == OrderStatus.FILLED


def test_an_ioc_order_of_a_pair_ends_at_once(pairs):
    ended = pairs.limit(BUY, 0.1, 39_000, symbol="BTC/USD", force=IOC)

    assert (ended.status, ended.filled_qty) == (OrderStatus.CANCELED, "0")


def test_a_pairs_listing_says_its_steps(pairs):
    listed = pairs.client.get_asset("BTC/USD")

    assert 0 < listed.min_order_size < 1
    assert 0 < listed.price_increment < 1


def test_the_fee_of_a_bought_pair_is_kept_of_it(pairs):
    pairs.order(BUY, 1, symbol="ETH/USD")
    held = pairs.client.get_open_position("ETHUSD")

    assert held.qty == "0.9975"
    assert pairs.order(SELL, 0.9975, symbol="ETH/USD").status == OrderStatus.FILLED
    fees = pairs.client.get("/account/activities/CFEE")
    assert [Decimal(fee["net_amount"]) < 0 for fee in fees] == [True]


def test_a_short_counts_with_three_percent_more(sdk):
    most = int(Decimal(sdk.client.get_account().buying_power) / Decimal("97.75") / Decimal("1.03"))

    sdk.refused(403, "insufficient buying power", SELL, most + 1)
    assert sdk.order(SELL, most).status == OrderStatus.FILLED


def test_the_fourth_day_trade_of_a_small_account():
    small = VenueProcess("--start", "2005-01-03", "--end", "2005-01-31", "--cash", "20000")
    try:
        sdk = Sdk(small)
        for _trade in range(3):
            sdk.order(BUY, 10)
            sdk.order(SELL, 10)
        sdk.order(BUY, 10)

        sdk.refused(403, "pattern day trading protection", SELL, 10)
        small.advance(1)
        assert sdk.order(SELL, 10).status == OrderStatus.FILLED
        sdk.client._session.close()
    finally:
        assert small.stop() == ""


def test_what_is_hard_to_borrow():
    venue = VenueProcess("--start", "2005-01-03", "--end", "2005-01-31", "--hard-to-borrow", "IBM")
    try:
        sdk = Sdk(venue)
        sdk.refused(422, "cannot be sold short", SELL, 1)
        assert not sdk.client.get_asset("IBM").easy_to_borrow
        assert sdk.order(SELL, 1, symbol="AAPL").status == OrderStatus.FILLED
        sdk.client._session.close()
    finally:
        assert venue.stop() == ""


def test_more_than_two_hundred_requests_a_minute(sdk, monkeypatch):
    sdk.venue.control("limit", {"requests_per_minute": 200})
    waits = []
    monkeypatch.setattr("alpaca.common.rest.time.sleep", waits.append)

    for _request in range(200):
        sdk.client.get_clock()
    with pytest.raises((APIError, RetryException)):
        sdk.client.get_clock()

    assert len(waits) == 3, "the SDK waits and asks again"
    status, answer = sdk.venue.request("/v2/clock", keys=True)
    assert (status, answer["code"]) == (429, 42910000)
    assert sdk.venue.request("/v2/stocks/bars/latest?symbols=IBM", keys=True)[0] == 200
    sdk.venue.advance()  # the venue's own minute has passed
    assert sdk.client.get_clock().timestamp is not None


def test_a_client_order_id_is_unique_and_of_128_characters_at_most(sdk):
    sdk.order(BUY, 1, client_order_id="x" * 128)

    sdk.refused(422, "client_order_id must be unique", BUY, 2, client_order_id="x" * 128)
    sdk.refused(422, "at most 128 characters", BUY, 1, client_order_id="x" * 129)


def test_a_reverse_split_leaves_whole_shares_and_pays_the_rest(sdk):
    sdk.order(BUY, 10)
    sdk.venue.control("split", {"symbol": "IBM", "ratio": "4"})
    sdk.venue.advance()

    held = sdk.client.get_open_position("IBM")
    (paid,) = sdk.client.get("/account/activities/CIL")
    assert held.qty == "2"
    assert Decimal(paid["net_amount"]) == Decimal(held.current_price) / 2
    answer = sdk.venue.request("/v1/corporate-actions?symbols=IBM&types=reverse_split", keys=True)[
        1
    ]
    (split,) = answer["corporate_actions"]["reverse_splits"]
    assert (split["old_rate"], split["new_rate"]) == (4, 1)


@pytest.mark.parametrize(
    "body", [{"symbol": "NONE", "ratio": "2"}, {"symbol": "IBM", "ratio": "1"}]
)
def test_a_split_that_cannot_be_is_not_announced(venue, body):
    assert "code" in venue.control("split", body)


def test_an_account_that_may_not_trade(sdk):
    sdk.venue.control("account", {"account_blocked": True})

    sdk.refused(403, "account is restricted from trading", BUY, 1)
    assert sdk.client.get_account().account_blocked


def test_a_replaced_order_goes_on_under_another_id(sdk):
    first = sdk.limit(BUY, 10, 50)
    second = sdk.client.replace_order_by_id(first.id, ReplaceOrderRequest(qty=20, limit_price=51))
    third = sdk.client.replace_order_by_id(second.id, ReplaceOrderRequest(qty=30))

    chain = [sdk.client.get_order_by_id(one.id) for one in (first, second, third)]
    assert [one.status for one in chain] == [
        OrderStatus.REPLACED,
        OrderStatus.REPLACED,
        OrderStatus.NEW,
    ]
    assert [one.replaced_by for one in chain] == [second.id, third.id, None]
    assert [one.replaces for one in chain] == [None, first.id, second.id]
    assert (chain[2].qty, chain[2].limit_price) == ("30", "51")


@pytest.mark.parametrize(
    "kind",
    [OrderClass.OCO, OrderClass.OTO, OrderClass.BRACKET],
)
def test_orders_of_several_legs_are_refused_by_name(sdk, kind):
    legs = {
        "order_class": kind,
        "take_profit": TakeProfitRequest(limit_price=200),
        "stop_loss": StopLossRequest(stop_price=40),
    }
    sdk.refused(
        422, "not supported by this venue", BUY, 1, LimitOrderRequest, limit_price=50, **legs
    )


def test_trailing_stops_are_refused_by_name(sdk):
    sdk.refused(
        422, "trail_percent is not supported", BUY, 1, TrailingStopOrderRequest, trail_percent=2
    )
