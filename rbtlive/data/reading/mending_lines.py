"""Lines of Python that make a source readable; errors tell the user to write them.

The rule: a line fits what the source is, polars, pandas, a path or plain data, and runs
as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from rbtlive.data.checking.pandas_columns import is_pandas


class MendingLines:
    """Lines that change one source.

    Args:
        source: What the user gave.
    """

    def __init__(self, source: object) -> None:
        self._source = source

    def parsing(self, column: str, how: str, form: str) -> str:
        """Return the line that parses a column of times.

        Args:
            column: The column.
            how: The argument for pandas.
            form: The format for polars.
        """
        return self.changing(
            f'pl.col("{column}").str.to_datetime("{form}")',
            f"source[{column!r}] = pd.to_datetime(source[{column!r}], {how})",
        )

    def counting(self, column: str, zero: float) -> str:
        """Return the line that converts a column of day numbers to dates.

        Args:
            column: The column.
            zero: The number of 1970-01-01.
        """
        return self.changing(
            f'pl.from_epoch(pl.col("{column}") - {zero:.15g}, time_unit="d")',
            f'source[{column!r}] = pd.to_datetime(source[{column!r}] - {zero:.15g}, unit="D")',
        )

    def flooring(self, columns: Sequence[str]) -> str | None:
        """Return the line that rounds times down to full minutes; None if two columns
        hold the times.
        """
        if len(columns) != 1:
            return None
        column, source = columns[0], self._source
        if is_pandas(source) and column not in getattr(source, "columns", ()):
            return 'source.index = source.index.floor("min")'
        return self.changing(
            f'pl.col("{column}").dt.truncate("1m")',
            f'source[{column!r}] = pd.to_datetime(source[{column!r}]).dt.floor("min")',
        )

    def naming(self, endings: Sequence[str]) -> str:
        """Return the line that puts symbols in place of the endings of columns.

        Args:
            endings: The endings, such as "_x" and "_y".
        """
        named = zip(endings, ("AAPL", "MSFT"), strict=False)
        changes = "".join(f'.replace("{one}", "{one[0]}{symbol}")' for one, symbol in named)
        rename = f"lambda name: name{changes}"
        if isinstance(self._source, (pl.DataFrame, pl.LazyFrame)):
            return f"source = source.rename({rename})"
        statement = f"source = source.rename(columns={rename})"
        if isinstance(self._source, (str, Path)):
            return f"{reading(self._source)}; {statement}"
        return statement

    def changing(self, expression: str, statement: str) -> str:
        """Return the line that changes a column.

        Args:
            expression: The new column, as a polars expression.
            statement: The statement that changes a pandas frame.
        """
        if isinstance(self._source, (pl.DataFrame, pl.LazyFrame)):
            return f"source = source.with_columns({expression})"
        if isinstance(self._source, (str, Path)):
            return f"{reading(self._source)}; {statement}"
        if isinstance(self._source, (list, Mapping)):
            return f"source = pd.DataFrame(source); {statement}"
        return statement


def reading(source: str | Path, options: str = "") -> str:
    """Return the line that reads a file, or the text of one, into a pandas frame.

    Args:
        source: Its path or its text.
        options: Further arguments, each with a comma before it.
    """
    if isinstance(source, str) and "\n" in source:
        return f"import io; source = pd.read_csv(io.StringIO(source){options})"
    return f"source = pd.read_csv({str(source)!r}{options})"


def form_for_pandas(column: pl.Series) -> str:
    """Return the argument that makes pandas read times in a format unknown to this
    package.
    """
    import pandas as pd

    try:
        pd.to_datetime(pd.Series(column.drop_nulls().head(1_000).to_list()), format="mixed")
    except Exception:  # noqa: BLE001 - pandas raises many kinds of errors here
        return 'format="..."'
    return 'format="mixed"'
