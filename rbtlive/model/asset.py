"""Tradable assets. An asset is a fact: frozen, one object per asset and run; a number
equal to its sid finds it in a dict, as in zipline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from rbtlive.model.asset_class import ASSET_CLASSES


# Every look-up by asset hashes it, several times a bar. A Python method costs more than
# the rest of the look-up; bound methods of the sid itself, stored in instance slots
# under Python's names, run without a frame.
class _HashedBySid:
    __slots__ = ("__eq__", "__hash__")


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Asset(_HashedBySid):
    """A tradable asset, as a portal describes it.

    Attributes:
        sid: Number that permanently identifies the asset.
        symbol: Ticker, in the data's upper or lower case.
        start_date: Label of the first session with a bar.
        end_date: Label of the last session with a bar.
        auto_close_date: Label of the session at whose end open positions are closed.
        lot_size: Smallest tradable amount; amounts are multiples of it.
        tick_size: Smallest price step for limit and stop prices; if it is its class's
            usual one, low prices may have smaller steps: see `tick_at`.
        index: Column of the asset in its portal's bars.
        asset_name: Long name; the symbol if unknown.
        exchange: Calendar name of its exchange.
        asset_class: "equity", "etf", "crypto", "fx", "future" or "option".
        quote_currency: Currency of its prices.
    """

    sid: int
    symbol: str
    start_date: date
    end_date: date
    auto_close_date: date
    lot_size: Decimal = Decimal(1)
    tick_size: Decimal = Decimal("0.01")
    index: int = 0
    asset_name: str = ""
    exchange: str = ""
    country_code: str = "US"
    price_multiplier: float = field(default=1.0)
    asset_class: str = "equity"
    quote_currency: str = "USD"

    def __post_init__(self) -> None:
        object.__setattr__(self, "__eq__", self.sid.__eq__)
        object.__setattr__(self, "__hash__", self.sid.__hash__)

    def __getstate__(self) -> tuple[Any, ...]:
        return tuple(getattr(self, part.name) for part in fields(self))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for part, value in zip(fields(self), state, strict=True):
            object.__setattr__(self, part.name, value)
        self.__post_init__()

    # An asset is one object: a copied dict must also be searchable by the run's asset.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: dict[int, Any], /) -> Self:
        return self

    @property
    def has_volume(self) -> bool:
        """Whether a bar's volume limits how much could have been traded."""
        return ASSET_CLASSES[self.asset_class].has_volume

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the smallest price step at a price."""
        usual = ASSET_CLASSES[self.asset_class]
        return usual.tick_at(price) if self.tick_size == usual.tick_size else self.tick_size

    @property
    def exchange_full(self) -> str:
        """Long name of the exchange (zipline's field)."""
        return self.exchange

    @property
    def first_traded(self) -> None:
        """Not recorded (zipline's field)."""
        return

    def __int__(self) -> int:
        return self.sid

    def __index__(self) -> int:
        return self.sid

    def to_dict(self) -> dict[str, Any]:
        """Return the facts about the asset, by zipline's names."""
        return {
            "sid": self.sid,
            "symbol": self.symbol,
            "asset_name": self.asset_name,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "first_traded": self.first_traded,
            "auto_close_date": self.auto_close_date,
            "exchange": self.exchange,
            "exchange_full": self.exchange_full,
            "tick_size": float(self.tick_size),
            "multiplier": self.price_multiplier,
        }

    def is_alive_for_session(self, session_label: Any) -> bool:
        """Say whether a session is between the asset's first and last."""
        label = session_label.date() if isinstance(session_label, datetime) else session_label
        first, last = (
            day.date() if isinstance(day, datetime) else day
            for day in (self.start_date, self.end_date)
        )
        return bool(first <= label <= last)

    def __lt__(self, other: object) -> bool:
        return self.sid < other.sid if isinstance(other, Asset) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self.sid <= other.sid if isinstance(other, Asset) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self.sid > other.sid if isinstance(other, Asset) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self.sid >= other.sid if isinstance(other, Asset) else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.sid} [{self.symbol}])"


def fixed_tick(asset: Asset) -> Decimal | None:
    """Return the smallest price step at any price; None if it depends on the price."""
    usual = ASSET_CLASSES[asset.asset_class]
    if asset.tick_size == usual.tick_size and len(usual.ticks) > 1:
        return None
    return asset.tick_at(asset.tick_size)


def own_asset(asset: object, assets: Sequence[Asset]) -> Asset | None:
    """Return the asset of `assets` that `asset` represents: itself, or the one with the
    same number and symbol if it comes from a copy of the portal; otherwise None.

    Args:
        asset: The value given.
        assets: The assets, in the order of their index.
    """
    if not isinstance(asset, Asset) or asset.index >= len(assets):
        return None
    own = assets[asset.index]
    return own if own.sid == asset.sid and own.symbol == asset.symbol else None


class Equity(Asset):
    """A share, a fund or any other asset without expiry."""

    __slots__ = ()
