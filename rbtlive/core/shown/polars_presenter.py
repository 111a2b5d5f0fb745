"""Values as polars shapes and exact numbers.

The rule: a number is exactly the price or amount, by its shortest decimal text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from rbtlive.core.shown.presented import record_name
from rbtlive.data.bars.bar_reads import to_series
from rbtlive.data.bars.market import Market
from rbtlive.data.calendars.calendar import datetime_of
from rbtlive.data.windows.windows import Span
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, MONEY_QUANTUM, Number, to_decimal

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_table import BarTable

EXACT = pl.Decimal(38, 12)
"""The type of columns that `dtype=pl.Decimal` gives in histories."""

_KEPT_NUMBERS = 200_000
_KEPT_SYMBOLS = 64
_MISSING = Number("NaN")


class _Numbers(dict[float, Number]):
    def __missing__(self, value: float) -> Number:
        if isnan(value):
            return _MISSING
        if len(self) >= _KEPT_NUMBERS:
            self.clear()
        number = self[value] = Number(to_decimal(value))
        return number


class PolarsPresenter:
    """Exact numbers, datetimes and polars frames."""

    name: Literal["polars", "pandas"] = "polars"

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._symbols: dict[tuple[Asset, ...], pl.Series] = {}  # of assets requested together
        self.fast_price = self._numbers.__getitem__

    # The class itself, which saves one call compared to a method.
    number: Callable[[Decimal], Number] = staticmethod(Number)
    amount: Callable[[Decimal], Number] = staticmethod(Number)

    def price(self, value: float) -> Number:
        """Return a price as a Number, NaN if it is missing; each distinct float is
        converted once.
        """
        return self._numbers[value]

    def volume(self, value: float) -> Number:
        """Return a volume as a Number, without a fraction if it has none."""
        return Number(int(value)) if value == int(value) else self.price(value)

    def timestamp(self, moment: int | datetime) -> datetime:
        """Return a moment as an aware UTC date-time."""
        return moment if isinstance(moment, datetime) else datetime_of(moment)

    def session(self, label: date) -> date:
        """Return a session label as it is."""
        return label

    def no_time(self) -> None:
        """Return None."""
        return

    def timestamps(self, us: NDArray[np.int64]) -> pl.Series:
        """Return moments as a Series of Datetime (µs, UTC)."""
        return pl.Series("date", us).cast(pl.Datetime("us", "UTC"))

    def present_asset(self, asset: Asset) -> Asset:
        """Return the asset itself."""
        return asset

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: object) -> dict[Any, Any]:  # noqa: ARG002 -- pandas names its Series
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> dict[Any, bool]:
        """Return a dict."""
        return dict(zip(keys, values, strict=True))

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> pl.DataFrame:
        """Return `symbol` and one column per field; prices and volumes are Float64;
        null where missing.
        """
        shown: dict[str, Any] = {
            "symbol": pl.Series([asset.symbol for asset in assets], dtype=pl.String)
        }
        for field, values in columns.items():
            numbers = all(isinstance(value, Decimal) for value in values)
            shown[field] = _floats(values) if numbers else pl.Series(_known(values), strict=False)
        return pl.DataFrame(shown)

    def numbers(self, assets: Sequence[Asset], columns: dict[str, list[float]]) -> pl.DataFrame:
        """Return `symbol` and one Float64 column per price or volume field."""
        chosen = tuple(assets)
        symbols = self._symbols.get(chosen)
        if symbols is None:
            if len(self._symbols) >= _KEPT_SYMBOLS:
                self._symbols.clear()
            names = [asset.symbol for asset in assets]
            symbols = self._symbols[chosen] = pl.Series("symbol", names, dtype=pl.String)
        shown = [
            pl.Series(field, _nulls_for_nan(values), dtype=pl.Float64)
            for field, values in columns.items()
        ]
        return pl.DataFrame([symbols, *shown])

    def weights(self, weights: Mapping[Asset, Decimal]) -> dict[Asset, Number]:
        """Return a dict of Numbers."""
        return {asset: Number(weight) for asset, weight in weights.items()}

    def record_name(self, name: object) -> str:
        """Return an asset's symbol, or the text of anything else."""
        return record_name(name)

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> None:
        """Return None: `FastReads` cuts polars Series itself."""

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> None:
        """Return None: `FastReads` makes polars frames itself."""

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> pl.Series:
        """Return a Float64 Series named by symbol, oldest first."""
        return market.windows.series(asset.index, field, span)

    def by_asset(
        self, market: Market, span: Span, assets: Sequence[Asset], *, field: str
    ) -> pl.DataFrame:
        """Return `date` and one Float64 column per asset, named by symbol."""
        return market.windows.frame(tuple(asset.index for asset in assets), field, span)

    def by_field(
        self, market: Market, span: Span, asset: Asset, *, fields: Sequence[str]
    ) -> pl.DataFrame:
        """Return `date` and one Float64 column per field."""
        columns = [market.windows.series(asset.index, field, span).alias(field) for field in fields]
        return pl.DataFrame([market.windows.dates(span), *columns])

    def long_frame(
        self, market: Market, span: Span, assets: Sequence[Asset], *, fields: Sequence[str]
    ) -> pl.DataFrame:
        """Return `date`, `symbol` and one Float64 column per field, ordered by date,
        then as the assets were requested.
        """
        rows, width = span.rows, len(assets)
        dates = market.windows.dates(span)
        order = np.arange(rows).repeat(width)
        indices = tuple([asset.index for asset in assets])
        shown: dict[str, Any] = {
            "date": dates.gather(order),
            "symbol": pl.Series([asset.symbol for asset in assets] * rows, dtype=pl.String),
        }
        for field in fields:
            shown[field] = to_series(field, market.windows.matrix(indices, field, span).reshape(-1))
        return pl.DataFrame(shown)


def exactly(shown: pl.Series | pl.DataFrame) -> Any:
    """Turn the Float64 columns of a window into Decimal(38, 12), each value by its
    shortest decimal text; a missing one is null.
    """
    if isinstance(shown, pl.DataFrame):
        floats = [column for column in shown.columns if shown.schema[column] == pl.Float64]
        return shown.with_columns([exactly(shown[column]) for column in floats])
    values = [
        None if isnan(value) else to_decimal(value).quantize(MONEY_QUANTUM, context=ENGINE_CONTEXT)
        for value in shown.to_list()
    ]
    return pl.Series(shown.name, values, dtype=EXACT)


# A fetched text that an asset lacks is NaN, like a number; polars cannot put NaN beside
# texts.
def _known(values: Sequence[Any]) -> list[Any]:
    return [None if isinstance(value, Decimal) and value.is_nan() else value for value in values]


# Polars makes a Series of a few numbers from a list in half the time of an array.
def _nulls_for_nan(values: list[float]) -> list[float | None]:
    return [value if value == value else None for value in values]  # noqa: PLR0124 - NaN


def _floats(values: list[Any]) -> pl.Series:
    return pl.Series(
        np.array([float(value) for value in values], dtype=np.float64), nan_to_null=True
    )
