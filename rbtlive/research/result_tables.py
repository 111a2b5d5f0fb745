"""The frames and tables of a result, from which figures, reports and comparisons are
built.

The rule: each is computed on first access, and nothing changes the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rbtlive.core.state.record import RunRecord, column, floats
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import SettingsError
from rbtlive.model.given import is_one_of
from rbtlive.research import result_frames
from rbtlive.research.foreign_attributes import FigureFrame, Figures
from rbtlive.research.hints import Hint, hints_of
from rbtlive.research.metrics import Metrics, metrics_of
from rbtlive.research.result_frames import benchmark_returns, daily_returns
from rbtlive.research.round_trips import Method
from rbtlive.research.run_bars import RunBars
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.statistics.drawdowns import drawdowns_frame, drawdowns_of
from rbtlive.research.statistics.periods import (
    crises_frame,
    monthly_frame,
    rolling_frame,
    yearly_frame,
)
from rbtlive.research.statistics.trading import GROUPS, grouped_trades
from rbtlive.research.statistics.values import statistics_of
from rbtlive.research.trades import profit_bridge, trades_frame

if TYPE_CHECKING:
    pass


_LONGEST: Final = 1_000_000


class ResultTables:
    """All frames and figures of a result.

    Args:
        record: The run's record.
        context: The strategy's context at its end, or None.

    Attributes:
        record: The run's record; read only.
        context: The strategy's context at its end; None in a loaded result.
        bars: The bars of the traded assets; None if the run kept none.
        judge: Returns the parity report of a session's result; None for a backtest's.
        history: Returns the parameters of a session's run and later changes, each by
            the time since which it applied; None for a backtest's.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        context: object = None,
        bars: RunBars | None = None,
        provenance: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self.record = record
        self.context = context
        self.bars = bars
        self.judge: Callable[[], Any] | None = None
        self.history: Callable[[], Mapping[str, str]] | None = None
        self._provenance = provenance

    @property
    def strategy_name(self) -> str:
        """Name of the strategy's class, module or dict."""
        return self.record.strategy_name

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings of the run, by the names of `RunSettings`."""
        return {
            field.name: getattr(self.record.settings, field.name) for field in fields(RunSettings)
        }

    @cached_property
    def performance(self) -> pl.DataFrame:
        """One row per session: `date`, zipline's numeric columns and the recorded
        variables; numbers are Float64.
        """
        return FigureFrame(result_frames.performance_frame(self.record))

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Each order in its final state: id, created, dt, symbol, amount, filled,
        limit, stop, status, commission, reason, tag.
        """
        return result_frames.orders_frame(self.record.orders)

    @cached_property
    def denied(self) -> pl.DataFrame:
        """Orders that our own guards refused: the columns of `orders`."""
        return result_frames.denied_frame(self.record.denied)

    @cached_property
    def transactions(self) -> pl.DataFrame:
        """Each execution: dt, symbol, amount (signed), price, commission, order_id."""
        return result_frames.transactions_frame(self.record.transactions)

    @property
    def fills(self) -> pl.DataFrame:
        """Each execution: another name of `transactions`."""
        return self.transactions

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Round trips, closing the oldest shares first, with one row per partial exit;
        open ones come last, marked at the last price.

        Columns: symbol, side ("long" or "short"), quantity (positive), entry_time,
        exit_time (null while open), entry_price, exit_price (the mark while open),
        gross_profit, costs (commissions of entry and exit, positive), net_profit,
        return (net, a fraction of the entry's cost), bars_held, duration, mae and mfe
        (the worst and best value between entry and exit, fractions of the entry's cost,
        at the lows and highs of bars), entry_tag, exit_tag, open. Prices are in shares
        as they were at the exit, with splits applied.
        """
        return self.round_trips()

    def round_trips(self, method: Method = "fifo") -> pl.DataFrame:
        """Return the columns of `trades`, by another method.

        Args:
            method: "fifo" closes the oldest shares first, "average" uses one average
                cost for all shares of an asset.

        Raises:
            SettingsError: the method is unknown.
        """
        return trades_frame(self.record, self.bars, method)

    @cached_property
    def profit_bridge(self) -> dict[str, Decimal]:
        """The components of the change of equity, as exact money: closed_profit and
        open_profit before costs, commissions, dividends, fees, interest, transfers, and
        their sum, change_of_equity.
        """
        return profit_bridge(self.record)

    @cached_property
    def hints(self) -> list[Hint]:
        """Facts to know about the run, each with a remedy: `text` and `remedy`.

        Orders that did not fill or were cut by volume, orders of less than a lot,
        limits moved by rounding to the tick, costs above 5 % of the capital, cash below
        zero, leverage, denied orders, a start that waited for its windows.
        """
        return hints_of(self.record)

    @cached_property
    def positions(self) -> pl.DataFrame:
        """The positions at each close: date, symbol, amount, cost_basis,
        last_sale_price.
        """
        return result_frames.positions_frame(
            (row.label, row.positions) for row in self.record.sessions
        )

    @cached_property
    def metrics(self) -> Metrics:
        """Figures for the whole run, fractions and counts; None for those that do not
        exist.
        """
        return Figures(metrics_of(self.record))

    @cached_property
    def stats(self) -> pl.DataFrame:
        """Every statistic of the run: statistic, value (Float64, null if it does not
        exist), unit. docs/results.md explains them.
        """
        return FigureFrame(statistics_of(self.record, self.trades, self.bars))

    @cached_property
    def monthly(self) -> pl.DataFrame:
        """Returns by month: year, jan … dec (null without a session), year_return."""
        return monthly_frame(daily_returns(self.record.sessions), self._dates)

    @cached_property
    def yearly(self) -> pl.DataFrame:
        """One row per year: year, return, benchmark_return, volatility, sharpe,
        max_drawdown, sessions.
        """
        sessions, a_year = self.record.sessions, rows_a_year(self.record.settings)
        return yearly_frame(
            daily_returns(sessions), self._dates, benchmark_returns(sessions), a_year
        )

    @cached_property
    def drawdowns(self) -> pl.DataFrame:
        """Every drawdown, the deepest first: depth, peak, valley, recovery (null while
        it lasts), days_down, days_to_recover, days.
        """
        returns = daily_returns(self.record.sessions)
        return drawdowns_frame(drawdowns_of(returns, self._dates))

    @cached_property
    def crises(self) -> pl.DataFrame:
        """Known market crises within the run: crisis, start, end, return,
        benchmark_return, max_drawdown.
        """
        sessions = self.record.sessions
        return crises_frame(daily_returns(sessions), self._dates, benchmark_returns(sessions))

    def rolling(self, window: int = 126) -> pl.DataFrame:
        """Return figures over the last `window` sessions: date, return, volatility,
        sharpe, beta, exposure; null before the window is full.

        Raises:
            SettingsError: `window` is less than two.
        """
        if type(window) is not int or not 2 <= window <= _LONGEST:
            raise SettingsError(
                "window must be at least 2 sessions, a whole number: was "
                f"{window!r:.80} in rolling()"
            )
        sessions = self.record.sessions
        return rolling_frame(
            daily_returns(sessions),
            self._dates,
            benchmark=benchmark_returns(sessions),
            exposure=floats(sessions, "gross_leverage"),
            window=window,
            a_year=rows_a_year(self.record.settings),
        )

    def trades_by(self, group: str) -> pl.DataFrame:
        """Return closed trades by group: the group, trades, win_rate, net_profit,
        mean_return, profit_factor, mean_bars_held.

        Args:
            group: "symbol", "side", "weekday" (1 is Monday), "hour", "month" (of the
                entry, in the exchange's time), "entry_tag" or "exit_tag".

        Raises:
            SettingsError: the group is unknown.
        """
        if not is_one_of(group, GROUPS):
            raise SettingsError(f"group must be one of {sorted(GROUPS)}: was {group!r}")
        calendar = get_calendar(self.record.settings.calendar)
        return grouped_trades(self.trades, group, calendar.tz)

    @cached_property
    def _dates(self) -> list[date]:
        return column(self.record.sessions, "label")

    @cached_property
    def provenance(self) -> dict[str, str]:
        """The origin of the run's parts: `parameter NAME` (each parameter's value,
        including defaults), `source` (hash of the strategy's code) and `data`
        (fingerprint of the bars), as far as known; for a session also the changes while
        it ran (`from 2026-03-02 21:00 UTC`).
        """
        made_of = {} if self._provenance is None else dict(self._provenance())
        return made_of | ({} if self.history is None else dict(self.history()))
