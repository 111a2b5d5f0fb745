"""A bar: one asset's trading in one slice of time, stamped with the slice's END."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import copysign
from operator import itemgetter
from typing import Annotated, Any, Final, Literal, NamedTuple, Self, TypeAlias

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from rbtlive.model.number import to_decimal
from rbtlive.model.trusted import Flooding, defaults_of, make, set_values


def aware_utc(value: object) -> Any:
    """Return a date-time in UTC; raise an error if it has no time zone.

    Raises:
        ValueError: the date-time is naive.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(
                f"timestamp must carry a time zone: was {value.isoformat()}; pass e.g. "
                "datetime(..., tzinfo=UTC)"
            )
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    return value


UtcDatetime = Annotated[datetime, BeforeValidator(aware_utc)]
"""A date-time that must be aware and is kept in UTC."""

Exact = Annotated[Decimal, BeforeValidator(lambda v: v if isinstance(v, str) else to_decimal(v))]
"""A decimal; floats are converted by their shortest decimal text."""

Price = Annotated[Exact, Field(ge=0, allow_inf_nan=False)]
Volume = Annotated[Exact, Field(ge=0, allow_inf_nan=False)]


class BarField(NamedTuple):
    """The meaning of a bar's field.

    Attributes:
        fold: How a longer bar's value is computed from its shorter ones' values.
        kind: The effect of a split: a price is multiplied by its ratio, an amount of
            shares is divided, other values do not change. If nothing traded, shares are
            0 and other fields are missing.
    """

    fold: Literal["first", "highest", "lowest", "last", "sum"]
    kind: Literal["price", "shares", "other"] = "price"

    @property
    def is_price(self) -> bool:
        """Whether it is a price."""
        return self.kind == "price"


BAR_FIELDS: Final[Mapping[str, BarField]] = {
    "open": BarField("first"),
    "high": BarField("highest"),
    "low": BarField("lowest"),
    "close": BarField("last"),
    "volume": BarField("sum", kind="shares"),
}
"""The fields of a bar other than symbol and time, in the order in which they are
written. `tests/model/test_bar_fields.py` checks the places that write them out for
speed.
"""
OHLCV: Final = tuple(BAR_FIELDS)
"""Their names."""
PRICES: Final = tuple(name for name, field in BAR_FIELDS.items() if field.is_price)
"""The names of the price fields."""
FURTHER: Final = BarField("last", kind="other")
"""The meaning of a further column of a source: only its value is known."""


def field_named(name: str) -> BarField:
    """Return the meaning of the field with this name; price is the close."""
    return BAR_FIELDS.get("close" if name == "price" else name, FURTHER)


class Bar(Flooding):
    """One bar of one asset.

    Attributes:
        symbol: Ticker.
        timestamp: END of the bar, UTC.
        open: First price, in the asset's currency; not negative.
        high: Highest price.
        low: Lowest price.
        close: Last price.
        volume: Traded amount; not negative.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    symbol: str
    timestamp: UtcDatetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Return the same as `Bar(**facts)`, at a seventh of the cost if the numbers
        are floats.

        Args:
            facts: Every field of a bar by name, and nothing more.

        Raises:
            ValidationError: as for `Bar(**facts)`.
        """
        bar = plain_bar_of(facts) if cls is Bar else None
        return bar or cls(**facts)  # type: ignore[return-value]

    @property
    def is_plain(self) -> bool:
        """Whether it was built from floats of a tradable size; then each has its
        shortest text.
        """
        return "_plain" in self.__dict__

    def floats(self) -> tuple[float, float, float, float, float]:
        """Return open, high, low, close and volume as floats."""
        return floats_of(self)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with some fields replaced."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("_floats", "_plain"):  # they belong to the original bar
            copied.__dict__.pop(name, None)
        return copied

    @model_validator(mode="after")
    def _high_is_not_below_low(self) -> Bar:
        if self.high < self.low:
            raise ValueError(
                f"high must not be below low: high was {self.high}, low {self.low} for "
                f"{self.symbol}"
            )
        return self


BAR_DEFAULTS: Final = defaults_of(Bar)
REQUIRED_FIELDS: Final = len(Bar.model_fields) - len(BAR_DEFAULTS)
SMALLEST, BEYOND = 1e-30, 1e31
"""Ordinary numbers are from the first on, and below the second."""
_WHOLE: Final = 1 << 53
"""Whole numbers below this are exact as floats."""
_MOST_KNOWN: Final = 1 << 15
numbers_of: Final[Any] = itemgetter(*OHLCV)
"""Returns the numbers of a mapping of a bar's fields, in the order of OHLCV."""

PlainRow: TypeAlias = tuple[str, tuple[float, float, float, float, float]]
"""The symbol of a plain bar, and its open, high, low, close and volume."""


def plain_bar_of(facts: Mapping[str, Any]) -> Bar | None:
    """Return a bar from facts whose numbers are floats, or None if the model has to
    check them, or to report an error.
    """
    try:
        symbol, timestamp, volume = facts["symbol"], facts["timestamp"], facts["volume"]
        first, high, low, last = facts["open"], facts["high"], facts["low"], facts["close"]
        if type(volume) is int and volume < _WHOLE:
            volume = float(volume)
        if (
            type(first) is type(high) is type(low) is type(last) is type(volume) is float
            and low <= high
            and type(timestamp) is datetime
            and type(symbol) is str
            and symbol.isascii()
            and len(facts) == REQUIRED_FIELDS
        ):
            known = _known
            values = {
                "symbol": symbol,
                "timestamp": timestamp if timestamp.tzinfo is UTC else aware_utc(timestamp),
                "open": known[first],
                "high": known[high],
                "low": known[low],
                "close": known[last],
                "volume": known[volume],
                "_floats": (first, high, low, last, volume),
                "_plain": True,
            }
            if BAR_DEFAULTS:
                values |= BAR_DEFAULTS
            bar: Bar = make(Bar)
            set_values(bar, values)
            return bar
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    return None


def trusted_bar(values: dict[str, Any]) -> Bar:
    """Return a bar from values known to be valid, without checking them again.

    Args:
        values: Every field of a bar without a default, in its final type, plus the
            numbers as `_floats` if they are known; the bar keeps this mapping itself.
    """
    if BAR_DEFAULTS:
        values = {**values, **BAR_DEFAULTS}
    bar: Bar = make(Bar)
    set_values(bar, values)
    return bar


def floats_of(bar: Bar) -> tuple[float, float, float, float, float]:
    """Return the same as `bar.floats()`, without the method look-up."""
    values = bar.__dict__
    try:
        return values["_floats"]  # type: ignore[no-any-return]
    except KeyError:
        first, high, low, last, volume = numbers_of(values)
        return float(first), float(high), float(low), float(last), float(volume)


# Prices repeat: each is converted to a decimal and checked once. Indexing the
# dictionary costs half as much as its `get`. Zeros are checked each time: -0.0 would
# find the entry of 0.0.
class _Exact(dict[float, Decimal]):
    def __missing__(self, value: float) -> Decimal:
        if not SMALLEST <= value < BEYOND:
            if value != 0.0 or copysign(1.0, value) < 0.0:
                raise ValueError(value)
            return Decimal(float.__repr__(value))
        if len(self) >= _MOST_KNOWN:
            self.clear()
        exact = self[value] = Decimal(float.__repr__(value))
        return exact


_known: Final = _Exact()
