"""Text files with columns, read by polars.

The rule: the first lines show the delimiter, the header and the lines above it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.data.checking.frames import READ_ERRORS, unreadable
from rbtlive.data.reading.column_roles import field_of, plain, role_of
from rbtlive.data.reading.numbers import NOTHING, is_number_text
from rbtlive.data.reading.printed import with_tabs
from rbtlive.data.reading.tables import Table
from rbtlive.errors import EmptyData, UnreadableFile

_HEAD_BYTES: Final = 65_536
_NO_VALUE: Final = [text for word in NOTHING if word for text in {word, word.upper()}] + ["NaN"]

_COUNTRY_CODES: Final = ("cp932", "gb18030", "cp949", "big5", "cp1251", "cp1254", "cp1250")
"""Encodings of Japan, China, Korea, Taiwan, Russia, Turkey and Poland."""

_EITHER_WAY: Final = re.compile(r"\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}\b")
"""Dates that polars would interpret in one of two ways."""

_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")

_TITLED: Final = ("security", "symbol", "ticker", "instrument", "ric", "isin")
"""Names in titles for the symbol of all rows."""


@dataclass(frozen=True)
class _Layout:
    delimiter: str
    skip: int
    names: list[str] | None  # None: no header
    levels: int = 1
    texts: bool = False


def read_delimited(content: Path | bytes, *, where: str) -> Table:
    """Return the table of a CSV file, or of one with another delimiter.

    Args:
        content: A plain file, or the bytes of a compressed one.
        where: Its name in messages.

    Raises:
        UnreadableFile: it does not contain a table.
    """
    head = _head(content)
    wide = _two_byte_code(head) or _country_code(head)
    if wide is not None or (b"\r" in head and b"\n" not in head):
        raw = content if isinstance(content, bytes) else content.read_bytes()
        text = raw.decode(wide or "latin-1", errors="replace")
        content = (
            text.replace("\r\n", "\n")
            .replace("\r", "\n")
            .encode("latin-1" if wide is None else "utf-8")
        )
        head = content[:_HEAD_BYTES]
    text, encoding = _decoded(head)
    if (tabbed := _of_printed(content, text)) is not None:
        content, encoding = tabbed, "utf8"
        text = tabbed[:_HEAD_BYTES].decode(errors="replace")
    layout = _layout(text.splitlines()[:60])
    comma = {";": True}.get(layout.delimiter)
    dates = _EITHER_WAY.search(text) is None
    if comma and re.search(r"\d,\d", text):
        layout = replace(layout, texts=True)  # if 1,5 is a decimal, the point of 1.234 is not
    start = text.lstrip().lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        raise UnreadableFile(
            f"bars must be columns of text: was a web page in {where!r}, perhaps the vendor's "
            "refusal; open it in a browser"
        )
    try:
        frame = _frame(content, layout, encoding, dates=dates)
    except pl.exceptions.NoDataError:
        raise EmptyData(f"{where} must have at least one bar: was empty; pass bars") from None
    except READ_ERRORS as error:
        raise unreadable(where, error, what="bars") from error
    symbol = _symbol_above(text.splitlines()[: layout.skip], layout.delimiter)
    return Table(frame, where, decimal_comma=comma, symbol=symbol)


# "Security, AAPL US Equity" in the titles of a sheet.
def _symbol_above(lines: list[str], delimiter: str) -> str | None:
    for row in csv.reader(lines, delimiter=delimiter):
        cells = [cell.strip() for cell in row if cell.strip()]
        if len(cells) == 2 and plain(cells[0].rstrip(":")) in _TITLED:
            return cells[1]
    return None


def _of_printed(content: Path | bytes, head: str) -> bytes | None:
    if with_tabs(head, head) is None:
        return None
    raw = content if isinstance(content, bytes) else content.read_bytes()
    tabbed = with_tabs(head, _decoded(raw)[0])
    return None if tabbed is None else tabbed.encode()


def _head(content: Path | bytes) -> bytes:
    if isinstance(content, bytes):
        return content[:_HEAD_BYTES]
    with content.open("rb") as file:
        return file.read(_HEAD_BYTES)


# UTF-16 with a byte order mark, or without one if it contains Latin text; Excel and
# MetaTrader write it.
def _two_byte_code(head: bytes) -> str | None:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    start = head[:400]
    for name, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 3 and zeros.count(0) >= 0.8 * len(zeros):
            return name
    return None


def _decoded(head: bytes) -> tuple[str, Any]:
    text = _in_code(head, "utf-8-sig")
    return (head.decode("latin-1"), "utf8-lossy") if text is None else (text, "utf8")


def _in_code(head: bytes, code: str) -> str | None:
    for cut in range(4):  # the head may end in the middle of a character
        try:
            return head[: len(head) - cut].decode(code)
        except UnicodeDecodeError:
            continue
    return None


# The encoding of a country with which a line has names for two columns or more; None
# for UTF-8.
def _country_code(head: bytes) -> str | None:
    if _in_code(head, "utf-8-sig") is not None:
        return None
    for code in _COUNTRY_CODES:
        lines = (_in_code(head, code) or "").splitlines()[:20]
        if any(_names_columns(line) for line in lines):
            return code
    return None


def _names_columns(line: str) -> bool:
    cells = re.split(r"[,;\t|]", line)
    return sum(role_of(cell) is not None for cell in cells if not cell.isascii()) > 1


def _layout(lines: list[str]) -> _Layout:
    delimiter = _delimiter(lines)
    rows = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
    widest = max((len(row) for row in rows), default=0)
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    for number, row in enumerate(rows):
        if filled[number] < min(max(filled), 3) and _levels(rows[number:]) == 1:
            continue  # titles above sheets: "Security, AAPL US Equity, , ,"
        if len(row) < min(widest, 2) or _is_comment(row, number):
            continue
        if len(row) < widest - 1 and number < 10 and not _is_data(row):
            continue
        if _is_data(row):
            return _Layout(delimiter, number, None)
        levels = _levels(rows[number:])
        names = [name.strip().strip("<>").strip() for name in row]
        return _Layout(delimiter, number, names, levels)
    return _Layout(delimiter, 0, None)


def _is_comment(row: list[str], number: int) -> bool:
    if number >= 5 or not row or not row[0].startswith("#"):
        return False
    return sum(role_of(cell) is not None for cell in row) < 3  # LSEG's header begins with "#RIC"


def _delimiter(lines: list[str]) -> str:
    sample = [line for line in lines if line.strip()][:40]
    if sample and (said := re.fullmatch(r"\s*sep=(.)\s*", sample[0])):
        return said[1]
    best, most = ",", 0
    for delimiter in (";", "\t", "|", ","):
        counts = [len(next(csv.reader([line], delimiter=delimiter), [])) for line in sample]
        usual = max(set(counts), key=counts.count, default=0)
        if usual > most and counts.count(usual) * 2 >= len(counts):
            best, most = delimiter, usual
    spaced = {len(line.split(" ")) for line in sample}
    return " " if most < 2 and len(spaced) == 1 and spaced.pop() >= 5 else best


def _is_data(row: list[str]) -> bool:
    cells = [cell.strip() for cell in row if cell.strip()]
    numbers = sum(map(is_number_text, cells))
    return numbers >= max(2, len(cells) - 3) and not any(field_of(cell) for cell in cells)


# pandas writes two-level columns as two lines, and the index's name on a third.
def _levels(rows: list[list[str]]) -> int:
    if len(rows) < 3 or not rows[0] or _is_data(rows[1]):
        return 1
    if any(map(_MOMENT.match, rows[1])):  # a row of an InfluxDB query
        return 1
    lead = plain(rows[1][0]) if rows[1] else ""
    if lead in ("ticker", "tickers", "symbol", "symbols") or (
        plain(rows[0][0]) in ("price", "ticker", "attributes", "", "field")
        and lead
        in (
            "price",
            "attributes",
            "symbols",
            "",
            "field",
        )
        and any(map(field_of, rows[0] + rows[1]))
    ):
        return 2
    # Bloomberg's and Refinitiv's sheets: securities above their fields
    named = [{*map(_is_field, (cell for cell in row[1:] if cell.strip()))} for row in rows[:2]]
    if named == [{False}, {True}] and rows[0][0].strip() and role_of(rows[0][0]) is None:
        return 1  # "Currency, USD" above the names
    below = named == [{True}, {False}] and not any(map(_has_digits_alone, rows[1][1:]))
    return 2 if below or named == [{False}, {True}] else 1


def _has_digits_alone(cell: str) -> bool:
    return re.search(r"\d", cell) is not None and re.search(r"[A-Za-z]{2}", cell) is None


def _is_field(name: str) -> bool:
    return field_of(name) is not None


# Of merged cells, only the first is not empty.
def _filled(cells: list[str]) -> list[str]:
    filled: list[str] = []
    for cell in cells:
        filled.append(cell.strip() or (filled[-1] if filled else ""))
    return filled


def _frame(
    content: Path | bytes, layout: _Layout, encoding: object, *, dates: bool
) -> pl.DataFrame:
    names = layout.names
    options: dict[str, Any] = {
        "separator": layout.delimiter,
        "encoding": encoding,
        "null_values": _NO_VALUE,
        "try_parse_dates": dates,
        "infer_schema": not layout.texts,
        "infer_schema_length": 10_000,
        "truncate_ragged_lines": True,
        "has_header": False,
        "skip_rows": layout.skip + (0 if names is None else layout.levels),
    }
    symbols: list[str] = []
    if names is not None and layout.levels == 1:
        options["new_columns"] = unique = _unique(names)
        symbols = [name for name in unique if role_of(name) == "symbol"]
        options["schema_overrides"] = dict.fromkeys(symbols, pl.String)  # 000001 is not 1
    try:
        frame = pl.read_csv(_opened(content), **options)
    except READ_ERRORS:  # a column whose later rows differ from the first ones
        options["infer_schema"] = False
        options.pop("schema_overrides", None)
        frame = pl.read_csv(_opened(content), **options)
    if names is None:
        return frame
    if layout.levels == 2:
        return _two_levels(frame, content, layout)
    if len(names) > frame.width:
        return frame
    for name in symbols:  # NA can be a symbol
        if name in frame and frame[name].null_count():
            place = frame.columns.index(name)
            frame = frame.with_columns(_as_written(content, options, place).alias(name))
    frame = frame.rename(dict(zip(frame.columns, _unique(names, frame.width), strict=False)))
    while not names[-1] and frame.width == len(names) and not frame.to_series(-1).count():
        names = names[:-1]
        frame = frame.drop(frame.columns[-1])  # lines may end with a delimiter
    return _without_headers(frame)


def _opened(content: Path | bytes) -> io.BytesIO | Path:
    return io.BytesIO(content) if isinstance(content, bytes) else content


def _as_written(content: Path | bytes, options: Mapping[str, Any], place: int) -> pl.Series:
    kept = ("separator", "encoding", "truncate_ragged_lines", "has_header", "skip_rows")
    chosen = {name: options[name] for name in kept}
    return pl.read_csv(_opened(content), columns=[place], infer_schema=False, **chosen).to_series()


# Concatenated files repeat their header.
def _without_headers(frame: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    if len(texts) < min(3, frame.width):
        return frame
    again = [pl.col(name).str.strip_chars() == name for name in texts]
    repeats = frame.select(pl.all_horizontal(again)).to_series()
    if not repeats.any():
        return frame
    rows = frame.filter(~repeats.fill_null(value=False))
    symbols = [name for name in frame.columns if role_of(name) == "symbol"]
    again_read = pl.read_csv(
        rows.drop(symbols).write_csv().encode(), null_values=_NO_VALUE, infer_schema_length=10_000
    )
    return again_read.with_columns(rows[name] for name in symbols)


def _unique(names: list[str], width: int | None = None) -> list[str]:
    done: list[str] = []
    for place, name in enumerate(names):
        done.append(fresh_name(name or f"column_{place + 1}", done))
    while width is not None and len(done) < width:
        done.append(f"column_{len(done) + 1}")
    return done if width is None else done[:width]


def fresh_name(name: str, taken: Collection[str]) -> str:
    """Return a name for a further column: the name itself, or "close (2)" if it is
    taken.
    """
    fresh, number = name, 1
    while fresh in taken:
        number += 1
        fresh = f"{name} ({number})"
    return fresh


# Two lines of names become one "field|symbol" per column, which `widening` splits.
def _two_levels(frame: pl.DataFrame, content: Path | bytes, layout: _Layout) -> pl.DataFrame:
    lines = _decoded(_head(content))[0].splitlines()[layout.skip : layout.skip + 3]
    upper, lower, third = (next(csv.reader([line], delimiter=layout.delimiter)) for line in lines)
    lead = next((row[0] for row in (lower, upper) if row and role_of(row[0]) == "time"), "date")
    if not any(cell.strip() for cell in third[1:]):  # the index's own name
        lead = third[0].strip() if third and third[0].strip() else lead
        frame = frame.slice(1)
        frame = frame.with_columns(
            pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)
            for name in frame.columns[1:]
            if frame[name].dtype == pl.String
        )
    names = [lead]
    pairs = zip(_filled(upper[1:]), _filled(lower[1:]), strict=False)
    names += [f"{one}|{other}" for one, other in pairs]
    return frame.rename(dict(zip(frame.columns, names, strict=False)))
