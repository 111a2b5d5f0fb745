"""The result of a sweep: a row per run, the best of them, and statistics of the
whole.

The rule: a row can always be run again, and then gives the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

import polars as pl

from rbtlive.core.strategy.strategy_executor import strategy_name
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import NotBuilt, SettingsError, SweepError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.given import whole
from rbtlive.model.other_names import answering
from rbtlive.research.foreign_attributes import SWEEP_WORDS, Figures, row_lacks
from rbtlive.research.reports.writing import short
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.sweeping import surface, sweep_display
from rbtlive.research.sweeping.lean import run_lean
from rbtlive.research.sweeping.objectives import METRICS, Objective, pareto
from rbtlive.research.sweeping.options import refuse_unknown
from rbtlive.research.sweeping.params import nearest, own
from rbtlive.research.sweeping.work import RunRow

if TYPE_CHECKING:
    from rbtlive.core.state.settings import RunSettings
    from rbtlive.research.odds.odds import Odds
    from rbtlive.research.result import BacktestResult

_COLUMNS: Final = (
    *("seconds", "error", "row"),
    *("neighbours", "neighbours_mean", "neighbours_worst", "spike"),
)
_ATTACH: list[Callable[..., Any]] = []


def set_attach(attach: Callable[..., Any]) -> None:
    """Set the function that turns a row into a session; the notebook layer, which is
    above this one, provides it.
    """
    _ATTACH[:] = [attach]


class SweepRow:
    """One run of a sweep.

    Attributes:
        params: Its parameters, as `params["fast"]` and `params.fast`.
        metrics: Its metrics by name; empty if the run itself failed.
        seconds: Run time.
        error: The error, or None.
        number: Its row in the sweep's frame.
    """

    def __init__(self, sweep: SweepResult, number: int, row: RunRow) -> None:
        self._sweep = sweep
        self.number = number
        self.params = row.params
        self.metrics = Figures(row.metrics)
        self.seconds = row.seconds
        self.error = row.error

    def result(self) -> BacktestResult:
        """Run these parameters again, exactly as in the sweep, and return the whole
        result; `analyze` is called. It runs on the event engine, whose figures are
        those of the row. A row of the columnar gear may differ in the last digits of a
        float if amounts are parts of a share, or prices have many decimals.
        """
        return self._sweep.backtest(self.params)

    def attach(self, broker: object, **options: object) -> Any:
        """Trade these parameters: `rbtlive.attach` with the sweep's strategy and
        settings. The journal records the sweep and row they come from.

        Args:
            broker: The broker for the orders, e.g. `PaperBroker()`.
            **options: Options of `attach`; they override the sweep's.
        """
        if not _ATTACH:
            raise NotBuilt("row.attach() needs rbtlive's sessions: import rbtlive first")
        return _ATTACH[0](self, broker, **options)

    @property
    def strategy(self) -> Any:
        """The sweep's strategy."""
        return self._sweep.strategy

    @property
    def options(self) -> dict[str, Any]:
        """The sweep's backtest options."""
        return dict(self._sweep.options)

    @property
    def portal(self) -> PolarsDataPortal:
        """The sweep's bars."""
        return self._sweep.portal

    def provenance(self) -> dict[str, Any]:
        """Return the origin of these parameters, as plain values."""
        return {"row": self.number, "metrics": self.metrics, **self._sweep.facts()}

    if not TYPE_CHECKING:  # for type checkers a misspelt name is an error

        def __getattr__(self, name: str) -> NoReturn:
            if "metrics" not in vars(self):  # `copy` asks before there are any values
                raise AttributeError(name)
            raise row_lacks(name, self.params, self.metrics, dir(type(self)))

    def __getitem__(self, name: object) -> NoReturn:
        """Raise an error that says where the requested value is."""
        raise TypeError(
            'a row has no items: write row.params["fast"] or row.metrics["sharpe"]: was '
            f"{name!r:.40}"
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.params.items())
        figures = ", ".join(
            f"{objective.name}={_short(self._sweep.value(self.number, objective))}"
            for objective in self._sweep.objectives
        )
        return f"SweepRow({self.number}: {shown}; {self.error or figures})"


class SweepResult:
    """The runs of a sweep.

    Attributes:
        strategy: The strategy.
        portal: The bars.
        options: Options of `backtest` other than the parameters.
        objectives: The objectives.
        method: How the parameters were chosen.
        elapsed_s: Duration of the sweep.
        sessions: Number of sessions per run.
    """

    def __init__(  # noqa: PLR0913 - facts of the sweep, each by name
        self,
        rows: Sequence[RunRow],
        *,
        strategy: object,
        portal: PolarsDataPortal,
        options: Mapping[str, Any],
        objectives: Sequence[Objective],
        names: Sequence[str],
        method: str,
        seed: int | None,
        elapsed_s: float,
        sessions: int,
        settings: RunSettings,
        free_start: bool,
    ) -> None:
        self._rows = list(rows)
        self.strategy = strategy
        self.portal = portal
        self.options = dict(options)
        self.objectives = tuple(objectives)
        self.names = tuple(names)
        self.method = method
        self.seed = seed
        self.elapsed_s = elapsed_s
        self.sessions = sessions
        self._settings = settings
        self._free_start = free_start

    # -- rows -------------------------------------------------------------------------

    @cached_property
    def frame(self) -> pl.DataFrame:
        """One row per run, in the order of the search: a column per parameter, the
        metrics by name, an objective function's value by its name, `seconds`, and
        `error` (null if nothing failed). A parameter with the name of a metric has the
        prefix `param_`.
        """
        columns = {
            self._column(name): surface.param_series([row.params[name] for row in self._rows])
            for name in self.names
        }
        for name in METRICS:
            columns[name] = surface.metric_series([row.metrics.get(name) for row in self._rows])
        for place, objective in enumerate(self.objectives):
            if objective.function is not None:
                values = [row.values[place] if row.values else None for row in self._rows]
                columns[objective.name] = surface.metric_series(values)
        columns["seconds"] = pl.Series([row.seconds for row in self._rows], dtype=pl.Float64)
        columns["error"] = pl.Series([row.error for row in self._rows], dtype=pl.String)
        return pl.DataFrame(columns)

    def _column(self, name: str) -> str:
        taken = {*METRICS, *_COLUMNS, *(objective.name for objective in self.objectives)}
        return f"param_{name}" if name in taken else name

    def row(self, number: int) -> SweepRow:
        """Return one run by its row in `frame`; negative ones count from the end."""
        count = len(self._rows)
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise TypeError(
                f"a row is taken by its number in frame: was {number!r:.80}; figures of several "
                "are in frame, e.g. frame[:3], and the best rows in top(3)"
            )
        if not -count <= number < count:
            raise IndexError(f"row {number} is not among the sweep's {count}: 0 to {count - 1}")
        return SweepRow(self, number % count, self._rows[number])

    __getitem__ = row

    __getattr__ = answering(SWEEP_WORDS)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[SweepRow]:
        return (self.row(number) for number in range(len(self)))

    def value(self, number: int, objective: Objective | None = None) -> float:
        """Return a run's value of an objective, by default the first; NaN if it has
        none.
        """
        place = 0 if objective is None else self.objectives.index(objective)
        values = self._rows[number].values
        return values[place] if values else math.nan

    def _scores(self, number: int) -> tuple[float, ...]:
        values = self._rows[number].values or (math.nan,) * len(self.objectives)
        return tuple(o.score(value) for o, value in zip(self.objectives, values, strict=True))

    @cached_property
    def best(self) -> SweepRow:
        """The run with the highest first objective, the earliest of equal ones.

        Raises:
            SweepError: no run has a value, because all failed or the metric does not
                exist.
        """
        return self.top(1)[0]

    def top(self, n: int = 10) -> list[SweepRow]:
        """Return the `n` best runs by the first objective, best first."""
        n = whole(n, "n of top()", least=1)
        known = [i for i in range(len(self)) if math.isfinite(self._scores(i)[0])]
        if not known:
            errors = [row.error for row in self._rows if row.error is not None]
            why = f"; the first error was {errors[0]}" if errors else self._why_no_value()
            raise SweepError(
                f"none of the {len(self)} runs has a value of {self.objectives[0].name!r}: "
                f"{len(errors)} failed{why}"
            )
        known.sort(key=self._scores, reverse=True)
        return [self.row(number) for number in known[:n]]

    def _why_no_value(self) -> str:
        fills = [row.metrics.get("fills") for row in self._rows]
        return ", and no run traded: see row(0).result().hints" if not any(fills) else ""

    @cached_property
    def pareto(self) -> pl.DataFrame:
        """The rows of `frame` that no other run beats in all objectives, sorted by the
        first objective; `row` is their number.
        """
        front = pareto([self._scores(number) for number in range(len(self))])
        front.sort(key=self._scores, reverse=True)
        numbers = pl.Series("row", front, dtype=pl.Int64)
        return self.frame[front].insert_column(0, numbers)

    @property
    def errors(self) -> pl.DataFrame:
        """The rows of `frame` that failed."""
        return self.frame.filter(pl.col("error").is_not_null())

    # -- again ------------------------------------------------------------------------

    def backtest(self, params: Mapping[str, Any]) -> BacktestResult:
        """Run the strategy with some parameters under the sweep's settings."""
        from rbtlive.research.backtesting import backtest

        return backtest(
            self.strategy, self.portal, params=own(params), progress=False, **self.options
        )

    def returns(self) -> NDArray[np.float64]:
        """Return the daily returns of the runs that did not fail, sessions x runs, in
        the order of `frame`. Runs whose returns were not kept are run again.
        """
        kept = [row for row in self._rows if row.error is None]
        if not kept:
            raise SweepError("there are no returns: every run failed; see the column error")
        for row in kept:
            if row.returns is None:
                row.returns = self._again(row.params)
        return np.column_stack([row.returns for row in kept if row.returns is not None])

    def _again(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        run = run_lean(
            self.strategy, self.portal, self._settings, params, free_start=self._free_start
        )
        found = run.returns
        run.release()
        missing = self.sessions - len(found)  # a run that began later held cash before
        return np.concatenate([np.zeros(missing), found]) if missing > 0 else found

    def odds(self, **options: object) -> Odds:
        """Return the probability that the best run is luck: deflated Sharpe ratio,
        probability of backtest overfitting, reality check, minimum track record.

        Args:
            **options: `blocks` (of the cross-validation, an even number), `draws` and
                `seed` of the bootstraps, and `benchmark` (daily returns to beat).

        Raises:
            SweepError: every run failed, or no run has a value.
        """
        from rbtlive.research.odds.odds import odds_of

        refuse_unknown("odds", options, ("blocks", "draws", "seed", "benchmark"))
        kept = [i for i, row in enumerate(self._rows) if row.error is None]
        best = kept.index(self.best.number)
        return odds_of(self.returns(), best=best, a_year=rows_a_year(self._settings), **options)

    # -- the surface ------------------------------------------------------------------

    def pivot(self, x: str, y: str, metric: str | None = None) -> pl.DataFrame:
        """Return a table of a metric: one row per value of `y`, one column per value of
        `x`; if other parameters vary too, the best of their runs.
        """
        return surface.pivot(self.frame, *self._axes(x, y), self._metric(metric), self._best_is())

    def heatmap(self, x: str, y: str, metric: str | None = None) -> Any:
        """Return a plotly figure of `pivot(x, y)`.

        Raises:
            MissingExtra: plotly is not installed.
        """
        from rbtlive.research.sweeping import sweep_charts

        return sweep_charts.heatmap(self.pivot(x, y, metric), x=x, y=y, metric=self._metric(metric))

    def parallel_coordinates(self, metric: str | None = None) -> Any:
        """Return a plotly figure with a line per run through its parameters to its
        metric.

        Raises:
            MissingExtra: plotly is not installed.
        """
        from rbtlive.research.sweeping import sweep_charts

        names = [self._column(name) for name in self.names]
        return sweep_charts.parallel(self.frame, names, self._metric(metric))

    def sensitivity(self, metric: str | None = None) -> pl.DataFrame:
        """Return the influence of each parameter alone: `parameter`, `share` of the
        metric's variance between its values (0 to 1), `lowest` and `highest` mean over
        a value, `best_value`; the largest influence first.
        """
        names = [self._column(name) for name in self.names]
        return surface.sensitivity(self.frame, names, self._metric(metric), self._best_is())

    def plateaus(self, metric: str | None = None) -> pl.DataFrame:
        """Return each run with its neighbours, one step in one parameter away: `row`,
        the parameters, the metric, `neighbours`, `neighbours_mean`, `neighbours_worst`,
        and `spike`: whether it differs from them by more than two standard deviations
        of the metric. Runs with good neighbours come first.
        """
        names = [self._column(name) for name in self.names]
        return surface.plateaus(self.frame, names, self._metric(metric), self._best_is())

    def _best_is(self) -> float:
        return self.objectives[0].sign

    def _metric(self, metric: str | None) -> str:
        name = self.objectives[0].name if metric is None else metric
        if name not in self.frame.columns:
            raise SettingsError(f"there is no metric {name!r}: {nearest(name, self.frame.columns)}")
        return name

    def _axes(self, x: str, y: str) -> tuple[str, str]:
        for name in (x, y):
            if name not in self.names:
                raise SettingsError(
                    f"there is no parameter {name!r} in this sweep: {nearest(name, self.names)}"
                )
        if x == y:
            raise SettingsError(f"x and y must be two parameters: were both {x!r}")
        return self._column(x), self._column(y)

    # -- shown ------------------------------------------------------------------------

    def facts(self) -> dict[str, Any]:
        """Return the sweep's settings as plain values."""
        return {
            "strategy": strategy_name(self.strategy),
            "method": self.method,
            "seed": self.seed,
            "runs": len(self),
            "maximize": [objective.name for objective in self.objectives],
            "data": self.portal.fingerprint(),
        }

    def __repr__(self) -> str:
        return sweep_display.sweep_text(self)

    def _repr_html_(self) -> str:
        return sweep_display.sweep_html(self)


def _short(value: float) -> str:
    return short(value)
