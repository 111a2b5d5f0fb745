"""Workbooks of Excel and OpenOffice: each sheet as the text that it would be saved
as.

The rule: numbers and dates keep their cells' values to the last digit; titles and names
are found as in any delimited file.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.bounds import members
from rbtlive.data.reading.column_roles import field_of
from rbtlive.data.reading.delimited import read_delimited
from rbtlive.data.reading.numbers import is_number_text
from rbtlive.data.reading.tables import Table
from rbtlive.errors import EmptyData, MissingExtra, UnreadableFile

_PACKED: Final = (b"PK", b"\xd0\xcf\x11\xe0")
"""Workbooks begin with these bytes; vendors also name text files ".xls"."""
_INSIDE: Final = ("xl/workbook.xml", "xl/workbook.bin")
_MOST_TITLES: Final = 60
_CUT: Final = r"\.\d{9}$"
"""The text of a number that may have had more decimals."""
_OLDEST_YEAR: Final = 1900
"""Cells with only a time of day are dated on the day before 1900 begins."""


def is_workbook(names: Sequence[str]) -> bool:
    """Say whether a zip file with these members is a workbook."""
    return any(name in names for name in _INSIDE)


def tables_of_workbook(content: Path | bytes, name: str) -> list[tuple[str, Table]]:
    """Return the sheets that contain bars, with their names; the first sheet if none
    seems to.

    Raises:
        EmptyData: all sheets are empty.
        MissingExtra: the package that reads workbooks is not installed.
        UnreadableFile: it is not a workbook, or unpacks to more than the limit.
    """
    if not _start(content).startswith(_PACKED):
        return [(name, read_delimited(content, where=name))]
    excel = _package(name, content)
    _refuse_bombs(content)
    try:
        book = excel.read_excel(content if isinstance(content, bytes) else str(content))
        texts = {sheet: _text_of_sheet(book, sheet) for sheet in book.sheet_names}
    except excel.FastExcelError as error:
        raise UnreadableFile(
            f"bars must be in a workbook that can be opened: {name!r} cannot "
            f"({str(error).splitlines()[0]:.200}); open it and save it as CSV"
        ) from error
    filled = {sheet: text for sheet, text in texts.items() if text}
    if not filled:
        raise EmptyData(f"{name} must have at least one bar: all its sheets are empty; pass bars")
    tables = {
        sheet: read_delimited(text.encode(), where=f"sheet {sheet!r} of {name}")
        for sheet, text in filled.items()
    }
    barred = {
        sheet: table
        for sheet, table in tables.items()
        if table.frame.height and any(map(_names_a_field, table.frame.columns))
    }
    return list((barred or dict([next(iter(tables.items()))])).items())


def _start(content: Path | bytes) -> bytes:
    if isinstance(content, bytes):
        return content[:4]
    with content.open("rb") as file:
        return file.read(4)


def _names_a_field(column: str) -> bool:
    return any(field_of(part) for part in column.split("|"))


def _package(name: str, content: Path | bytes) -> Any:
    try:
        import fastexcel
    except ImportError as error:
        path = str(content) if isinstance(content, Path) else name
        raise MissingExtra(
            f"workbooks such as {name!r} are read by the package fastexcel, which is not "
            "installed: pip install 'rbtlive[excel]'; or save the sheet as CSV, or write: "
            f"rbt.read(pd.read_excel({path!r}))"
        ) from error
    return fastexcel


def _refuse_bombs(content: Path | bytes) -> None:
    packed = len(content) if isinstance(content, bytes) else content.stat().st_size
    source: Any = io.BytesIO(content) if isinstance(content, bytes) else content
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            members(archive, archive.namelist(), packed=packed)


# The rows above the first row of numbers as texts, the others by cell type: the text of
# a number has at most nine decimals.
def _text_of_sheet(book: Any, sheet: str) -> str:
    def grid(**options: object) -> pl.DataFrame:
        found: pl.DataFrame = book.load_sheet(sheet, header_row=None, **options).to_polars()
        return found.rename(dict(zip(found.columns, map(str, range(found.width)), strict=True)))

    texts = grid(skip_rows=0, dtypes="string")
    titles = _titles(texts)
    if titles is None:
        return ""
    typed = grid(skip_rows=titles)
    below = texts[titles:]
    if typed.shape != below.shape:
        typed = below  # rows that only look empty
    cut = [name for name in below.columns if below[name].str.contains(_CUT).any()]
    exact = {}
    if any(typed[name].dtype == pl.String for name in cut) and typed is not below:
        exact = grid(skip_rows=titles, dtypes="float", dtype_coercion="coerce").to_dict()
    body = pl.DataFrame(
        [_written(typed[name], below[name], exact.get(name)) for name in below.columns]
    )
    kept = [column.name for column in body if column.null_count() < len(column)]
    head = texts[:titles].select(kept).select(pl.all().str.replace_all(r"\s+", " "))
    filled = pl.any_horizontal(pl.all().is_not_null())
    parts = [part.filter(filled) for part in (head, body.select(kept))]
    return "".join(part.write_csv(include_header=False) for part in parts)


# Number of rows above the first row of numbers; None if there is none.
def _titles(texts: pl.DataFrame) -> int | None:
    for number, row in enumerate(texts.head(_MOST_TITLES).iter_rows()):
        cells = [cell for cell in row if cell is not None]
        if len(cells) > 1 and sum(map(is_number_text, cells)) * 2 >= len(cells) - 1:
            return number
    return None


def _written(column: pl.Series, cells: pl.Series, exact: pl.Series | None) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        if (column.dt.year() < _OLDEST_YEAR).all():
            return column.dt.strftime("%H:%M:%S")
        midnight = (column.dt.time() == time(0)).all()
        return column.dt.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S%.3f")
    if column.dtype == pl.String and exact is not None:
        digits = exact.cast(pl.String)
        return digits.zip_with(cells.str.contains(_CUT) & digits.is_not_null(), cells)
    return column
