"""A session's state as static HTML, for saved notebooks, exports, and places without
widgets.

The rule: every text is escaped, styles are inline, nothing is loaded, and the size is
bounded. A page that removes styles (as GitHub does) still has readable tables and text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rbtlive.notebook.panel.columns import ORDER_COLUMNS, POSITION_COLUMNS, Column
from rbtlive.research.static_chart import EquityCurve, equity_curve_html

ORDERS_SHOWN = 20
POSITIONS_SHOWN = 20
LINES_SHOWN = 8
_COUNTED = " so far, "
_NUMBERS = re.compile(r"\d[\d.,]*")
_GOOD, _BAD, _SOFT = "#2f7fc4", "#c8620a", "rgba(128,128,128,.35)"
_THIN = "\u202f"
_STAY = "\u00a0"  # keeps words on one line, even if styles are removed
_NOTHING = "–"  # noqa: RUF001 - a dash for missing values
_TYPE = "font-size:13px;line-height:1.45;font-variant-numeric:tabular-nums"
_BOX = f"{_TYPE};max-width:1100px"
_RULE = f"border:0;border-bottom:1px solid {_SOFT}"
_DAYS_ALONE_MS = 3 * 86_400_000
_ENDED_STATES = {"stopped", "failed"}
_LEFT = {"text", "time", "state", "reason"}
_BAD_STATES = {"rejected", "denied", "unknown"}

State = dict[str, Any]


def static_html(state: State) -> str:
    """Return the whole state of a panel as HTML.

    Args:
        state: Result of `PanelState.whole`.
    """
    parts = [_head(state), _figures(state), _course(state), _positions(state), _orders(state)]
    parts += [_failures(state), _logs(state)]
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def rows_html(title: str, columns: Sequence[Column], rows: Sequence[State]) -> str:
    """Return a table of rows as HTML, in the static form."""
    table = _table(title, columns, rows, all_rows=len(rows))
    return f'<div style="{_TYPE}">{table or f"<b>{title}</b>: none"}</div>'


def number(value: float | None, digits: int = 0, most: int | None = None) -> str:
    """Return a number with commas between thousands and `digits` to `most`
    decimals; a dash for None.
    """
    if value is None:
        return _NOTHING
    most = digits if most is None else most
    text = f"{abs(value):,.{most}f}"
    while most > digits and text.endswith("0"):
        text, most = text[:-1], most - 1
    text = text.rstrip(".")
    return ("−" if value < 0 and text.strip("0.") else "") + text  # noqa: RUF001 - a minus sign as wide as a plus


def signed(value: float | None, digits: int = 0, most: int | None = None) -> str:
    """Return a number that also shows a positive sign."""
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
    described = f'<span style="opacity:.7">{html.escape(about)}</span>'
    lines = [f"<div>{title} {described} · {html.escape(state_text)}</div>"]
    if head["failure"]:
        lines.append(f'<div style="color:{_BAD}">⚠ Failed: {html.escape(head["failure"])}</div>')
    elif head["trading"] != "running":
        words = f"Trading is {head['trading']}: {head['reason']}"
        lines.append(f'<div style="color:{_BAD}">⚠ {html.escape(words)}</div>')
    return "".join(lines)


def _figures(state: State) -> str:
    money, counts, meters = state.get("money", {}), state.get("counts", {}), state["meters"]
    share, open_profit = money.get("gain_share"), money.get("open")
    denied = counts.get("denied")
    orders = f"{number(counts.get('orders', 0))}, {number(counts.get('open', 0))} open"
    facts = [
        ("Portfolio", number(money.get("value"), 2)),
        ("Cash", number(money.get("cash"), 2)),
        ("Day", _gain(money.get("day"))),
        ("Profit", _gain(money.get("gain")) + (f" ({_percent(share)})" if share else "")),
        ("Open profit", _gain(open_profit)),
        ("Drawdown", f"{_percent(money.get('drawdown'))}, {_percent(money.get('max_drawdown'))}"),
        ("Exposure", _percent(money.get("gross"), plus=False)),
        ("Commissions", number(money.get("commissions"), 2)),
        ("Orders", orders + (f", {number(denied)} denied" if denied else "")),
        ("Fills", number(counts.get("fills", 0))),
        ("Events", number(meters["events"])),
        ("Latency", f"p50 {_micros(meters['p50_us'])}, p99 {_micros(meters['p99_us'])}"),
        ("Worst lag", f"{number(meters['worst_lag_ms'], 1)}{_THIN}ms"),
        ("Errors", number(meters["errors"])),
        ("Last bar", _moment(state["feed"]["bar"])),
    ]
    cells = " · ".join(
        f'<span style="white-space:nowrap"><span style="opacity:.7">{label}</span> {text}</span>'
        for label, text in facts
    )
    return f'<p style="margin:.4em 0">{cells}</p>{_parameters(state)}'


def _parameters(state: State) -> str:
    pairs = [*state.get("parameters", {}).items()]
    pairs += [(row["name"], number(row["value"], 0, 4)) for row in state.get("recorded", ())]
    if not pairs:
        return ""
    cells = " · ".join(
        f'<span style="opacity:.7">{html.escape(name)}</span> {html.escape(str(value))}'
        for name, value in pairs
    )
    return f'<p style="margin:.4em 0">{cells}</p>'


def _percent(value: float | None, *, plus: bool = True) -> str:
    if value is None:
        return _NOTHING
    return f"{signed(value * 100, 2) if plus else number(value * 100, 2)}{_THIN}%"


def _course(state: State) -> str:
    points = [*state["equity"], *([state["live"]] if state.get("live") else [])]
    if len(points) < 2:
        return ""
    days = points[-1][0] - points[0][0] > _DAYS_ALONE_MS
    drawing = equity_curve_html(
        EquityCurve(
            points=points,
            first=_moment(points[0][0], date_only=days),
            last=_moment(points[-1][0], date_only=days),
            marks=[(marker["at"], marker["amount"] > 0) for marker in state["markers"]],
            width=720,
        )
    )
    if not drawing or not state["markers"]:
        return drawing
    fills, marked = state.get("counts", {}).get("fills", 0), len(state["markers"])
    latest = f" the latest {number(marked)} of {number(fills)} fills" if fills > marked else ""
    legend = f'<span style="color:{_GOOD}">▲ bought</span> <span style="color:{_BAD}">▼ sold</span>'
    return (
        f'{drawing}<div style="font-size:12px">{legend}<span style="opacity:.7">'
        f"{latest}</span></div>"
    )


def _positions(state: State) -> str:
    rows = sorted(state["positions"], key=lambda row: -abs(row["value"] or 0.0))
    shared = any(row.get("elsewhere") for row in rows)
    columns = [one for one in POSITION_COLUMNS if shared or one.key != "elsewhere"]
    return _table("Positions", columns, rows[:POSITIONS_SHOWN], all_rows=len(rows))


def _orders(state: State) -> str:
    rows = sorted(state["orders"], key=lambda row: (-row["open"], -row["id"]))
    total = state.get("counts", {}).get("orders", len(rows))
    refused = "".join(
        f'<div style="color:{_BAD}">{number(row["count"])} denied: '
        f"{html.escape(row['reason'])}</div>"
        for row in state.get("refusals", ())[:3]
    )
    shown = rows[:ORDERS_SHOWN]
    return refused + _table("Orders", ORDER_COLUMNS, shown, all_rows=max(total, len(rows)))


def _cell(column: Column, value: Any) -> str:
    match column.kind:
        case "time":
            return _moment(value)
        case "signed":
            return signed(value, 0, 6)
        case "price":
            return "" if value is None else number(value, 2, 4 if abs(value) >= 1 else 12)
        case "count":
            return number(value)
        case "money":
            return number(value, 2)
        case "share":
            return _percent(value, plus=False)
        case "gain":
            return _gain(value)
        case "state":
            words = html.escape(value.replace("_", _STAY))
            bad = value in _BAD_STATES
            return f'<span style="color:{_BAD}">✕{_STAY}{words}</span>' if bad else words
        case _:
            return html.escape(str(value))


def _failures(state: State) -> str:
    parts = "".join(map(_failure, reversed(state["failures"])))
    return f'<div style="margin-top:.6em"><b>Errors</b>{parts}</div>' if parts else ""


def _failure(row: dict[str, Any]) -> str:
    times = f" ({row['times']} times)" if row["times"] > 1 else ""
    title = html.escape(row["title"])
    return (
        f'<details><summary style="color:{_BAD}">{title}{times}</summary>'
        f"{_pre(row['traceback'])}</details>"
    )


def _pre(text: str) -> str:
    return f'<pre style="white-space:pre-wrap">{html.escape(text)}</pre>'


def _logs(state: State) -> str:
    lines = "\n".join(_without_old_counts(state["logs"])[-LINES_SHOWN:])
    return f'<div style="margin-top:.6em"><b>Log</b>{_pre(lines)}</div>' if lines else ""


# Of lines that count the same thing "so far", the static view shows the last.
def _without_old_counts(lines: Sequence[str]) -> list[str]:
    kept: dict[object, str] = {}
    for place, line in enumerate(lines):
        key = _NUMBERS.sub("#", line.rpartition(" (")[0]) if _COUNTED in line else place
        kept.pop(key, None)
        kept[key] = line
    return list(kept.values())


def _table(title: str, columns: Sequence[Column], rows: Sequence[State], *, all_rows: int) -> str:
    if not rows:
        return ""
    sides = ["left" if column.kind in _LEFT else "right" for column in columns]
    faint = f"{_RULE};font-weight:normal;opacity:.7;padding:.1em .7em"
    head = "".join(
        f'<th scope="col" align="{side}" style="text-align:{side};{faint}">{column.title}</th>'
        for column, side in zip(columns, sides, strict=True)
    )
    body = "".join(f"<tr>{_cells(row, columns, sides)}</tr>" for row in rows)
    more = f"{len(rows)} of {number(all_rows)}" if all_rows > len(rows) else ""
    return (
        f'<div style="margin-top:.6em"><b>{title}</b> <span style="opacity:.7">{more}</span>'
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:0">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )


def _cells(row: State, columns: Sequence[Column], sides: Sequence[str]) -> str:
    return "".join(
        f'<td align="{side}" style="border:0;text-align:{side};padding:.1em .7em'
        f'{";min-width:14em" if column.kind == "reason" else ";white-space:nowrap"}">'
        f"{_cell(column, row[column.key])}</td>"
        for column, side in zip(columns, sides, strict=True)
    )
