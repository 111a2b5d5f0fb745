"""The `context` that callbacks receive, and the base class of class strategies.

The rule: `context` carries portfolio, account and every api function; all other
attributes set on it belong to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Self

import polars as pl

from rbtlive.core.run_state import RunState
from rbtlive.core.shown.bar_data import BarData
from rbtlive.core.shown.order_views import OrderView, TransactionView
from rbtlive.core.shown.portfolio_views import AccountView, PortfolioView
from rbtlive.core.strategy.api_controls import ControlMethods
from rbtlive.core.strategy.api_orders import OrderMethods
from rbtlive.core.strategy.api_setup import SetupMethods
from rbtlive.core.strategy.zipline_names import NAMES
from rbtlive.model.asset import Asset
from rbtlive.model.number import Figure


class TradingMethods(OrderMethods, SetupMethods, ControlMethods):
    """Every api function as a method, and the portfolio and the account."""

    @property
    def portfolio(self) -> PortfolioView:
        """Cash and positions, marked at the current bar."""
        state = self._run
        if state is None:
            state = self._running("portfolio")
        if state.marks.marked_us != state.market.now_us:
            state.marks.mark()
        return state.portfolio_view

    @property
    def account(self) -> AccountView:
        """The account's figures, marked at the current bar."""
        state = self._run
        if state is None:
            state = self._running("account")
        if state.marks.marked_us != state.market.now_us:
            state.marks.mark()
        return state.account_view

    if TYPE_CHECKING:  # zipline's names (see below), and any attribute that a strategy sets

        def __getattr__(self, name: str) -> Any: ...

    def indicator(self, name: str, expression: pl.Expr) -> None:
        """Define a column computed from each asset's bars, to be read with
        `data.current` and `data.history`.

        Args:
            name: Name of the column; not one of the bar's own fields.
            expression: Polars expression over the columns open, high, low, close,
                volume.

        Raises:
            LookAheadIndicator: the expression's value at a bar depends on later bars.
        """
        self._changing("indicator").market.add_column(name, expression)


# One of zipline's own attributes, unless the user has set an attribute with that name.
# A `__getattr__` on the class would also work, but would make every attribute read of
# `context` and `self` four times as slow.
class _OfTheRun:
    def __init__(self, name: str, answer: Callable[[RunState], Any]) -> None:
        self._name, self._answer = name, answer

    def __get__(self, owner: TradingMethods | None, kind: type | None = None) -> Any:
        if owner is None:
            return self
        state = owner._run  # noqa: SLF001 - an attribute of that very class
        if state is None:
            raise AttributeError(
                f"{type(owner).__name__!r} object has no attribute {self._name!r}",
                name=self._name,
                obj=owner,
            )
        return self._answer(state)


for _name, _answer in NAMES.items():
    setattr(TradingMethods, _name, _OfTheRun(_name, _answer))


class Context(TradingMethods):
    """The first argument of every callback."""

    def __init__(self, state: RunState) -> None:
        self._run = state

    if TYPE_CHECKING:  # any attribute that a strategy sets

        def __setattr__(self, name: str, value: object) -> None: ...

    def __repr__(self) -> str:
        own = sorted(name for name in vars(self) if not name.startswith("_"))
        return f"Context({', '.join(own)})"

    def __reduce_ex__(self, _protocol: object, /) -> NoReturn:
        raise TypeError(
            "a strategy's context cannot be copied or pickled: it is the run itself, with its "
            "orders and positions; copy what you keep on it, e.g. copy.deepcopy(context.prices)"
        )


def _no_arguments(name: str, given: Mapping[str, object]) -> str:
    step = 'rbt.backtest(strategy, data, params={"fast": 10}) sets parameters'
    if "initialize" in given or "handle_data" in given:
        step = 'functions are a strategy as {"initialize": initialize, "handle_data": handle_data}'
    return f"{name}() takes no arguments: {step}"


class TradingAlgorithm(TradingMethods):
    """Base class of strategies: override the callbacks you need, and set parameters as
    class attributes.

    Every method of zipline's api works on `self`, on `context` and as a function of
    `rbtlive.api`.
    """

    if not TYPE_CHECKING:  # type checkers read the signature of `__init__`

        def __new__(cls, *args: object, **kwargs: object) -> Self:
            """Refuse arguments, unless the strategy has its own `__init__`."""
            if (args or kwargs) and cls.__init__ is object.__init__:
                raise TypeError(_no_arguments(cls.__name__, kwargs))
            return super().__new__(cls)

    def initialize(self, context: Context) -> None:
        """Set up the run; called once, before the first bar."""

    def before_trading_start(self, context: Context, data: BarData) -> None:
        """Prepare a session; called once a session, before its first bar of the
        American day.
        """

    def handle_data(self, context: Context, data: BarData) -> None:
        """Act on a bar; called at every bar."""

    def analyze(self, context: Context, perf: Any) -> None:
        """Look at the finished run; called once, after the last bar."""

    def on_order_fill(
        self, context: Context, order: OrderView, transaction: TransactionView
    ) -> None:
        """React to an execution, before `handle_data` of its bar."""

    def on_order_cancel(self, context: Context, order: OrderView, reason: str) -> None:
        """React to an order that ended without filling completely."""

    def on_order_reject(self, context: Context, order: OrderView, reason: str) -> None:
        """React to an order that was denied or rejected."""

    def on_broker_message(self, context: Context, message: str) -> None:
        """React to a message from a real broker."""

    def on_position_adjustment(
        self, context: Context, asset: Asset, amount: Figure, reason: str
    ) -> None:
        """React to `amount` signed shares that came to the run, or left it, without an
        order of the run.
        """

    @staticmethod
    def from_functions(
        initialize: Callable[..., Any] | None = None,
        handle_data: Callable[..., Any] | None = None,
        before_trading_start: Callable[..., Any] | None = None,
        analyze: Callable[..., Any] | None = None,
        *,
        name: str = "from_functions",
        **hooks: Callable[..., Any] | None,
    ) -> dict[str, Any]:
        """Return a strategy made of plain functions; `hooks` are the optional `on_...`
        callbacks.
        """
        return {
            "__name__": name,
            "initialize": initialize,
            "handle_data": handle_data,
            "before_trading_start": before_trading_start,
            "analyze": analyze,
            **hooks,
        }
