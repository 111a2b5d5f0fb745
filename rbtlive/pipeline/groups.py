"""Functions of the members of each group of each row of a cross-section.

The rule: groups of one size are computed together, as rows of one matrix, and each has
the digits it has alone: members are in the order of their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rbtlive.model.arrays import np
from rbtlive.pipeline.array_types import Mask, Places, Values
from rbtlive.pipeline.picking import partitioned
from rbtlive.pipeline.rows import nanmean

_FEW_CODES = 255  # labels up to which NumPy's stable sort is fastest, and then fast
_MOST_CODES = 65_535


def demean(members: Values) -> Values:
    """Return the distances from the mean of each row."""
    return members - nanmean(members, -1)[:, None]


def zscore(members: Values) -> Values:
    """Return the distances from the mean of each row in population standard
    deviations.
    """
    distances = demean(members)
    with np.errstate(divide="ignore", invalid="ignore"):
        return distances / np.sqrt(nanmean(distances**2, -1))[:, None]


def winsorize(members: Values, low: float, high: float) -> Values:
    """Return values with the lowest and the highest of each row replaced by the next
    ones.

    Cuts are by position: `int(low * n)` values below, those from `ceil(high * n)` on
    above. Source: zipline-reloaded 3.2.1, `pipeline/factors/factor.py`.
    """
    known = members.shape[1] - np.count_nonzero(np.isnan(members), axis=1)
    lowest = (low * known).astype(np.int64)
    highest = np.ceil(known * high).astype(np.int64) - 1
    last = np.maximum(known - 1, 0)
    ordered = _with_in_place(members, np.minimum(lowest, last), np.clip(highest, 0, last))
    cut = members.copy()
    rows = np.arange(len(members))
    if low > 0:
        np.maximum(cut, ordered[rows, np.minimum(lowest, last)][:, None], out=cut)
    if high < 1:
        np.minimum(cut, ordered[rows, np.clip(highest, 0, last)][:, None], out=cut)
    return cut


# Rows in which what is at some places is what a sort puts there.
def _with_in_place(members: Values, *places: Places) -> Values:
    wanted = np.unique(np.concatenate(places)).tolist()
    return partitioned(members, wanted) if len(wanted) < 5 else np.sort(members, axis=1)


def by_group(
    values: Values,
    labels: Values,
    chosen: Mask,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    out: Values,
) -> Values:
    """Write into `out` a function of the members of each group of each row.

    Args:
        values: Rows x assets.
        labels: The group of each.
        chosen: Who is in a group.
        function: Of a matrix with a group each row, and `arguments`.
        arguments: Its further arguments.
        out: Rows x assets, one row after the other in memory.
    """
    given, results = values.reshape(-1), out.reshape(-1)
    for cells in groups_by_size(labels, chosen):
        results[cells] = function(given.take(cells), *arguments)
    return out


def groups_by_size(labels: Values, chosen: Mask) -> Iterator[Places]:
    """Go through the groups of all rows: matrices of those of one size, a group each
    row, as places in the flat table.

    Args:
        labels: Whole numbers, rows x assets.
        chosen: Who is in a group.
    """
    cells = np.flatnonzero(chosen)
    if not len(cells):
        return
    some = labels.reshape(-1).take(cells)
    low, high = int(some.min()), int(some.max())
    if low == high:
        sizes = np.count_nonzero(chosen, axis=1)
        starts = np.cumsum(sizes) - sizes
    else:
        cells, starts, sizes = _sorted_by_group(cells, some, low, high, shape=labels.shape)
    for size in np.unique(sizes).tolist():
        if size:
            yield cells[starts[sizes == size][:, None] + np.arange(size)]


# All cells by row, group and column, and where the groups begin; those that are in none
# come last in their row, and are left out.
def _sorted_by_group(
    cells: Places, some: Values, low: int, high: int, *, shape: tuple[int, ...]
) -> tuple[Places, Places, Places]:
    if high - low < _MOST_CODES:
        found, none = some - low, high - low + 1
    else:
        names, found = np.unique(some, return_inverse=True)
        none = len(names)
    kind = np.uint8 if none <= _FEW_CODES else np.uint16 if none <= _MOST_CODES else np.int64
    codes: Values = np.full(shape, none, dtype=kind)
    codes.reshape(-1)[cells] = found
    order = codes.argsort(axis=1, kind="stable")
    order += (np.arange(shape[0]) * shape[1])[:, None]
    cells = order.reshape(-1)
    ordered = codes.reshape(-1).take(cells)
    begins = np.empty(len(cells), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=begins[1:])
    begins[:: shape[1]] = True
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=len(cells))
    named = ordered[starts] != none
    return cells, starts[named], sizes[named]


def largest_by_group(bits: Values, labels: Values, wanted: Mask) -> Mask:
    """Return where a row's largest whole number of each group is, of equals the
    first.
    """
    out: Mask = np.zeros(wanted.shape, dtype=bool)
    given, found = bits.reshape(-1), out.reshape(-1)
    for cells in groups_by_size(labels, wanted):
        largest = given.take(cells).argmax(axis=1)
        found[cells[np.arange(len(cells)), largest]] = True
    return out
