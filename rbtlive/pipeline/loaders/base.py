"""Loaders of one's own, in zipline's form.

The rule: what a loader gives for a day is what is seen on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rbtlive.errors import NotBuilt
from rbtlive.model.arrays import np
from rbtlive.pipeline.windows import Loaded, Restatement


class PipelineLoader:
    """The base of loaders: override `load_adjusted_array`."""

    def load_adjusted_array(
        self, domain: Any, columns: Any, dates: Any, sids: Any, mask: Any
    ) -> Mapping[Any, Any]:
        """Return values by column.

        Args:
            domain: The market.
            columns: Columns that are wanted; one at a time.
            dates: Days, a pandas index.
            sids: Sids, a pandas index.
            mask: Which assets are listed, days x assets.

        Returns:
            An array by column, days x assets, or an object with `data` and
            `adjustments`, such as zipline's `AdjustedArray`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define load_adjusted_array")


def loaded_by(loader: Any, column: Any, source: Any, first: int, last: int, assets: Any) -> Loaded:
    """Return what a loader has of a column over the sessions `first` to `last`.

    Raises:
        TypeError: it is no loader, or gives no table of that size.
    """
    if hasattr(loader, "load"):
        found: Loaded = loader.load(column, source, first, last, assets)
        return found
    if not hasattr(loader, "load_adjusted_array"):
        raise TypeError(
            f"a loader of {column.qualname} must have load_adjusted_array(): was {loader!r}; use a "
            "DataFrameLoader"
        )
    import pandas as pd

    dates = pd.DatetimeIndex(source.labels[first : last + 1].astype("datetime64[ns]"))
    sids = pd.Index([asset.sid for asset in assets], dtype="int64")
    wanted = np.isin([asset.sid for asset in source.assets], sids)
    mask = source.alive(first, last)[:, wanted]
    given = loader.load_adjusted_array(column.domain, [column], dates, sids, mask)[column]
    values = np.asarray(
        getattr(given, "data", given) if not isinstance(given, np.ndarray) else given
    )
    if values.shape != mask.shape:
        raise TypeError(
            f"a loader of {column.qualname} must give {mask.shape[0]} days x {mask.shape[1]} "
            f"assets: gave {values.shape}"
        )
    changes = getattr(given, "adjustments", None) or {}
    return Loaded(values.astype(column.dtype), sorted(_restatements(changes)), first)


def _restatements(adjustments: Mapping[int, Iterable[Any]]) -> Iterable[Restatement]:
    for row, changes in adjustments.items():
        for one in changes:
            if "Multiply" not in type(one).__name__ or one.first_row or one.last_row != row - 1:
                raise NotBuilt(
                    "an adjustment of a loader must be a Float64Multiply of all rows before its "
                    f"day: was {one!r}"
                )
            for column in range(one.first_col, one.last_col + 1):
                yield Restatement(row, column, float(one.value))
