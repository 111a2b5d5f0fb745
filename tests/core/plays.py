"""Short runs: a few prices, callbacks, and what came of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rbtlive import BacktestResult, PolarsDataPortal, backtest
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import NoSlippage
from tests.data.markets import DAYS, Price, bars

Handler = Callable[[Any, Any], None]


def played(
    prices: Mapping[str, Sequence[Price]],
    handle_data: Handler | None = None,
    *,
    initialize: Callable[[Any], None] | None = None,
    before_trading_start: Handler | None = None,
    quirks: bool = False,
    stamps: Sequence[object] = DAYS,
    portal: Mapping[str, Any] | None = None,
    **settings: Any,
) -> BacktestResult:
    """Run callbacks over one bar a stamp, by default without costs."""
    kind = "minute_bars" if settings.get("frequency") == "1m" else "bars"
    tables: dict[str, Any] = {"bars": None, kind: bars(prices, stamps), **(portal or {})}
    callbacks = {
        "__name__": "played",
        "initialize": initialize,
        "handle_data": handle_data or (lambda _context, _data: None),
        "before_trading_start": before_trading_start,
    }
    costs = {"slippage": NoSlippage(), "commission": NoCommission()}
    return backtest(
        callbacks,
        PolarsDataPortal(tables.pop("bars"), **tables),
        zipline_quirks=quirks,
        progress=False,
        **costs | settings,
    )


def on_bar(acts: Mapping[int, Handler]) -> Handler:
    """Return a `handle_data` that acts on some bars, counted from 0."""
    count = -1

    def handle_data(context: Any, data: Any) -> None:
        nonlocal count
        count += 1
        if count in acts:
            acts[count](context, data)

    return handle_data
