"""The synchronous driver: runs every bar of a span of sessions through a core, as fast
as possible.

The rule: it makes no decisions. Whatever it leaves out in a backtest, no other driver
may add in a session.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal, SupportsFloat, cast

from rbtlive.core.rules.quirks import quirks
from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import StrategyExecutor, check_params
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import as_label
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.feeds.as_feed import DataFeed, ReplayFeed
from rbtlive.data.forked_polars import refuse_in_forked_child
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    HistoryWindowStartsBeforeData,
    InvalidSetting,
    NoFeed,
    OutsideData,
    SettingsError,
    StartAfterEnd,
    ZeroCapitalError,
)
from rbtlive.finance.protocols import CommissionLike, SlippageLike
from rbtlive.model.asset import Asset
from rbtlive.model.given import DateLike, check_flag, is_one_of
from rbtlive.model.interval import DAY, Interval
from rbtlive.model.number import to_decimal
from rbtlive.runtime.garbage_collection import rare_collections
from rbtlive.runtime.log import message_sink


def prepare_settings(  # noqa: PLR0913 - the arguments of backtest, each by name
    portal: PolarsDataPortal,
    *,
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital_base: SupportsFloat = 100_000,
    frequency: str = DAY.text,
    calendar: str | None = None,
    params: Mapping[str, Any] | None = None,
    commission: CommissionLike | None = None,
    slippage: SlippageLike | None = None,
    benchmark: str | Asset | None = None,
    frames: str = "polars",
    zipline_quirks: bool = False,
    on_error: Literal["raise", "continue"] = "raise",
    max_errors: int = 10,
    warmup: int | None = None,
    endless: bool = False,
) -> RunSettings:
    """Check the arguments of `backtest` and return them as settings.

    With `endless` the run has no last session unless `end` is given.

    Raises:
        SettingsError: a setting is invalid; each kind has a class of its own.
        ZeroCapitalError: the capital base is not greater than zero.
    """
    refuse_in_forked_child("a run")
    interval = Interval.parse(frequency)
    if not is_one_of(frames, ("polars", "pandas")):
        raise SettingsError(f"frames must be 'polars' or 'pandas': was {frames!r:.80}")
    check_flag(zipline_quirks, "zipline_quirks")
    del calendar  # a run uses the calendar of its portal
    check_params(params)
    odd = [name for name in params or {} if not isinstance(name, str)]
    if odd:
        raise InvalidSetting(f"names of params must be texts: was {odd[0]!r:.80}")
    exchange = portal.calendar
    if warmup is not None:
        start = _after_bars(portal, interval, warmup, start=start)
    first, last = _span(portal, start=start, end=end, endless=endless)
    return RunSettings(
        capital_base=_capital(capital_base),
        frequency=interval.text,
        calendar=exchange.name,
        start=exchange.label(first),
        end=None if last is None else exchange.label(last),
        frames=cast(Literal["polars", "pandas"], frames),
        zipline_quirks=bool(zipline_quirks),
        params=dict(params or {}),
        commission=_model(commission, "commission", "calculate"),
        slippage=_model(slippage, "slippage", "simulate"),
        benchmark=None if benchmark is None else _benchmark(portal, benchmark),
        on_error=on_error,
        max_errors=max_errors,
    )


# The first session that has this many bars of the run before it.
def _after_bars(
    portal: PolarsDataPortal, interval: Interval, warmup: object, *, start: object
) -> date:
    if start is not None:
        raise InvalidSetting(
            f"start and warmup both say where the run begins: were {start} and {warmup}; pass one"
        )
    if isinstance(warmup, bool) or not isinstance(warmup, int) or warmup < 0:
        raise InvalidSetting(f"warmup must be a whole number of bars, 0 or more: was {warmup!r}")
    grid = BarGrid(portal.calendar, interval)
    session, bars = portal.first_session, 0
    while bars < warmup and session <= portal.last_session:
        bars += len(grid.ends_us(session))
        session += 1
    if session > portal.last_session:
        raise OutsideData(
            f"warmup must leave a session to run: was {warmup} bars of {interval.text!r}, and the "
            f"data has {bars}; ask for fewer, or give earlier bars"
        )
    return portal.calendar.label(session)


def later_start(
    settings: RunSettings, early: HistoryWindowStartsBeforeData, portal: PolarsDataPortal
) -> RunSettings:
    """Return the settings of the same run, starting at the first session that has
    enough data for a window that began before the data.

    Raises:
        HistoryWindowStartsBeforeData: the run has no such session.
    """
    calendar = portal.calendar
    first = early.fits_from
    if first is None and early.asked is not None:  # a session's bars are not known in advance
        first = make_market(portal, settings, preload=True).windows.fits_from(early.asked)
    if first is None or settings.end is None or first > calendar.number(settings.end):
        early.add_note(
            "the run would begin with the first session whose windows fit, but the data ends "
            f"before it, on {settings.end}"
        )
        raise early
    return replace(settings, start=calendar.label(first))


def _benchmark(portal: PolarsDataPortal, benchmark: object) -> str:
    symbol = benchmark.symbol if isinstance(benchmark, Asset) else benchmark
    if not isinstance(symbol, str):
        raise InvalidSetting(
            f'benchmark must be a symbol of the data such as "SPY": was {benchmark!r:.80}'
        )
    return portal.asset(symbol).symbol


def _span(
    portal: PolarsDataPortal, *, start: object, end: object, endless: bool
) -> tuple[int, int | None]:
    calendar = portal.calendar
    first_label = None if start is None else as_label(start, "start")
    last_label = None if end is None else as_label(end, "end")
    if first_label is not None and last_label is not None and first_label > last_label:
        raise StartAfterEnd(
            f"start must not be after end: start was {first_label}, end {last_label}"
        )
    first = portal.first_session if first_label is None else calendar.at_or_after(first_label)
    if last_label is not None:
        last: int | None = calendar.at_or_before(last_label)
    else:
        last = None if endless else portal.last_session
    if last is not None and first > last:
        raise StartAfterEnd(
            f"no session lies between start and end: start was {first_label}, end {last_label}, "
            f"and the data ends on {calendar.label(portal.last_session)}"
        )
    if not endless and (first > portal.last_session or cast(int, last) < portal.first_session):
        raise OutsideData(
            f"the data has no bars between {calendar.label(first)} and "
            f"{calendar.label(cast(int, last))}: it holds "
            f"{calendar.label(portal.first_session)} to {calendar.label(portal.last_session)}"
        )
    return first, last


_MODELS: Final = {"commission": "PerDollar(0.001)", "slippage": "FixedBasisPointsSlippage(5)"}


def _model(model: object, name: str, method: str) -> Any:
    if isinstance(model, type):
        raise InvalidSetting(
            f"{name} must be a {name} model: was the class {model.__name__}; pass one of it, "
            f"{name}={model.__name__}(...)"
        )
    if model is not None and not callable(getattr(model, method, None)):
        raise InvalidSetting(
            f"{name} must be a {name} model: was {model!r}; pass e.g. "
            f"{name}=rbtlive.{_MODELS[name]}; see rbtlive.finance.{name}"
        )
    return model


def _capital(value: object) -> Decimal:
    try:
        capital = to_decimal(value)
    except (TypeError, ValueError, ArithmeticError):
        raise InvalidSetting(
            f"capital_base must be a number: was {value!r} ({type(value).__name__}); pass an int, "
            "float or Decimal"
        ) from None
    if not capital.is_finite() or capital <= 0:
        raise ZeroCapitalError(f"capital_base must be greater than zero: was {value}")
    return capital


def feed_portal(feed: DataFeed, portal: object, options: Mapping[str, Any]) -> PolarsDataPortal:
    """Return the portal of a run: the one passed, otherwise the feed's own; without
    ends for a feed that goes on.

    Raises:
        NoFeed: neither has the assets.
    """
    if isinstance(feed, ReplayFeed):
        feed.suppose(frequency=options.get("frequency", DAY.text), calendar=options.get("calendar"))
    known = feed.portal if portal is None else portal
    if known is None:
        raise NoFeed(
            "a feed without recorded bars says nothing of its assets: pass data= (a portal or a "
            "frame)"
        )
    found = PolarsDataPortal.coerce(
        known, frequency=options.get("frequency", DAY), calendar=options.get("calendar")
    )
    return found.without_end() if feed.is_live else found


def make_market(
    portal: PolarsDataPortal, settings: RunSettings, *, preload: bool, amends: bool = False
) -> Market:
    """Return the market of a run."""
    rules = quirks(zipline_quirks=settings.zipline_quirks)
    calendar = portal.calendar
    return Market(
        portal,
        frequency=settings.frequency,
        first_session=calendar.number(settings.start),
        last_session=None if settings.end is None else calendar.number(settings.end),
        preload=preload,
        round_history=rules.round_history,
        look_ahead_before_start=rules.look_ahead_before_start,
        lag_at_midnight=rules.lag_at_midnight,
        amends=amends,
    )


INTERRUPTED: ContextVar[Callable[[], bool] | None] = ContextVar("rbtlive_interrupted", default=None)
"""Called before each session of a backtest: whether to end it as Ctrl-C would, for
callers that cannot send SIGINT.
"""


def somebody_looks() -> bool:
    """Say whether a person sees a progress bar: in a terminal, or in a notebook unless
    tqdm's variable TQDM_DISABLE turns it off.
    """
    if os.environ.get("TQDM_DISABLE"):
        return False
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return sys.stderr.isatty() or hasattr(shell, "kernel")


# It appears only if the run takes longer than a second.
def _progress_bar(core: TradingCore, sessions: int) -> AbstractContextManager[Any]:
    from tqdm.auto import (
        tqdm,
    )  # detects its environment on import, so it is imported only during a run

    bar: AbstractContextManager[Any] = tqdm(
        total=sessions,
        unit="session",
        disable=False,
        delay=1.0,
        desc=core.strategy.name,
        leave=False,
    )
    return bar


def run_core(
    core: TradingCore,
    *,
    progress: bool | None = False,
    initialized: Callable[[TradingCore], None] | None = None,
) -> None:
    """Drive a core through all sessions of its settings.

    Args:
        core: The core, fresh.
        progress: Show a progress bar once a second has passed; None shows one in a
            terminal and in a notebook.
        initialized: Called with the core after `initialize` has run.
    """
    calendar, settings = core.state.calendar, core.state.settings
    if settings.end is None:
        raise SettingsError("a backtest needs an end: settings have none")
    first, last = calendar.number(settings.start), calendar.number(settings.end)
    core.start()
    if initialized is not None:
        initialized(core)
    if progress is not None:
        check_flag(progress, "progress")
    shown = somebody_looks() if progress is None else progress
    with (
        rare_collections(),
        _progress_bar(core, last - first + 1) if shown else nullcontext() as bar,
    ):
        core.run_sessions(first, last, _before_each(INTERRUPTED.get(), bar))


# The work to do before each session, if any.
def _before_each(interrupted: Callable[[], bool] | None, bar: Any) -> Callable[[], None] | None:
    if interrupted is None and bar is None:
        return None

    def look() -> None:
        if interrupted is not None and interrupted():
            raise KeyboardInterrupt
        if bar is not None:
            bar.update()

    return look


def new_core(
    strategy: object,
    portal: PolarsDataPortal,
    settings: RunSettings,
    *,
    preload: bool,
    simulated: bool = True,
    amends: bool = False,
) -> TradingCore:
    """Return a fresh core for `strategy` that accepts orders only from this thread."""
    executor = StrategyExecutor(strategy, settings.params)
    market = make_market(portal, settings, preload=preload, amends=amends)
    core = TradingCore(
        executor, market, settings, simulated=simulated, on_message=message_sink(executor.name)
    )
    core.state.thread_now, core.state.own_thread = threading.get_ident, threading.get_ident()
    return core
