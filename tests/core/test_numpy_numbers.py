"""Numbers of NumPy's are taken wherever a strategy passes a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rbtlive as rbt
from rbtlive.api import time_rules
from rbtlive.finance.execution import LimitOrder
from tests.builders import daily_frame

PORTAL = rbt.PolarsDataPortal(daily_frame())
WHOLE = [np.int64, np.int32, np.int8, np.uint16]
Deed = Callable[[Any, Any, Any], Any]
DEEDS: dict[str, Deed] = {
    "order": lambda me, asset, of: me.order(asset, of(5)),
    "sell": lambda me, asset, of: me.order(asset, of(0) - 5),
    "limit": lambda me, asset, of: me.order(asset, of(5), limit_price=of(100)),
    "style": lambda me, asset, of: me.order(asset, of(5), style=LimitOrder(of(100))),
    "target": lambda me, asset, of: me.order_target(asset, of(7)),
    "value": lambda me, asset, of: me.order_value(asset, of(100)),
    "percent": lambda me, asset, of: me.order_target_percent(asset, of(1)),
    "targets": lambda me, asset, of: me.order_target_percents({asset: of(1)}),
}


def orders(deed: Deed, of: Any, *, quirks: bool) -> Any:
    class Acts(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.asset = self.sid(0)

        def handle_data(self, context: Any, data: Any) -> None:
            deed(self, context.asset, of)

    return rbt.backtest(Acts, PORTAL, zipline_quirks=quirks, progress=False).orders


@pytest.mark.parametrize("quirks", [False, True])
@pytest.mark.parametrize("deed", DEEDS)
def test_whole_numbers_of_numpy_order_what_pythons_do(deed: str, quirks: bool) -> None:
    wanted = orders(DEEDS[deed], int, quirks=quirks)

    for of in WHOLE if deed != "sell" else WHOLE[:3]:
        assert orders(DEEDS[deed], of, quirks=quirks).equals(wanted), of
    assert wanted.height > 0


@pytest.mark.parametrize("of", [*WHOLE, np.float64, np.float32])
def test_a_time_rule_takes_them(of: Any) -> None:
    assert time_rules.market_open(hours=of(1), minutes=of(5)) == time_rules.market_open(
        hours=1, minutes=5
    )
