"""A market of random walks for factor sheets, made alike with and without rbtlive.

    python -m tests.research.factor_market

Run by an interpreter that has alphalens-reloaded 0.5.1, it writes what that makes of the
factor to `factor_sheet.json` beside it.
"""

import importlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EXPECTED = Path(__file__).with_name("factor_sheet.json")
FIRST, LAST = "2016-02-02", "2016-04-29"
DATA_ENDS = "2016-05-27"
PERIODS, QUANTILES, WINDOW = (1, 5, 10), 4, 6


def closes() -> pd.DataFrame:
    """Return closes, sessions down and twenty symbols across; higher ones drift on."""
    every = np.arange("2016-01-19", "2016-05-28", dtype="datetime64[D]")
    closed = np.array(["2016-02-15", "2016-03-25"], dtype="datetime64[D]")
    days = every[np.is_busday(every, holidays=closed)]
    rng = np.random.Generator(np.random.PCG64(7))
    steps = rng.normal(0.0, 0.02, (len(days), 20)) + np.linspace(-0.002, 0.002, 20)
    values = np.round(60 * np.exp(steps.cumsum(axis=0)), 2)
    return pd.DataFrame(
        values, index=pd.DatetimeIndex(days), columns=[f"S{n:02d}" for n in range(20)]
    )


def troubled() -> pd.DataFrame:
    """Return the closes with delisted, late and suspended symbols, NaN without a bar."""
    values = closes()
    values.loc["2016-03-16":, "S01"] = np.nan  # delisted after the 15th
    values.loc["2016-05-26":, "S18"] = np.nan  # delisted the day before the data ends
    values.loc[:"2016-03-03", "S05"] = np.nan  # listed on the 4th
    values.loc["2016-04-04":"2016-04-08", "S12"] = np.nan  # a suspended week
    for place, day in enumerate(values.index[20:60:3]):
        values.loc[day, f"S{place + 6:02d}"] = np.nan
    return values


def listed(values: pd.DataFrame) -> pd.DataFrame:
    """Return whether a pipeline lists each symbol on each day: after its first bar, up
    to its last.
    """
    known = values.notna()
    return known.shift(1, fill_value=False).cummax() & known[::-1].cummax()[::-1]


def group_of(symbol: str) -> str:
    """Return the group of a symbol: three of unequal size."""
    return "ABBCCC"[int(symbol[1:]) % 6]


def by_groups(prices: pd.DataFrame, factor: pd.Series, *, neutral: bool) -> dict[str, Any]:
    """Return what alphalens makes of groups: means and errors by group, quantile and
    period, and information coefficients by group; neutral ones also without groups.
    """
    utils = importlib.import_module("alphalens.utils")
    performance = importlib.import_module("alphalens.performance")
    clean = utils.get_clean_factor_and_forward_returns(
        factor,
        prices,
        groupby={symbol: group_of(symbol) for symbol in prices.columns},
        binning_by_group=neutral,
        quantiles=3,
        periods=PERIODS,
        max_loss=1.0,
    )
    adjusted = {"group_adjust": neutral}
    means, errors = performance.mean_return_by_quantile(clean, by_group=True, **adjusted)
    every, _errors = performance.mean_return_by_quantile(clean, **adjusted)
    ic = performance.mean_information_coefficient(clean, by_group=True, **adjusted)
    plain = performance.factor_information_coefficient(clean, **adjusted)
    order = means.reset_index().sort_values(["group", "factor_quantile"]).index
    return {
        "rows": len(clean),
        "mean": means.iloc[order].T.to_numpy().tolist(),
        "error": errors.iloc[order].T.to_numpy().tolist(),
        "every": every.T.to_numpy().tolist(),
        "ic": ic.sort_index().to_numpy().tolist(),
        "plain_ic": plain.T.to_numpy().tolist(),
    }


def by_alphalens(prices: pd.DataFrame, last: str) -> dict[str, Any]:
    """Return what alphalens makes of the returns of the window, known in the morning."""
    utils = importlib.import_module("alphalens.utils")
    performance = importlib.import_module("alphalens.performance")
    factor = factor_of(prices, last)
    clean = utils.get_clean_factor_and_forward_returns(
        factor, prices, quantiles=QUANTILES, periods=PERIODS, max_loss=1.0
    )
    names = [name for name in clean.columns if name.endswith("D")]
    ic = performance.factor_information_coefficient(clean)
    means, errors = performance.mean_return_by_quantile(clean)
    days = clean["factor_quantile"].groupby(level="date").ngroups
    return {
        "days": days,
        "rows": len(clean),
        "ic": {n: list(ic[name].dropna()) for n, name in zip(PERIODS, names, strict=True)},
        "mean": {n: list(means[name]) for n, name in zip(PERIODS, names, strict=True)},
        "error": {n: list(errors[name]) for n, name in zip(PERIODS, names, strict=True)},
        "turnover": {q: _turnover(clean, q) for q in range(1, QUANTILES + 1)},
        "kept": list(_kept(clean)),
        "groups": by_groups(prices, factor, neutral=False),
        "neutral": by_groups(prices, factor, neutral=True),
    }


def factor_of(prices: pd.DataFrame, last: str) -> pd.Series:
    """Return the returns of the window, known in the morning, by date and asset."""
    known = prices.pct_change(WINDOW - 1, fill_method=None).shift(1).where(listed(prices))
    factor = known.loc[FIRST:last].stack()  # noqa: PD013 - a series of a two-level index
    factor.index.names = ["date", "asset"]
    return factor


# alphalens lines days up with a calendar of its own, in which a holiday is a day; here a
# day is one of the factor's.
def _turnover(clean: pd.DataFrame, quantile: int) -> list[float]:
    members = clean[clean["factor_quantile"] == quantile].reset_index().groupby("date")["asset"]
    sets = [set(one) for one in members.agg(list)]
    return [len(now - before) / len(now) for before, now in pairwise(sets)]


def _kept(clean: pd.DataFrame) -> pd.Series:
    ranks = clean.groupby(level="date")["factor"].rank().unstack()  # noqa: PD010 - likewise
    return ranks.corrwith(ranks.shift(1), axis=1).dropna()


if __name__ == "__main__":
    both = {"plain": by_alphalens(closes(), LAST), "troubled": by_alphalens(troubled(), DATA_ENDS)}
    EXPECTED.write_text(json.dumps(both) + "\n", encoding="utf-8")
