"""What a run gave: frames, metrics, charts, and a file to keep it in.

The rule: a result is a view of what was recorded. Everything is made when it is first
asked for, nothing changes the record, and a result that was loaded shows what the saved
one showed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from rbtlive.errors import ResultError, SettingsError
from rbtlive.model.given import as_path
from rbtlive.research import result_display
from rbtlive.research.factor_sheet import FactorSheet
from rbtlive.research.figures.indicators import Indicators
from rbtlive.research.figures.kinds import make_figure
from rbtlive.research.figures.page import page_of
from rbtlive.research.foreign_attributes import no_item, result_lacks
from rbtlive.research.reports.page import report_page
from rbtlive.research.result_tables import ResultTables
from rbtlive.research.run_bars import kept_bars
from rbtlive.research.storage import load_record, pack, save_record, unpack, write_page
from rbtlive.research.summary import summary_html, summary_text

if TYPE_CHECKING:
    import pandas as pd

    from rbtlive.data.portal import PolarsDataPortal


class BacktestResult(ResultTables):
    """The result of a run: of a backtest, or of a session so far.

    Args:
        record: What the run recorded.
        context: The strategy's context at its end, or None.
        bars: The bars of what was traded.
        provenance: Gives what the run was made of.

    Attributes:
        record: What the run recorded; read it, do not change it.
        context: The strategy's context at its end; None in a result that was loaded.
        bars: The bars of what was traded; None where a run kept none.
        judge: Gives the parity report of a session's result; None for a backtest's.
        origin: Strategy and portal of a backtest, to run it again; None elsewhere.
    """

    origin: tuple[Any, PolarsDataPortal] | None = None

    def __dir__(self) -> list[str]:
        """Name what people use, not what made the result."""
        return sorted(set(super().__dir__()) - {"history", "judge", "origin"})

    def summary(self) -> pl.DataFrame:
        """Return the metrics as a frame of two columns, `metric` and `value`
        (Float64).
        """
        return _metrics_frame(self.metrics, "value")

    def to_zipline(self) -> pd.DataFrame:
        """Return the pandas frame that zipline's run_algorithm would return."""
        from rbtlive.research.zipline_frame import zipline_frame

        return zipline_frame(self.record)

    def plot(
        self,
        kind: str | None = None,
        *,
        symbol: str | None = None,
        indicators: Indicators | None = None,
    ) -> Any:
        """Return a plotly figure that answers one question.

        Args:
            kind: "equity" (value, fills and benchmark, the drawdown below; the
                default), "price" (candles with fills, stops and limits), "drawdown",
                "monthly", "distribution", "rolling", "exposure", "trades" (profit by
                holding time), or "excursions" (MAE and MFE).
            symbol: With "price": which; by default what was traded most.
            indicators: With "price": names of recorded numbers, or polars expressions
                over open, high, low, close and volume; a mapping names the lines. By
                default what was recorded and is of the size of prices.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: there is no such kind, or no such indicator.
        """
        return make_figure(self, kind, symbol, indicators)

    def save_html(
        self,
        path: str | Path,
        kind: str | None = None,
        *,
        symbol: str | None = None,
        indicators: Indicators | None = None,
    ) -> Path:
        """Write a figure of `plot` as one HTML page that opens without a network, of at
        most 1.5 MB; return the path.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: there is no such kind.
            ResultError: the page cannot be written there.
        """
        target = as_path(path, "path of save_html()")
        page = page_of(self.plot(kind, symbol=symbol, indicators=indicators), self.strategy_name)
        return write_page(target, page)

    def report(
        self, path: str | Path, *, factor_sheets: FactorSheet | Sequence[FactorSheet] = ()
    ) -> Path:
        """Write a page about the run that needs nothing else: headline, value and
        drawdown, months, drawdowns, trades, costs, statistics, hints, settings and
        provenance, and a session's parity. It prints. Return the path.

        Args:
            path: Where the page is written; folders are made.
            factor_sheets: What `rbt.factor_sheet` returned, one or several: the page
                shows them after the run's own sections.

        Raises:
            ResultError: no session was finished, or the page cannot be written.
            SettingsError: something else than sheets was given.
        """
        if not self.record.sessions:
            raise ResultError("there is nothing to report: the run finished no session yet")
        target = as_path(path, "path of report()")
        sheets = _sheets_of(factor_sheets)
        page = report_page(self, None if self.judge is None else self.judge(), sheets)
        return write_page(target, page)

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

    def __getitem__(self, name: object) -> NoReturn:
        """Say where what was asked for is."""
        raise no_item(name, self.performance.columns)

    def __getattr__(self, name: str) -> Any:
        """Say where what was asked for is, in the words of other libraries too."""
        if hasattr(type(self), name):  # its own error, which led here
            return object.__getattribute__(self, name)
        raise result_lacks(name, dir(type(self)))

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        """Travel to another process as what `save` writes: figures, no code, no
        context.
        """
        return _unpickled, (pack(self.record, kept_bars(self.record, self.bars), {}),)

    def __repr__(self) -> str:
        return result_display.result_text(self.record)

    def __str__(self) -> str:
        return summary_text(self)

    # What IPython shows in a terminal, and stores beside the HTML in a notebook.
    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        del cycle
        printer.text(str(self))

    def _repr_html_(self) -> str:
        return summary_html(self)


def _unpickled(content: bytes) -> BacktestResult:
    record, bars, _provenance = unpack(content, Path("a pickled result"))
    return BacktestResult(record, bars=bars)


def _sheets_of(given: FactorSheet | Sequence[FactorSheet]) -> Sequence[FactorSheet]:
    sheets = [given] if isinstance(given, FactorSheet) else given
    if isinstance(sheets, list | tuple) and all(isinstance(one, FactorSheet) for one in sheets):
        return sheets
    raise SettingsError(
        f"factor_sheets takes sheets of factors: was {type(given).__name__}; pass what "
        "rbt.factor_sheet(factor, start, end, data) returns, one or a list"
    )


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
