"""Months, quarters and weeks as text, such as 2015-01, Jan-15, 2015Q1 and 2015-W01.

The rule: a period's date is its last day, from which its values are known. A form that
may also be a day (Jan-15) is a month only if the rows go from month to month.

Sources: pandas' PeriodIndex, Eurostat's and the OECD's tables, ISO 8601's weeks, and
Excel's `mmm-yy`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

import polars as pl

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_YEAR: Final = r"(?P<year>(?:19|20)\d{2})"
_SHORT: Final = r"'?(?P<year>(?:19|20)?\d{2})"
_FORMS: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_YEAR}[-/. ]?M?(?P<month>0?[1-9]|1[0-2])",
        rf"(?P<month>0?[1-9]|1[0-2])[-/.]{_YEAR}",
        rf"(?P<named>[a-z]{{3,9}})[-/. ,]*{_SHORT}",
        rf"{_YEAR}[-/. ](?P<named>[a-z]{{3,9}})",
        rf"{_YEAR}[-/. ]?Q(?P<quarter>[1-4])",
        rf"Q(?P<quarter>[1-4])[-/. ]*{_SHORT}",
        rf"(?P<quarter>[1-4])Q[-/. ]*{_SHORT}",
        rf"{_YEAR}[-/. ]?W(?P<week>0[1-9]|[1-4]\d|5[0-3])",
    )
)
_FEW: Final = 3  # rows that show from which period to which they go


def ends_of_periods(text: pl.Series) -> pl.Series | None:
    """Return the last days of periods as dates; None if the texts name none.

    Args:
        text: Distinct texts, in the order of rows.
    """
    texts = text.to_list()
    form = next((form for form in _FORMS if form.fullmatch(texts[0])), None)
    if form is None:
        return None
    matches = [form.fullmatch(one) for one in texts]
    places = [None if match is None else _place(match) for match in matches]
    known = [place for place in places if place is not None]
    if len(known) < len(places):
        return None
    if "week" in form.groupindex:
        days = pl.Series([f"{year}-{week:02d}-7" for year, week in known])
        return days.str.to_date("%G-%V-%u", strict=False)
    width = 3 if "quarter" in form.groupindex else 1
    counts = [12 * year + width * number - 1 for year, number in known]
    if not _is_certain(form, texts) and not _follow_one_another(counts):
        return None
    firsts = [f"{count // 12}-{count % 12 + 1:02d}-01" for count in counts]
    return pl.Series(firsts).str.to_date("%Y-%m-%d").dt.month_end()


def months_of_numbers(whole: pl.Series) -> pl.Series | None:
    """Return the last days of months such as 202301; None if the numbers are not such
    months, one after the other.
    """
    distinct = whole.drop_nulls().unique(maintain_order=True)
    if not distinct.is_between(190_001, 210_012).all():  # 19001 is a day, counted from 1970
        return None
    ends = ends_of_periods(distinct.cast(pl.String))
    return None if ends is None else whole.replace_strict(distinct, ends)


def _place(match: re.Match[str]) -> tuple[int, int] | None:
    parts = match.groupdict()
    year = int(parts["year"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if "named" in parts:
        number = _MONTHS.get(parts["named"][:3].lower())
        return None if number is None else (year, number)
    return year, int(next(parts[name] for name in ("month", "quarter", "week") if name in parts))


# 2015-01 and 2015Q1 are no days; 201501 may be a number, and Jan-15 a day.
def _is_certain(form: re.Pattern[str], texts: list[str]) -> bool:
    if "quarter" in form.groupindex:
        return True
    return all(re.search(r"(?:19|20)\d{2}", one) and not one.isdigit() for one in texts)


def _follow_one_another(counts: list[int]) -> bool:
    steps = {later - earlier for earlier, later in pairwise(counts)}
    return len(counts) >= _FEW and steps in ({1}, {-1})
