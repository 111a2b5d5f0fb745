"""Readable texts of figures: percent, money, days, by unit."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

DASH = "–"  # noqa: RUF001 - means no value


def by_unit(value: float | None, unit: str) -> str:
    """Return a statistic in readable form."""
    if value is None or not math.isfinite(value):
        return DASH
    if unit == "fraction":
        return f"{round(value * 100, 2) + 0.0:,.2f} %"
    if unit in {"count", "sessions", "weeks", "months"}:
        return f"{value:,.0f}"
    if unit in {"days", "bars"}:
        return f"{value:.2g}" if 0 < value < 1 else f"{value:,.1f}".removesuffix(".0")
    return f"{value:,.2f}"


def percent(value: float | None) -> str:
    """Return a fraction as percent."""
    return by_unit(value, "fraction")


def short(value: float, digits: int = 4) -> str:
    """Return a number with this many significant digits, and with commas instead of an
    exponent if it is large.
    """
    if not math.isfinite(value):
        return "none"
    size = math.floor(math.log10(abs(value))) if value else 0
    if size < -5:
        return f"{value:.{digits}g}"
    text = f"{value:,.{max(0, digits - 1 - size)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: float | Decimal | None) -> str:
    """Return money with two decimals and commas."""
    return DASH if value is None else f"{value:,.2f}"


def cell(value: object) -> str:
    """Return any value of a frame in readable form."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        text = f"{value:,.2f}"
        exact = f"{value:,f}"
        if "." not in exact:
            return exact
        exact = exact.rstrip("0").rstrip(".")
        return exact if len(exact.partition(".")[2]) <= 6 else text
    if isinstance(value, float):
        return f"{value:,.4f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        hours = value.total_seconds() / 3600
        return f"{hours / 24:,.1f} d" if hours >= 24 else f"{hours:,.1f} h"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, style: str = "") -> str:
    """Return an HTML table; every text is escaped, numbers are right-aligned."""
    body = [
        "<tr>" + "".join(_td(value, first=place == 0) for place, value in enumerate(row)) + "</tr>"
        for row in rows
    ]
    names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return (
        f'<table class="{style}"><thead><tr>{names}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def section(title: str, body: str) -> str:
    """Return a section of a page; empty without a body."""
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>" if body else ""


def _td(value: object, *, first: bool) -> str:
    text = html.escape(value if isinstance(value, str) else cell(value))
    return f"<th scope='row'>{text}</th>" if first else f"<td>{text}</td>"
