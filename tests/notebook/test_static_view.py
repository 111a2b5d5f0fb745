"""The still picture of a session where styles, scripts and images are taken away: it
reads as plain text and tables.
"""

import re
from html.parser import HTMLParser

import pytest

from rbtlive.notebook.panel.static_view import static_html
from rbtlive.research.parity_report import ParityReport

DAY_MS = 86_400_000
STATE = {
    "head": {
        "name": "rotation",
        "strategy": "Rotation",
        "broker": "paper",
        "state": "running",
        "trading": "halted",
        "reason": "flatten by the operator",
        "failure": "",
    },
    "money": {
        "value": 211034.26,
        "cash": -225660.24,
        "day": -120.5,
        "gain": 111034.26,
        "gain_share": 1.110343,
        "open": -4240.89,
        "drawdown": -0.0125,
        "max_drawdown": -0.25,
        "gross": 2.07,
        "commissions": 3.25,
    },
    "counts": {"orders": 716, "open": 64, "denied": 2, "fills": 652, "positions": 1},
    "meters": {"events": 504, "p50_us": 35.5, "p99_us": 1200.0, "worst_lag_ms": 2.6, "errors": 9},
    "parameters": {"window": "30"},
    "recorded": [{"name": "spread", "value": 0.25, "points": []}],
    "refusals": [{"reason": "halted", "count": 2}],
    "feed": {"bar": 1_135_980_000_000},
    "equity": [[1_135_000_000_000 + DAY_MS * n, 100_000 + n] for n in range(10)],
    "live": None,
    "markers": [{"at": 1_135_000_000_000 + DAY_MS, "amount": 5, "price": 80.0, "symbol": "IBM"}],
    "positions": [
        {
            "symbol": "IBM",
            "amount": 2340,
            "cost": 84.0123,
            "price": 82.2,
            "value": 192348.0,
            "weight": 0.9115,
            "profit": -4240.89,
        }
    ],
    "orders": [
        {
            "id": 716,
            "created": 1_135_980_000_000,
            "symbol": "IBM",
            "side": "buy",
            "type": "limit",
            "amount": 25,
            "limit": 79.73,
            "stop": None,
            "filled": 0,
            "price": None,
            "state": "pending",
            "changed": 1_135_980_000_000,
            "reason": "",
            "open": 1,
        }
    ],
    "failures": [
        {"number": 1, "times": 9, "title": "ValueError: no price", "traceback": "In[2], line 17"}
    ],
    "logs": ["warning: trading is halted"],
}
KEPT = {"align", "alt", "colspan", "scope"}
"""Attributes that the strictest known page keeps; of elements it takes the drawing
ones, scripts and styles away.
"""


class Cleaner(HTMLParser):
    """Shows what is left of HTML on a page that trusts nothing: a line of text a block,
    cells apart.
    """

    def __init__(self):
        super().__init__()
        self.lines = [""]
        self.sides = []

    def handle_starttag(self, tag, attributes):
        kept = {name: value for name, value in attributes if name in KEPT}
        if tag in {"div", "p", "tr", "table", "details", "pre", "img"}:
            self.lines.append("")
        if tag in {"td", "th"}:
            self.lines[-1] += " | "
            self.sides.append(kept.get("align"))
        if tag == "img":
            self.lines[-1] += f"({kept['alt']})"
            self.lines.append("")

    def handle_data(self, data):
        self.lines[-1] += data


def cleaned(html):
    cleaner = Cleaner()
    cleaner.feed(html)
    return cleaner, [re.sub(r"\s+", " ", line).strip() for line in cleaner.lines if line.strip()]


def test_a_still_picture_reads_as_text_and_tables_without_any_style():
    cleaner, lines = cleaned(static_html(STATE))

    assert lines == [
        "rotation Rotation on paper · running when this was saved",
        "⚠ Trading is halted: flatten by the operator",
        (
            "Portfolio 211,034.26 · Cash \u2212225,660.24 · Day ▼ \u2212120.50 · "
            "Profit ▲ +111,034.26 (+111.03 %) · Open profit ▼ \u22124,240.89 · "
            "Drawdown \u22121.25 %, \u221225.00 % · Exposure 207.00 % · Commissions 3.25 · "
            "Orders 716, 64 open, 2 denied"
            " · Fills 652 · Events 504 · Latency p50 36 µs, p99 1.2 ms · Worst lag 2.6 ms · Errors "
            "9 · Last bar 2005-12-30 22:00"
        ),
        "window 30 · spread 0.25",
        "(Portfolio value from 2005-12-19 to 2005-12-28, between 100,000 and 100,009)",
        "▲ bought ▼ sold the latest 1 of 652 fills",
        "Positions",
        "| Symbol | Amount | Cost | Price | Value | Weight | Profit",
        "| IBM | +2,340 | 84.0123 | 82.20 | 192,348.00 | 91.15 % | ▼ \u22124,240.89",
        "2 denied: halted",
        "Orders 1 of 716",
        (
            "| # | Time | Symbol | Side | Type | Amount | Limit | Stop | Filled | Avg price | Status"
            " | Changed | Reason"
        ),
        (
            "| 716 | 2005-12-30 22:00 | IBM | buy | limit | +25 | 79.73 | | 0 | | pending"
            " | 2005-12-30 22:00 |"
        ),
        "Errors",
        "ValueError: no price (9 times)",
        "In[2], line 17",
        "Log",
        "warning: trading is halted",
    ]
    assert cleaner.sides[:6] == ["left", *["right"] * 5]


@pytest.mark.parametrize("part", ["equity", "markers", "positions", "orders", "failures", "logs"])
def test_a_part_that_is_empty_is_left_out(part):
    shown = static_html({**STATE, part: []})

    assert len(shown) < len(static_html(STATE))
    assert "None" not in shown


def test_a_report_reads_without_any_style_too():
    _cleaner, lines = cleaned(ParityReport(True, 82, 82, 0)._repr_html_())

    assert lines == [
        "| The session and its backtest are identical: 82 orders and 82 fills, digit for digit.",
        "| orders compared | 82",
        "| fills compared | 82",
        "| interventions | 0",
    ]


def test_only_reasons_break_their_lines_in_a_narrow_page():
    cells = re.findall(r'<td align="\w+" style="([^"]*)"', static_html(STATE))

    kept = [style for style in cells if "white-space:nowrap" in style]
    assert len(cells) - len(kept) == len(STATE["orders"])


def test_of_a_count_that_grew_the_last_line_is_shown():
    counts = [
        f"warning: {count} orders denied so far, drawdown: it fell {count / 10}% (IBM)"
        for count in (7, 14, 28)
    ]
    others = ["warning: trading is halted", "warning: 3 orders canceled so far, late bar (IBM)"]

    _cleaner, lines = cleaned(
        static_html({**STATE, "logs": [counts[0], others[0], *counts[1:], others[1]]})
    )

    shown = lines[lines.index("Log") + 1 :]
    assert " ".join(shown) == " ".join([others[0], counts[-1], others[1]])
