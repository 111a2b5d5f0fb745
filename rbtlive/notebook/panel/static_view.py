"""A session's state as still HTML: what stays in a saved notebook, in an export, and
where no widget can live.

The rule: every text is escaped, styles are inline, nothing is loaded, and the size is
bounded. A page that takes styles away (GitHub does) leaves plain tables and text that
still read well.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rbtlive.research.static_chart import Course, equity_curve_html

ORDERS_SHOWN = 20
POSITIONS_SHOWN = 20
LINES_SHOWN = 8
_GOOD, _BAD, _SOFT = "#2f7fc4", "#c8620a", "rgba(128,128,128,.35)"
_THIN = "\u202f"
_STAY = "\u00a0"  # between words that stay on one line, also where styles are taken away
_NOTHING = "–"  # noqa: RUF001 - a dash for nothing
_BOX = "font-size:13px;line-height:1.45;font-variant-numeric:tabular-nums;max-width:1100px"
_RULE = f"border:0;border-bottom:1px solid {_SOFT}"
_DAYS_ALONE_MS = 3 * 86_400_000
_ENDED_STATES = {"stopped", "failed"}
_BAD_STATES = {"rejected", "denied", "unknown"}

State = dict[str, Any]


def static_html(state: State) -> str:
    """Return the whole state of a panel as HTML.

    Args:
        state: What `PanelState.whole` returns.
    """
    parts = [_head(state), _figures(state), _course(state), _positions(state), _orders(state)]
    parts += [_failures(state), _logs(state)]
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def number(value: float | None, digits: int = 0, most: int | None = None) -> str:
    """Return a number with thin spaces between thousands and `digits` to `most`
    decimals; a dash for None.
    """
    if value is None:
        return _NOTHING
    most = digits if most is None else most
    text = f"{abs(value):,.{most}f}".replace(",", _THIN)
    while most > digits and text.endswith("0"):
        text, most = text[:-1], most - 1
    text = text.rstrip(".")
    return ("−" if value < 0 and text.strip("0.") else "") + text  # noqa: RUF001 - a minus as wide as a plus


def signed(value: float | None, digits: int = 0, most: int | None = None) -> str:
    """Return a number that shows its sign even if it is positive."""
    text = number(value, digits, most)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.") else text


def _gain(value: float | None) -> str:
    if not value:
        return number(value, 2)
    colour, arrow = (_GOOD, "▲") if value > 0 else (_BAD, "▼")
    return f'<span style="color:{colour}">{arrow}{_STAY}{signed(value, 2)}</span>'


def _moment(ms: float | None, *, date_only: bool = False) -> str:
    form = "%Y-%m-%d" if date_only else "%Y-%m-%d %H:%M"
    return _NOTHING if not ms else datetime.fromtimestamp(ms / 1000, UTC).strftime(form)


def _micros(us: float | None) -> str:
    if us is None:
        return _NOTHING
    return f"{number(us)}{_THIN}µs" if us < 1000 else f"{number(us / 1000, 1)}{_THIN}ms"


def _head(state: State) -> str:
    head = state["head"]
    about = f"{head['strategy']} on {head['broker']}"
    title = f'<b style="font-size:15px">{html.escape(head["name"])}</b>'
    state_text = (
        head["state"] if head["state"] in _ENDED_STATES else f"{head['state']} when this was saved"
    )
    lines = [
        f'<div>{title} <span style="opacity:.7">{html.escape(about)}</span> · {html.escape(state_text)}</div>'
    ]
    if head["failure"]:
        lines.append(f'<div style="color:{_BAD}">⚠ Failed: {html.escape(head["failure"])}</div>')
    elif head["trading"] != "running":
        words = f"Trading is {head['trading']}: {head['reason']}"
        lines.append(f'<div style="color:{_BAD}">⚠ {html.escape(words)}</div>')
    return "".join(lines)


def _figures(state: State) -> str:
    value, cash, gain, share, _commissions = state.get("money") or [None] * 5
    all_orders, opened, denied, fills, _held = state.get("counts") or [0] * 5
    events, _rate, p50, p99, _lag, worst, errors = state["meters"]
    share_text = "" if share is None else f" ({signed(share * 100, 2)}{_THIN}%)"
    facts = [
        ("Portfolio", number(value, 2)),
        ("Cash", number(cash, 2)),
        ("Profit", _gain(gain) + share_text),
        (
            "Orders",
            f"{number(all_orders)}, {number(opened)} open"
            + (f", {number(denied)} denied" if denied else ""),
        ),
        ("Fills", number(fills)),
        ("Events", number(events)),
        ("Latency", f"p50 {_micros(p50)}, p99 {_micros(p99)}"),
        ("Worst lag", f"{number(worst, 1)}{_THIN}ms"),
        ("Errors", number(errors)),
        ("Last bar", _moment(state["feed"]["bar"])),
    ]
    cells = " · ".join(
        f'<span style="white-space:nowrap"><span style="opacity:.7">{label}</span> {text}</span>'
        for label, text in facts
    )
    return f'<p style="margin:.4em 0">{cells}</p>'


def _course(state: State) -> str:
    points = [*state["equity"], *([state["live"]] if state.get("live") else [])]
    if len(points) < 2:
        return ""
    days = points[-1][0] - points[0][0] > _DAYS_ALONE_MS
    drawing = equity_curve_html(
        Course(
            points=points,
            first=_moment(points[0][0], date_only=days),
            last=_moment(points[-1][0], date_only=days),
            marks=[(when, amount > 0) for when, amount, *_rest in state["marks"]],
            width=720,
        )
    )
    if not drawing or not state["marks"]:
        return drawing
    fills, marked = (state.get("counts") or [0] * 5)[3], len(state["marks"])
    latest = f" the latest {number(marked)} of {number(fills)} fills" if fills > marked else ""
    legend = f'<span style="color:{_GOOD}">▲ bought</span> <span style="color:{_BAD}">▼ sold</span>'
    return f'{drawing}<div style="font-size:12px">{legend}<span style="opacity:.7">{latest}</span></div>'


def _positions(state: State) -> str:
    rows = sorted(state["positions"], key=lambda row: -abs(row[4] or 0.0))
    shown = [
        (
            html.escape(symbol),
            signed(amount, 0, 6),
            number(cost, 2, 4),
            number(price, 2, 4),
            number(value, 2),
            _gain(gain),
        )
        for symbol, amount, cost, price, value, gain in rows[:POSITIONS_SHOWN]
    ]
    return _table(
        "Positions",
        ("Symbol", "Amount", "Cost", "Price", "Value", "Profit"),
        shown,
        left=(0,),
        all_rows=len(rows),
    )


def _orders(state: State) -> str:
    rows = sorted(state["orders"], key=lambda row: (-row[11], -row[0]))
    shown = [_order(row) for row in rows[:ORDERS_SHOWN]]
    titles = (
        "#",
        "Symbol",
        f"Filled{_STAY}/{_STAY}amount",
        "Limit",
        "Stop",
        "Price",
        "Status",
        "Reason",
    )
    total = (state.get("counts") or [len(rows)])[0]
    return _table("Orders", titles, shown, left=(1, 6, 7), all_rows=max(total, len(rows)))


def _order(row: Sequence[Any]) -> tuple[str, ...]:
    order_id, symbol, amount, filled, limit, stop, price, status, reason = row[:9]
    words = html.escape(status.replace("_", _STAY))
    return (
        str(order_id),
        html.escape(symbol),
        f"{signed(filled, 0, 6)}{_STAY}/{_STAY}{signed(amount, 0, 6)}",
        "" if limit is None else number(limit, 2, 6),
        "" if stop is None else number(stop, 2, 6),
        "" if price is None else number(price, 2, 4),
        f'<span style="color:{_BAD}">✕{_STAY}{words}</span>' if status in _BAD_STATES else words,
        html.escape(reason),
    )


def _failures(state: State) -> str:
    parts = [
        f'<details><summary style="color:{_BAD}">{html.escape(title)}{f" ({times} times)" if times > 1 else ""}</summary>'
        f"{_pre(trace)}</details>"
        for _number, times, title, trace in reversed(state["failures"])
    ]
    return f'<div style="margin-top:.6em"><b>Errors</b>{"".join(parts)}</div>' if parts else ""


def _pre(text: str) -> str:
    return f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>'


def _logs(state: State) -> str:
    lines = "\n".join(state["logs"][-LINES_SHOWN:])
    return f'<div style="margin-top:.6em"><b>Log</b>{_pre(lines)}</div>' if lines else ""


def _table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Iterable[int],
    all_rows: int,
) -> str:
    # Cells come escaped; titles are our own.
    if not rows:
        return ""
    sides = ["left" if i in set(left) else "right" for i in range(len(columns))]
    head = "".join(
        f'<th scope="col" align="{side}" style="{_RULE};text-align:{side};font-weight:normal;opacity:.7;padding:.1em .7em">{column}</th>'
        for column, side in zip(columns, sides, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td align="{side}" style="border:0;text-align:{side};padding:.1em .7em">{cell}</td>'
            for cell, side in zip(row, sides, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    more = (
        f' <span style="opacity:.7">{len(rows)} of {number(all_rows)}</span>'
        if all_rows > len(rows)
        else ""
    )
    return (
        f'<div style="margin-top:.6em"><b>{title}</b>{more}'
        f'<table style="border-collapse:collapse;margin:0"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )
