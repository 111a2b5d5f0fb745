"""Values of data sets from frames.

The rule: a row is visible from the first session whose label is after its `timestamp`;
among the known rows, the one with the latest `asof` counts, or the one with the nearest
`asof` from the session on, or up to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from rbtlive.errors import InvalidSetting, UnknownSymbol
from rbtlive.lib.adjustment import ADD, MULTIPLY, OVERWRITE
from rbtlive.model.arrays import np
from rbtlive.model.other_names import what_to_write
from rbtlive.pipeline.array_types import Values
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.loaders.known_rows import IS_DAY, known_rows
from rbtlive.pipeline.term import TEXT, TIME
from rbtlive.pipeline.windows import Loaded, Revision

PICKS = ("latest", "next", "previous")
_Known = tuple[int, Any, int, Any]  # column, day it is about, first row that sees it, value
_KINDS = {"multiply": MULTIPLY, "add": ADD, "overwrite": OVERWRITE}


@registered("FrameLoader")
class FrameLoader:
    """A frame in which each row says since when it has been known.

    Args:
        dataset: The data set with its columns.
        frame: polars or pandas: `symbol` or `sid`; `timestamp`, the date or UTC moment
            when the row became known (midnights without a zone are dates); `asof`, the
            day it describes, by default `timestamp`; and the columns.
        lag: Additional sessions before a row becomes visible.
        pick: Which of the known rows count: those with the "latest" `asof`, which must
            not lie in the future; those of the "next" `asof`, from the session on, e.g.
            the estimates of the quarter that ends next; or those of the "previous" one,
            up to the session. Of several rows about one day the one known last counts.

    Raises:
        InvalidSetting: `pick` or `lag` is something else.
        NoTimeOfKnowledge: `timestamp` is missing, in all rows or some.
        NotAFrame: `frame` is not a frame.
        MissingColumn: a column is missing.
        WrongColumnType: a column has another type.
        DataError: two rows contradict each other, or one describes a future day.
    """

    def __init__(self, dataset: Any, frame: Any, *, lag: int = 0, pick: str = "latest") -> None:
        if pick not in PICKS:
            raise InvalidSetting(f"pick must be one of {', '.join(PICKS)}: was {pick!r}")
        self._lag, self._pick = _sessions(lag), pick
        self._rows, self._key = known_rows(dataset, frame, pick=pick)

    # The number of the first session in which each row is visible.
    def _seen_from(self, source: Any) -> Any:
        labels = source.labels.astype("datetime64[us]")
        known = self._rows["timestamp"]
        stamps = known.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
        by_label = np.searchsorted(labels, stamps, side="right") + self._lag
        if known.dtype == pl.Date:
            return by_label
        mornings = source.mornings_us.astype("datetime64[us]")
        by_morning = np.searchsorted(mornings, stamps, side="left") + self._lag
        return np.where(self._rows[IS_DAY].to_numpy(), by_label, by_morning)

    def load(self, column: Any, source: Any, first: int, last: int, assets: Any) -> Loaded:
        """Return a column over sessions `first` to `last`, as known on each morning.

        Raises:
            UnknownSymbol: a row's symbol has no asset in the data.
        """
        out = np.full((last - first + 1, len(assets)), column.missing_value, dtype=column.dtype)
        place = {getattr(asset, self._key): number for number, asset in enumerate(assets)}
        every = {getattr(asset, self._key) for asset in source.assets}
        seen = self._seen_from(source)
        values = self._values(column)
        keys, asofs = self._rows[self._key].to_list(), self._rows["asof"].to_list()
        known: list[_Known] = []
        for key, asof, session, value in zip(keys, asofs, seen.tolist(), values, strict=True):
            if key not in every:
                write = what_to_write(str(key), {}, map(str, every)) or "leave its rows out"
                raise UnknownSymbol(
                    f"a row of {column.qualname} must be of an asset of the data: was {key!r}; "
                    f"{write}"
                )
            where = place.get(key)
            if where is not None and session <= last:
                known.append((where, asof, max(session - first, 0), value))
        if self._pick == "latest":
            _write_latest(out, known)
        else:
            labels = source.labels[first : last + 1]
            _write_nearest(out, known, labels, column.missing_value, to_come=self._pick == "next")
        return Loaded(out, first=first)

    def _values(self, column: Any) -> Any:
        values = self._rows[column.name]
        if column.dtype == TIME:
            stamps = values.cast(pl.Datetime("ns")).to_numpy().astype("datetime64[ns]")
            return [None if np.isnat(stamp) else stamp for stamp in stamps]
        if column.dtype == TEXT:
            return values.cast(pl.String).to_list()
        return values.to_list()


# In the order in which rows became known.
def _write_latest(out: Values, known: Iterable[_Known]) -> None:
    best: dict[int, Any] = {}
    for where, asof, row, value in known:
        if value is not None and (where not in best or asof >= best[where]):
            best[where] = asof
            out[row:, where] = value


# Nearer days overwrite those that are further off, also by a missing value: the columns
# of a row belong together. Source: zipline-reloaded 3.2.1, `pipeline/loaders/utils.py`.
def _write_nearest(
    out: Values, known: Iterable[_Known], labels: Values, missing: object, *, to_come: bool
) -> None:
    by_day: dict[tuple[Any, int], list[tuple[int, Any]]] = {}
    for where, asof, row, value in known:
        day = np.datetime64(asof, "D")
        by_day.setdefault((day, where), []).append((row, value))
    for (day, where), rows in sorted(by_day.items(), key=lambda item: item[0], reverse=to_come):
        begin = 0 if to_come else int(np.searchsorted(labels, day, side="left"))
        end = int(np.searchsorted(labels, day, side="right")) if to_come else len(labels)
        out[max(begin, rows[0][0]) : end, where] = missing
        for row, value in rows:
            if value is not None:
                out[max(begin, row) : end, where] = value


def _sessions(lag: object) -> int:
    if isinstance(lag, (int, np.integer)) and not isinstance(lag, bool) and lag >= 0:
        return int(lag)
    raise InvalidSetting(
        f"lag must be a count of further sessions, 0 or more: was {lag!r}; a row is never seen "
        "before it is known"
    )


class DataFrameLoader:
    """zipline's loader for one column; its frame has a row per day and a column per
    sid.

    The row of a day is visible on that day; nothing is shifted. An asset has no values
    on days on which it is not listed.

    Args:
        column: The column.
        baseline: pandas: an index of days, and columns of sids.
        adjustments: pandas, zipline's columns `sid`, `value`, `kind` ("multiply",
            "add", "overwrite", or the numbers of `rbtlive.lib.adjustment`),
            `start_date` (NaT: from the first day on), `end_date`, `apply_date`; values
            of days from `start_date` to `end_date` are changed, as visible on and after
            `apply_date`.
    """

    def __init__(self, column: Any, baseline: Any, adjustments: Any = None) -> None:
        self.column = column
        self.baseline = baseline
        self.adjustments = adjustments

    def load(self, column: Any, source: Any, first: int, last: int, assets: Any) -> Loaded:
        """Return the column over sessions `first` to `last`.

        Raises:
            ValueError: it is another column.
        """
        if column.unspecialize() is not self.column.unspecialize():
            raise ValueError(f"Can't load unknown column {column}")
        import pandas as pd

        labels = pd.DatetimeIndex(source.labels[first : last + 1].astype("datetime64[ns]"))
        sids = [asset.sid for asset in assets]
        days = self.baseline.index.get_indexer(labels)
        columns = self.baseline.columns.get_indexer(sids)
        out = np.full((len(labels), len(sids)), column.missing_value, dtype=column.dtype)
        rows, places = np.flatnonzero(days >= 0), np.flatnonzero(columns >= 0)
        found = self.baseline.to_numpy()[np.ix_(days[rows], columns[places])]
        if column.dtype == TEXT:
            found = np.where(pd.isna(found), column.missing_value, found)
        out[np.ix_(rows, places)] = found.astype(column.dtype)
        wanted = np.isin([asset.sid for asset in source.assets], sids)
        out[~source.alive(first, last)[:, wanted]] = column.missing_value
        return Loaded(out, first=first, revisions=self._revisions(labels, sids))

    # In zipline's order: by day, then by sid.
    def _revisions(self, labels: Any, sids: list[int]) -> list[Revision]:
        if self.adjustments is None:
            return []
        import pandas as pd

        found = []
        place = {sid: column for column, sid in enumerate(sids)}
        for row in self.adjustments.sort_values(["apply_date", "sid"]).itertuples():
            kind = _KINDS.get(row.kind, row.kind)
            if kind not in _KINDS.values():
                raise ValueError(
                    f"an adjustment must be of kind {', '.join(map(repr, _KINDS))}, or of a "
                    f"number of rbtlive.lib.adjustment: was {row.kind!r}"
                )
            seen = labels[0] <= row.apply_date <= labels[-1] and row.end_date >= labels[0]
            if not seen or row.sid not in place:
                continue
            day = int(labels.searchsorted(row.apply_date))
            begin = 0 if pd.isna(row.start_date) else int(labels.searchsorted(row.start_date))
            end = int(labels.searchsorted(row.end_date, side="right")) - 1
            column = place[row.sid]
            found.append(Revision(day, (begin, end), (column, column), kind, row.value))
        return found
