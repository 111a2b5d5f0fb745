"""A sweep's metrics as a function of its parameters.

The rule: runs without the metric are ignored, never counted as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import polars as pl

from rbtlive.model.arrays import NDArray, np


def param_series(values: Sequence[Any]) -> pl.Series:
    """Return parameter values as a column: numbers, texts, truth values and times
    unchanged, any other value as text.
    """
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} or kinds <= {bool} or kinds <= {str}:
        return pl.Series(values)
    if kinds <= {int, float, Decimal}:
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)
    if kinds in ({date}, {timedelta}) or all(issubclass(k, datetime) for k in kinds):
        return pl.Series(values)
    labels = param_labels(values)
    shown = [None if v is None else label for v, label in zip(values, labels, strict=True)]
    return pl.Series(shown, dtype=pl.String)


def param_columns(
    names: Sequence[str], chosen: Sequence[Any], taken: Sequence[str]
) -> list[pl.Series]:
    """Return a column for each parameter of some rows; if its name is taken, it gets
    the prefix `param_`.
    """
    return [
        param_series([row.params[name] for row in chosen]).alias(
            f"param_{name}" if name in taken else name
        )
        for name in names
    ]


def param_labels(values: Sequence[Any]) -> list[str]:
    """Return a text for each value; different values with the same text, such as
    lambdas, are numbered.
    """
    labels: dict[str, str] = {}
    used: dict[str, int] = {}
    for value in values:
        key = repr(value)
        if key not in labels:
            name = value if isinstance(value, str) else _name(value)
            used[name] = used.get(name, 0) + 1
            labels[key] = name if used[name] == 1 else f"{name} #{used[name]}"
    return [labels[repr(value)] for value in values]


def _name(value: object) -> str:
    if isinstance(value, Enum):
        return value.name
    return str(getattr(value, "__name__", None) or repr(value))


def metric_series(values: Sequence[Any]) -> pl.Series:
    """Return metrics as a Float64 column, null for missing ones."""
    return pl.Series(
        [None if value is None else float(value) for value in values],
        dtype=pl.Float64,
    ).fill_nan(None)


def pivot(frame: pl.DataFrame, x: str, y: str, metric: str, best_is: float) -> pl.DataFrame:
    """Return a table of a metric: one row per value of `y`, one column per value of
    `x`, with the best run of each.
    """
    ordered = [str(value) for value in frame[x].unique().sort().to_list()]
    value = pl.col("value").max() if best_is > 0 else pl.col("value").min()
    cells = (
        pl.DataFrame(
            {
                "x": pl.Series([str(v) for v in frame[x].to_list()], dtype=pl.String),
                "y": frame[y],
                "value": frame[metric],
            }
        )
        .group_by("x", "y", maintain_order=True)
        .agg(value)
    )
    table = cells.pivot(on="x", index="y", values="value", sort_columns=False).sort("y")
    return table.select(pl.col("y").alias(y), *ordered)


def sensitivity(
    frame: pl.DataFrame, names: Sequence[str], metric: str, best_is: float
) -> pl.DataFrame:
    """Return the influence of each parameter alone on a metric: the correlation ratio
    eta squared of its values.

    Source: Fisher (1925), Statistical Methods for Research Workers, ch. 8.
    """
    known = frame.filter(pl.col(metric).is_not_null())
    figures = known[metric].to_numpy()
    total = _variance(figures)
    rows = []
    for name in names:
        groups = (
            pl.DataFrame({"value": known[name], "figure": figures})
            .group_by("value", maintain_order=True)
            .agg(pl.len().alias("runs"), pl.col("figure").mean().alias("mean"))
        )
        apart = (groups["runs"] * (groups["mean"] - figures.mean()) ** 2).sum() if len(known) else 0
        between = float(apart) / max(1, known.height)
        best = groups.sort("mean", descending=best_is > 0, maintain_order=True)
        rows.append(
            {
                "parameter": name,
                "share": round(between / total, 12) if total > 0 else 0.0,
                "lowest": groups["mean"].min(),
                "highest": groups["mean"].max(),
                "best_value": str(best["value"][0]) if best.height else None,
            }
        )
    schema = {
        "parameter": pl.String,
        "share": pl.Float64,
        "lowest": pl.Float64,
        "highest": pl.Float64,
        "best_value": pl.String,
    }
    return pl.DataFrame(rows, schema=schema).sort("share", descending=True)


def _variance(values: NDArray[np.float64]) -> float:
    return float(np.var(values)) if len(values) else 0.0


def plateaus(
    frame: pl.DataFrame, names: Sequence[str], metric: str, best_is: float
) -> pl.DataFrame:
    """Return each run with the runs that are one step in one parameter away."""
    places = {name: _places(frame[name]) for name in names}
    values = frame[metric].to_list()
    by_place = {
        tuple(places[name][row] for name in names): row
        for row in range(frame.height)
        if values[row] is not None
    }
    spread = frame[metric].std()
    deviation = float(spread) if isinstance(spread, float) else 0.0
    rows = []
    for place, row in by_place.items():
        near = [values[by_place[other]] for other in _neighbours(place) if other in by_place]
        mean = sum(near) / len(near) if near else None
        worst = None if not near else (min(near) if best_is > 0 else max(near))
        stands_out = mean is not None and best_is * (values[row] - mean) > 2 * deviation > 0
        rows.append((row, len(near), mean, worst, stands_out))
    schema = {
        "row": pl.Int64,
        "neighbours": pl.Int64,
        "neighbours_mean": pl.Float64,
        "neighbours_worst": pl.Float64,
        "spike": pl.Boolean,
    }
    beside = pl.DataFrame(rows, schema=schema, orient="row")
    shown = frame[beside["row"].to_list()].select(*names, metric)
    return pl.concat([beside.select("row"), shown, beside.drop("row")], how="horizontal").sort(
        "neighbours_worst", descending=best_is > 0, nulls_last=True
    )


def _places(values: pl.Series) -> list[int]:
    ordered = {value: place for place, value in enumerate(values.unique().sort().to_list())}
    return [ordered[value] for value in values.to_list()]


def _neighbours(place: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        (*place[:axis], place[axis] + step, *place[axis + 1 :])
        for axis in range(len(place))
        for step in (-1, 1)
    ]
