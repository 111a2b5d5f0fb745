"""The exchange that a symbol's suffix names.

The rule: an exchange is named only if the suffixes of all symbols agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

EXCHANGE_OF_SUFFIX: Final = {
    "L": "XLON", "DE": "XETR", "F": "XFRA", "T": "XTKS", "HK": "XHKG", "TO": "XTSE",
    "PA": "XPAR", "AS": "XAMS", "MI": "XMIL", "MC": "XMAD", "SW": "XSWX", "AX": "XASX",
    "NS": "XBOM",
    "BO": "XBOM", "SS": "XSHG", "SZ": "XSHG", "SH": "XSHG", "KS": "XKRX", "KQ": "XKRX",
    "SA": "BVMF", "ST": "XSTO", "CO": "XCSE", "HE": "XHEL", "OL": "XOSL", "VI": "XWBO",
    "BR": "XBRU",
    "LS": "XLIS", "WA": "XWAR", "TW": "XTAI", "SI": "XSES", "NZ": "XNZE", "MX": "XMEX",
    "IS": "XIST",
    "XSHE": "XSHG", "SHE": "XSHG", "SHG": "XSHG", "LSE": "XLON", "XETRA": "XETR", "KO": "XKRX",
    **{name: name for name in ("XSHG", "XLON", "XETR", "XTKS", "XHKG", "XPAR", "XAMS", "XTSE")},
}  # fmt: skip
"""Calendars by suffix: of Yahoo, JoinQuant and EODHD, and exchanges' own codes
(MIC).
"""


def exchange_of(symbols: Iterable[str]) -> str | None:
    """Return the calendar that the suffixes of all symbols name."""
    found = {_exchange_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else None


def _exchange_of(symbol: str) -> str | None:
    if re.fullmatch(r"(sh|sz|SH|SZ)[.]?\d{6}", symbol):  # the form of baostock and akshare
        return "XSHG"
    return EXCHANGE_OF_SUFFIX.get(symbol.rpartition(".")[2]) if "." in symbol else None
