"""Values of data sets from frames.

The rule: a row is visible from the first session whose label is after its `timestamp`;
among the known rows, the one with the latest `asof` counts.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from rbtlive.errors import InvalidSetting, UnknownSymbol
from rbtlive.lib.adjustment import ADD, MULTIPLY, OVERWRITE
from rbtlive.model.arrays import np
from rbtlive.model.other_names import what_to_write
from rbtlive.pipeline.kinds import registered
from rbtlive.pipeline.loaders.known_rows import IS_DAY, known_rows
from rbtlive.pipeline.term import TEXT, TIME
from rbtlive.pipeline.windows import Loaded, Revision

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

    Raises:
        NoTimeOfKnowledge: `timestamp` is missing, in all rows or some.
        NotAFrame: `frame` is not a frame.
        MissingColumn: a column is missing.
        WrongColumnType: a column has another type.
        DataError: two rows contradict each other, or one describes a future day.
    """

    def __init__(self, dataset: Any, frame: Any, *, lag: int = 0) -> None:
        self._rows, self._key = known_rows(dataset, frame)
        self._lag = _sessions(lag)

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
        best: dict[int, Any] = {}
        values = self._values(column)
        keys, asofs = self._rows[self._key].to_list(), self._rows["asof"].to_list()
        for key, asof, session, value in zip(keys, asofs, seen.tolist(), values, strict=True):
            if key not in every:
                write = what_to_write(str(key), {}, map(str, every)) or "leave its rows out"
                raise UnknownSymbol(
                    f"a row of {column.qualname} must be of an asset of the data: was {key!r}; "
                    f"{write}"
                )
            where = place.get(key)
            if where is None or session > last or value is None:
                continue
            if where not in best or asof >= best[where]:
                best[where] = asof
                out[max(session - first, 0) :, where] = value
        return Loaded(out, first=first)

    def _values(self, column: Any) -> Any:
        values = self._rows[column.name]
        if column.dtype == TIME:
            stamps = values.cast(pl.Datetime("ns")).to_numpy().astype("datetime64[ns]")
            return [None if np.isnat(stamp) else stamp for stamp in stamps]
        if column.dtype == TEXT:
            return values.cast(pl.String).to_list()
        return values.to_list()


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
