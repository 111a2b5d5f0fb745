"""What a run gave: frames, metrics, charts, and a file to keep it in.

The rule: a result is a view of what was recorded. Everything is made when it is first
asked for, nothing changes the record, and a result that was loaded shows what the saved
one showed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from rbtlive.core.state.record import RunRecord, column
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import ResultError, SettingsError
from rbtlive.research import display, frames
from rbtlive.research.figures.kinds import make_figure
from rbtlive.research.figures.page import page_of
from rbtlive.research.frames import benchmark_returns, daily_returns
from rbtlive.research.hints import Hint, hints_of
from rbtlive.research.metrics import Metrics, metrics_of
from rbtlive.research.round_trips import Method
from rbtlive.research.run_bars import RunBars, kept_bars
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
from rbtlive.research.storage import load_record, pack, save_record, unpack
from rbtlive.research.trades import profit_bridge, trades_frame

if TYPE_CHECKING:
    import pandas as pd


class BacktestResult:
    """The result of a run: of a backtest, or of a session so far.

    Args:
        record: What the run recorded.
        context: The strategy's context at its end, or None.

    Attributes:
        record: What the run recorded; read it, do not change it.
        context: The strategy's context at its end; None in a result that was loaded.
        bars: The bars of what was traded; None where a run kept none.
        judge: Gives the parity report of a session's result; None for a backtest's.
    """

    def __init__(
        self,
        record: RunRecord,
        *,
        context: Any = None,
        bars: RunBars | None = None,
        provenance: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self.record = record
        self.context = context
        self.bars = bars
        self.judge: Callable[[], Any] | None = None
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
        return frames.performance_frame(self.record)

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Each order in its final state: id, created, dt, symbol, amount, filled,
        limit, stop, status, commission, reason, tag.
        """
        return frames.orders_frame(self.record.orders)

    @cached_property
    def denied(self) -> pl.DataFrame:
        """Orders that our own guards refused: the columns of `orders`."""
        return frames.denied_frame(self.record.denied)

    @cached_property
    def transactions(self) -> pl.DataFrame:
        """Each execution: dt, symbol, amount (signed), price, commission, order_id."""
        return frames.transactions_frame(self.record.transactions)

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
        open_profit before costs, commissions, dividends, fees, transfers, and their
        sum, change_of_equity.
        """
        return profit_bridge(self.record)

    @cached_property
    def hints(self) -> list[Hint]:
        """What one should know of the run, each with a remedy: `text` and `remedy`.

        Orders that did not fill or were cut by volume, orders of less than a lot, limits
        that the tick moved, costs above 5 % of the capital, cash below zero, leverage,
        denied orders, a start that waited for its windows.
        """
        return hints_of(self.record)

    @cached_property
    def positions(self) -> pl.DataFrame:
        """What was held at each close: date, symbol, amount, cost_basis,
        last_sale_price.
        """
        return frames.positions_frame((row.label, row.positions) for row in self.record.sessions)

    @cached_property
    def metrics(self) -> Metrics:
        """Figures for the whole run, fractions and counts; None where one does not
        exist.
        """
        return metrics_of(self.record)

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
        if window < 2:
            raise SettingsError(f"window must be at least 2 sessions: was {window} in rolling()")
        sessions = self.record.sessions
        return rolling_frame(
            daily_returns(sessions),
            self._dates,
            benchmark=benchmark_returns(sessions),
            exposure=column(sessions, "gross_leverage"),
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
        if group not in GROUPS:
            raise SettingsError(f"group must be one of {sorted(GROUPS)}: was {group!r}")
        calendar = get_calendar(self.record.settings.calendar)
        return grouped_trades(self.trades, group, calendar.tz)

    @cached_property
    def _dates(self) -> list[date]:
        return column(self.record.sessions, "label")

    def summary(self) -> pl.DataFrame:
        """Return the metrics as a frame of two columns, `metric` and `value` (Float64)."""
        return _metrics_frame(self.metrics, "value")

    def to_zipline(self) -> pd.DataFrame:
        """Return the pandas frame that zipline's run_algorithm would return."""
        from rbtlive.research.zipline_frame import zipline_frame

        return zipline_frame(self.record)

    def plot(self, kind: str | None = None, *, symbol: str | None = None) -> Any:
        """Return a plotly figure that answers one question.

        Args:
            kind: "equity" (value, fills and benchmark, the drawdown below; the
                default), "price" (candles with fills, stops and limits), "drawdown",
                "monthly", "distribution", "rolling", "exposure", "trades" (profit by
                holding time), or "excursions" (MAE and MFE).
            symbol: With "price": which; by default what was traded most.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: there is no such kind.
        """
        return make_figure(self, kind, symbol)

    def save_html(
        self, path: str | Path, kind: str | None = None, *, symbol: str | None = None
    ) -> Path:
        """Write a figure of `plot` as one HTML page that opens without a network, of at
        most 1.5 MB; return the path.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: there is no such kind.
        """
        target = Path(path)
        page = page_of(self.plot(kind, symbol=symbol), self.strategy_name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
        return target

    @cached_property
    def provenance(self) -> dict[str, str]:
        """What the run was made of: `source` (hash of the strategy's code) and `data`
        (fingerprint of the bars), as far as they are known.
        """
        return {} if self._provenance is None else dict(self._provenance())

    def report(self, path: str | Path) -> Path:
        """Write a page about the run that needs nothing else: headline, value and
        drawdown, months, drawdowns, trades, costs, statistics, hints, settings and
        provenance, and a session's parity. It prints. Return the path.

        Raises:
            ResultError: no session was finished.
        """
        from rbtlive.research.reports.page import report_page

        if not self.record.sessions:
            raise ResultError("there is nothing to report: the run finished no session yet")
        target = Path(path)
        page = report_page(self, None if self.judge is None else self.judge())
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page, encoding="utf-8")
        return target

    def save(self, path: str | Path) -> Path:
        """Write the result, without the context, to one file; return the path.

        The file is a zip of Parquet tables and a JSON document. It is replaced in one
        step if it exists.

        Raises:
            ResultError: the path is a folder or cannot be written.
        """
        kept = kept_bars(self.record, self.bars)
        return save_record(self.record, path, kept, self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> BacktestResult:
        """Read a result that `save` wrote. No code is run, whatever the file holds.

        Raises:
            ResultError: there is no such file, or it is no saved result.
            ResultVersion: the file has another format version.
            ResultCorrupt: parts of the file are missing or damaged.
        """
        record, bars, provenance = load_record(path)
        return cls(record, bars=bars, provenance=lambda: provenance)

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        """Travel to another process as what `save` writes: figures, no code, no
        context.
        """
        return _unpickled, (pack(self.record, kept_bars(self.record, self.bars), {}),)

    def __repr__(self) -> str:
        return display.result_text(self.record)

    def _repr_html_(self) -> str:
        return display.result_html(self.record)


def _unpickled(content: bytes) -> BacktestResult:
    record, bars, _provenance = unpack(content, Path("a pickled result"))
    return BacktestResult(record, bars=bars)


def compare(
    first: BacktestResult, second: BacktestResult, *, names: Sequence[str] = ("first", "second")
) -> pl.DataFrame:
    """Return the metrics of two results side by side.

    Args:
        first: One result.
        second: The other.
        names: What their columns are called.

    Returns:
        `metric`, one Float64 column a result, and `same`: whether both are equal to the
        last bit (or both null).

    Raises:
        SettingsError: `names` are not two different names that leave `metric` and
            `same` free.
    """
    if len(set(names) | {"metric", "same"}) != 4 or len(names) != 2:
        raise SettingsError(
            f'names must be two different names other than "metric" and "same": was {list(names)}; '
            'pass e.g. names=("backtest", "paper")'
        )
    left, right = (
        _metrics_frame(result.metrics, name)
        for result, name in zip((first, second), names, strict=True)
    )
    both = left.join(right, on="metric", how="left", maintain_order="left")
    return both.with_columns(same=pl.col(names[0]).eq_missing(pl.col(names[1])))


def _metrics_frame(metrics: Mapping[str, float | int | None], column: str) -> pl.DataFrame:
    values = [None if value is None else float(value) for value in metrics.values()]
    return pl.DataFrame(
        {"metric": list(metrics), column: pl.Series(column, values, dtype=pl.Float64)}
    )
