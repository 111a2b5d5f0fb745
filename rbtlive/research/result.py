"""The result of a run: frames, metrics, charts, and a file format.

The rule: a result is a view of the record. Everything is computed on first access,
nothing changes the record, and a loaded result shows the same as the saved one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import polars as pl

from rbtlive.errors import ResultError, SettingsError
from rbtlive.model.given import as_path
from rbtlive.model.other_names import teaches_names
from rbtlive.research import result_display
from rbtlive.research.factor_sheet import FactorSheet
from rbtlive.research.figures.figure_page import page_of
from rbtlive.research.figures.indicator_lines import Indicators
from rbtlive.research.figures.kinds import make_figure
from rbtlive.research.foreign_attributes import PLOT_ARGUMENTS, no_item, result_lacks
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
        record: The run's record.
        context: The strategy's context at its end, or None.
        bars: The bars of the traded assets.
        provenance: Returns the origin of the run's parts.

    Attributes:
        record: The run's record; read only.
        context: The strategy's context at its end; None in a loaded result.
        bars: The bars of the traded assets; None if the run kept none.
        judge: Returns the parity report of a session's result; None for a backtest's.
        origin: Strategy and portal of a backtest, to run it again; otherwise None.
    """

    origin: tuple[Any, PolarsDataPortal] | None = None

    def __dir__(self) -> list[str]:
        """List the public names, without those used to build the result."""
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

    @teaches_names(PLOT_ARGUMENTS)
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
            symbol: For "price": the symbol; by default the one traded most.
            indicators: For "price": names of recorded numbers, or polars expressions
                over open, high, low, close and volume; a mapping names the lines. By
                default, recorded values in the range of prices.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: the kind or indicator is unknown.
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
        """Write a figure of `plot` as one HTML page, of at most 1.5 MB, that opens
        without a network; return the path.

        Raises:
            MissingExtra: plotly is not installed (`pip install rbtlive[plot]`).
            ResultError: there is nothing to draw.
            SettingsError: the kind is unknown.
            ResultError: the page cannot be written.
        """
        target = as_path(path, "path of save_html()")
        page = page_of(self.plot(kind, symbol=symbol, indicators=indicators), self.strategy_name)
        return write_page(target, page)

    def report(
        self, path: str | Path, *, factor_sheets: FactorSheet | Sequence[FactorSheet] = ()
    ) -> Path:
        """Write a self-contained page about the run: headline, value and drawdown,
        months, drawdowns, trades, costs, statistics, hints, settings and provenance,
        and a session's parity. It is printable. Return the path.

        Args:
            path: Path of the page; folders are created.
            factor_sheets: One or several results of `rbt.factor_sheet`: the page shows
                them after the run's own sections.

        Raises:
            ResultError: no session was finished, or the page cannot be written.
            SettingsError: `factor_sheets` contains something other than sheets.
        """
        if not self.record.sessions:
            raise ResultError("there is nothing to report: the run finished no session yet")
        target = as_path(path, "path of report()")
        sheets = _sheets_of(factor_sheets)
        page = report_page(self, None if self.judge is None else self.judge(), sheets)
        return write_page(target, page)

    def save(self, path: str | Path) -> Path:
        """Write the result, without the context, to one file; return the path.

        The file is a zip of Parquet tables and a JSON document. An existing file is
        replaced in one step.

        Raises:
            ResultError: the path is a folder, or cannot be written.
        """
        kept = kept_bars(self.record, self.bars)
        return save_record(self.record, path, kept, self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> BacktestResult:
        """Read a result written by `save`. No code is run, whatever the file
        contains.

        Raises:
            ResultError: the file does not exist, or is not a saved result.
            ResultVersion: the file has another format version.
            ResultCorrupt: parts of the file are missing or damaged.
        """
        record, bars, provenance = load_record(path)
        return cls(record, bars=bars, provenance=lambda: provenance)

    def __getitem__(self, name: object) -> NoReturn:
        """Raise an error that says where the requested value is."""
        raise no_item(name, self.performance.columns)

    def __getattr__(self, name: str) -> Any:
        """Raise an error that says where the requested value is, also for other
        libraries' names.
        """
        if hasattr(type(self), name):  # its own error led here
            return object.__getattribute__(self, name)
        raise result_lacks(name, dir(type(self)))

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        """Pickle in the form that `save` writes: figures, no code, no context."""
        return _unpickled, (pack(self.record, kept_bars(self.record, self.bars), {}),)

    def __repr__(self) -> str:
        return result_display.result_text(self.record)

    def __str__(self) -> str:
        return summary_text(self)

    # IPython shows this in a terminal, and stores it beside the HTML in a notebook.
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
        names: Names of their columns.

    Returns:
        `metric`, one Float64 column per result, and `same`: whether both are equal to
        the last bit (or both null).

    Raises:
        SettingsError: `names` are not two different names other than `metric` and
            `same`.
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
