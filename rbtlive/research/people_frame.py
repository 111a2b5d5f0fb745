"""Polars frames of a result: displays in readable form, and answers to pandas' names.

The rule: only displays and errors differ; the values have all their digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl
from polars.exceptions import ColumnNotFoundError

from rbtlive.model.foreign_text import add_note
from rbtlive.model.other_names import by_word, no_attribute

PANDAS_WORDS: Final = by_word(
    {
        "frame.row(-1, named=True), or frame.to_pandas().iloc[-1]": "iloc iat",
        'frame.filter(pl.col("date") == day), or frame.to_pandas()': "loc at xs query ix",
        'frame["date"]: polars frames have no index': "index set_index reset_index reindex",
        "frame.to_numpy()": "values to_records",
        'frame.write_csv("run.csv")': "to_csv",
        'frame.write_parquet("run.parquet")': "to_parquet",
        'frame.write_excel("run.xlsx"), with xlsxwriter': "to_excel",
        'frame.sort("date")': "sort_values sort_index",
        "frame.group_by(name)": "groupby",
        'frame.group_by_dynamic("date", every="1mo")': "resample",
        "frame.iter_rows(named=True)": "iterrows itertuples iteritems items",
        "frame.drop_nulls()": "dropna",
        "frame.fill_null(0)": "fillna ffill bfill",
        "frame.cast({name: pl.Float64})": "astype",
        'frame.join(other, on="date")': "merge append",
        "frame.is_empty()": "empty",
        "the frame itself: it has a row for each record": "records_readable records readable df",
        "frame.to_pandas(), for pandas' own calls": "apply applymap pct_change cumsum cumprod "
        "rolling ewm diff info isnull isna notnull plot_equity cov ndim",
    }
)
"""pandas' and vectorbt's names for a frame's parts."""


class ResultFrame(pl.DataFrame):
    """A frame whose error for a name that polars does not have says what to write."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(f"'DataFrame' object has no attribute {name!r}", name=name)
        raise no_attribute("DataFrame", name, self._instead(name), ())

    if not TYPE_CHECKING:  # polars' own annotations hold

        def __getitem__(self, key: object) -> object:
            try:
                return super().__getitem__(key)
            except ColumnNotFoundError as failure:
                step = self._instead(str(key)).get(str(key))
                if step:
                    add_note(failure, f"there is no column {key!r}: write {step}")
                raise

    def _instead(self, name: str) -> dict[str, str]:
        words: dict[str, str] = dict(PANDAS_WORDS)
        if name in self.columns:
            words[name] = f'frame["{name}"]'
        elif (figure := self._figure(name)) is not None:
            words.setdefault(name, figure)
        return words

    def _figure(self, name: str) -> str | None:
        """Return where a result has another library's figure; None if it has none."""


class PeopleFrame(ResultFrame):
    """A frame that shows 83,313.25 where polars shows 83313.250000000000."""

    def __str__(self) -> str:
        with _as_people_write():
            return pl.DataFrame.__str__(self)

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        with _as_people_write():
            return pl.DataFrame._repr_html_(self, _from_series=_from_series)


def _as_people_write() -> pl.Config:
    return pl.Config(
        trim_decimal_zeros=True, thousands_separator=",", tbl_cell_numeric_alignment="RIGHT"
    )
