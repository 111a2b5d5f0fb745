"""The page of a `FactorSheet`: one file that needs nothing else."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from rbtlive.model.arrays import np
from rbtlive.research.reports.drawing import Line, lines
from rbtlive.research.reports.style import STYLE
from rbtlive.research.reports.writing import percent, table

if TYPE_CHECKING:
    import polars as pl


def factor_page(sheet: Any) -> str:
    """Return the page of a factor's sheet as HTML."""
    title = html.escape(sheet.name)
    days = sheet.coverage["date"]
    parts = [
        f"<header><h1>{title}</h1><p>{days[0]} to {days[-1]}, {len(days):,} sessions</p></header>",
        _section("Returns of quantiles beyond the mean, from the day's close", _quantiles(sheet)),
        _section("Decay", _decay(sheet)),
        _section("Information coefficient over a month", _information(sheet)),
        _section("Assets of the universe with a value", _coverage(sheet)),
        _section("Assets that are new in their quantile", _turnover(sheet)),
        _section("Rank autocorrelation", _kept(sheet)),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def _quantiles(sheet: Any) -> str:
    returns = {
        (quantile, period): (mean, error)
        for quantile, period, mean, error, _days in sheet.quantile_returns.iter_rows()
    }
    rows = []
    for quantile in sorted({quantile for quantile, _period in returns}):
        cells = [returns.get((quantile, period)) for period in sheet.periods]
        words = ["–" if one is None else f"{percent(one[0])} ± {percent(one[1])}" for one in cells]  # noqa: RUF001 - stands for nothing
        rows.append([str(quantile), *words])
    return table(["Quantile", *(f"{n} sessions" for n in sheet.periods)], rows)


def _decay(sheet: Any) -> str:
    rows = [
        [f"{period}", f"{mean:.3f}", f"{ratio:.2f}", f"{t:.1f}", percent(gain), percent(each)]
        for (period, mean, _std, ratio, t, _days), (_period, gain, each) in zip(
            sheet.information.iter_rows(), sheet.spread.iter_rows(), strict=True
        )
    ]
    head = ["Sessions", "Mean IC", "IC / std", "t", "Top less bottom", "a session"]
    return table(head, rows)


def _drawn(frame: pl.DataFrame, values: Any, words: str) -> str:
    numbers = values.cast(float).fill_null(float("nan")).to_numpy()
    line = Line(np.asarray(numbers, dtype=np.float64), "own")
    return lines(frame["date"].to_list(), [line], words=words, label=lambda v: f"{v:.2f}")


def _information(sheet: Any) -> str:
    name = f"ic_{sheet.periods[0]}"
    values = sheet.ic[name].rolling_mean(21, min_samples=5)
    return _drawn(sheet.ic, values, "Mean information coefficient of 21 sessions")


def _coverage(sheet: Any) -> str:
    return _drawn(sheet.coverage, sheet.coverage["share"], "Share of assets with a value")


def _turnover(sheet: Any) -> str:
    top = sheet.turnover.filter(sheet.turnover["quantile"] == sheet.turnover["quantile"].max())
    return _drawn(top, top["share"].rolling_mean(21, min_samples=5), "Turnover of the top quantile")


def _kept(sheet: Any) -> str:
    frame = sheet.autocorrelation
    return _drawn(frame, frame["correlation"], "Correlation of ranks with the day before")
