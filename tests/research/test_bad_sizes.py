"""Bad data and sizes end in errors of ours, whatever is mixed: a seeded fuzz."""

from __future__ import annotations

import random
import warnings
from datetime import date, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import AmountTooLarge, RbtliveError
from rbtlive.model.number import to_money

PRICES = (10.0, 1e-9, 1e12, 1e20, 0.0)
VOLUMES = (0.0, 1e-9, 1e6, 1e25, 1e300)
DATES = [day for n in range(20) if (day := date(2023, 1, 3) + timedelta(days=n)).weekday() < 5]
TEXT = ("x", "", "9999-12-31", "0001-01-01", None, "-1", "1e400")


def market(chance):
    price, symbol = chance.choice(PRICES), chance.choice(["AAA", "BTC/USDT", "EURUSD"])
    bars = pl.DataFrame({"date": DATES}).with_columns(
        pl.lit(symbol).alias("symbol"),
        *(pl.lit(price).alias(name) for name in ("open", "high", "low", "close")),
        pl.lit(chance.choice(VOLUMES)).alias("volume"),
    )
    facts = {"symbol": symbol, "lot_size": 1.0, "tick_size": 0.01, "end_date": "2023-01-19"}
    facts[chance.choice(list(facts))] = chance.choice((*TEXT, 0.0, -1.0, 1e300, 1e-300))
    assets = pl.DataFrame([facts], strict=False) if chance.random() < 0.7 else None
    return symbol, rbt.PolarsDataPortal(bars, assets=assets, calendar="24/5")


class Wild(rbt.TradingAlgorithm):
    """Orders what cannot be."""

    symbol_text, seed = "", 0

    def initialize(self, context):
        context.chance = random.Random(self.seed)

    def handle_data(self, context, data):
        asset, draw = self.symbol(self.symbol_text), context.chance.choice
        sizes = (1, -3, 0.5, 1e9, 1e15, -1e19, 1e25, 1e-9, float("inf"))
        draw(
            (
                lambda: self.order(asset, draw(sizes)),
                lambda: self.order_value(asset, draw(sizes)),
                lambda: self.order_target_percent(asset, draw(sizes)),
                lambda: self.order(asset, draw(sizes), limit_price=draw(sizes)),
                lambda: data.history(asset, "close", draw((1, 2)), draw(("1d", "1w", "1mo"))),
            )
        )()


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_nothing_leaves_the_package_but_errors_of_its_own(first):
    for seed in range(first, first + 40):
        chance = random.Random(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            try:
                symbol, portal = market(chance)
                result = rbt.backtest(
                    Wild,
                    portal,
                    frequency=chance.choice(["1d", "1w", "1mo"]),
                    capital_base=chance.choice([1, 1e5, 1e18]),
                    params={"symbol_text": symbol, "seed": seed},
                    progress=False,
                )
            except RbtliveError:
                continue
            assert result.orders.height >= 0
            assert isinstance(result.hints, list)
            assert repr(result)


def test_money_beyond_the_ledger_is_an_error_that_says_so():
    with pytest.raises(AmountTooLarge, match=r"below 1E26: was .*check prices"):
        to_money(10**27)
