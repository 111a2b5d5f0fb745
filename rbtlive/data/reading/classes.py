"""What a symbol says of itself: its asset class, and the exchange of its suffix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_FIAT: Final = frozenset(
    (
        "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "HUF",
        "CZK", "TRY", "ZAR", "MXN", "SGD", "HKD", "CNH", "CNY", "INR", "KRW", "THB", "ILS", "BRL",
        "RUB", "XAU", "XAG",
    )
)  # fmt: skip
_COINS: Final = frozenset(
    (
        "BTC", "XBT", "ETH", "SOL", "XRP", "ADA", "DOGE", "DOT", "LTC", "BCH", "BNB", "LINK",
        "AVAX", "MATIC", "SHIB", "UNI", "ATOM", "XLM", "TRX", "ETC", "FIL", "NEAR", "AAVE", "ALGO",
        "PEPE", "SUI", "APT", "ARB", "OP", "TON", "XMR", "ZEC", "EOS", "DASH",
    )
)  # fmt: skip
_QUOTES: Final = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI", "USD", "EUR", "GBP", "BTC", "ETH")
_STABLE: Final = _QUOTES[:6]

EXCHANGE_OF_SUFFIX: Final = {
    "L": "XLON", "DE": "XETR", "F": "XFRA", "T": "XTKS", "HK": "XHKG", "TO": "XTSE", "PA": "XPAR",
    "AS": "XAMS", "MI": "XMIL", "MC": "XMAD", "SW": "XSWX", "AX": "XASX", "NS": "XBOM",
    "BO": "XBOM", "SS": "XSHG", "SZ": "XSHG", "KS": "XKRX", "KQ": "XKRX", "SA": "BVMF",
    "ST": "XSTO", "CO": "XCSE", "HE": "XHEL", "OL": "XOSL", "VI": "XWBO", "BR": "XBRU",
    "LS": "XLIS", "WA": "XWAR", "TW": "XTAI", "SI": "XSES", "NZ": "XNZE", "MX": "XMEX",
}  # fmt: skip
"""Yahoo's suffixes and the calendars of their exchanges."""


def class_of(symbol: str) -> str | None:
    """Return "crypto" or "fx" where a symbol shows it; None for all others."""
    name = symbol.upper().removesuffix("=X")
    base, quote = _pair(name)
    if base is None:
        return None
    if base in _FIAT and quote in _FIAT:
        return "fx"
    if base in _COINS or quote in _STABLE:
        return "crypto"
    # another coin against dollars, written as pairs are
    return "crypto" if re.search(r"[/]", name) and quote in _QUOTES else None


def _pair(name: str) -> tuple[str | None, str]:
    split = re.fullmatch(r"([A-Z0-9]{2,10})[-/_:.]([A-Z]{3,5})(:[A-Z]{3,5})?", name)
    if split:
        return split[1], split[2]
    if re.fullmatch(r"[A-Z]{6}", name) and name[:3] in _FIAT and name[3:] in _FIAT:
        return name[:3], name[3:]
    for quote in _QUOTES:
        base = name.removesuffix(quote)
        if base != name and (base in _COINS or (quote in _STABLE and len(base) >= 2)):
            return base, quote
    return None, ""


def common_class(symbols: Iterable[str]) -> str | None:
    """Return the class that all symbols show; None if they differ or show none."""
    found = {class_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else None


def exchange_of(symbols: Iterable[str]) -> str | None:
    """Return the calendar that the suffix of all symbols names."""
    found = {
        EXCHANGE_OF_SUFFIX.get(symbol.rpartition(".")[2]) if "." in symbol else None
        for symbol in symbols
    }
    return found.pop() if len(found) == 1 else None
