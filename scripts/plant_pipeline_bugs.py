"""Plant bugs in pipelines, one at a time, and report whether their tests notice them.

    python scripts/plant_pipeline_bugs.py                 # all of them
    python scripts/plant_pipeline_bugs.py --bug NAME      # only this one (repeatable)

It works like `plant_bugs.py`, with its own bugs and tests; the exit status is the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import plant_bugs
from scripts.plant_bugs import Bug

# The name of a bug, its file below `rbtlive`, the text there, and the bug's.
CHANGES = (
    ("listed on the first day", "pipeline/source.py",
     "(self._starts[None, :] < days)", "(self._starts[None, :] <= days)"),
    ("not listed on the last day", "pipeline/source.py",
     "(days <= self._ends[None, :])", "(days < self._ends[None, :])"),
    ("a day's own bar is seen", "pipeline/source.py",
     "self._bars(field, first - 1, last - 1, index)", "self._bars(field, first, last, index)"),
    ("a split takes effect a day late", "pipeline/source.py",
     "Restatement(factor.session - first, column, ratio)",
     "Restatement(factor.session - first + 1, column, ratio)"),
    ("volume is restated as prices are", "pipeline/source.py",
     "ratio = factor.volume if volume else factor.price", "ratio = factor.price"),
    ("what took effect before a chunk is forgotten", "pipeline/source.py",
     "level[column] *= ratio", "level[column] *= 1.0"),
    ("values are restated twice", "pipeline/windows.py",
     "self._values[: row + 1, column] *= ratio", "self._values[: row + 1, column] *= ratio * ratio"),
    ("the last row before a split is not restated", "pipeline/windows.py",
     "self._values[: row + 1, column] *= ratio", "self._values[:row, column] *= ratio"),
    ("a window has the level of the day before", "pipeline/windows.py",
     "/ levels[:-1], levels[length:]", "/ levels[:-1], levels[length - 1 : -1]"),
    ("a window across an action is computed as recorded", "pipeline/whole.py",
     "max(row - length + 1, 0) : row + 1", "row : row + 1"),
    ("blocks are counted from a chunk's first row", "pipeline/rolling.py",
     "range(-(first % length), windows, length)", "range(0, windows, length)"),
    ("a missing value counts in a mean", "pipeline/rolling.py",
     "sums[:, gaps] = some / there", "sums[:, gaps] = some / length"),
    ("windows are added up from the newest day on", "pipeline/rolling.py",
     "        for age in range(length):\n            total += values[low + age : high + age]",
     "        for age in reversed(range(length)):\n            total += values[low + age : high + age]"),
    ("an adjustment changes a day too many", "pipeline/windows.py",
     "slice(first, last + 1) for first, last in (self.rows", "slice(first, last + 2) for first, last in (self.rows"),
    ("a downsampled input loses what was adjusted before it", "pipeline/windows.py",
     "                revision.apply(values)\n            elif", "                pass\n            elif"),
    ("a missing label is relabelled", "pipeline/classifiers/classifier.py",
     "if value is None or value == missing:", "if value is None:"),
    ("weak variances are kept", "pipeline/rolling.py",
     "    if weak.any():", "    if weak.all() and not weak.any():"),
    ("ties go to the higher sid in top()", "pipeline/ranks.py",
     "ties[len(ties) - int(counts[row]) + count :]", "ties[: int(counts[row]) - count]"),
    ("denormal numbers stay out of order", "pipeline/sorting.py",
     "if not _swap_neighbours(cells, numbers, np.flatnonzero(near)):",
     "if not _swap_neighbours(cells, numbers, np.flatnonzero(near)) and not len(near):"),
    ("what is masked has a rank", "pipeline/ranks.py",
     "line[width - count :] = np.nan", "line[width - count :] = 0.0"),
    ("NaN that is not missing is first", "pipeline/ranks.py",
     "np.where(lost, np.nan, numbers).argsort", "np.where(lost, np.nan, np.nan_to_num(numbers)).argsort"),
    ("equals have the rank of the next", "pipeline/ranks.py",
     "share * (sizes - 1.0)", "share * sizes"),
    ("a dense rank counts equals", "pipeline/ranks.py",
     "number - np.maximum.accumulate", "starts % width + 1.0 - 0.0 * np.maximum.accumulate"),
    ("ranks of few lose the order of sids", "pipeline/ranks.py",
     "few[moved] = given", "few[moved] = given[::-1]"),
    ("numbers of one key stay out of order", "pipeline/sorting.py",
     "at = wrong(pairs[(pairs + 1) % width != 0])", "at = wrong(pairs[:0])"),
    ("a percentile rounds down to a value", "pipeline/rows.py",
     "step = above - below", "step = 0.0 * (above - below)"),
    ("a mask is that of the day before", "pipeline/windows.py",
     "(mask[1:] != mask[:-1]).any(axis=1)) + 1", "(mask[1:] != mask[:-1]).any(axis=1)) + 2"),
    ("ranks run the other way", "pipeline/sorting.py",
     "turns=not ascending", "turns=ascending"),
    ("the first few are the last", "pipeline/sorting.py",
     "numbers + 0.0 if ascending else", "numbers + 0.0 if not ascending else"),
    ("a stretch is sorted without its last place", "pipeline/picking.py",
     "found[:, first : high + 1].sort", "found[:, first:high].sort"),
    ("a place is selected among all columns again", "pipeline/picking.py",
     "begin = place + 1", "begin = 0 * place"),
    ("negative numbers are sorted backwards", "pipeline/sorting.py",
     "keys |= _SIGN  # all bits", "keys &= _SIGN  # all bits"),
    ("numbers change places with those that are lost", "pipeline/sorting.py",
     "        np.copyto(numbers, np.nan, where=lost)", "        pass"),
    ("-0.0 is below 0.0", "pipeline/sorting.py",
     "    numbers = turned(numbers, ascending=ascending)\n    keys =",
     "    numbers = numbers if ascending else -numbers\n    keys ="),
    ("the lost of a row are among its first", "pipeline/ranks.py",
     "out[few] = ~lost[few]", "out[few] = True"),
    ("an edge belongs to the quantile above", "pipeline/rows.py",
     "(edges[:, number : number + 1] < values)", "(edges[:, number : number + 1] <= values)"),
    ("a deviation divides by n - 1", "pipeline/rows.py",
     "return np.sqrt(nanmean((values - centre) ** 2, axis))",
     "return np.sqrt(nansum((values - centre) ** 2, axis) / ((~np.isnan(values)).sum(axis=axis) - 1))"),
    ("zscore divides by n - 1", "pipeline/groups.py",
     "np.sqrt(nanmean(distances**2, -1))",
     "np.sqrt(np.nansum(distances**2, -1) / ((~np.isnan(distances)).sum(axis=-1) - 1))"),
    ("winsorize cuts one too many", "pipeline/groups.py",
     "np.ceil(known * high).astype(np.int64) - 1", "(known * high).astype(np.int64) - 1"),
    ("the largest of equals is the last", "pipeline/groups.py",
     "given.take(cells).argmax(axis=1)",
     "cells.shape[1] - 1 - given.take(cells)[:, ::-1].argmax(axis=1)"),
    ("who is in no group is in the last", "pipeline/groups.py",
     "named = ordered[starts] != none", "named = ordered[starts] >= 0"),
    ("members of a group lose the order of sids", "pipeline/groups.py",
     'codes.argsort(axis=1, kind="stable")', 'codes[:, ::-1].argsort(axis=1, kind="stable")'),
    ("percentiles exclude their edges", "pipeline/filters/filter.py",
     "np.less_equal(edges[:, :1], values, out=out[some])\n            out[some] &= values <= edges[:, 1:]",
     "np.less(edges[:, :1], values, out=out[some])\n            out[some] &= values < edges[:, 1:]"),
    ("a filter holds for assets that are not listed", "pipeline/filters/filter.py",
     "return super()._compute(inputs, dates, assets, mask) & mask",
     "return super()._compute(inputs, dates, assets, mask)"),
    ("a mask replaces the factor's own", "pipeline/factors/factor.py",
     "else _both(mask, factor.mask)", "else mask"),
    ("dollar volume is a day's too little", "pipeline/whole.py",
     "found /= given.length", "found /= given.length - 1"),
    ("returns run over a day less", "pipeline/whole.py",
     "windows[0].loaded.ends(windows[0].length)", "windows[0].loaded.tail(1).ends(windows[0].length - 1)"),
    ("the deviation of decaying weights is biased", "pipeline/factors/basic.py",
     "found * np.sqrt(total / (total - np.sum(weights**2)))", "found"),
    ("a beta allows one missing day less", "pipeline/factors/statistical.py",
     "out[np.isnan(independent).sum(axis=0) > allowed_missing] = np.nan",
     "out[np.isnan(independent).sum(axis=0) >= allowed_missing] = np.nan"),
    ("a regression has a degree of freedom more", "pipeline/factors/statistical.py",
     "free, tiny = days - 2, 1e-20", "free, tiny = days - 1, 1e-20"),
    ("downsampling begins in the middle of a period", "pipeline/mixins.py",
     "return min_extra_rows + current - first", "return min_extra_rows"),
    ("weeks begin on Sunday", "pipeline/mixins.py",
     "(days.astype(np.int64) + 3) // 7", "(days.astype(np.int64) + 4) // 7"),
    ("compute gets all assets under a mask", "pipeline/mixins.py",
     "sids = assets if every else assets[chosen]", "sids = assets"),
    ("a subclass is computed by its parent's formula", "pipeline/mixins.py",
     'return owner is not CustomTermMixin and owner is definer("compute")',
     "return owner is not CustomTermMixin"),
    ("a negative base binds as in Python", "pipeline/expression.py",
     'name = "-**"', 'name = "**"'),
    ("a missing label differs from all others", "pipeline/classifiers/classifier.py",
     '"!=", (self, self.missing_value), BOOL', '"!=", (self, label), BOOL'),
    ("a peer count includes those without a label", "pipeline/factors/basic.py",
     "mask & (labels != none)", "mask & (labels == labels)"),
    ("own data is seen on the day it becomes known", "pipeline/loaders/frame.py",
     'np.searchsorted(labels, stamps, side="right")', 'np.searchsorted(labels, stamps, side="left")'),
    ("the oldest row of own data counts", "pipeline/loaders/frame.py",
     "asof >= best[where]", "asof <= best[where]"),
    ("a loader has values of unlisted assets", "pipeline/loaders/frame.py",
     "out[~source.alive(first, last)[:, wanted]] = column.missing_value", "del wanted"),
    ("a recovered run computes its tables again", "core/actions/pipelines.py",
     "    if state.pipelines.recorded is None:", "    if state.pipelines.by_name:"),
    ("a difference of the last bit is none", "pipeline/kept.py",
     "left.tobytes() == right.tobytes()", "left.dtype == right.dtype"),
)  # fmt: skip
SUITE = ("tests/parity/test_pipelines.py", "tests/pipeline")


def main() -> int:
    """Run the command."""
    plant_bugs.BUGS = tuple(Bug(*change) for change in CHANGES)
    plant_bugs.SUITE = SUITE
    return plant_bugs.main()


if __name__ == "__main__":
    raise SystemExit(main())
