"""A bar: what happened to one asset in one slice of time, stamped with the slice's END."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rbtlive.model.number import to_decimal


def aware_utc(value: Any) -> Any:
    """Return a date-time in UTC; refuse one without a time zone.

    Raises:
        ValueError: the date-time is naive.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(
                f"timestamp must carry a time zone: was {value.isoformat()}; pass e.g. datetime(..., tzinfo=UTC)"
            )
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    return value


UtcDatetime = Annotated[datetime, BeforeValidator(aware_utc)]
"""A date-time that must be aware and is kept in UTC."""

Exact = Annotated[Decimal, BeforeValidator(lambda v: v if isinstance(v, str) else to_decimal(v))]
"""A decimal; floats enter by their shortest decimal text."""

Price = Annotated[Exact, Field(ge=0, allow_inf_nan=False)]
Volume = Annotated[Exact, Field(ge=0, allow_inf_nan=False)]


class Bar(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: str
    timestamp: UtcDatetime
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Volume

    @model_validator(mode="after")
    def _high_is_not_below_low(self) -> Bar:
        if self.high < self.low:
            raise ValueError(
                f"high must not be below low: high was {self.high}, low {self.low} for {self.symbol}"
            )
        return self
