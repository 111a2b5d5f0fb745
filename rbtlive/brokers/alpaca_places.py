"""Alpaca's addresses for market data by asset class: one for shares, another for crypto
pairs.

The rule: a connection uses one place; its paths and its daily bars' time zone are those
of that place. Source: docs.alpaca.markets/docs/historical-crypto-data-1 and
/docs/real-time-crypto-pricing-data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from rbtlive.brokers.alpaca_rules import is_crypto
from rbtlive.errors import InvalidSetting

_NEW_YORK: Final = ZoneInfo("America/New_York")
_UTC: Final = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class DataPlace:
    """The addresses of one asset class's market data.

    Attributes:
        bars: Path of the archive.
        latest: Path of the latest bars.
        stream: Path of the stream.
        zone: Time zone at whose midnight a daily bar begins.
        calendar: Default calendar of daily bars.
        query: Parameters that every query needs.
    """

    bars: str
    latest: str
    stream: str
    zone: tzinfo
    calendar: str
    query: Mapping[str, str] = field(default_factory=dict)


CRYPTO: Final = DataPlace(
    "/v1beta3/crypto/us/bars",
    "/v1beta3/crypto/us/latest/bars",
    "/v1beta3/crypto/us",
    _UTC,
    "24/7",
)


def shares(data_feed: str) -> DataPlace:
    """Return the place of shares, for one of their feeds."""
    return DataPlace(
        "/v2/stocks/bars",
        "/v2/stocks/bars/latest",
        f"/v2/{data_feed}",
        _NEW_YORK,
        "XNYS",
        {"feed": data_feed, "adjustment": "raw"},
    )


def place_of(symbols: Iterable[str], *, data_feed: str) -> DataPlace:
    """Return the place that has all of the symbols.

    Raises:
        InvalidSetting: the symbols mix shares and pairs.
    """
    names = sorted(symbols)
    pairs = [name for name in names if is_crypto(name)]
    if pairs and len(pairs) < len(names):
        others = [name for name in names if not is_crypto(name)]
        raise InvalidSetting(
            "Alpaca's market data comes from one place for shares and from another for crypto: "
            f"were {', '.join(pairs[:3])} and {', '.join(others[:3])} in one feed; run a session "
            "for each, they can share the account"
        )
    return CRYPTO if pairs else shares(data_feed)


def zone_of(symbol: object) -> tzinfo:
    """Return the time zone at whose midnight a symbol's daily bars begin."""
    return _UTC if isinstance(symbol, str) and is_crypto(symbol) else _NEW_YORK
