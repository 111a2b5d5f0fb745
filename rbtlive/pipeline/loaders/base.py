"""Custom loaders, in zipline's form.

The rule: a loader's values for a day are the ones visible on that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rbtlive.errors import NotBuilt
from rbtlive.lib.adjustment import ADD, MULTIPLY, OVERWRITE
from rbtlive.model.arrays import np
from rbtlive.pipeline.windows import Loaded, Revision


class PipelineLoader:
    """Base of loaders: override `load_adjusted_array`."""

    def load_adjusted_array(
        self, domain: Any, columns: Any, dates: Any, sids: Any, mask: Any
    ) -> Mapping[Any, Any]:
        """Return values by column.

        Args:
            domain: The market.
            columns: The wanted columns; one at a time.
            dates: Days, a pandas index.
            sids: Sids, a pandas index.
            mask: Whether each asset is listed, days x assets.

        Returns:
            An array by column, days x assets, or an object with `data` and
            `adjustments`, such as zipline's `AdjustedArray`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define load_adjusted_array")


def loaded_by(loader: Any, column: Any, source: Any, first: int, last: int, assets: Any) -> Loaded:
    """Return a loader's values of a column over the sessions `first` to `last`.

    Raises:
        TypeError: it is not a loader, or its table has another size.
    """
    if hasattr(loader, "load"):
        found: Loaded = loader.load(column, source, first, last, assets)
        return found
    if not hasattr(loader, "load_adjusted_array"):
        raise TypeError(
            f"a loader of {column.qualname} must have load_adjusted_array(): was a "
            f"{type(loader).__name__}; write {column.dataset.__name__}.use(frame) for a frame with "
            "symbol and timestamp, or DataFrameLoader(column, frame) for days x sids"
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
    return as_loaded(values.astype(column.dtype), changes, first)


_KINDS = (("Multiply", MULTIPLY), ("Add", ADD), ("Overwrite", OVERWRITE))


def as_loaded(values: Any, adjustments: Mapping[int, Iterable[Any]], first: int = 0) -> Loaded:
    """Return values with zipline's adjustments, from any package's classes.

    Args:
        values: Days x assets.
        adjustments: Adjustments by the row of the first day that sees them.
        first: Session number of the first row.

    Raises:
        NotBuilt: an adjustment is not a single value for a block of cells.
    """
    revisions = []
    for row in sorted(adjustments):
        for one in adjustments[row]:
            name = type(one).__name__
            kind = next((kind for ending, kind in _KINDS if name.endswith(ending)), None)
            if kind is None or "Array" in name:
                raise NotBuilt(
                    "an adjustment of a loader must multiply, add to or overwrite a block of "
                    f"cells with one value: was {one!r}; write one for each row"
                )
            rows, columns = (one.first_row, one.last_row), (one.first_col, one.last_col)
            revisions.append(Revision(row, rows, columns, kind, one.value))
    return Loaded(values, first=first, revisions=revisions)
