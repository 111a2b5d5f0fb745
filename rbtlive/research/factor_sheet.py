"""A factor sheet: the factor's coverage, its changes, and the returns that follow
it.

The rule: a day's factor is its value known that morning; forward returns start at that
day's close (the last one, if an asset has no bar), are adjusted for splits and
dividends, and end with the data, not with an asset.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from rbtlive.core.actions.user_code import from_own_line
from rbtlive.data.bars.field_table import WholeMarket
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import SettingsError
from rbtlive.model.arrays import np
from rbtlive.model.given import DateLike
from rbtlive.research.result_display import table_html
from rbtlive.research.run_pipeline import run_pipeline

INFORMATION = ["period", "mean", "std", "ratio", "t", "days"]


class FactorSheet:
    """Statistics of a factor and of the returns that follow it.

    Args:
        name: The factor's name.
        frame: See the attribute.
        listed: One row per day: `date`, `listed` (assets of the universe).
        periods: Sessions over which returns are measured.

    Attributes:
        name: The factor's name.
        frame: One row per day and asset with a value and all returns: `date`, `symbol`,
            `factor`, `quantile` (from 1), `group` (if there are groups), `forward_N`
            (return over N sessions from the day's close; a fraction).
        periods: Sessions over which returns are measured.
        coverage: `date`, `listed` (assets of the universe), `known` (with a value),
            `share`.
        ic: `date`, `ic_N`: rank correlation of factor and return of that day
            (Spearman).
        information: `period`, `mean`, `std`, `ratio` (mean / std), `t` (of the mean;
            overlapping days make it too large for periods above 1), `days`.
        quantile_returns: `quantile`, `period`, `mean` (of the days' mean return in
            excess of the mean of all assets), `std_error`, `days`.
        spread: `period`, `mean` (top less bottom quantile), `a_session` (the same per
            session).
        turnover: `date`, `quantile`, `share` (of its assets that were not in it the day
            before).
        autocorrelation: `date`, `correlation` of ranks with those of the previous day.
        group_information: `group`, and the columns of `information`, within each group;
            None without groups.
        group_quantile_returns: `group`, and the columns of `quantile_returns`, of the
            assets of each group; None without groups.
    """

    def __init__(
        self,
        name: str,
        frame: pl.DataFrame,
        listed: pl.DataFrame,
        periods: Sequence[int],
        *,
        neutral: bool = False,
    ) -> None:
        self.name = name
        self.periods = tuple(periods)
        self.coverage = listed
        self.frame = frame
        beyond = _beyond_the_mean(frame, periods, ["date", "group"] if neutral else ["date"])
        measured = beyond if neutral else frame
        self.ic = _information_coefficients(measured, periods, ["date"])
        self.information = _information(self.ic, periods)
        self.quantile_returns = _quantile_returns(beyond, periods, [])
        self.group_information: pl.DataFrame | None = None
        self.group_quantile_returns: pl.DataFrame | None = None
        if "group" in frame.columns:
            by_group = _information_coefficients(measured, periods, ["date", "group"])
            parts = by_group.partition_by("group", maintain_order=True)
            self.group_information = pl.concat(
                _information(part, periods).select(
                    pl.lit(part["group"][0]).alias("group"), *INFORMATION
                )
                for part in sorted(parts, key=lambda part: str(part["group"][0]))
            )
            self.group_quantile_returns = _quantile_returns(beyond, periods, ["group"])
        self.spread = _spread(self.quantile_returns)
        self.turnover = _turnover(frame)
        self.autocorrelation = _autocorrelation(frame)

    def _rows(self) -> list[tuple[str, ...]]:
        share = self.coverage["share"].mean()
        kept = self.autocorrelation["correlation"].mean()
        turnover = self.turnover["share"].mean()
        head: list[tuple[str, ...]] = [
            ("days", f"{self.coverage.height:,}", ""),
            ("coverage", _percent(share), ""),
            ("turnover of a quantile a day", _percent(turnover), ""),
            ("rank autocorrelation", _number(kept), ""),
            ("", "mean IC (t)", "top less bottom"),
        ]
        body: list[tuple[str, ...]] = [
            (
                f"{period} sessions" if period > 1 else "1 session",
                f"{_number(mean)} ({t:.1f})",
                _percent(gain),
            )
            for period, mean, t, gain in zip(
                self.periods,
                self.information["mean"],
                self.information["t"],
                self.spread["mean"],
                strict=True,
            )
        ]
        return head + body

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[place]) for row in rows) for place in (0, 1)]
        lines = [f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]}".rstrip() for row in rows]
        return "\n".join([f"FactorSheet {self.name}", *(f"  {line}" for line in lines)])

    def _repr_html_(self) -> str:
        return table_html(self.name, self._rows())

    def report(self, path: str | Path) -> Path:
        """Write the sheet as one self-contained HTML page, and return its path."""
        from rbtlive.research.reports.factor_page import factor_page

        target = Path(path)
        target.write_text(factor_page(self), encoding="utf-8")
        return target


@from_own_line
def factor_sheet(  # noqa: PLR0913 - each by name
    factor: object,
    start: DateLike,
    end: DateLike,
    data: object,
    *,
    periods: Sequence[int] = (1, 5, 10),
    quantiles: int = 5,
    universe: object = None,
    groups: object = None,
    neutral: bool = False,
    loaders: Mapping[Any, Any] | None = None,
    name: str | None = None,
) -> FactorSheet:
    """Return a factor's sheet: coverage, turnover, rank autocorrelation, information
    coefficients, and the returns of its quantiles.

    Args:
        factor: A factor of a pipeline.
        start: First session of the factor.
        end: Last session, included; forward returns use later sessions of the data.
        data: A portal, or a source of one.
        periods: Sessions over which returns are measured, from the day's close.
        quantiles: Number of groups of equal size; a day with equal edges has none.
        universe: Filter of the assets to include; all listed assets by default.
        groups: Classifier of the assets' groups, such as sectors, or a dict of groups
            by symbol. Assets without a group are left out.
        neutral: Form the quantiles within each group, and measure returns beyond the
            mean of their group.
        loaders: Loaders by data set or column.
        name: The factor's name; by default its own description.

    Raises:
        TypeError: it is not a numeric factor, or `groups` is no classifier.
        SettingsError: no day has a factor with forward returns.
        ValueError: a period or the number of quantiles is too small.

    Source: the measures are those of alphalens-reloaded 0.5.1.
    """
    from rbtlive.pipeline import Factor, Pipeline

    if not isinstance(factor, Factor) or factor.dtype.kind not in "fi" or factor.ndim != 2:
        raise TypeError(
            f"factor_sheet() takes a factor of numbers with a value an asset: was {factor!r}"
        )
    lengths = sorted(set(periods))
    if not lengths or lengths[0] < 1 or quantiles < 2:
        raise ValueError(
            f"periods must be 1 or more and quantiles 2 or more: were {periods!r} and {quantiles!r}"
        )
    labels = _labels(groups)
    if neutral and groups is None:
        raise ValueError("neutral=True needs groups=, e.g. a classifier of sectors")
    columns = {"factor": factor} | ({} if universe is None else {"universe": universe}) | labels
    portal = PolarsDataPortal.coerce(data).sessions_only()
    days = [date.fromisoformat(str(day)[:10]) for day in (start, end)]
    wanted = run_pipeline(Pipeline(columns), days[0], days[1], portal, loaders=loaders)
    if universe is not None:
        wanted = wanted.filter("universe")
    wanted = _with_groups(wanted, groups)
    wanted = wanted.with_columns(pl.col("factor").cast(pl.Float64).fill_nan(None))
    listed = wanted.group_by("date", maintain_order=True).agg(
        listed=pl.len(), known=pl.col("factor").is_finite().fill_null(value=False).sum()
    )
    listed = listed.with_columns(share=pl.col("known") / pl.col("listed"))
    last = portal.calendar.number(days[1]) + lengths[-1]
    wanted = _with_returns(wanted, portal, min(last, portal.last_session), lengths)
    names = ["factor", *(f"forward_{n}" for n in lengths)]
    whole = wanted.filter(pl.all_horizontal(pl.col(one).is_finite() for one in names))
    if whole.is_empty():
        raise SettingsError(
            f"no day from {days[0]} to {days[1]} has a factor and the returns of {lengths[-1]} "
            "sessions after it: end earlier, or give more data"
        )
    kept = [] if groups is None else ["group"]
    frame = whole.with_columns(_quantiles(whole, quantiles, kept if neutral else []))
    frame = frame.select("date", "symbol", "factor", "quantile", *kept, *names[1:])
    return FactorSheet(name or repr(factor), frame, listed, lengths, neutral=neutral)


def _labels(groups: object) -> dict[str, object]:
    from rbtlive.pipeline import Classifier

    if groups is None or isinstance(groups, Mapping):
        return {}
    if not isinstance(groups, Classifier):
        raise TypeError(
            "groups of factor_sheet() must be a classifier, e.g. Fundamentals.sector.latest, or a "
            f"dict of groups by symbol: was {groups!r:.80}"
        )
    return {"group": groups}


# The rows that have a group.
def _with_groups(wanted: pl.DataFrame, groups: object) -> pl.DataFrame:
    if groups is None:
        return wanted
    if isinstance(groups, Mapping):
        named = pl.col("symbol").replace_strict(dict(groups), default=None)
        return wanted.with_columns(group=named).drop_nulls("group")
    known = pl.col("group").is_not_null()
    missing = getattr(groups, "missing_value", None)
    if missing is not None:
        known &= pl.col("group") != pl.lit(missing)
    return wanted.filter(known)


# Returns less the mean return of all assets of the same day, or day and group.
def _beyond_the_mean(
    frame: pl.DataFrame, periods: Sequence[int], among: Sequence[str]
) -> pl.DataFrame:
    returns = pl.col([f"forward_{n}" for n in periods])
    return frame.with_columns(returns - returns.mean().over(among))


# The change from each asset's close over each period, at the same level of splits and
# dividends. An asset without a bar keeps its last close, also after its last day, and
# there is no return beyond the data.
def _with_returns(
    wanted: pl.DataFrame, portal: PolarsDataPortal, last: int, lengths: Sequence[int]
) -> pl.DataFrame:
    from rbtlive.pipeline.data import EquityPricing
    from rbtlive.pipeline.source import ClosesKnown

    source = ClosesKnown(WholeMarket(portal))
    begin = source.first_session
    loaded = source.load(EquityPricing.close, begin, last, source.assets)
    closes = pl.DataFrame(loaded.levelled(1)[0]).fill_nan(None).fill_null(strategy="forward")
    table = closes.to_numpy()
    place = {asset.symbol: column for column, asset in enumerate(source.assets)}
    columns = wanted["symbol"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    rows = np.searchsorted(source.labels, wanted["date"].to_numpy()) - begin
    added = []
    for length in lengths:
        there = rows + length < len(table)
        at, which = rows[there], columns[there]
        change = np.full(len(rows), np.nan)
        change[there] = table[at + length, which] / table[at, which] - 1.0
        added.append(pl.Series(f"forward_{length}", change))
    return wanted.with_columns(added)


# Quantiles of each day, or day and group, from 1; null where edges are equal.
def _quantiles(frame: pl.DataFrame, count: int, within: Sequence[str]) -> pl.Series:
    from rbtlive.pipeline.rows import quantile_labels

    values = frame["factor"].to_numpy()
    out = np.full(len(values), np.nan)
    places = frame.select("date", *within).with_row_index("row").group_by("date", *within)
    for rows in places.agg("row")["row"]:
        of_group = rows.to_numpy()
        with contextlib.suppress(ValueError):  # fewer distinct values than edges
            out[of_group] = quantile_labels(values[of_group][None, :], count)[0] + 1.0
    return pl.Series("quantile", out, nan_to_null=True).cast(pl.Int64)


def _information_coefficients(
    frame: pl.DataFrame, periods: Sequence[int], within: Sequence[str]
) -> pl.DataFrame:
    ranks = frame.select(
        *within, pl.col("factor", *(f"forward_{n}" for n in periods)).rank().over(within)
    )
    return ranks.group_by(within, maintain_order=True).agg(
        pl.corr("factor", f"forward_{n}").fill_nan(None).alias(f"ic_{n}") for n in periods
    )


def _information(ic: pl.DataFrame, periods: Sequence[int]) -> pl.DataFrame:
    rows = []
    for period in periods:
        values = ic[f"ic_{period}"].drop_nulls()
        mean, std = _float(values.mean()), _float(values.std())
        ratio = mean / std if std else math.nan
        rows.append((period, mean, std, ratio, ratio * math.sqrt(len(values)), len(values)))
    return pl.DataFrame(rows, schema=INFORMATION, orient="row")


def _quantile_returns(
    beyond: pl.DataFrame, periods: Sequence[int], within: Sequence[str]
) -> pl.DataFrame:
    known = beyond.drop_nulls("quantile")
    keys = [*within, "quantile"]
    parts = []
    for period in periods:
        days = known.group_by(*keys, "date").agg(pl.col(f"forward_{period}").mean().alias("mean_"))
        parts.append(
            days.group_by(keys)
            .agg(
                mean=pl.col("mean_").mean(),
                std_error=pl.col("mean_").std() / pl.len().sqrt(),
                days=pl.len(),
            )
            .sort(keys)
            .with_columns(period=pl.lit(period, pl.Int64))
        )
    return pl.concat(parts).select(*keys, "period", "mean", "std_error", "days")


def _spread(returns: pl.DataFrame) -> pl.DataFrame:
    ends = returns.sort("period", "quantile").group_by("period", maintain_order=True)
    spread = ends.agg(mean=pl.col("mean").last() - pl.col("mean").first())
    return spread.with_columns(a_session=(1.0 + pl.col("mean")) ** (1.0 / pl.col("period")) - 1.0)


def _turnover(frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("date").rank("dense")
    placed = frame.drop_nulls("quantile").select("date", "symbol", "quantile", day=number)
    before = placed.select("symbol", "quantile", pl.col("day") + 1, stayed=pl.lit(value=True))
    joined = placed.join(before, on=["symbol", "quantile", "day"], how="left")
    return (
        joined.filter(pl.col("day") > 1)
        .group_by("date", "quantile")
        .agg(share=pl.col("stayed").is_null().mean())
        .sort("date", "quantile")
    )


def _autocorrelation(frame: pl.DataFrame) -> pl.DataFrame:
    ranked = frame.select(
        "date",
        "symbol",
        rank=pl.col("factor").rank().over("date"),
        day=pl.col("date").rank("dense"),
    )
    before = ranked.select("symbol", pl.col("day") + 1, before="rank")
    joined = ranked.join(before, on=["symbol", "day"])
    found = joined.group_by("date").agg(correlation=pl.corr("rank", "before").fill_nan(None))
    return found.sort("date")


def _float(value: Any) -> float:
    return math.nan if value is None else float(value)


def _percent(value: object) -> str:
    return f"{100 * _float(value):.2f} %"


def _number(value: object) -> str:
    return f"{_float(value):.3f}"
