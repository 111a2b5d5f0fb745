"""Objectives of a sweep: metrics by name, functions of a run, or several of them.

The rule: a missing number is never the best.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from rbtlive.errors import InvalidSetting
from rbtlive.model.arrays import np
from rbtlive.model.calls import takes
from rbtlive.research.foreign_attributes import own_statistic
from rbtlive.research.ratios import RATIOS
from rbtlive.research.statistics.table import FACTS
from rbtlive.research.sweeping.params import nearest

METRICS: Final = (
    *RATIOS,
    *("alpha", "beta", "benchmark_return", "sessions", "orders", "denied", "fills"),
    *("commission", "turnover", "max_gross_leverage", "final_value"),
)
"""Names of the metrics of a run, in the order of a sweep's columns."""


class RunView(Mapping[str, Any]):
    """A finished run as an objective sees it: metrics by name, and the whole result.

    Args:
        metrics: The metrics.
        params: The parameters.
        result: Builds the run's `BacktestResult`; None if there is none.
    """

    def __init__(
        self,
        metrics: Mapping[str, Any],
        params: Mapping[str, Any],
        result: Callable[[], Any] | None = None,
    ) -> None:
        self.metrics = metrics
        self.params = params
        self._result = result

    def __getitem__(self, name: str) -> Any:
        return self.metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.metrics)

    def __len__(self) -> int:
        return len(self.metrics)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.metrics:
            return self.metrics[name]
        if self._result is None:
            raise AttributeError(
                f"an objective has the metrics and params of a columnar run, no {name!r}: pass "
                'gear="events" to sweep() for whole results'
            )
        return getattr(self._result(), name)


class Objective:
    """A quantity to maximise.

    Args:
        what: The name of a metric or of a statistic in `result.stats`, with the prefix
            "-" to minimise it; or a function of a `RunView` that returns a number.

    Attributes:
        name: The column of its values.
        named: Whether it was given by name.
        is_statistic: Whether it names a statistic that is not a metric: this needs a
            run's whole result, which the columnar gear does not build.
    """

    def __init__(self, what: object, *, place: int = 0) -> None:
        self.function: Callable[[RunView], Any] | None = None
        self.sign = 1.0
        self.named = isinstance(what, str)
        self.is_statistic = False
        if callable(what):
            if isinstance(what, type) or not takes(what, {}):
                raise InvalidSetting(
                    f"a function to maximize must take one argument, the run: was {what!r:.80}; "
                    "pass e.g. lambda run: run.sharpe - 0.1 * run.turnover"
                )
            self.function = what
            name = getattr(what, "__name__", "objective")
            self.name = f"objective{place or ''}" if name == "<lambda>" else str(name)
            if self.name in METRICS:
                self.name = f"objective_{self.name}"
        elif isinstance(what, str):
            self.name = what.removeprefix("-")
            self.sign = -1.0 if what.startswith("-") else 1.0
            refuse_deepest(what)
            if self.name not in METRICS:
                self.function, self.is_statistic = _statistic(self.name), True
        else:
            raise InvalidSetting(
                f"maximize must be a metric's name or a function of a run: was {what!r}; pass "
                'e.g. "sharpe"'
            )

    def value(self, run: RunView) -> float:
        """Return the value of a run, before the sign that makes higher better; NaN if
        it has none.
        """
        if self.function is None:
            return number(run.metrics.get(self.name))
        return returned_number(self.function(run))

    def score(self, value: object) -> float:
        """Return a value so that higher is better, and minus infinity if it is
        missing.
        """
        known = number(value)
        return -math.inf if math.isnan(known) else self.sign * known


def refuse_deepest(maximize: str) -> None:
    """Raise an error for an objective that picks the deepest drawdown.

    Raises:
        InvalidSetting: it does.
    """
    if maximize == "-max_drawdown":
        raise InvalidSetting(
            "maximize='-max_drawdown' picks the deepest drawdown, because max_drawdown is never "
            "above zero: write 'max_drawdown' for the smallest one"
        )


def _statistic(name: str) -> Callable[[RunView], Any]:
    if name in FACTS:
        return functools.partial(_of_stats, name)
    own = own_statistic(name)
    step = f"write {own!r}" if own in METRICS or own in FACTS else nearest(name, METRICS)
    raise InvalidSetting(
        f"maximize must be a metric of a run: was {name!r}; {step}; anything else of a result is "
        'a function, e.g. lambda run: run.trades["net_profit"].mean()'
    )


# A statistic that is not a metric is computed from the run's whole result.
def _of_stats(name: str, run: RunView) -> Any:
    return run.stats.filter(statistic=name)["value"].item()


def objectives_of(maximize: object) -> tuple[Objective, ...]:
    """Return the objectives in `maximize`: one, or several in a list."""
    several = (
        list(maximize)
        if isinstance(maximize, Iterable) and not isinstance(maximize, str)
        else [maximize]
    )
    if not several:
        raise InvalidSetting("maximize must name something: was empty; pass e.g. 'sharpe'")
    found = tuple(Objective(what, place=place) for place, what in enumerate(several))
    if len({objective.name for objective in found}) != len(found):
        raise InvalidSetting(
            f"maximize must name different things: was {[o.name for o in found]}; name each once"
        )
    return found


def number(value: Any) -> float:
    """Return a metric as a float; NaN for None, and for a value that is not finite."""
    if value is None:
        return math.nan
    known = float(value)
    return known if math.isfinite(known) else math.nan


def returned_number(value: object) -> float:
    """Return what a function to maximize returned as a float, as `number` does.

    Raises:
        TypeError: it is not a number.
    """
    try:
        return number(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"a function to maximize must return a number, or None for no value: was "
            f"{value!r:.80}; pass e.g. lambda run: run.sharpe - 0.1 * run.turnover"
        ) from None


def pareto(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the indices of the rows that no other row beats: as good in all scores,
    and better in one. Rows with a missing score are ignored.
    """
    if not scores:
        return []
    values = np.array(scores, dtype=np.float64)
    places = np.flatnonzero(np.isfinite(values).all(axis=1))
    # In descending order of the first score, then the second and so on, no row is
    # beaten by a later one.
    places = places[np.lexsort(-values[places].T[::-1])]
    front: list[int] = []
    for place in places.tolist():
        better = values[front]
        row = values[place]
        if not ((better >= row).all(axis=1) & (better > row).any(axis=1)).any():
            front.append(place)
    return sorted(front)
