"""Rerun a strategy under worse conditions: noisy prices, late fills, higher costs.

The rule: one thing is changed at a time, and everything else stays the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import polars as pl

from rbtlive.core.state.settings import RunSettings
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, SweepError
from rbtlive.finance.commission import CommissionModel
from rbtlive.finance.slippage import SlippageModel
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import PRICES
from rbtlive.model.given import is_number, whole
from rbtlive.model.interval import Interval
from rbtlive.research.result import BacktestResult
from rbtlive.runtime.backtest import new_core, run_core
from rbtlive.runtime.journal.header import asset_facts, dividend_facts, split_facts
from rbtlive.runtime.recorded.replay import tables_of

_AMOUNTS: Final = {"prices": 0.002, "delay": 1, "costs": 2.0}
"""Methods that rerun a strategy, each with its default size of change."""
_DEVIATION_AT_MOST: Final = 1.0


class LateFills(SlippageModel):
    """Fills like another model, but some bars later.

    Args:
        model: The other model.
        bars: Number of bars that an order waits.
    """

    def __init__(self, model: object, bars: int) -> None:
        super().__init__()
        self.model = model
        self.bars = bars
        self._waited: dict[Any, int] = {}

    def process_order(self, data: object, order: Any) -> tuple[Any, Any]:
        """Return no fill until the order has waited, then the model's fill."""
        waited = self._waited.get(order.id, 0)
        if waited < self.bars:
            self._waited[order.id] = waited + 1
            return None, None
        return _ask(self, data, order)


class DearFills(SlippageModel):
    """Fills like another model, but at a multiple of its distance from the close.

    Args:
        model: The other model.
        factor: The multiple.
    """

    def __init__(self, model: object, factor: float) -> None:
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


# The volume filled in this bar is counted by the outer model, and read by the inner
# one.
def _ask(outer: Any, data: object, order: object) -> tuple[Any, Any]:
    inner = outer.model
    inner._filled, inner._whole = outer._filled, outer._whole  # noqa: SLF001 - they share one volume budget
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

    def calculate(self, order: Any, transaction: object) -> Any:
        """Return the multiple of the model's charge."""
        charged = float(order.commission) / self.factor if self.factor else 0.0
        return self.factor * float(self.model.calculate(_Charged(order, charged), transaction))


# An order with the commission that the inner model would have charged.
class _Charged:
    def __init__(self, order: object, commission: float) -> None:
        self._order = order
        self.commission = commission

    def __getattr__(self, name: str) -> Any:
        return getattr(self._order, name)


def check_amount(method: str, amount: Any) -> Any:
    """Return the size of a method's change: the given one, or its default.

    Raises:
        InvalidSetting: the size is invalid, or the method takes none.
    """
    if method not in _AMOUNTS:
        if amount is not None:
            raise InvalidSetting(
                f"amount is of {', '.join(_AMOUNTS)}: was {amount!r:.80} with method={method!r}"
            )
        return None
    if amount is None:
        return _AMOUNTS[method]
    if method == "delay":
        return whole(amount, "amount of delay, in bars,", least=0)
    most = _DEVIATION_AT_MOST if method == "prices" else math.inf
    if not is_number(amount) or not 0.0 <= amount <= most or math.isinf(amount):
        raise InvalidSetting(
            f"amount of {method} must be a number from 0{f' to {most:g}' * (most < math.inf)}: was "
            f"{amount!r:.80}"
        )
    return float(amount)


def stressed_values(
    result: BacktestResult,
    method: str,
    *,
    n: int | None,
    seed: int,
    strategy: object,
    data: object,
    amount: Any,
) -> NDArray[np.float64]:
    """Return the portfolio values of runs under worse conditions, runs x sessions.

    Raises:
        SweepError: the strategy or its data is unknown.
    """
    strategy, portal = _what_ran(result, strategy, data)
    settings = result.record.settings
    portals = [portal]
    if method == "prices":
        generator = np.random.default_rng(seed)
        interval = Interval.parse(settings.frequency)
        portals = [_noisy(portal, interval, amount, generator) for _ in range(n or 20)]
    return np.array(
        [_values(strategy, one, settings, partial(_worsen, method, amount)) for one in portals]
    )


# The run's models after `initialize`, which may have set them.
def _worsen(method: str, amount: Any, core: TradingCore) -> None:
    venue: Any = core.state.venue
    if method == "delay":
        venue.set_models(slippage=LateFills(venue.slippage, amount))
    elif method == "costs":
        venue.set_models(
            slippage=DearFills(venue.slippage, amount),
            commission=DearCommission(venue.commission, amount),
        )


def _values(
    strategy: object,
    portal: PolarsDataPortal,
    settings: RunSettings,
    worsen: Callable[[TradingCore], None],
) -> NDArray[np.float64]:
    core = new_core(strategy, portal, settings, preload=True)
    run_core(core, initialized=worsen)
    sessions = core.act(core.finish).sessions
    return np.array([float(row.portfolio_value) for row in sessions])


def _what_ran(result: BacktestResult, strategy: object, data: object) -> tuple[Any, Any]:
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
    portal: PolarsDataPortal, interval: Interval, deviation: float, generator: np.random.Generator
) -> PolarsDataPortal:
    bars = portal.to_frame(interval.text)
    factors = pl.Series("factor", np.exp(generator.normal(0.0, deviation, bars.height)))
    noisy = bars.with_columns([pl.col(name) * factors for name in PRICES])
    tables = tables_of(asset_facts(portal), split_facts(portal), dividend_facts(portal))
    name = portal.calendar.name
    daily, intraday = (None, noisy) if interval.intraday else (noisy, None)
    made = PolarsDataPortal(
        daily, minute_bars=intraday, calendar=name, interval=interval.text, **tables
    )
    made.further = portal.at(interval).further
    return made
