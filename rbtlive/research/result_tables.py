"""The frames and tables of a result: what figures, reports and comparisons are made of.

The rule: each is made when it is first asked for, and nothing changes the record.
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
from rbtlive.research.foreign_attributes import Figures
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
from rbtlive.research.statistics.table import statistics_of
from rbtlive.research.statistics.trading import GROUPS, grouped_trades
from rbtlive.research.trades import profit_bridge, trades_frame

if TYPE_CHECKING:
    pass


_LONGEST: Final = 1_000_000


class ResultTables:
    """Everything that a result can say in frames and figures.

    Args:
        record: What the run recorded.
        context: The strategy's context at its end, or None.

    Attributes:
        record: What the run recorded; read it, do not change it.
        context: The strategy's context at its end; None in a result that was loaded.
        bars: The bars of what was traded; None where a run kept none.
        judge: Gives the parity report of a session's result; None for a backtest's.
        history: Gives the parameters of a session's run and what changed later, each
            by the time from which it held; None for a backtest's.
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
        """What the run was asked to do, by the names of `RunSettings`."""
        return {
            field.name: getattr(self.record.settings, field.name) for field in fields(RunSettings)
        }

    @cached_property
    def performance(self) -> pl.DataFrame:
        """One row a session: `date`, zipline's numeric columns and the recorded
        variables; numbers are Float64.
        """
        return result_frames.performance_frame(self.record)

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
        """Round trips, the oldest shares closed first, each partial exit a row of its
        own; those still open come last, marked at the last price.

        Columns: symbol, side ("long" or "short"), quantity (positive), entry_time,
        exit_time (null while open), entry_price, exit_price (the mark while open),
        gross_profit, costs (commissions of both ends, positive), net_profit, return
        (net, a fraction of the entry's cost), bars_held, duration, mae and mfe (the
        worst and the best between entry and exit, fractions of the entry's cost, at the
        lows and highs of bars), entry_tag, exit_tag, open. Prices are in shares as they
        were at the exit, splits applied.
        """
        return self.round_trips()

    def round_trips(self, method: Method = "fifo") -> pl.DataFrame:
        """Return the columns of `trades`, by another method.

        Args:
            method: "fifo" closes the oldest shares first, "average" keeps one average
                cost for all shares of an asset.

        Raises:
            SettingsError: there is no such method.
        """
        return trades_frame(self.record, self.bars, method)

    @cached_property
    def profit_bridge(self) -> dict[str, Decimal]:
        """What the change of equity is made of, exact money: closed_profit and
        open_profit before costs, commissions, dividends, fees, interest, transfers, and
        their sum, change_of_equity.
        """
        return profit_bridge(self.record)

    @cached_property
    def hints(self) -> list[Hint]:
        """What one should know of the run, each with a remedy: `text` and `remedy`.

        Orders that did not fill or were cut by volume, orders of less than a lot,
        limits that the tick moved, costs above 5 % of the capital, cash below zero,
        leverage, denied orders, a start that waited for its windows.
        """
        return hints_of(self.record)

    @cached_property
    def positions(self) -> pl.DataFrame:
        """What was held at each close: date, symbol, amount, cost_basis,
        last_sale_price.
        """
        return result_frames.positions_frame(
            (row.label, row.positions) for row in self.record.sessions
        )

    @cached_property
    def metrics(self) -> Metrics:
        """Figures for the whole run, fractions and counts; None where one does not
        exist.
        """
        return Figures(metrics_of(self.record))

    @cached_property
    def stats(self) -> pl.DataFrame:
        """Every statistic of the run: statistic, value (Float64, null where it does not
        exist), unit. docs/results.md says what each means.
        """
        return statistics_of(self.record, self.trades, self.bars)

    @cached_property
    def monthly(self) -> pl.DataFrame:
        """Returns by month: year, jan … dec (null where there was no session),
        year_return.
        """
        return monthly_frame(daily_returns(self.record.sessions), self._dates)

    @cached_property
    def yearly(self) -> pl.DataFrame:
        """One row a year: year, return, benchmark_return, volatility, sharpe,
        max_drawdown, sessions.
        """
        sessions, a_year = self.record.sessions, rows_a_year(self.record.settings)
        return yearly_frame(
            daily_returns(sessions), self._dates, benchmark_returns(sessions), a_year
        )

    @cached_property
    def drawdowns(self) -> pl.DataFrame:
        """Every drawdown, the deepest first: depth, peak, valley, recovery (null if it
        is not over), days_down, days_to_recover, days.
        """
        returns = daily_returns(self.record.sessions)
        return drawdowns_frame(drawdowns_of(returns, self._dates))

    @cached_property
    def crises(self) -> pl.DataFrame:
        """Known falls of the market inside the run: crisis, start, end, return,
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
            SettingsError: there is no such group.
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
        """What the run was made of: `parameter NAME` (each parameter's value, defaults
        included), `source` (hash of the strategy's code) and `data`
        (fingerprint of the bars), as far as they are known; of a session also what was
        changed while it ran (`from 2026-03-02 21:00 UTC`).
        """
        made_of = {} if self._provenance is None else dict(self._provenance())
        return made_of | ({} if self.history is None else dict(self.history()))
