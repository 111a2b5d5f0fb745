"""The page of a `FactorSheet`: one self-contained file. A run's report has the same
sections.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rbtlive.model.arrays import np
from rbtlive.research.reports.drawing import Line, lines
from rbtlive.research.reports.style import STYLE
from rbtlive.research.reports.writing import percent, section, table

if TYPE_CHECKING:
    import polars as pl


def factor_page(sheet: Any) -> str:
    """Return the page of a factor's sheet as HTML."""
    title = html.escape(sheet.name)
    body = "".join(section(name, part) for name, part in _parts(sheet))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><header><h1>{title}</h1>"
        f"<p>{_span(sheet)}</p></header>{body}</main></body></html>"
    )


def factor_section(sheet: Any) -> str:
    """Return a factor's sheet as one section of a longer page."""
    body = "".join(f"<h3>{html.escape(name)}</h3>{part}" for name, part in _parts(sheet))
    return section(f"Factor {sheet.name}", f"<p>{_span(sheet)}</p>{body}")


def _parts(sheet: object) -> Iterator[tuple[str, str]]:
    yield "Returns of quantiles beyond the mean, from the day's close", _quantiles(sheet)
    yield "Decay", _decay(sheet)
    names = ("group_information", "group_quantile_returns")
    information, returns = (getattr(sheet, name, None) for name in names)
    if information is not None and returns is not None:
        yield "Groups", _groups(information, returns)
    yield "Information coefficient over a month", _information(sheet)
    yield "Assets of the universe with a value", _coverage(sheet)
    yield "Assets that are new in their quantile", _turnover(sheet)
    yield "Rank autocorrelation", _kept(sheet)


def _span(sheet: Any) -> str:
    days = sheet.coverage["date"]
    return f"{days[0]} to {days[-1]}, {len(days):,} sessions"


def _quantiles(sheet: Any) -> str:
    returns = {
        (quantile, period): (mean, error)
        for quantile, period, mean, error, _days in sheet.quantile_returns.iter_rows()
    }
    rows = []
    for quantile in sorted({quantile for quantile, _period in returns}):
        cells = [returns.get((quantile, period)) for period in sheet.periods]
        words = ["–" if one is None else f"{percent(one[0])} ± {percent(one[1])}" for one in cells]  # noqa: RUF001 - means no value
        rows.append([str(quantile), *words])
    return table(["Quantile", *(f"{n} session{'s' * (n > 1)}" for n in sheet.periods)], rows)


def _decay(sheet: Any) -> str:
    rows = [
        [f"{period}", f"{mean:.3f}", f"{ratio:.2f}", f"{t:.1f}", percent(gain), percent(each)]
        for (period, mean, _std, ratio, t, _days), (_period, gain, each) in zip(
            sheet.information.iter_rows(), sheet.spread.iter_rows(), strict=True
        )
    ]
    head = ["Sessions", "Mean IC", "IC / std", "t", "Top less bottom", "a session"]
    return table(head, rows)


def _groups(information: pl.DataFrame, returns: pl.DataFrame) -> str:
    top, bottom = returns["quantile"].max(), returns["quantile"].min()
    means = {tuple(row[:3]): row[3] for row in returns.iter_rows()}
    rows = []
    for group, period, mean, _std, ratio, t, days in information.iter_rows():
        high, low = (means.get((group, end, period)) for end in (top, bottom))
        gain = "–" if high is None or low is None else percent(high - low)  # noqa: RUF001 - means no value
        shown = (f"{period}", f"{mean:.3f}", f"{ratio:.2f}", f"{t:.1f}", gain, f"{days}")
        rows.append([str(group), *shown])
    head = ["Group", "Sessions", "Mean IC", "IC / std", "t", "Top less bottom", "Days"]
    return table(head, rows)


def _drawn(frame: pl.DataFrame, values: Any, words: str, *, is_share: bool = False) -> str:
    numbers = values.cast(float).fill_null(float("nan")).to_numpy()
    line = Line(np.asarray(numbers, dtype=np.float64), "own")
    return lines(frame["date"].to_list(), [line], words=words, percent=is_share)


def _information(sheet: Any) -> str:
    name = f"ic_{sheet.periods[0]}"
    values = sheet.ic[name].rolling_mean(21, min_samples=5)
    return _drawn(sheet.ic, values, "Mean information coefficient of 21 sessions")


def _coverage(sheet: Any) -> str:
    share = sheet.coverage["share"]
    return _drawn(sheet.coverage, share, "Share of assets with a value", is_share=True)


def _turnover(sheet: Any) -> str:
    top = sheet.turnover.filter(sheet.turnover["quantile"] == sheet.turnover["quantile"].max())
    share = top["share"].rolling_mean(21, min_samples=5)
    return _drawn(top, share, "Turnover of the top quantile", is_share=True)


def _kept(sheet: Any) -> str:
    frame = sheet.autocorrelation
    return _drawn(frame, frame["correlation"], "Correlation of ranks with the day before")
