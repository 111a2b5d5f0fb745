"""`monte_carlo()`: other possible outcomes of a result.

The rule: the same seed gives the same answer, and the method says what is resampled.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from rbtlive.core.state.record import RunRecord
from rbtlive.errors import SettingsError, SweepError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.given import is_number, is_one_of, whole
from rbtlive.model.other_names import teaches_names
from rbtlive.model.wording import counted
from rbtlive.research.foreign_attributes import MONTE_CARLO_ARGUMENTS
from rbtlive.research.odds.reality import block_length, stationary_places
from rbtlive.research.reports.writing import money, percent
from rbtlive.research.result import BacktestResult
from rbtlive.research.stress import check_amount, stressed_values

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
RESAMPLED: Final = ("blocks", "trades")
RUN_AGAIN: Final = ("prices", "delay", "costs")
_MOST_VALUES: Final = 500_000_000


class MonteCarloResult:
    """Simulated outcomes of a result.

    Attributes:
        method: The method used.
        values: Portfolio values, draws x steps; the first step is the capital.
        capital: Money at the start.
        ruin_below: The fraction of the capital below which a draw counts as ruined.
    """

    def __init__(
        self, method: str, values: NDArray[np.float64], *, capital: float, ruin_below: float
    ) -> None:
        self.method = method
        self.values = values
        self.capital = capital
        self.ruin_below = ruin_below

    @property
    def bands(self) -> pl.DataFrame:
        """`step` (sessions, or trades if trades were shuffled), and the value at each
        of the quantiles `p05`, `p25`, `p50`, `p75`, `p95`.
        """
        bands = np.quantile(self.values, QUANTILES, axis=0)
        columns = {f"p{round(q * 100):02d}": band for q, band in zip(QUANTILES, bands, strict=True)}
        return pl.DataFrame({"step": np.arange(self.values.shape[1]), **columns})

    @property
    def drawdowns(self) -> NDArray[np.float64]:
        """Deepest drawdown of each draw, a fraction, zero or negative."""
        peaks = np.maximum.accumulate(self.values, axis=1)
        deepest: NDArray[np.float64] = (self.values / peaks - 1.0).min(axis=1)
        return deepest

    @property
    def ruin(self) -> float:
        """Fraction of draws whose value falls below `ruin_below` of the capital."""
        return float(np.mean(self.values.min(axis=1) < self.ruin_below * self.capital))

    @property
    def final(self) -> NDArray[np.float64]:
        """Final value of each draw."""
        return self.values[:, -1]

    @property
    def loss(self) -> float:
        """Fraction of draws that end below the capital."""
        return float(np.mean(self.final < self.capital))

    def quantiles(self) -> pl.DataFrame:
        """Return `quantile`, `final_value`, `total_return` and `max_drawdown` (at 0.05
        one of the deepest).
        """
        final = np.quantile(self.final, QUANTILES)
        return pl.DataFrame(
            {
                "quantile": QUANTILES,
                "final_value": final,
                "total_return": final / self.capital - 1.0,
                "max_drawdown": np.quantile(self.drawdowns, QUANTILES),
            }
        )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        low, middle, high = np.quantile(self.final, (0.05, 0.5, 0.95))
        return (
            f"MonteCarloResult({self.method}, {counted(len(self), 'draw')}, final value "
            f"{low:,.0f} to {high:,.0f}, median {middle:,.0f}, ruin {self.ruin:.1%}, "
            f"drawdown beyond {np.quantile(self.drawdowns, 0.05):.1%} in 5.0% of draws)"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{quantile:.0%}</td><td>{money(final)}</td><td>{percent(earned)}</td>"
            f"<td>{percent(fall)}</td></tr>"
            for quantile, final, earned, fall in self.quantiles().iter_rows()
        )
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.quantiles().columns)
        return (
            f"<div>{html.escape(repr(self))}<table><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table></div>"
        )


@teaches_names(MONTE_CARLO_ARGUMENTS)
def monte_carlo(  # noqa: PLR0913 - the public contract, each by name
    result: BacktestResult,
    *,
    method: str = "blocks",
    n: int | None = None,
    seed: int = 0,
    block: float | None = None,
    ruin_below: float = 0.5,
    strategy: object = None,
    data: object = None,
    amount: float | None = None,
) -> MonteCarloResult:
    """Return other possible outcomes of a result.

    Args:
        result: The result of a run.
        method: "blocks" draws blocks of daily returns with replacement (the stationary
            bootstrap, which keeps autocorrelation), "trades" shuffles the closed
            trades. "prices", "delay" and "costs" run the strategy again: over prices
            with a little noise, with every order filled later, or with higher costs.
        n: Number of draws; by default 1,000 for resampling, 20 for "prices", and one
            for "delay" and "costs", which have no randomness.
        seed: Makes it repeatable.
        block: Mean length of a block in sessions; None is their cube root.
        ruin_below: The fraction of the capital below which a draw counts as ruined.
        strategy: The strategy; None takes it from the result if it has its context.
        data: The portal of the run; None takes it from the result.
        amount: Size of the change: "prices" multiplies each bar by exp of a normal
            number with this deviation (0.002), "delay" waits this many bars more (1),
            "costs" multiplies the run's commission and slippage (2), even if
            `initialize` set them.

    Raises:
        SettingsError: the method is unknown, or `n` is not at least 1.
        SweepError: the result has too few sessions or no closed trades, or its strategy
            is unknown.

    Source: Politis & Romano (1994), The Stationary Bootstrap.
    """
    _check_result(result)
    if not is_one_of(method, (*RESAMPLED, *RUN_AGAIN)):
        raise SettingsError(
            f"method must be one of {', '.join((*RESAMPLED, *RUN_AGAIN))}: was {method!r}"
        )
    n = None if n is None else whole(n, "n", least=1)
    seed = whole(seed, "seed", least=0)
    amount = check_amount(method, amount)
    if method in ("delay", "costs") and (n or 1) > 1:
        raise SettingsError(
            f"method={method!r} is one run without randomness: leave n out, was {n}"
        )
    if not is_number(ruin_below) or not 0 <= ruin_below <= 1:
        raise SettingsError(
            "ruin_below must be a fraction of the capital from 0 to 1, e.g. 0.5 for half of it: "
            f"was {ruin_below!r:.80}"
        )
    if (n or 0) * max(1, len(result.record.sessions)) > _MOST_VALUES:
        raise SettingsError(
            f"n is too large: {n} runs of {len(result.record.sessions)} sessions are more than "
            f"{_MOST_VALUES:,} values; take fewer runs"
        )
    capital = float(result.record.settings.capital_base)
    if method in RESAMPLED:
        draw: Mapping[str, Callable[..., NDArray[np.float64]]] = {
            "blocks": _blocks,
            "trades": _trades,
        }
        values = draw[method](result, n or 1000, seed=seed, block=block)
    else:
        values = stressed_values(
            result, method, n=n, seed=seed, strategy=strategy, data=data, amount=amount
        )
    start = np.full((len(values), 1), capital)
    return MonteCarloResult(
        method, np.concatenate([start, values], axis=1), capital=capital, ruin_below=ruin_below
    )


def _check_result(result: object) -> None:
    if not isinstance(getattr(result, "record", None), RunRecord):
        raise SettingsError(
            "result must be what rbt.backtest(...) or session.result() returned: was "
            f"{type(result).__name__}"
        )


def _blocks(
    result: BacktestResult, n: int, *, seed: int, block: float | None
) -> NDArray[np.float64]:
    returns = np.nan_to_num(result.performance["returns"].to_numpy())
    if len(returns) < 2:
        raise SweepError(f"blocks need two sessions at least: was {len(returns)}")
    generator = np.random.default_rng(seed)
    length = block_length(len(returns)) if block is None else block
    if not is_number(length) or not length >= 1:
        raise SettingsError(f"block must be 1 session at least: was {block!r:.80}")
    places = [stationary_places(len(returns), block=length, generator=generator) for _ in range(n)]
    growth: NDArray[np.float64] = np.cumprod(1.0 + returns[np.array(places)], axis=1)
    return growth * float(result.record.settings.capital_base)


def _trades(
    result: BacktestResult, n: int, *, seed: int, block: float | None
) -> NDArray[np.float64]:
    del block
    closed = result.trades.filter(~pl.col("open"))["net_profit"].cast(pl.Float64).to_numpy()
    if not len(closed):
        raise SweepError("trades cannot be shuffled: the result has no closed one")
    generator = np.random.default_rng(seed)
    shuffled = generator.permuted(np.tile(closed, (n, 1)), axis=1)
    values: NDArray[np.float64] = float(result.record.settings.capital_base) + np.cumsum(
        shuffled, axis=1
    )
    return values
