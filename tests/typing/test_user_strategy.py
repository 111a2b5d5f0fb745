"""The typed strategy that mypy checks with the package runs, and gets what it says."""

import tomllib
from pathlib import Path

import polars as pl

import rbtlive as rbt
from rbtlive.model.number import Number
from tests.builders import daily_frame
from tests.typing.user_strategy import Typed

ROOT = Path(__file__).parents[2]


def test_the_typed_strategy_runs():
    bars = daily_frame(5, symbols=2)

    result = rbt.backtest(Typed, bars, start=bars["date"].unique().sort()[1])

    assert result.performance["held"].to_list() == [0, 1, 1, 1]
    assert result.transactions.height == 3
    assert all(isinstance(price, float) for price in result.performance["last"])


def test_what_callbacks_receive_is_what_the_annotations_say():
    seen = {}

    class Reader(Typed):
        def handle_data(self, context, data):
            first = context.assets[0]
            seen["number"] = data.current(first, "close")
            seen["numbers"] = data.current(context.assets, "close")
            seen["fields"] = data.current(first, ["open", "close"])
            seen["table"] = data.current(context.assets, ["open", "close"])
            seen["tradable"] = data.can_trade(context.assets)
            seen["orders"] = self.get_open_orders(first)
            seen["all orders"] = self.get_open_orders()

        def analyze(self, context, perf):
            pass

    rbt.backtest(Reader, daily_frame(2, symbols=2))

    assert {name: type(value) for name, value in seen.items()} == {
        "number": Number,
        "numbers": dict,
        "fields": dict,
        "table": pl.DataFrame,
        "tradable": dict,
        "orders": list,
        "all orders": dict,
    }


def test_mypy_is_asked_about_the_typed_strategy():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]

    assert settings["strict"]
    assert "tests.typing.user_strategy" in settings["modules"]
