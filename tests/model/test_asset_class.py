"""Asset classes: what symbols show, and the lots and ticks that follow."""

from decimal import Decimal

import pytest

from rbtlive.model.asset_class import ASSET_CLASSES, class_of, quote_of

SHOWN = {
    "BTC/USDT": "crypto",
    "BTC-USD": "crypto",
    "ETHUSDT": "crypto",
    "btcusd": "crypto",
    "FOO/USDT": "crypto",
    "BTC/USDT:USDT": "crypto",
    "EURUSD": "fx",
    "EUR/USD": "fx",
    "EUR_USD": "fx",
    "USDJPY=X": "fx",
    "JPY=X": "fx",
    "CHF=x": "fx",
    "ABC=X": None,
    "ES=F": "future",
    "AAPL240119C00150000": "option",
    "AAPL": None,
    "BRK-B": None,
    "BRK.B": None,
    "SOL": None,
    "GOLD": None,
    "USD": None,
    "VOD.L": None,
}


@pytest.mark.parametrize(("symbol", "shown"), SHOWN.items())
def test_a_symbol_shows_its_class_or_none(symbol, shown):
    assert class_of(symbol) == shown


def test_a_bare_coin_is_crypto_only_round_the_clock():
    assert class_of("SOL", calendar="24/7") == "crypto"
    assert class_of("SOL", calendar="XNYS") is None
    assert class_of("A", calendar="24/7") is None


def test_the_quote_currency_is_the_second_of_a_pair():
    assert [quote_of(s) for s in ("USDJPY=X", "CAD=X", "BTC/EUR", "ETHUSDT", "AAPL")] == [
        "JPY",
        "CAD",
        "EUR",
        "USDT",
        "USD",
    ]


@pytest.mark.parametrize(
    ("name", "price", "tick"),
    [
        ("equity", "0.5", "0.01"),
        ("crypto", "60000", "1E-8"),
        ("crypto", "0.0000123", "1E-12"),
        ("fx", "1.0856", "0.00001"),
        ("fx", "151.25", "0.001"),
    ],
)
def test_the_tick_follows_the_price(name, price, tick):
    assert ASSET_CLASSES[name].tick_at(Decimal(price)) == Decimal(tick)
