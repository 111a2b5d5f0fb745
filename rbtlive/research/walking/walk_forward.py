"""`walk_forward()`: parameters chosen repeatedly, each time tested on the following
span.

The rule: no data of a test, or after it, influences the choice of its parameters.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.core.state.record import RunRecord
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import SweepError
from rbtlive.model.given import as_path, check_flag
from rbtlive.model.wording import counted
from rbtlive.research.backtesting import backtest
from rbtlive.research.reports.writing import short
from rbtlive.research.result import BacktestResult
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.sweeping.objectives import RunView, number
from rbtlive.research.sweeping.options import WALK_WORDS, knows_only
from rbtlive.research.sweeping.surface import metric_series, param_columns
from rbtlive.research.sweeping.sweep import sweep
from rbtlive.research.sweeping.sweep_result import SweepResult, SweepRow
from rbtlive.research.walking.folds import PASSED_ON, SWEEPS, Fold, walk
from rbtlive.research.walking.lengths import rows_of
from rbtlive.research.walking.stitching import stitch
from rbtlive.runtime.backtest import prepare_settings

_SPAN: Final = ("train_start", "train_end", "test_start", "test_end")


class WalkForwardResult:
    """The folds of a walk forward, and their results.

    Attributes:
        result: The consecutive tests as one `BacktestResult`.
        sweeps: The sweep of each fold.
        chosen: The row that each fold chose.
        tests: The result of each fold's test.
    """

    def __init__(
        self,
        spans: Sequence[Mapping[str, Any]],
        sweeps: Sequence[SweepResult],
        chosen: Sequence[SweepRow],
        tests: Sequence[BacktestResult],
        result: BacktestResult,
    ) -> None:
        self._spans = list(spans)
        self.sweeps = list(sweeps)
        self.chosen = list(chosen)
        self.tests = list(tests)
        self.result = result

    @cached_property
    def folds(self) -> pl.DataFrame:
        """One row per fold: `fold`, `train_start`, `train_end`, `test_start`,
        `test_end` (all included), the chosen parameters (with the prefix `param_` if a
        name is taken), and the objective in the training (`in_sample`) and in the test
        (`out_of_sample`; null if it does not exist).
        """
        spans = pl.DataFrame(self._spans).insert_column(
            0, pl.Series("fold", range(len(self)), dtype=pl.Int64)
        )
        inside = [
            found.value(row.number) for found, row in zip(self.sweeps, self.chosen, strict=True)
        ]
        figures = {"in_sample": inside, "out_of_sample": self._outside}
        columns = param_columns(self.sweeps[0].names, self.chosen, (*spans.columns, *figures))
        return spans.with_columns(
            *columns, *(metric_series(values).alias(name) for name, values in figures.items())
        )

    @cached_property
    def _outside(self) -> list[float]:
        objective = self.sweeps[0].objectives[0]
        return [
            objective.value(RunView(test.metrics, row.params, partial(_itself, test)))
            for row, test in zip(self.chosen, self.tests, strict=True)
        ]

    @property
    def efficiency(self) -> float | None:
        """Mean of the objective out of sample over its mean in sample; None if the
        latter is not positive.

        Source: Pardo (2008), The Evaluation and Optimization of Trading Strategies.
        """
        inside = self.folds["in_sample"].mean()
        outside = self.folds["out_of_sample"].mean()
        if not isinstance(inside, float) or not isinstance(outside, float) or inside <= 0:
            return None
        return outside / inside

    def stability(self) -> pl.DataFrame:
        """Return the stability of each parameter over the folds: `parameter`, `values`
        (the number of different ones), `changes` from fold to fold, `mean` and
        `deviation` (null for values that are not numbers).
        """
        rows = []
        for name in self.sweeps[0].names:
            values = [row.params[name] for row in self.chosen]
            numbers = [v for v in values if isinstance(v, (int, float))]
            series = pl.Series(numbers if len(numbers) == len(values) else [], dtype=pl.Float64)
            rows.append(
                {
                    "parameter": name,
                    "values": len(set(map(repr, values))),
                    "changes": sum(a != b for a, b in itertools.pairwise(values)),
                    "mean": series.mean(),
                    "deviation": series.std(),
                }
            )
        schema = {
            "parameter": pl.String,
            "values": pl.Int64,
            "changes": pl.Int64,
            "mean": pl.Float64,
            "deviation": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema)

    def __len__(self) -> int:
        return len(self.chosen)

    def __repr__(self) -> str:
        sharpe = number(self.result.metrics["sharpe"])
        return (
            f"WalkForwardResult({counted(len(self), 'fold')}, "
            f"{counted(self.result.performance.height, 'session')} out of sample, "
            f"sharpe {short(sharpe)}, efficiency {short(number(self.efficiency))})"
        )

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.folds.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_shown(v))}</td>" for v in row) + "</tr>"
            for row in self.folds.iter_rows()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _itself(result: BacktestResult) -> BacktestResult:
    return result


def _shown(value: object) -> str:
    return short(value) if isinstance(value, float) else str(value)


@from_own_line
@knows_only(PASSED_ON, WALK_WORDS)
def walk_forward(  # noqa: PLR0913 - the public contract, each by name
    strategy: object,
    data: object,
    params: Mapping[str, Any],
    *,
    train: object,
    test: object,
    anchored: bool = False,
    gap: object = 0,
    purge: object = 0,
    embargo: object = 0,
    step: object = None,
    maximize: object = "sharpe",
    **options: Any,
) -> WalkForwardResult:
    """Choose parameters in a span of sessions, test them in the next, and continue.

    Lengths are sessions, or text: on an exchange "2y" is 504, "6 months" 126, "4w" 20,
    "10d" 10. If every day trades, a year is 365 of them; with weekly or monthly bars
    lengths are weeks or months.

    Args:
        strategy: The strategy, as `backtest` takes it.
        data: The data, as `backtest` takes it.
        params: The parameters, as `sweep` takes them.
        train: Length of the span for choosing parameters.
        test: Length of the span for testing them.
        anchored: Always train from the first session on; otherwise in a rolling window.
        gap: Sessions between training and test that neither uses.
        purge: Further sessions left out at the end of the training, because its
            decisions reach into the test.
        embargo: Further sessions left out, because returns are autocorrelated. Since a
            training is before its test, the three add up.
        step: From the start of a test to that of the next; by default the test's
            length.
        maximize: The objective of each fold, as `sweep` takes it.
        **options: Options of `sweep` and `backtest`. `store` is a path: each fold
            stores its runs in its own file beside it, "walk.000.sqlite" for
            "walk.sqlite".

    Returns:
        The folds; its `result` is the consecutive tests as one `BacktestResult`: each
        begins with the money with which the previous one ended, and without positions.
        Every run of a training begins with `capital_base`, so that a choice does not
        depend on the tests before it. The last test may be shorter.

    Raises:
        BadFolds: tests overlap, or not even one fold fits.
        SweepError: in a fold no run has a value.
    """
    searching = {name: options.pop(name) for name in SWEEPS if name in options}
    progress = options.pop("progress", False)
    store = _path(options.pop("store", None))
    portal = PolarsDataPortal.coerce(
        data, frequency=options.get("frequency", "1d"), calendar=options.get("calendar")
    )
    settings = prepare_settings(portal, **options)
    is_bare = options.get("start") is None and options.get("warmup") is None
    calendar = portal.calendar
    assert settings.end is not None
    first = calendar.number(settings.start)
    check_flag(anchored, "anchored")
    folds = _folds(
        calendar.number(settings.end) - first + 1, train, test, step, anchored=anchored,
        apart={"gap": gap, "purge": purge, "embargo": embargo},
        length=partial(rows_of, a_year=rows_a_year(settings)),
    )  # fmt: skip
    for name in ("start", "end", "warmup", "capital_base"):
        options.pop(name, None)
    spans, sweeps, chosen, tests = [], [], [], []
    capital = settings.capital_base
    for place, fold in enumerate(folds):
        labels = [calendar.label(first + n) for n in (*fold.train, *fold.test)]
        ends = [calendar.label(first + n - 1) for n in (fold.train[1], fold.test[1])]
        # At the start of the data, a run may begin later, once its windows fit.
        begin = None if is_bare and not fold.train[0] else labels[0]
        found = sweep(
            strategy, portal, params, maximize=maximize, start=begin, end=ends[0],
            capital_base=settings.capital_base, progress=progress, store=_of_fold(store, place),
            **searching, **options,
        )  # fmt: skip
        try:
            best = found.best
        except SweepError as error:
            error.add_note(f"in fold {place}, trained from {labels[0]} to {ends[0]}")
            raise
        tried = backtest(
            strategy, portal, params=dict(best.params), start=labels[2], end=ends[1],
            capital_base=capital, progress=False, **options,
        )  # fmt: skip
        capital = tried.record.sessions[-1].portfolio_value
        if capital <= 0:
            raise SweepError(f"the tests lost all money by {ends[1]}, in fold {place}")
        spans.append(dict(zip(_SPAN, (labels[0], ends[0], labels[2], ends[1]), strict=True)))
        sweeps.append(found)
        chosen.append(best)
        tests.append(tried)
    record: RunRecord = stitch([one.record for one in tests])
    return WalkForwardResult(
        spans, sweeps, chosen, tests, BacktestResult(record, bars=tests[-1].bars)
    )


def _path(store: object) -> Path | None:
    return None if store is None else as_path(store, "store of walk_forward()")


# Each fold is its own sweep, over other sessions.
def _of_fold(store: Path | None, place: int) -> Path | None:
    return None if store is None else store.with_name(f"{store.stem}.{place:03d}{store.suffix}")


def _folds(
    sessions: int,
    train: object,
    test: object,
    step: object,
    *,
    anchored: bool,
    apart: Mapping[str, object],
    length: Callable[..., int],
) -> list[Fold]:
    distance = sum(length(value, name, least=0) for name, value in apart.items())
    tested = length(test, "test")
    return walk(
        sessions,
        train=length(train, "train", least=2),
        test=tested,
        step=tested if step is None else length(step, "step"),
        anchored=anchored,
        distance=distance,
    )
