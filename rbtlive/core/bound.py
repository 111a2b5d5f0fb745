"""What gives api methods their run: an object is bound to a core, or refuses to act."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from rbtlive.errors import CalledOutsideStrategy, OrderInBeforeTradingStart

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore


class Bound:
    """Something whose methods act on the run it is bound to."""

    _core: TradingCore | None = None

    def _running(self, method: str, *, orders: bool = False) -> TradingCore:
        core = self._core
        if core is None:
            raise CalledOutsideStrategy(
                f"{method}() must be called during a run: use it inside a callback of a strategy "
                "given to rbtlive.backtest() or rbtlive.attach()"
            )
        if orders and core.in_before_trading_start:
            raise OrderInBeforeTradingStart(
                f"{method}() cannot be called in before_trading_start: place orders in handle_data "
                "or in a scheduled function"
            )
        return core


ACTIVE: ContextVar[Bound | None] = ContextVar("rbtlive_active", default=None)
"""The algorithm whose callback is running, for the module-level functions of
`rbtlive.api`.
"""
