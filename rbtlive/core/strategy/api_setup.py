"""zipline's functions for setting up and inspecting a run, as methods.

The rule: cost models and policies are set in `initialize` and stay; all other settings
may change later.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING, Any, NoReturn
from zoneinfo import ZoneInfo

from rbtlive.core.actions import pipelines
from rbtlive.core.actions.asset_lookup import find_symbol, resolve
from rbtlive.core.actions.run_setup import (
    environment,
    fetch_csv,
    set_cost_models,
)
from rbtlive.core.rules.plain_functions import refuse_lazy
from rbtlive.core.rules.recorded_values import MOST, PLAIN, kept_value
from rbtlive.core.rules.schedule import (
    Always,
    BeforeClose,
    FromOpen,
    Rule,
    ScheduledFunction,
    calendars,
    why_never,
)
from rbtlive.core.shown.fetcher import FetchedValues, FetchOptions
from rbtlive.core.strategy.bound import Bound
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.errors import (
    IncompatibleCommissionModel,
    IncompatibleSlippageModel,
    NotBuilt,
    OrderDuringInitialize,
    RbtliveWarning,
    ScheduleFunctionInvalidCalendar,
    SetBenchmarkOutsideInitialize,
    SetCancelPolicyPostInit,
    SetCommissionPostInit,
    SetSlippagePostInit,
    SidsNotFound,
    UnsupportedCancelPolicy,
    UnsupportedDatetimeFormat,
)
from rbtlive.finance.cancel_policy import CancelPolicy
from rbtlive.finance.commission import CommissionModel, EquityCommissionModel
from rbtlive.finance.slippage import EquitySlippageModel, SlippageModel
from rbtlive.model.asset import Asset
from rbtlive.model.calls import warn_user
from rbtlive.model.given import DateLike

if TYPE_CHECKING:
    from rbtlive.pipeline.pipeline import Pipeline


class SetupMethods(Bound):
    """Schedule, cost models, look-ups, recording and the environment."""

    # -- look-ups ---------------------------------------------------------------------

    def symbol(self, symbol_str: str, country_code: str | None = None) -> Asset:
        """Return the asset with that ticker, in any case, as of the run's last session.

        Raises:
            SymbolNotFound: no asset has that ticker, or it is listed after the look-up
                date.
            ValueError: `country_code` is not one, e.g. a second ticker.
        """
        state = self._running("symbol")
        # One portal holds one market: the code has no effect, but a second symbol is
        # taken for one.
        if country_code is not None and len(str(country_code)) != 2:
            raise ValueError(
                f"country_code must have two letters: was {country_code!r} in symbol(); several "
                "assets are symbols('AAPL', 'IBM')"
            )
        return find_symbol(state, symbol_str)

    def symbols(self, *args: str, country_code: str | None = None) -> list[Asset]:
        """Return the assets with those tickers."""
        return [self.symbol(name, country_code=country_code) for name in args]

    def sid(self, sid: int) -> Asset:
        """Return the asset with that number.

        Raises:
            SidsNotFound: no asset has that number.
        """
        state = self._running("sid")
        for asset in state.assets:
            if asset.sid == sid:
                return asset
        raise SidsNotFound(
            f"no asset has sid {sid!r}: known are {[a.sid for a in state.assets][:20]}"
        )

    def set_symbol_lookup_date(self, dt: DateLike) -> None:
        """Look symbols up as of this date instead of the run's last session.

        Raises:
            UnsupportedDatetimeFormat: `dt` is neither a date nor the text of one.
        """
        self._changing("set_symbol_lookup_date").lookup_date = _as_date(dt)

    def get_datetime(self, tz: str | tzinfo | None = None) -> datetime:
        """Return the time of the current bar, in UTC or in time zone `tz` (a name or a
        tzinfo).

        Raises:
            OrderDuringInitialize: called from `initialize`, where no bar has come yet.
        """
        state = self._running("get_datetime")
        if state.initializing:
            if state.quirks.loose_initialize_errors:
                raise AssertionError("Algorithm should have a timezone.utc datetime, None")
            raise OrderDuringInitialize(
                "get_datetime() has no answer in initialize: no bar has come yet"
            )
        now = state.data.current_dt
        if tz is None:
            return now
        return now.astimezone(ZoneInfo(tz) if isinstance(tz, str) else tz)

    def get_environment(self, field: str = "platform") -> Any:
        """Return a fact about the run: arena, data_frequency, start, end, capital_base,
        platform, or "*" for all.

        Raises:
            ValueError: the field is unknown.
        """
        facts = environment(self._running("get_environment"))
        if field == "*":
            return facts
        if field not in facts:
            raise ValueError(
                f"get_environment has no field {field!r}: pass one of {', '.join(facts)} or '*'"
            )
        return facts[field]

    # -- recording and schedule -------------------------------------------------------

    def record(self, *args: Any, **kwargs: Any) -> None:
        """Record values by name, as pairs of positional arguments or as keywords; one
        value per session is kept.

        Raises:
            ValueError: a value is too large to be kept.
            Exception: whatever a value of the user's own class raises when it is shown.
        """
        state = self._run
        if state is None or not state.is_in_callback:
            state = self._changing("record")
        recorded = state.recorded
        for name, value in zip(args[::2], args[1::2], strict=False) if args else ():
            kept = name if type(name) is str else kept_value(name)
            recorded[kept] = kept_value(value)
        for name, value in kwargs.items():
            # Most values are plain: this converts them without a call.
            kind = type(value)
            if kind in PLAIN or (kind is int and -MOST < value < MOST):
                recorded[name] = value
            else:
                recorded[name] = kept_value(value)

    def schedule_function(
        self,
        func: Callable[[Any, Any], Any],
        date_rule: Rule | None = None,
        time_rule: Rule | None = None,
        half_days: bool = True,
        calendar: str | None = None,
    ) -> None:
        """Run `func(context, data)` at the given dates and times, once a day at most.

        Args:
            func: Called after `handle_data` of the bar, in order of registration.
            date_rule: One of `date_rules`; every day by default.
            time_rule: One of `time_rules`; the day's first bar by default; ignored on
                daily bars.
            half_days: Whether to run on sessions that close early.
            calendar: One of `calendars`; the run's own by default.

        Raises:
            ScheduleFunctionInvalidCalendar: `calendar` is not one of `calendars`.
            TypeError: `func` is not a plain function, or a rule was not made by
                `date_rules` or `time_rules`.
        """
        state = self._changing("schedule_function")
        refuse_lazy(func, "func of schedule_function()")
        for rule in (date_rule, time_rule):
            if rule is not None and not hasattr(rule, "matches"):
                raise TypeError(
                    "rules of schedule_function() are made by date_rules and time_rules: was "
                    f"{rule!r}; "
                    "mind the parentheses, as in date_rules.week_start()"
                )
        swapped = isinstance(date_rule, (FromOpen, BeforeClose))
        if swapped and time_rule is not None and not state.quirks.loose_argument_types:
            raise TypeError(
                "date_rule of schedule_function() must be made by date_rules: was a time rule; "
                "the date rule comes first, or name them: date_rule=..., time_rule=..."
            )
        if swapped:
            warn_user(
                "schedule_function() got a time rule where the date rule goes: pass it as "
                "time_rule=..."
            )
        if calendar is None:
            rules_calendar = state.calendar
        elif calendar in (calendars.US_EQUITIES, calendars.US_FUTURES):
            rules_calendar = get_calendar(calendar)
        else:
            raise ScheduleFunctionInvalidCalendar(
                "calendar of schedule_function() must be calendars.US_EQUITIES or "
                f"calendars.US_FUTURES: was {calendar!r}"
            )
        interval = state.settings.interval
        scheduled = ScheduledFunction(
            state.callbacks.bound(func),
            date_rule or Always(),
            (time_rule or Always()) if state.settings.intraday else Always(),
            rules_calendar,
            half_days,
            BarGrid(state.calendar, interval) if interval.minutes > 1 else None,
        )
        state.scheduled.append(scheduled)
        span = (state.settings.start, state.settings.end)
        if (where := why_never(scheduled, state.calendar, *span)) is not None:
            name = getattr(func, "__name__", "the function")
            warn_user(
                f"schedule_function(): the time of {name} lies {where} of {rules_calendar.name}, "
                "where no bar ends: it will not run; pass another offset to time_rules",
                RbtliveWarning,
            )

    # -- cost models and policies -----------------------------------------------------

    def set_slippage(
        self, us_equities: SlippageModel | None = None, us_futures: SlippageModel | None = None
    ) -> None:
        """Set the slippage model.

        Raises:
            SetSlippagePostInit: called after `initialize`.
            IncompatibleSlippageModel: the model is not one for equities.
        """
        state = self._changing("set_slippage")
        if not state.initializing:
            raise SetSlippagePostInit("set_slippage() can only be called in initialize")
        _refuse_futures(us_futures, "set_slippage")
        if us_equities is not None:
            if not _allows_equities(us_equities, EquitySlippageModel):
                raise IncompatibleSlippageModel(
                    f"us_equities must be a slippage model for equities: was {us_equities!r}"
                )
            set_cost_models(state, slippage=us_equities)

    def set_commission(
        self, us_equities: CommissionModel | None = None, us_futures: CommissionModel | None = None
    ) -> None:
        """Set the commission model.

        Raises:
            SetCommissionPostInit: called after `initialize`.
            IncompatibleCommissionModel: the model is not one for equities.
        """
        state = self._changing("set_commission")
        if not state.initializing:
            raise SetCommissionPostInit("set_commission() can only be called in initialize")
        _refuse_futures(us_futures, "set_commission")
        if us_equities is not None:
            if not _allows_equities(us_equities, EquityCommissionModel):
                raise IncompatibleCommissionModel(
                    f"us_equities must be a commission model for equities: was {us_equities!r}"
                )
            set_cost_models(state, commission=us_equities)

    def set_cancel_policy(self, cancel_policy: CancelPolicy) -> None:
        """Set what happens to open orders at a session's end: NeverCancel() (default)
        or EODCancel().

        Raises:
            UnsupportedCancelPolicy: `cancel_policy` is not a cancel policy.
            SetCancelPolicyPostInit: called after `initialize`.
        """
        state = self._changing("set_cancel_policy")
        if not isinstance(cancel_policy, CancelPolicy):
            raise UnsupportedCancelPolicy(
                f"cancel_policy must be EODCancel() or NeverCancel(): was {cancel_policy!r}; mind "
                "the parentheses"
            )
        if not state.initializing:
            raise SetCancelPolicyPostInit("set_cancel_policy() can only be called in initialize")
        state.cancel_policy = cancel_policy

    def set_benchmark(self, benchmark: Asset) -> None:
        """Measure the run against `benchmark`, dividends reinvested.

        Raises:
            SetBenchmarkOutsideInitialize: called after `initialize`.
        """
        state = self._changing("set_benchmark")
        if not state.initializing:
            raise SetBenchmarkOutsideInitialize("set_benchmark() can only be called in initialize")
        state.benchmark = resolve(state, benchmark, "set_benchmark")

    def fetch_csv(  # noqa: PLR0913, PLR0917 - zipline's arguments
        self,
        /,
        url: Any,
        pre_func: Callable[[Any], Any] | None = None,
        post_func: Callable[[Any], Any] | None = None,
        date_column: str = "date",
        date_format: str | None = None,
        timezone: Any = "UTC",
        symbol: Any = None,
        mask: bool = True,
        symbol_column: str | None = None,
        special_params_checker: Any = None,
        country_code: str | None = None,
        **kwargs: Any,
    ) -> FetchedValues:
        """Read extra values from a local CSV file or a frame, for `data.current`.

        Args:
            url: Path of a CSV file, or a pandas or polars frame.
            pre_func: Receives the rows as a pandas frame and returns the wanted rows.
            post_func: The same, after dates and assets are parsed: dates are the index,
                assets the column `sid`.
            date_column: Column of dates. On daily bars a row is valid from the session
                after a New York close on.
            date_format: No effect, as in zipline.
            timezone: Time zone of the dates.
            symbol: Name of a series that is not an asset: `data.current(symbol,
                column)`.
            mask: No effect, as in zipline: rows of unknown symbols are dropped.
            symbol_column: Column of tickers, "symbol" by default.
            special_params_checker: For URLs only; refused.
            country_code: No effect: a portal holds one market.
            **kwargs: Arguments for `pandas.read_csv`.

        Raises:
            NotBuilt: `url` is a URL; download it first.
            TypeError: an argument is unknown to both this function and
                `pandas.read_csv`.
        """
        del country_code
        if special_params_checker is not None:
            raise NotBuilt(
                "special_params_checker of fetch_csv() is for URLs, which are not read: leave it "
                "out"
            )
        options = FetchOptions(
            pre_func, post_func, date_column, date_format, timezone, symbol, mask, symbol_column
        )
        return fetch_csv(self._changing("fetch_csv"), url, options, kwargs)

    # -- pipelines --------------------------------------------------------------------

    def attach_pipeline(
        self,
        pipeline: Any,
        name: str,
        chunks: Any = None,
        eager: bool = True,
        *,
        when: Rule | None = None,
        subscribe: bool = False,
    ) -> Pipeline:
        """Have a pipeline computed each morning; only in `initialize`.

        Args:
            pipeline: The pipeline; it is returned.
            name: Name under which its output is requested.
            chunks: How many sessions a backtest computes at once after the first; a
                count, or one per chunk. The results do not depend on it.
            eager: Whether it is computed before `before_trading_start` even if the
                strategy does not ask.
            when: One of `time_rules`, on intraday bars: the pipeline is computed at
                that bar, after `handle_data` and before scheduled functions, and the
                last day of its windows is the day so far. zipline does not have this.
            subscribe: Whether a live feed of intraday bars is subscribed each day to
                the assets that the pipeline shows, and unsubscribed from those that
                leave it and are neither held nor on order; within the feed's
                `most_symbols`. It has no effect elsewhere. zipline does not have this.

        Raises:
            SettingsError: `when` is used on daily bars.
            AttachPipelineAfterInitialize: the run has begun.
            DuplicatePipelineName: a pipeline with that name exists.
        """
        state = self._running("attach_pipeline")
        attached: Pipeline = pipelines.attach_pipeline(
            state, pipeline, name, chunks, eager=eager, when=when, subscribe=subscribe
        )
        return attached

    def pipeline_output(self, name: str) -> Any:
        """Return today's table of a pipeline: the assets that pass its screen, in order
        of their sids, and its columns.

        With `frames="pandas"` the assets are the index, as in zipline; otherwise a
        column `symbol` names them.

        Raises:
            NoSuchPipeline: no pipeline with that name is attached.
            PipelineOutputDuringInitialize: no day has begun.
        """
        return pipelines.pipeline_output(self._running("pipeline_output"), name)

    # -- what is not built ------------------------------------------------------------

    def future_symbol(self, symbol: str) -> NoReturn:
        """Raise NotBuilt: futures are not supported."""
        raise NotBuilt(
            f"future_symbol({symbol!r}): futures are not built; rbtlive trades equities and crypto"
        )

    def continuous_future(
        self, root_symbol_str: str, offset: int = 0, roll: str = "volume", adjustment: str = "mul"
    ) -> NoReturn:
        """Raise NotBuilt: futures are not supported."""
        raise NotBuilt(
            f"continuous_future({root_symbol_str!r}, {offset}, {roll!r}, {adjustment!r}): futures "
            "are not built"
        )

    def history(self, bar_count: int, frequency: str, field: str, ffill: bool = True) -> NoReturn:
        """Raise NotBuilt: zipline also dropped this long ago; use `data.history`."""
        raise NotBuilt(
            f"history({bar_count}, {frequency!r}, {field!r}, {ffill}) is gone from zipline: use "
            "data.history(assets, fields, bar_count, frequency)"
        )


def _refuse_futures(model: object, function: str) -> None:
    if model is not None:
        raise NotBuilt(
            f"{function}(us_futures={model!r}): futures are not built; leave us_futures out"
        )


def _allows_equities(model: object, base: type) -> bool:
    allowed = getattr(model, "allowed_asset_types", None)
    if allowed is None:
        return isinstance(model, base)
    return any(getattr(kind, "__name__", "") == "Equity" for kind in allowed)


def _as_date(dt: DateLike) -> date:
    if isinstance(dt, datetime):
        return dt.date()
    if isinstance(dt, date):
        return dt
    try:
        return datetime.fromisoformat(str(dt)).date()
    except ValueError:
        raise UnsupportedDatetimeFormat(
            f"set_symbol_lookup_date() takes a date or text like '2015-01-02': was {dt!r}"
        ) from None
