"""All odds of a set of runs together."""

from __future__ import annotations

import html
import math
from functools import cached_property
from typing import Any, Final

import polars as pl

from rbtlive.errors import SweepError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.given import whole
from rbtlive.research.odds.overfitting import Overfitting, overfitting
from rbtlive.research.odds.reality import SuperiorAbility, reality_check, superior_ability
from rbtlive.research.odds.sharpe import (
    Moments,
    deflated_sharpe,
    effective_trials,
    expected_max_sharpe,
    min_track_record,
    moments_of,
    probabilistic_sharpe,
)
from rbtlive.research.reports.writing import short
from rbtlive.research.statistics.annual import SESSIONS_A_YEAR

_MEANINGS: Final = {
    "trials": "runs that were tried",
    "effective_trials": "independent trials they amount to",
    "sharpe": "of the best run, annualised",
    "expected_max_sharpe": "best of as many without skill",
    "probabilistic_sharpe": "P(true Sharpe > 0), one trial",
    "deflated_sharpe": "P(true Sharpe > the expected best)",
    "pbo": "P(best in sample is below the median outside)",
    "reality_check": "p-value: the best is no better than luck",
    "min_track_record": "sessions for 95 % confidence",
    "track_record": "sessions there are",
}


class Odds:
    """The probability that the best of a set of runs is luck. Each figure is computed
    when it is first read.

    Args:
        returns: Daily returns, sessions x runs.
        best: Column of the chosen run.
        blocks: Number of blocks in the cross-validation, an even number up to 20; None
            is 16, or fewer for few sessions.
        draws: Number of bootstrap draws.
        seed: Makes the bootstraps repeatable.
        benchmark: Daily returns to beat; None is zero.
        a_year: Number of sessions per year.

    Raises:
        SweepError: the benchmark does not have one return per session.
        InvalidSetting: `draws` or `seed` is invalid.
    """

    def __init__(
        self,
        returns: NDArray[np.float64],
        *,
        best: int,
        blocks: int | None = None,
        draws: int = 1000,
        seed: int = 0,
        benchmark: object = None,
        a_year: int = SESSIONS_A_YEAR,
    ) -> None:
        known = np.asarray(returns, dtype=np.float64)
        self._returns = np.where(np.isfinite(known), known, 0.0)
        self._best = best
        self._blocks = blocks
        self._draws = whole(draws, "draws", least=1)
        self._seed = whole(seed, "seed", least=0)
        self._benchmark = _benchmark(benchmark, len(self._returns))
        self._a_year = a_year

    @cached_property
    def moments(self) -> Moments:
        """Moments of the chosen run's returns."""
        return moments_of(self._returns[:, self._best])

    @property
    def trials(self) -> int:
        """Number of runs tried."""
        return int(self._returns.shape[1])

    @cached_property
    def effective_trials(self) -> float:
        """Equivalent number of independent trials."""
        return effective_trials(self._returns)

    @cached_property
    def _deviation(self) -> float:
        if self.trials < 2:
            return 0.0
        spread = self._returns.std(axis=0, ddof=1)
        moving = spread > 1e-15
        ratios = np.zeros(self.trials)
        ratios[moving] = self._returns.mean(axis=0)[moving] / spread[moving]
        return float(ratios.std(ddof=1))

    @property
    def sharpe(self) -> float:
        """The chosen run's Sharpe ratio, annualised."""
        return self.moments.sharpe * math.sqrt(self._a_year)

    @property
    def expected_max_sharpe(self) -> float:
        """The best annualised Sharpe ratio expected from as many trials without
        skill.
        """
        return expected_max_sharpe(self.effective_trials, self._deviation) * math.sqrt(self._a_year)

    @property
    def probabilistic_sharpe(self) -> float:
        """Probability that the chosen run's true Sharpe ratio is above zero, if it had
        been the only trial.
        """
        return probabilistic_sharpe(self.moments)

    @property
    def deflated_sharpe(self) -> float:
        """Probability that it is above the value expected from trials without skill."""
        return deflated_sharpe(self.moments, self.effective_trials, self._deviation)

    @property
    def min_track_record(self) -> float:
        """Number of sessions until a Sharpe ratio like this one is above zero with 95 %
        confidence; infinite if it is not positive.
        """
        return min_track_record(self.moments)

    @property
    def track_record(self) -> int:
        """Number of sessions available."""
        return self.moments.count

    @cached_property
    def overfitting(self) -> Overfitting:
        """The results of cross-validating the choice."""
        return overfitting(self._returns, blocks=self._blocks)

    @property
    def pbo(self) -> float:
        """Probability of backtest overfitting."""
        return self.overfitting.probability

    @property
    def _excess(self) -> NDArray[np.float64]:
        if self._benchmark is None:
            return self._returns
        difference: NDArray[np.float64] = self._returns - self._benchmark[:, None]
        return difference

    @cached_property
    def reality_check(self) -> float:
        """P-value of White's reality check."""
        return reality_check(self._excess, draws=self._draws, seed=self._seed)

    @cached_property
    def spa(self) -> SuperiorAbility:
        """P-values of Hansen's test for superior predictive ability.

        Raises:
            MissingExtra: arch is not installed (`pip install rbtlive[odds]`).
        """
        return superior_ability(self._excess, draws=self._draws, seed=self._seed)

    def frame(self) -> pl.DataFrame:
        """Return `figure`, `value` (null if it does not exist: too few sessions, a
        single run) and `meaning`, without the test that needs arch.
        """
        rows = [(name, self._value(name), meaning) for name, meaning in _MEANINGS.items()]
        return pl.DataFrame(
            rows,
            schema={"figure": pl.String, "value": pl.Float64, "meaning": pl.String},
            orient="row",
        )

    def _value(self, name: str) -> float | None:
        try:
            value = float(getattr(self, name))
        except SweepError:
            return None
        return None if math.isnan(value) else value

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={_shown(value)}"
            for name, value, _ in self.frame().iter_rows()
            if name != "trials"
        )
        return f"Odds({self.trials} {'trial' if self.trials == 1 else 'trials'}, {shown})"

    def _repr_html_(self) -> str:
        body = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{_shown(value)}</td>"
            f"<td>{html.escape(text)}</td></tr>"
            for name, value, text in self.frame().iter_rows()
        )
        return f"<table><tbody>{body}</tbody></table>"


def _shown(value: float | None) -> str:
    return "none" if value is None else short(value)


def _benchmark(benchmark: object, sessions: int) -> NDArray[np.float64] | None:
    if benchmark is None:
        return None
    try:
        known = np.asarray(benchmark, dtype=np.float64)
    except (TypeError, ValueError):
        known = np.zeros(())
    if known.shape != (sessions,):
        raise SweepError(
            f"benchmark must have one return a session, {sessions}: was "
            f"{benchmark if known.shape == () else known.shape!r}; pass e.g. the column returns "
            "of a result's performance"
        )
    return np.where(np.isfinite(known), known, 0.0)


def odds_of(returns: NDArray[np.float64], *, best: int, **options: Any) -> Odds:
    """Return the odds of a set of runs; the options are those of `Odds`."""
    return Odds(returns, best=best, **options)
