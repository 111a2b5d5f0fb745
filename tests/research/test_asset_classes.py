"""Runs over crypto, currencies and shares: lots, ticks, costs and volumes fit each of
them, at prices of a billionth and amounts of a trillion.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import BadOrderParameters, InvalidAsset
from rbtlive.finance.slippage import NoSlippage
from tests.builders import Churn, run, same, whole

FIRST = datetime(2024, 3, 4, 0, 1, tzinfo=UTC)


def minutes(symbol, price, *, volume=1e15, count=60):
    stamps = [FIRST + timedelta(minutes=n) for n in range(count)]
    return pl.DataFrame({"timestamp": stamps}).with_columns(
        pl.lit(symbol).alias("symbol"),
        *(pl.lit(float(price)).alias(name) for name in ("open", "high", "low", "close")),
        pl.lit(float(volume)).alias("volume"),
    )


def days(symbol, price, *, volume=0.0, count=40):
    first = date(2023, 1, 2)
    labels = [first + timedelta(days=n) for n in range(count)]
    labels = [label for label in labels if label.weekday() < 5]
    return pl.DataFrame({"date": labels}).with_columns(
        pl.lit(symbol).alias("symbol"),
        *(pl.lit(float(price)).alias(name) for name in ("open", "high", "low", "close")),
        pl.lit(float(volume)).alias("volume"),
    )


def once(order):
    """Return a strategy that places one order in its third bar."""

    def handle_data(context, data):
        context.bars = getattr(context, "bars", 0) + 1
        if context.bars == 3:
            context.id = order(context, context.symbol(data_symbol(context)))

    return {"__name__": "once", "handle_data": handle_data}


def data_symbol(context):
    return context.asset_symbol if hasattr(context, "asset_symbol") else SYMBOL[0]


SYMBOL = ["SHIB"]


def crypto(order, price, **options):
    SYMBOL[0] = options.pop("symbol", "SHIB")
    bars = minutes(SYMBOL[0], price, volume=options.pop("volume", 1e15))
    return rbt.backtest(
        once(order), bars, frequency="1m", calendar="24/7", progress=False, **options
    )


@pytest.mark.parametrize("price", [1.23, 1.23e-3, 1.23e-5, 1.23e-7, 1.23e-8, 1e-9])
def test_a_target_is_bought_at_any_price_in_exact_numbers(price):
    result = crypto(lambda context, asset: context.order_target_percent(asset, 0.9), price)

    assert result.transactions.height == 1
    fill = result.transactions.row(0, named=True)
    value = float(fill["amount"] * fill["price"])
    assert value == pytest.approx(90_000, rel=2e-3)
    assert result.metrics["commission"] == pytest.approx(90, rel=2e-3)
    assert 99_700 < result.metrics["final_value"] < 100_000


def test_a_trillion_is_an_amount():
    result = crypto(lambda context, asset: context.order(asset, 2e12), 1e-8)

    assert result.transactions["amount"].to_list() == [Decimal(2 * 10**12)]


@pytest.mark.parametrize("amount", [1e21, 1e30, 1e300, -1e21])
def test_more_than_can_be_counted_is_an_error_of_ours(amount):
    with pytest.raises(BadOrderParameters):
        crypto(lambda context, asset: context.order(asset, amount), 1e-8)


def test_fractions_of_a_coin_fill_in_fractions_of_its_volume():
    result = crypto(
        lambda context, asset: context.order_target_percent(asset, 0.9),
        60_000.0,
        symbol="BTC-USD",
        volume=3.7,
    )

    amounts = result.transactions["amount"].to_list()
    assert amounts[0] == Decimal("0.37")
    assert sum(amounts) == Decimal("1.5")


@pytest.mark.parametrize(
    ("symbol", "price", "limit", "placed"),
    [
        ("SHIB", 1.23e-5, 1.25e-5, "0.0000125"),
        ("BTC/USDT", 60_000.0, 60_000.123456789, "60000.12345678"),
        ("PEPE", 1.1e-9, 1.2e-9, "1.2E-9"),
    ],
)
def test_a_limit_stays_where_it_was_put(symbol, price, limit, placed):
    result = crypto(
        lambda context, asset: context.order(asset, 10, limit_price=limit), price, symbol=symbol
    )

    assert result.orders["limit"].to_list() == [Decimal(placed)]
    assert not any("tick" in hint.text for hint in result.hints)


def fx(order, **options):
    SYMBOL[0] = "EURUSD"
    bars = options.pop("bars", days("EURUSD", 1.0834))
    return rbt.backtest(once(order), bars, calendar="24/5", progress=False, **options)


def test_currencies_fill_without_volume_at_half_a_spread():
    result = fx(lambda context, asset: context.order(asset, 1000, limit_price=1.0856))

    fill = result.transactions.row(0, named=True)
    assert result.orders["limit"].to_list() == [Decimal("1.0856")]
    assert float(fill["price"]) == pytest.approx(1.0834 * 1.00005)
    assert float(fill["commission"]) == pytest.approx(1000 * 1.08345 * 0.00002, rel=1e-3)
    assert result.hints == []


def test_a_currency_with_volume_zero_has_traded_where_it_has_a_price():
    seen = []

    def handle_data(context, data):
        asset = context.symbol("EURUSD")
        seen.append(
            (data.is_stale(asset), data.can_trade(asset), float(data.current(asset, "price")))
        )

    bars = minutes("EURUSD", 1.0834, volume=0, count=30)
    bars = bars.filter(~pl.col("timestamp").is_in(bars["timestamp"][10:15].implode()))
    rbt.backtest(
        {"handle_data": handle_data}, bars, frequency="1m", calendar="24/5", progress=False
    )

    assert seen[9] == (False, True, 1.0834)
    assert seen[12] == (True, True, 1.0834)


def test_classes_mix_in_one_portal_and_each_has_its_costs():
    portal = rbt.PolarsDataPortal(
        pl.concat(
            [days("AAPL", 150.0, volume=1e6), days("EURUSD", 1.08), days("BTC-USD", 2e4, volume=50)]
        ),
        calendar="24/5",
    )

    def handle_data(context, data):
        if not context.portfolio.positions and not context.get_open_orders():
            for asset, amount in (("AAPL", 10), ("EURUSD", 1000), ("BTC-USD", 0.5)):
                context.order(context.symbol(asset), amount)

    result = rbt.backtest({"handle_data": handle_data}, portal, progress=False)

    fills = {row["symbol"]: row for row in result.transactions.iter_rows(named=True)}
    assert {asset.symbol: asset.asset_class for asset in portal.assets} == {
        "AAPL": "equity",
        "BTC-USD": "crypto",
        "EURUSD": "fx",
    }
    assert fills["BTC-USD"]["amount"] == Decimal("0.5")
    assert float(fills["AAPL"]["commission"]) == pytest.approx(0.01)  # a tenth of a cent a share
    assert float(fills["BTC-USD"]["commission"]) == pytest.approx(10_005 * 0.001, rel=1e-3)


def test_assets_say_otherwise_and_an_unknown_class_is_refused():
    table = pl.DataFrame(
        {"symbol": ["SHIB"], "asset_class": ["equity"], "tick_size": ["0.0001"], "lot_size": ["5"]}
    )
    portal = rbt.PolarsDataPortal(
        None, minute_bars=minutes("SHIB", 1), calendar="24/7", assets=table
    )

    asset = portal.asset("SHIB")
    assert (asset.asset_class, asset.lot_size) == ("equity", 5)
    assert asset.tick_at(Decimal("0.00001")) == Decimal("0.0001")
    whole_class = rbt.PolarsDataPortal(days("X", 5), calendar="24/5", asset_class="crypto")
    assert whole_class.asset("X").lot_size == Decimal("1E-9")
    with pytest.raises(InvalidAsset, match="asset_class must be one of equity, etf"):
        rbt.PolarsDataPortal(days("X", 5), calendar="24/5", asset_class="stock")


class Coins(Churn):
    """Trades fractions."""

    def initialize(self, context):
        super().initialize(context)
        context.coin = self.symbol("BTC/USDT")

    def handle_data(self, context, data):
        super().handle_data(context, data)
        self.order_target_percent(context.coin, 0.1 + context.bars % 5 / 50)


def test_a_session_over_mixed_classes_is_its_backtest(tmp_path):
    from tests.builders import minute_frame

    rows = minute_frame(2, every=3)
    coin = rows.filter(pl.col("symbol") == "AAA").with_columns(
        pl.lit("BTC/USDT").alias("symbol"), pl.col("volume") / 1000
    )
    portal = rbt.PolarsDataPortal(None, minute_bars=pl.concat([rows, coin]))

    session = run(whole(Coins, tmp_path, feed=rbt.ReplayFeed(portal), frequency="1m"))

    backtest = rbt.backtest(Coins, portal, frequency="1m", progress=False)
    assert any(amount % 1 for amount in backtest.transactions["amount"])
    assert same(backtest, session.result())
    assert session.parity().identical


def test_no_slippage_fills_whatever_the_class():
    result = crypto(
        lambda context, asset: context.order(asset, 1e12), 1e-9, volume=1, slippage=NoSlippage()
    )

    assert result.transactions["amount"].to_list() == [Decimal(10**12)]


def test_billions_of_a_coin_use_up_a_bar_to_its_last_lot():
    prices = [8.9e-6 * (1 + n % 7 / 1000) for n in range(600)]
    bars = minutes("SHIB/USDT", 1.0, volume=1e9, count=600).with_columns(
        *(pl.Series(name, prices) for name in ("open", "high", "low", "close"))
    )

    def handle_data(context, data):
        context.bars = getattr(context, "bars", 0) + 1
        if context.bars % 5 == 1:
            context.order_target_percent(context.symbol("SHIB/USDT"), 0.5 - context.bars % 3 / 4)

    result = rbt.backtest(
        {"__name__": "coins", "handle_data": handle_data}, bars, frequency="1m", progress=False
    )

    assert result.transactions.height > 100
