"""`backtest()`: a strategy, data and settings in; a result out. Needs no event loop and
works inside a running one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, SupportsFloat

import polars as pl

from rbtlive.core.actions.error_notes import noting_step
from rbtlive.core.actions.user_code import from_own_line
from rbtlive.core.strategy.context import Context
from rbtlive.core.trading_core import TradingCore
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import HistoryWindowStartsBeforeData
from rbtlive.finance.protocols import CommissionLike, SlippageLike
from rbtlive.model.asset import Asset
from rbtlive.model.given import DateLike
from rbtlive.model.interval import DAY
from rbtlive.model.other_names import teaches_names
from rbtlive.research.parameters import parameter_facts
from rbtlive.research.result import BacktestResult
from rbtlive.research.run_bars import MarketBars
from rbtlive.runtime.backtest import later_start, new_core, prepare_settings, run_core
from rbtlive.runtime.foreign_arguments import RUN_ARGUMENTS
from rbtlive.runtime.garbage_collection import forget_with
from rbtlive.runtime.recorded.changes import plain_parameters


@from_own_line
@teaches_names(RUN_ARGUMENTS)
def backtest(  # noqa: PLR0913 - the public contract, each by name
    strategy: object,
    data: object,
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
    frames: Literal["polars", "pandas"] = "polars",
    zipline_quirks: bool = False,
    warmup: int | None = None,
    progress: bool | None = None,
) -> BacktestResult:
    """Run a strategy over historical bars and return its result.

    Orders placed on one bar fill at the close of a later one, at the price and volume
    the slippage model allows.

    Args:
        strategy: A `TradingAlgorithm` subclass or instance, a module, or a dict of
            functions.
        data: A portal, a polars or pandas frame, or a path; a frame contains bars of
            the frequency, or shorter ones.
        start: Label of the first session, included; earlier bars are history. Default:
            the first session whose windows are within the data: if the strategy
            requests bars before the data, the run restarts where they are available,
            and its `hints` say so.
        end: Label of the last session, included. Default: the data's last.
        capital_base: Cash at the start.
        frequency: Length of a bar: "1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d",
            "1w", "1mo", or any number of minutes; the data has such bars, or shorter
            ones that add up to them.
        calendar: Exchange calendar, e.g. "XNYS" or "24/7"; a portal has its own.
        params: Overrides for the strategy's parameters.
        commission: Commission model; default PerShare(0.001).
        slippage: Slippage model; default FixedBasisPointsSlippage(5, 0.1).
        benchmark: Symbol or asset to compare with.
        frames: What the strategy sees: "polars" with exact numbers, or zipline's
            "pandas" with floats.
        zipline_quirks: Restore zipline's quirks that are mended by default.
        warmup: Instead of `start`: begin with the first session that has this many bars
            before it.
        progress: Show a progress bar; None shows one where a person sees it and the run
            takes over a second.

    Returns:
        The result, with the strategy's `context`.

    Raises:
        KeyboardInterrupt: the run was interrupted; the exception's `result` covers the
            finished sessions.
        DataError: the data is invalid; each kind has a class of its own.
        SettingsError: a setting is invalid; each kind has a class of its own.
        StrategyError: the strategy has no callbacks, or lacks a parameter.
    """
    portal = PolarsDataPortal.coerce(data, frequency=frequency, calendar=calendar)
    settings = prepare_settings(
        portal,
        start=start,
        end=end,
        capital_base=capital_base,
        frequency=frequency,
        params=params,
        commission=commission,
        slippage=slippage,
        benchmark=benchmark,
        frames=frames,
        zipline_quirks=zipline_quirks,
        warmup=warmup,
    )
    waited_for = ""
    while True:
        core = new_core(strategy, portal, settings, preload=True)
        core.state.record.notes.waited_for = waited_for
        try:
            run_core(core, progress=progress)
        except KeyboardInterrupt as interrupt:
            keep_partial(core, interrupt)
            raise
        except HistoryWindowStartsBeforeData as early:
            if start is not None or warmup is not None:
                raise
            settings, waited_for = later_start(settings, early, portal), early.window
            core.release()
            early.__traceback__ = None  # its frames hold the run
        else:
            result = conclude(core)
            core.release()
            forget_with(result, core.state)
            return result


def keep_partial(core: TradingCore, interrupt: BaseException) -> None:
    """Attach the result of the finished sessions to the exception that interrupted the
    run, and report it.
    """
    result = result_of(core)
    interrupt.result = result  # type: ignore[attr-defined]
    interrupt.add_note(
        f"the backtest was interrupted after {result.performance.height:,} sessions; what it did "
        "until then is this "
        "exception's .result: in a notebook, import sys; sys.last_value.result"
    )


def conclude(core: TradingCore) -> BacktestResult:
    """Build the result of a finished run, and let the strategy analyze it."""
    result = result_of(core)
    if core.strategy.callback("analyze") is not None:
        analyzed(core, result)
    return result


def analyzed(core: TradingCore, result: BacktestResult) -> Any:
    """Let the strategy analyze a result, and return the frame it received, with its
    additions.
    """
    perf = perf_of(result, core.state.settings.frames)
    analyze = core.strategy.callback("analyze")
    if analyze is not None:
        with noting_step(core.state.settings.frames):
            core.act(lambda: analyze(core.context, perf))
    return perf


def result_of(core: TradingCore) -> BacktestResult:
    """Return the result of a run so far."""
    context: Context = core.context
    strategy, state = core.strategy, core.state
    result = BacktestResult(
        core.finish(),
        context=context,
        bars=MarketBars(lambda: state.market),
        provenance=lambda: {
            **parameter_facts(plain_parameters(strategy)),
            "source": strategy.fingerprint(),
            "data": state.market.portal.fingerprint(),
        },
    )
    result.origin = (strategy.template, state.market.portal)
    return result


def perf_of(result: BacktestResult, frames: str) -> Any:
    """Return the argument of `analyze`: zipline's pandas frame, or the polars
    `performance`.
    """
    if frames == "pandas":
        return result.to_zipline()
    performance: pl.DataFrame = result.performance
    return performance
