"""zipline's `run_algorithm`, over a portal or frame instead of a bundle.

The rule: it is a backtest with pandas frames, zipline's quirks and zipline's result
frame; arguments without a counterpart here are refused by name, never ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, SupportsFloat, cast

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.data.bundles.extensions import load_extensions
from rbtlive.data.bundles.registry import load
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BadFrequency, InvalidSetting, NotBuilt
from rbtlive.model.given import DateLike
from rbtlive.model.interval import DAY, MINUTE, Interval
from rbtlive.research.backtesting import analyzed, result_of
from rbtlive.runtime.backtest import new_core, prepare_settings, run_core

if TYPE_CHECKING:
    import pandas as pd

_FREQUENCIES = {"daily": DAY.text, "minute": MINUTE.text}


@from_own_line
def run_algorithm(  # noqa: PLR0913, PLR0917 - zipline's signature
    start: DateLike,
    end: DateLike,
    initialize: Callable[..., Any] | None,
    capital_base: SupportsFloat,
    handle_data: Callable[..., Any] | None = None,
    before_trading_start: Callable[..., Any] | None = None,
    analyze: Callable[..., Any] | None = None,
    data_frequency: str = "daily",
    bundle: object = None,
    bundle_timestamp: object = None,
    trading_calendar: object = None,
    metrics_set: object = "default",
    benchmark_returns: object = None,
    default_extension: bool = True,
    extensions: Any = (),
    strict_extensions: bool = True,
    environ: object = None,
    custom_loader: object = None,
    blotter: object = "default",
    *,
    data: object = None,
    benchmark: object = None,
    zipline_quirks: bool = True,
) -> pd.DataFrame:
    """Run zipline callbacks over `data`, and return zipline's frame: one row per
    session.

    Args:
        start: Label of the first session, included.
        end: Label of the last session, included.
        initialize: Called once, before the first bar.
        capital_base: Cash at the start.
        handle_data: Called at every bar.
        before_trading_start: Called every morning.
        analyze: Called once, with the context and the frame.
        data_frequency: "daily" or "minute".
        bundle: Name of a bundle (`rbtlive.data.bundles.load`); or a portal or frame, as
            for `data`.
        bundle_timestamp: Refused: bundles have one version.
        trading_calendar: Name of a calendar, or an object with a `name`; used only for
            frames, "XNYS" by default.
        metrics_set: "default"; others are refused.
        benchmark_returns: Daily returns indexed by session; a session without one
            counts as 0.
        default_extension: Run `extension.py` in the folder RBTLIVE_HOME, if it exists.
        extensions: Files or modules to run first; their registrations are used.
        strict_extensions: Raise an extension's exceptions; otherwise they give a
            warning.
        environ: `os.environ`; others are refused.
        custom_loader: Loaders for pipelines' own data, by column.
        blotter: "default"; others are refused.
        data: A portal, or anything that `rbt.read` accepts.
        benchmark: Symbol or sid of an asset to compare with.
        zipline_quirks: Give zipline's own numbers, including its quirks.

    Raises:
        InvalidSetting: there is no data, or a bundle's name is passed as data.
        TypeError: `custom_loader` is not a dict.
        NotBuilt: an argument without a counterpart here was given.
        BadFrequency: `data_frequency` is neither "daily" nor "minute".
    """
    load_extensions(extensions or (), default=default_extension, strict=strict_extensions)
    _refuse(
        bundle_timestamp=bundle_timestamp,
        metrics_set=None if metrics_set == "default" else metrics_set,
        environ=None if environ is os.environ else environ,
        blotter=None if blotter == "default" else blotter,
    )
    if data_frequency not in _FREQUENCIES and not _is_interval(data_frequency):
        raise BadFrequency(f"data_frequency must be 'daily' or 'minute': was {data_frequency!r}")
    frequency = _FREQUENCIES.get(data_frequency, data_frequency)
    portal = PolarsDataPortal.coerce(
        _data(data, bundle),
        frequency=cast(Any, frequency),
        calendar=_calendar_name(trading_calendar),
    )
    settings = prepare_settings(
        portal,
        start=start,
        end=end,
        capital_base=capital_base,
        frequency=frequency,
        params=None,
        commission=None,
        slippage=None,
        benchmark=_benchmark_asset(portal, benchmark),
        frames="pandas",
        zipline_quirks=zipline_quirks,
    )
    strategy = {
        "__name__": "run_algorithm",
        "initialize": initialize,
        "handle_data": handle_data,
        "before_trading_start": before_trading_start,
        "analyze": analyze,
    }
    core = new_core(strategy, portal, settings, preload=True)
    core.state.pipelines.loaders = _loaders(custom_loader)
    core.state.benchmark_returns = _by_label(benchmark_returns)
    run_core(core)
    perf: pd.DataFrame = analyzed(core, result_of(core))
    core.release()
    return perf


def _refuse(**arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise NotBuilt(
                f"{name} of run_algorithm() has no counterpart here: was {value!r}; leave it out, "
                "and see "
                "rbtlive.backtest() for what there is"
            )


def _data(data: object, bundle: object) -> object:
    found = bundle if data is None else data
    if isinstance(found, str) and data is None:
        return load(found)
    if found is None:
        raise InvalidSetting(
            f"run_algorithm() needs bars: data and bundle were {bundle!r}; pass data=, which is "
            'anything that rbt.read takes, or bundle=, e.g. "us-daily" (on the command line '
            "--data PATH or -b us-daily)"
        )
    return found


def _is_interval(text: str) -> bool:
    if not text[:1].isdigit():  # "weekly" does not exist in zipline
        return False
    try:
        Interval.parse(text)
    except BadFrequency:
        return False
    return True


def _benchmark_asset(portal: PolarsDataPortal, benchmark: object) -> Any:
    if not isinstance(benchmark, int):
        return benchmark
    return next((asset for asset in portal.assets if asset.sid == benchmark), benchmark)


def _calendar_name(calendar: Any) -> str | None:
    return calendar if calendar is None or isinstance(calendar, str) else str(calendar.name)


def _loaders(loaders: object) -> Mapping[Any, Any]:
    if loaders is None:
        return {}
    if not isinstance(loaders, Mapping):
        raise TypeError(
            "custom_loader of run_algorithm() must be a dict of loaders by column, e.g. "
            "{Ratings.score: "
            f"DataFrameLoader(Ratings.score, frame)}}: was {loaders!r}"
        )
    return loaders


def _by_label(returns: Any) -> Mapping[date, float] | None:
    if returns is None:
        return None
    return {
        label.date() if isinstance(label, datetime) else label: float(value)
        for label, value in returns.dropna().items()
    }
