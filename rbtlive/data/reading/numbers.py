"""Numbers written as text: thousands, decimal commas, currency signs, K, M and B.

The rule: a file writes its numbers in one way. All its numbers together show it, and if
they do not, the user is asked. A column that shows another way is read in its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import polars as pl

NOTHING: Final = (
    "", "-", "--", "na", "n/a", "n.a.", "nan", "null", "none", "nil", "#n/a", "#n/a n/a", ".", "?",
)  # fmt: skip

_JUNK: Final = "[\\s\u00a0\u202f'_\"$€£¥₹%]|(?i:usd|eur|gbp)"
_SCALE: Final = {"k": 1e3, "m": 1e6, "mio": 1e6, "b": 1e9, "bn": 1e9, "mrd": 1e9, "t": 1e12}


class UnclearDecimals(Exception):  # noqa: N818 - a question, which is added to the list
    """Commas or dots may be decimal signs or thousands separators."""


def number_series(
    columns: Mapping[str, pl.Series], *, decimal_comma: bool | None
) -> dict[str, pl.Series]:
    """Return columns as numbers; other values become null.

    Args:
        columns: The columns; numeric ones are not changed.
        decimal_comma: Whether the file's delimiter implies a decimal comma.

    Raises:
        UnclearDecimals: "1,234" may be two different numbers.
    """
    texts = {name: _bare(column) for name, column in columns.items() if column.dtype == pl.String}
    comma = _decimal_comma(texts, decimal_comma) if texts else False
    done = dict(columns)
    for name, text in texts.items():
        own = _comma_shown(text)  # volumes such as 41171.0 beside prices such as 99,91
        done[name] = _read(text, comma=own if isinstance(own, bool) else comma)
    return done


def looks_numeric(column: pl.Series) -> bool:
    """Say whether nine of ten rows of a column are numbers, typed or as text."""
    if column.dtype.is_numeric():
        return True
    if column.dtype == pl.Null:
        return True
    if column.dtype != pl.String:
        return False
    bare = _bare(column.head(2_000)).drop_nulls()
    if bare.is_empty():
        return column.null_count() == len(column)
    return bool(bare.str.contains(r"^[+-]?[\d.,]*\d[\d.,]*(e[+-]?\d+)?[a-z]{0,3}$").mean() >= 0.9)  # type: ignore[operator]


def _bare(column: pl.Series) -> pl.Series:
    text = column.str.to_lowercase().str.strip_chars()
    text = text.set(text.is_in(NOTHING), None)
    if text.str.contains(_JUNK).any():
        text = text.str.replace_all(_JUNK, "")
    if text.str.contains(r"^\(.*\)$").any():  # parentheses mean a negative number in accounting
        text = text.str.replace(r"^\((.*)\)$", "-$1")
    return text


def _decimal_comma(texts: Mapping[str, pl.Series], hint: bool | None) -> bool:
    found = [_comma_shown(text) for text in texts.values()]
    shown = {one for one in found if isinstance(one, bool)}
    if len(shown) == 1:
        return shown.pop()
    dots = "dots" in found and bool(hint)  # 1.234, if commas may be decimal
    if hint is not None and not dots:
        return hint
    if shown or dots or "commas" in found:
        raise UnclearDecimals
    return False


# Whether a column's numbers show that the comma is decimal, or which sign is ambiguous.
def _comma_shown(text: pl.Series) -> bool | Literal["commas", "dots"] | None:
    if not text.str.contains(",", literal=True).any():
        if text.str.contains(r"\..*\.").any():
            return True  # 1.234.567
        if text.str.contains(r"\.(\d{0,2}|\d{4,})\D*$").any():
            return False  # 1.5
        return "dots" if text.str.contains(".", literal=True).any() else None
    both = text.str.contains(r"\..*,").any(), text.str.contains(r",.*\.").any()
    if both[0] != both[1]:
        return bool(both[0])
    if text.str.contains(r",.*,").any():
        return False  # 1,234,567
    if not text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+[a-z]*$|^[^,]*$").all():
        return True  # 1,5
    return "commas"


def _read(text: pl.Series, *, comma: bool) -> pl.Series:
    plain = text.cast(pl.Float64, strict=False) if not comma else None
    if plain is not None and plain.null_count() == text.null_count():
        return plain
    if comma:
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    else:
        text = text.str.replace_all(",", "", literal=True)
    unit = text.str.extract(r"(?:\d|\.)(k|mio|mrd|bn|m|b|t)$")
    scale = unit.replace_strict(_SCALE, default=1.0, return_dtype=pl.Float64).fill_null(1.0)
    if unit.is_not_null().any():
        text = text.str.replace(r"(k|mio|mrd|bn|m|b|t)$", "")
    return text.cast(pl.Float64, strict=False) * scale


def is_number_text(text: str) -> bool:
    """Say whether one cell of a file is a number."""
    return bool(re.fullmatch(r"\s*[+-]?(\d[\d.,]*|\.\d+)(e[+-]?\d+)?\s*", text, re.IGNORECASE))
