"""How values are shown to strategies: polars frames and exact numbers, or zipline's
pandas objects and floats.

The rule: both show the same values; only their kinds differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Protocol

from rbtlive.core.shown.pandas_presenter import PandasPresenter
from rbtlive.core.shown.polars_presenter import PolarsPresenter
from rbtlive.core.shown.presented import Cut
from rbtlive.data.bars.market import Market
from rbtlive.data.windows.windows import Span
from rbtlive.errors import SettingsError
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.number import Figure

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_table import BarTable


class Presenter(Protocol):
    """Converts each kind of value to the form that a strategy sees."""

    name: Literal["polars", "pandas"]

    @property
    def fast_price(self) -> Callable[[float], Any] | None:
        """The cheapest function that shows a price that is not missing; None shows it
        unchanged.
        """
        ...

    def number(self, value: Decimal) -> Figure:
        """Show money."""
        ...

    def amount(self, value: Decimal) -> Figure:
        """Show a number of shares."""
        ...

    def price(self, value: float) -> Figure:
        """Show a price; NaN is a missing one."""
        ...

    def volume(self, value: float) -> Figure:
        """Show a traded volume."""
        ...

    def timestamp(self, moment: int | datetime) -> datetime:
        """Show a moment, given in µs UTC or as an aware date-time."""
        ...

    def session(self, label: date) -> date:
        """Show a session label."""
        ...

    def no_time(self) -> Any:
        """Show a missing moment."""
        ...

    def timestamps(self, us: NDArray[np.int64]) -> Any:
        """Convert moments in µs UTC to the run's type."""
        ...

    def present_asset(self, asset: Asset) -> Asset:
        """Return the object that stands for an asset; the same one each time."""
        ...

    def mapping(self, keys: Sequence[Any], values: Sequence[Any], name: Any) -> Any:
        """Show one value for each key."""
        ...

    def flags(self, keys: Sequence[Any], values: Sequence[bool]) -> Any:
        """Show a yes or no for each key."""
        ...

    def table(self, assets: Sequence[Asset], columns: dict[str, list[Any]]) -> Any:
        """Show several fields of several assets."""
        ...

    def numbers(self, assets: Sequence[Asset], columns: dict[str, list[float]]) -> object:
        """Show prices and volumes of several assets; NaN is a missing one."""
        ...

    def weights(self, weights: Mapping[Asset, Decimal]) -> Any:
        """Show fractions of the portfolio, by asset."""
        ...

    def record_name(self, name: Any) -> str:
        """Return the column name for a recorded name that is not a string."""
        ...

    def series(self, market: Market, span: Span, asset: Asset, *, field: str) -> Any:
        """Show a window: one asset, one field."""
        ...

    def cutter(self, table: BarTable, asset: Asset, *, field: str) -> Cut | None:
        """Return a function that cuts one asset's windows out of an unchanging column
        and shows them like `series`; None if there is no faster way than `series`.
        """
        ...

    def frame_cutter(
        self, table: BarTable, assets: Sequence[Asset], matrix: Callable[[int, int], Any]
    ) -> Cut | None:
        """Return the same for several assets, given a function that cuts their values
        as an array.
        """
        ...

    def by_asset(self, market: Market, span: Span, assets: Sequence[Asset], *, field: str) -> Any:
        """Show a window: several assets, one field."""
        ...

    def by_field(self, market: Market, span: Span, asset: Asset, *, fields: Sequence[str]) -> Any:
        """Show a window: one asset, several fields."""
        ...

    def long_frame(
        self, market: Market, span: Span, assets: Sequence[Asset], *, fields: Sequence[str]
    ) -> Any:
        """Show a window: several assets, several fields."""
        ...


# Each distinct float as a Number, made on first request. After that, a look-up runs no
# Python code.


def get_presenter(name: str) -> Presenter:
    """Return the presenter of a run.

    Raises:
        SettingsError: the name is neither "polars" nor "pandas".
    """
    if name == "polars":
        return PolarsPresenter()
    if name == "pandas":
        return PandasPresenter()
    raise SettingsError(f"frames must be 'polars' or 'pandas': was {name!r}")
