"""A run again under worse conditions: noisy prices, late fills, dear costs.

The rule: one thing is changed at a time, and everything else is as it was.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import SweepError
from rbtlive.finance.commission import CommissionModel
from rbtlive.finance.defaults import default_commission, default_slippage
from rbtlive.finance.slippage import SlippageModel
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import PRICES
from rbtlive.research.backtesting import backtest
from rbtlive.research.result import BacktestResult


class LateFills(SlippageModel):
    """Fills by another model, some bars later than it would.

    Args:
        model: The other model.
        bars: How many bars an order waits.
    """

    def __init__(self, model: Any, bars: int) -> None:
        super().__init__()
        self.model = model
        self.bars = bars
        self._waited: dict[Any, int] = {}

    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        """Return no fill until the order has waited, then what the model says."""
        waited = self._waited.get(order.id, 0)
        if waited < self.bars:
            self._waited[order.id] = waited + 1
            return None, None
        return _ask(self, data, order)


class DearFills(SlippageModel):
    """Fills by another model, at a multiple of its distance from the close.

    Args:
        model: The other model.
        factor: The multiple.
    """

    def __init__(self, model: Any, factor: float) -> None:
        super().__init__()
        self.model = model
        self.factor = factor

    def process_order(self, data: Any, order: Any) -> tuple[Any, Any]:
        """Return the model's amount at a worse price."""
        price, amount = _ask(self, data, order)
        if price is None:
            return None, None
        close = float(data.current(order.asset, "close"))
        return close + self.factor * (float(price) - close), amount


# What has filled in this bar is counted where the orders are tried, and read where they
# are priced.
def _ask(outer: Any, data: Any, order: Any) -> tuple[Any, Any]:
    inner = outer.model
    inner._filled, inner._whole = outer._filled, outer._whole  # noqa: SLF001 - one budget of volume
    answer: tuple[Any, Any] = inner.process_order(data, order)
    return answer


class DearCommission(CommissionModel):
    """Charges a multiple of another model.

    Args:
        model: The other model.
        factor: The multiple.
    """

    def __init__(self, model: Any, factor: float) -> None:
        self.model = model
        self.factor = factor

    def calculate(self, order: Any, transaction: Any) -> Any:
        """Return the multiple of what the model charges."""
        charged = float(order.commission) / self.factor if self.factor else 0.0
        return self.factor * float(self.model.calculate(_Charged(order, charged), transaction))


# An order as the inner model would have charged it.
class _Charged:
    def __init__(self, order: Any, commission: float) -> None:
        self._order = order
        self.commission = commission

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)


def stressed_values(
    result: BacktestResult,
    method: str,
    *,
    n: int | None,
    seed: int,
    strategy: Any,
    data: Any,
    amount: float | None,
) -> NDArray[np.float64]:
    """Return portfolio values of runs under worse conditions, runs x sessions.

    Raises:
        SweepError: what ran, or over what, is not known.
    """
    strategy, portal = _what_ran(result, strategy, data)
    settings = result.record.settings
    options: dict[str, Any] = {
        "start": settings.start,
        "end": settings.end,
        "capital_base": settings.capital_base,
        "frequency": settings.frequency,
        "params": dict(settings.params),
        "benchmark": settings.benchmark,
        "frames": settings.frames,
        "zipline_quirks": settings.zipline_quirks,
        "commission": settings.commission,
        "slippage": settings.slippage,
    }
    slippage = settings.slippage or default_slippage(portal.assets)
    if method == "delay":
        options["slippage"] = LateFills(slippage, int(1 if amount is None else amount))
    elif method == "costs":
        factor = 2.0 if amount is None else amount
        options["slippage"] = DearFills(slippage, factor)
        options["commission"] = DearCommission(
            settings.commission or default_commission(portal.assets), factor
        )
    portals = [portal]
    if method == "prices":
        deviation = 0.002 if amount is None else amount
        generator = np.random.default_rng(seed)
        portals = [_noisy(portal, settings.frequency, deviation, generator) for _ in range(n or 20)]
    runs = [backtest(strategy, one, progress=False, **options) for one in portals]
    return np.array([run.performance["portfolio_value"].to_numpy() for run in runs])


def _what_ran(result: BacktestResult, strategy: Any, data: Any) -> tuple[Any, Any]:
    known = result.origin or (None, None)
    strategy = known[0] if strategy is None else strategy
    data = known[1] if data is None else data
    if strategy is None or data is None:
        raise SweepError(
            "to run a result again its strategy and data must be known: pass strategy= and data="
        )
    return strategy, PolarsDataPortal.coerce(data, frequency=result.record.settings.frequency)


# Each bar is multiplied as a whole, so that its high stays its high.
def _noisy(
    portal: PolarsDataPortal, frequency: str, deviation: float, generator: np.random.Generator
) -> PolarsDataPortal:
    bars = portal.to_frame(frequency)
    factors = pl.Series("factor", np.exp(generator.normal(0.0, deviation, bars.height)))
    noisy = bars.with_columns([pl.col(name) * factors for name in PRICES])
    tables: dict[str, Any] = {
        "assets": pl.DataFrame(
            [(a.symbol, a.sid, str(a.lot_size), str(a.tick_size)) for a in portal.assets],
            schema=["symbol", "sid", "lot_size", "tick_size"],
            orient="row",
        ).with_columns(pl.col("lot_size", "tick_size").cast(pl.Float64)),
        "splits": _table(
            [
                (
                    portal.assets[s.asset].symbol,
                    portal.calendar.label(s.session),
                    float(str(s.ratio)),
                )
                for s in portal.splits
            ],
            {"symbol": pl.String, "effective_date": pl.Date, "ratio": pl.Float64},
        ),
        "dividends": _table(
            [
                (portal.assets[d.asset].symbol, d.ex_date, d.pay_date, float(str(d.amount)))
                for d in portal.dividends
            ],
            {"symbol": pl.String, "ex_date": pl.Date, "pay_date": pl.Date, "amount": pl.Float64},
        ),
    }
    name = portal.calendar.name
    if frequency == "1d":
        return PolarsDataPortal(noisy, calendar=name, **tables)
    return PolarsDataPortal(None, minute_bars=noisy, calendar=name, interval=frequency, **tables)


def _table(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame | None:
    return pl.DataFrame(rows, schema=schema, orient="row") if rows else None
