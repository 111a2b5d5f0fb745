"""Classes of assets, and their defaults.

The rule: a class gives defaults (lot, tick, whether volume means anything, calendar);
an asset's own facts take precedence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class AssetClass:
    """Defaults for assets of a class.

    Attributes:
        name: "equity", "etf", "crypto", "fx", "future" or "option".
        lot_size: Smallest tradable amount.
        ticks: Price steps: (prices below this, step), ascending; the last one has no
            limit.
        has_volume: Whether a bar's volume limits how much could have been traded. For
            currencies it does not, because they trade in no single place.
        calendar: The calendar that such assets trade by.
    """

    name: str
    lot_size: Decimal
    ticks: tuple[tuple[Decimal | None, Decimal], ...]
    has_volume: bool
    calendar: str

    @property
    def tick_size(self) -> Decimal:
        """Step of the highest prices."""
        return self.ticks[-1][1]

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the step at a price."""
        return next(step for below, step in self.ticks if below is None or price < below)


# Sources: shares, SEC Regulation NMS, rule 612 (zipline's cent below a dollar too);
# pairs of coins, the increments of Alpaca's crypto assets (1e-9 of a coin), and steps
# as small as prices of a billionth need; currencies, a tenth of a pip.
ASSET_CLASSES: Final = {
    one.name: one
    for one in (
        AssetClass("equity", Decimal(1), ((None, _CENT),), True, "XNYS"),
        AssetClass("etf", Decimal(1), ((None, _CENT),), True, "XNYS"),
        AssetClass(
            "crypto",
            Decimal("1E-9"),
            ((Decimal("0.0001"), Decimal("1E-12")), (None, Decimal("1E-8"))),
            True,
            "24/7",
        ),
        AssetClass(
            "fx",
            Decimal(1),
            ((Decimal(20), Decimal("0.00001")), (None, Decimal("0.001"))),
            False,
            "24/5",
        ),
        AssetClass("future", Decimal(1), ((None, _CENT),), True, "CMES"),
        AssetClass("option", Decimal(1), ((None, _CENT),), True, "XNYS"),
    )
}

_CURRENCIES: Final = frozenset(
    (
        "USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD", "SEK", "NOK", "DKK", "PLN", "HUF",
        "CZK", "TRY", "ZAR", "MXN", "SGD", "HKD", "CNH", "CNY", "INR", "KRW", "THB", "ILS", "BRL",
        "RUB", "XAU", "XAG",
    )
)  # fmt: skip
_COINS: Final = frozenset(
    (
        "BTC", "XBT", "ETH", "SOL", "XRP", "ADA", "DOGE", "DOT", "LTC", "BCH", "BNB", "LINK",
        "AVAX", "MATIC", "POL", "SHIB", "UNI", "ATOM", "XLM", "TRX", "ETC", "FIL", "NEAR", "AAVE",
        "ALGO", "PEPE", "BONK", "FLOKI", "WIF", "SUI", "APT", "ARB", "OP", "TON", "XMR", "ZEC",
        "EOS", "DASH", "HBAR", "ICP",
    )
)  # fmt: skip
_STABLE: Final = ("USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI")
_DOLLARS: Final = ("USDT", "USDC", "FDUSD")
"""Quote currencies with which no other kind of symbol ends."""
_QUOTES: Final = (*_STABLE, "USD", "EUR", "GBP", "BTC", "ETH")
_LONGEST: Final = 64
"""Maximum length of a symbol that shows a class."""
_MONEY: Final = _CURRENCIES | _COINS | frozenset(_QUOTES)
_PAIR: Final = re.compile(r"([A-Z0-9]{2,10})[-/_:.]([A-Z]{3,5})(?::[A-Z]{3,5})?")
_FEED: Final = re.compile(r"[A-Z]+:(?=[A-Z0-9]{5,}$)")
"""A vendor's prefix: Polygon's "X:BTCUSD" and "C:EURUSD", TradingView's
"OANDA:EURUSD".
"""
_PERPETUAL: Final = re.compile(r"(\.P|[-_]PERP)$")
_KRAKEN: Final = re.compile(r"X([A-Z]{3})Z([A-Z]{3})")
_OPTION: Final = re.compile(r"[A-Z]{1,6} ?\d{6}[CP]\d{8}")


def class_of(symbol: str, *, calendar: str = "") -> str | None:
    """Return the asset class that a symbol shows: "BTC/USDT" is crypto, "EURUSD=X" fx,
    "ES=F" a future; otherwise None.

    Args:
        symbol: The symbol.
        calendar: Its trading calendar; on a round-the-clock one, a bare coin name is
            crypto.
    """
    name = symbol.upper()
    if name.endswith("=F"):
        return "future"
    if len(name) <= _LONGEST and _OPTION.fullmatch(name):
        return "option"
    name = _bare(symbol)
    if name in _COINS and (calendar == "24/7" or _PERPETUAL.search(symbol.upper())):
        return "crypto"
    base, quote = _parts(name)
    if (base in _CURRENCIES and quote in _CURRENCIES) or _is_of_the_dollar(symbol):
        return "fx"
    if base in _COINS or quote in _STABLE or ("/" in name and quote in _QUOTES):
        return "crypto"
    return None


def common_class(symbols: Iterable[str]) -> str | None:
    """Return the class that all symbols show; None if they differ or one shows none."""
    found = {class_of(symbol) for symbol in symbols}
    return found.pop() if len(found) == 1 else None


def quote_of(symbol: str) -> str:
    """Return the currency of a symbol's prices; "USD" if the symbol shows none."""
    if _is_of_the_dollar(symbol):
        return _bare(symbol)
    return _parts(_bare(symbol))[1] or "USD"


# Yahoo's "JPY=X" is the dollar in yen.
def _is_of_the_dollar(symbol: str) -> bool:
    return symbol.upper().endswith("=X") and _bare(symbol) in _CURRENCIES


def _bare(symbol: str) -> str:
    if len(symbol) > _LONGEST:
        return ""
    name = _PERPETUAL.sub("", symbol.upper().removesuffix("=X"))
    return _KRAKEN.sub(r"\1\2", _FEED.sub("", name))


def _parts(name: str) -> tuple[str, str]:
    split = _PAIR.fullmatch(name)
    if split and split[2] in _MONEY and ("." not in name or split[1] in _COINS | _CURRENCIES):
        return split[1], split[2]
    if len(name) == 6 and name[:3] in _CURRENCIES and name[3:] in _CURRENCIES:
        return name[:3], name[3:]
    for quote in _QUOTES:
        base = name.removesuffix(quote)
        if base != name and base in _COINS:
            return base, quote
    for quote in _DOLLARS:
        base = name.removesuffix(quote)
        if base != name and len(base) >= 2 and "/" not in base:
            return base, quote
    return "", ""
