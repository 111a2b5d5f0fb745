"""`cross_validate()`: parameters chosen in every combination of spans, and tested in
the others.

The rule: each set of parameters runs once over all sessions; a split only decides which
of its daily returns are used for choosing, and which for testing.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, Final

import polars as pl

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import BadFolds, InvalidSetting, SweepError
from rbtlive.model.arrays import np
from rbtlive.model.given import whole
from rbtlive.model.wording import counted
from rbtlive.research.expanding import Floats
from rbtlive.research.ratios import RATIOS, ratios
from rbtlive.research.reports.writing import short
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.sweeping.objectives import refuse_deepest, returned_number
from rbtlive.research.sweeping.options import CROSS_WORDS, knows_only
from rbtlive.research.sweeping.params import nearest
from rbtlive.research.sweeping.surface import param_columns
from rbtlive.research.sweeping.sweep import sweep
from rbtlive.research.sweeping.sweep_result import SweepResult, SweepRow
from rbtlive.research.walking.folds import PASSED_ON, SWEEPS, Split, combinations
from rbtlive.research.walking.lengths import rows_of
from rbtlive.runtime.backtest import prepare_settings

Score = Callable[[Floats, int], Floats]
"""Maps returns (runs x sessions) and the number of sessions per year to one value per
run, NaN for none.
"""
SPLITS_AT_MOST = 20_000
_SPAN: Final = ("split", "test_folds", "train_sessions")
_READABLE: Final = 10**12
_CHOICE: Final = dict.fromkeys(("in_sample", "out_of_sample", "out_of_sample_rank"), pl.Float64)


class CrossValidation:
    """The splits of a cross-validation, and the paths through time that they form.

    Attributes:
        sweep: The sweep of all runs.
        chosen: The row that each split chose.
        splits: One row per split: `split`, `test_folds` (the numbers of the tested
            folds), `train_sessions`, the chosen parameters, the objective in the
            training (`in_sample`) and in the tests together (`out_of_sample`), and its
            rank among all runs (`out_of_sample_rank`, above 0 and below 1; null if it
            does not exist).
        returns: Daily returns out of sample: `date`, and a column per path.
        paths: One row per path: `path`, and the ratios of its returns by their names in
            `BacktestResult.metrics`.
    """

    def __init__(
        self,
        sweep: SweepResult,
        chosen: Sequence[SweepRow],
        *,
        splits: pl.DataFrame,
        returns: pl.DataFrame,
        paths: pl.DataFrame,
    ) -> None:
        self.sweep = sweep
        self.chosen = list(chosen)
        self.splits = splits
        self.returns = returns
        self.paths = paths

    @cached_property
    def overfitting(self) -> float | None:
        """Fraction of splits whose choice ranks at or below the median of all runs out
        of sample; None with a single run, or if no split can be ranked.

        Source: Bailey, Borwein, López de Prado & Zhu (2017), The Probability of
        Backtest Overfitting; here over the splits of the cross-validation.
        """
        ranks = self.splits["out_of_sample_rank"].drop_nulls().to_numpy()
        if len(self.sweep) < 2 or not len(ranks):
            return None
        return float(np.mean(ranks <= 0.5))

    def stability(self) -> pl.DataFrame:
        """Return how often each set of parameters was chosen, the most frequent first:
        the parameters, `splits` (the number of splits), and `share` of all.
        """
        names = [c for c in self.splits.columns if c not in (*_SPAN, *_CHOICE)]
        return (
            self.splits.group_by(names, maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("splits"))
            .with_columns((pl.col("splits") / self.splits.height).alias("share"))
            .sort("splits", descending=True, maintain_order=True)
        )

    def quantiles(self, metric: str = "sharpe") -> dict[float, float]:
        """Return the 5, 25, 50, 75 and 95 % quantiles of a ratio over the paths; empty
        if no path has it.

        Raises:
            InvalidSetting: `metric` is not a ratio.
        """
        if metric not in RATIOS:
            raise InvalidSetting(f"metric must be a ratio: {nearest(metric, RATIOS)}")
        values = self.paths[metric].drop_nulls().to_numpy()
        levels = (0.05, 0.25, 0.5, 0.75, 0.95) if len(values) else ()
        return {level: float(np.quantile(values, level)) for level in levels}

    def __len__(self) -> int:
        return len(self.chosen)

    def __repr__(self) -> str:
        median = self.quantiles().get(0.5, math.nan)
        return (
            f"CrossValidation({counted(len(self), 'split')}, {counted(self.paths.height, 'path')}, "
            f"median sharpe {short(median)})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>" + str(self.paths._repr_html_())


@from_own_line
@knows_only(PASSED_ON, CROSS_WORDS)
def cross_validate(  # noqa: PLR0913 - the public contract, each by name
    strategy: object,
    data: object,
    params: Mapping[str, Any],
    *,
    folds: object = 10,
    test_folds: object = 2,
    purge: object = 0,
    embargo: object = 0,
    splitter: object = None,
    maximize: str | Callable[[Floats], Any] = "sharpe",
    **options: Any,
) -> CrossValidation:
    """Choose parameters by combinatorial purged cross-validation.

    Time is cut into `folds`; each combination of `test_folds` of them is tested with
    the parameters that were best in the rest. The tests are joined to several paths
    through all sessions, which gives a distribution of Sharpe ratios instead of a
    single one.

    Each set of parameters runs once, over all sessions; choosing and testing use its
    daily returns. A position may therefore be held across the border of two folds: set
    `purge` to the number of sessions for which one is held.

    Args:
        strategy: The strategy, as `backtest` takes it.
        data: The data, as `backtest` takes it.
        params: The parameters, as `sweep` takes them.
        folds: Number of spans of equal length.
        test_folds: Number of folds tested at once.
        purge: Sessions left out of the training on each side of a tested fold, or text
            such as "2w".
        embargo: Further sessions left out after it, because returns are autocorrelated.
        splitter: Instead of these four, an object whose `split(X)` gives the indices of
            training and test sessions: skfolio's `CombinatorialPurgedCV` or
            `WalkForward`, or a splitter of scikit-learn.
        maximize: The objective of each split: a ratio's name ("-annual_volatility"
            minimises), or a function from a run's daily returns in the training
            sessions to a number.
        **options: Options of `sweep`, except `maximize`, and of `backtest`.

    Returns:
        Splits, paths and their distribution.

    Raises:
        BadFolds: folds are empty, or training and test overlap.
        SweepError: every run failed, or no run has a value in a split.
        InvalidSetting: `maximize` is neither a ratio nor a function.

    Source: López de Prado (2018), Advances in Financial Machine Learning, ch. 7 and 12.
    """
    score = _score_of(maximize)
    portal = PolarsDataPortal.coerce(
        data, frequency=options.get("frequency", "1d"), calendar=options.get("calendar")
    )
    settings = prepare_settings(
        portal, **{k: v for k, v in options.items() if k not in (*SWEEPS, "store", "progress")}
    )
    calendar, end = portal.calendar, settings.end
    assert end is not None
    first = calendar.number(settings.start)
    labels = [calendar.label(first + n) for n in range(calendar.number(end) - first + 1)]
    a_year = rows_a_year(settings)
    splits = _splits(labels, folds, test_folds, purge, embargo, splitter, a_year=a_year)
    found = sweep(strategy, portal, params, **options)
    returns = found.returns()
    rows = [row for row in found if row.error is None]
    choices = [_choice(split, returns, score, a_year) for split in splits]
    columns = [choice.pop("column") for choice in choices]
    chosen = [rows[column] for column in columns]
    spans = pl.DataFrame(
        [
            {"split": n, "test_folds": sorted(split.test), "train_sessions": len(split.train)}
            for n, split in enumerate(splits)
        ]
    )
    figures = pl.DataFrame(choices, schema=_CHOICE)
    columns_of = param_columns(found.names, chosen, (*spans.columns, *figures.columns))
    table = pl.concat([spans.with_columns(*columns_of), figures], how="horizontal")
    frame, paths = _paths(labels, splits, columns, returns, a_year)
    return CrossValidation(found, chosen, splits=table, returns=frame, paths=paths)


# The objective of runs, and the sign that makes higher better.
def _score_of(maximize: Any) -> tuple[Score, float]:
    if callable(maximize):

        def each(returns: Floats, a_year: int) -> Floats:
            del a_year
            return np.array([returned_number(maximize(row)) for row in returns])

        return each, 1.0
    name = maximize.removeprefix("-") if isinstance(maximize, str) else None
    if name not in RATIOS:
        raise InvalidSetting(
            f"maximize must be a ratio of daily returns, or a function of them: was "
            f"{maximize!r}; {nearest(str(name), RATIOS)}"
        )
    refuse_deepest(maximize)
    sign = -1.0 if maximize.startswith("-") else 1.0

    def ratio(returns: Floats, a_year: int) -> Floats:
        found = ratios(np.ascontiguousarray(returns), a_year)[name]
        return np.where(np.isfinite(found), found, np.nan)

    return ratio, sign


def _choice(
    split: Split, returns: Floats, score: tuple[Score, float], a_year: int
) -> dict[str, Any]:
    value, sign = score
    inside = value(returns[split.train].T, a_year)
    if np.isnan(inside).all():
        raise SweepError(
            f"no run has a value in a training of {len(split.train)} sessions; "
            f"folds {sorted(split.test)} were to be tried: pass fewer folds, or another maximize"
        )
    column = int(np.nanargmax(sign * inside))
    outside = value(returns[np.concatenate(list(split.test.values()))].T, a_year)
    own = float(outside[column])
    rank = None
    if not math.isnan(own):
        known = sign * outside[~np.isnan(outside)]
        lower, equal = np.sum(known < sign * own), np.sum(known == sign * own)
        rank = float((lower + (equal + 1) / 2.0) / (len(known) + 1))
    return {
        "column": column,
        "in_sample": float(inside[column]),
        "out_of_sample": None if math.isnan(own) else own,
        "out_of_sample_rank": rank,
    }


def _splits(
    labels: Sequence[date],
    folds: object,
    test_folds: object,
    purge: object,
    embargo: object,
    splitter: object,
    *,
    a_year: int,
) -> list[Split]:
    if splitter is not None:
        return list(_of_splitter(splitter, labels))
    blocks, tested = _whole(folds, "folds", 2), _whole(test_folds, "test_folds", 1)
    if tested < blocks and math.comb(blocks, tested) > SPLITS_AT_MOST:
        count = math.comb(blocks, tested)
        said = f"{count:,}" if count < _READABLE else f"about 1E{round(math.log10(count))}"
        raise BadFolds(
            f"{tested} of {blocks} folds make {said} splits, more than "
            f"{SPLITS_AT_MOST:,}: pass fewer folds, or fewer test_folds"
        )
    apart = [
        rows_of(value, name, a_year=a_year, least=0)
        for name, value in (("purge", purge), ("embargo", embargo))
    ]
    return list(
        combinations(len(labels), blocks=blocks, tested=tested, purge=apart[0], embargo=apart[1])
    )


def _whole(value: object, name: str, least: int) -> int:
    try:
        return whole(value, name, least=least)
    except InvalidSetting as error:
        raise BadFolds(str(error)) from None


# Splits in the form of scikit-learn and skfolio: the test is one array of indices, or
# one per fold.
def _of_splitter(splitter: Any, labels: Sequence[date]) -> Iterator[Split]:
    if isinstance(splitter, (str, type)) or not callable(getattr(splitter, "split", None)):
        raise BadFolds(
            f"splitter must have split(X) that gives training and test places: was {splitter!r}"
        )
    import pandas as pd

    sessions = len(labels)
    # Some splitters cut by dates.
    given = pd.DataFrame({"session": np.zeros(sessions)}, index=pd.DatetimeIndex(list(labels)))
    place = -1
    for place, (train, test) in enumerate(splitter.split(given)):
        parts = test if isinstance(test, (list, tuple)) else [test]
        inside = np.asarray(train, dtype=np.int64)
        tried = {n: np.asarray(part, dtype=np.int64) for n, part in enumerate(parts)}
        if not len(inside) or not tried or not all(map(len, tried.values())):
            raise BadFolds(f"split {place} of {type(splitter).__name__} is empty")
        shared = np.intersect1d(inside, np.concatenate(list(tried.values())))
        if len(shared):
            raise BadFolds(
                f"training and test overlap in split {place} of {type(splitter).__name__}: "
                f"session {shared[0]} is in both"
            )
        yield Split(inside, tried)
    if place < 0:
        raise BadFolds(f"{type(splitter).__name__} makes no split of {sessions} sessions")


# Each tested fold goes to the first path that lacks its sessions.
def _paths(
    labels: Sequence[date],
    splits: Sequence[Split],
    columns: Sequence[int],
    returns: Floats,
    a_year: int,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    paths: list[Floats] = []
    for split, column in zip(splits, columns, strict=True):
        for places in split.test.values():
            free = (path for path in paths if np.isnan(path[places]).all())
            path = next(free, None)
            if path is None:
                path = np.full(len(labels), np.nan)
                paths.append(path)
            path[places] = returns[places, column]
    rows = []
    for place, path in enumerate(paths):
        found = ratios(path[~np.isnan(path)][None, :], a_year)
        row = {name: float(value[0]) for name, value in found.items()}
        finite = {n: v if math.isfinite(v) else None for n, v in row.items()}
        rows.append({"path": place} | finite)
    frame = pl.DataFrame({"date": labels} | {f"path_{n}": path for n, path in enumerate(paths)})
    tried = pl.any_horizontal(pl.exclude("date").is_not_null())
    schema = {"path": pl.Int64} | dict.fromkeys(RATIOS, pl.Float64)
    return frame.fill_nan(None).filter(tried), pl.DataFrame(rows, schema=schema)
