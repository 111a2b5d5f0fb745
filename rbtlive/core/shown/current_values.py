"""The current values that `data.current` returns: for one asset or several, one field
or several.

The rule: a repeated request is read from a column; any other takes the slow path and
gets the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rbtlive.core.shown.arguments import all_are_assets, check_asset, is_many, refuse
from rbtlive.core.shown.field_names import CURRENT_FIELDS, refuse_now
from rbtlive.core.shown.own_assets import OwnAssets
from rbtlive.core.shown.presenter import Presenter
from rbtlive.core.shown.whole_list import whole_list
from rbtlive.data.bars.market import Market
from rbtlive.model.asset import Asset, Equity


class CurrentValues:
    """Values of the market at its cursor, in the kinds of the run's frames.

    Args:
        market: The market.
        presenter: Converts values to the kinds that are shown.
        index: Index of each asset of the run.
        loose_names: Return NaN, as zipline does, for a name that is neither an asset
            nor a field, instead of raising an error.
    """

    def __init__(
        self, market: Market, presenter: Presenter, index: OwnAssets, *, loose_names: bool
    ) -> None:
        self._market = market
        self._presenter = presenter
        self._index = index
        self._loose_names = loose_names
        self._numbers = market.quick.numbers
        self._prices: dict[str, Callable[[int], float]] = {
            "price": market.price,
            "close": market.close,
            "open": market.open_,
            "high": market.high,
            "low": market.low,
        }
        self._gives_dicts = presenter.name == "polars"
        self._shown_as: dict[str, Callable[[float], Any] | None] = {
            **dict.fromkeys(self._prices, presenter.fast_price),
            "volume": presenter.volume,
        }

    def several(self, assets: Any, fields: Any) -> Any:
        """Return one value for each of several assets or fields, given in lists.

        Several fields of one asset are as many numbers; other requests and missing
        values are left to the slow path.
        """
        numbers, seen = self._numbers, self._market.seen
        shown: dict[Any, Any] = {}
        try:
            if type(fields) is not list:
                name, known = fields, numbers[fields]
                for asset in assets:
                    column, show = known[asset]
                    value = column[seen]
                    # A sid finds a column too; `type` would be a call an asset.
                    if value != value or asset.__class__ is not Equity:  # noqa: PLR0124 - NaN
                        shown[asset] = self.missing(asset, fields, value)
                    else:
                        shown[asset] = value if show is None else show(value)
            elif type(assets) is not list:
                name = assets.symbol
                for field in fields:
                    column, show = numbers[field][assets]
                    value = column[seen]
                    if value != value:  # noqa: PLR0124 - NaN
                        shown[field] = self.missing(assets, field, value)
                    else:
                        shown[field] = value if show is None else show(value)
            else:
                return self._table(assets, fields)
        except (KeyError, TypeError, IndexError, AttributeError):
            self._learn(assets, fields)
            return self.one_by_one(assets, fields)
        if self._gives_dicts:
            return shown
        keys = assets if type(fields) is not list else fields
        if len(shown) < len(keys):  # something was requested twice
            return self.one_by_one(assets, fields)
        return self._presenter.mapping(list(keys), list(shown.values()), name)

    def missing(self, asset: object, field: str, value: float) -> object:
        """Return what to show for a number of one asset that is missing in the current
        bar.

        Args:
            asset: The asset.
            field: The field.
            value: The value in the column: NaN.

        Raises:
            TypeError: `asset` is a sid, with which a dict finds its asset.
        """
        check_asset(self._index, asset, "current")
        if field == "price":
            return self._presenter.price(self._market.price(self._index[asset]))
        if field in self._prices:
            return self._presenter.price(value)
        return value if field in self._market.indicators else self.one_by_one(asset, field)

    # Returns several prices of several assets as a frame; other requests are left to
    # the slow path.
    def _table(self, assets: list[Asset], fields: list[str]) -> object:
        numbers, seen = self._numbers, self._market.seen
        price = self._market.price
        columns: dict[str, list[Any]] = {}
        for field in fields:
            known = numbers[field]
            values = columns[field] = [known[asset][0][seen] for asset in assets]
            if field == "volume":
                if not self._gives_dicts:
                    columns[field] = list(map(self._presenter.volume, values))
            elif field not in self._prices:
                return self.one_by_one(assets, fields)
            elif field == "price":
                columns[field] = [
                    value if value == value else price(self._index[asset])  # noqa: PLR0124 - NaN
                    for asset, value in zip(assets, values, strict=True)
                ]
        if not columns or not all_are_assets(assets):
            return self.one_by_one(assets, fields)
        return self._presenter.numbers(assets, columns)

    def _learn(self, assets: object, fields: object) -> None:
        for asset in assets if type(assets) is list else [assets]:
            for field in fields if type(fields) is list else [fields]:
                self.make_fast(asset, field)

    def make_fast(self, assets: object, fields: object) -> None:
        """Make later reads of one asset's number an index into a column, until the
        market moves its columns.
        """
        index = self._index.number_of(assets)
        if index is None or type(fields) is not str or self._market.looks_back:
            return
        quick = self._market.quick
        column = quick.column(index, fields)
        if column is not None:
            quick.numbers.setdefault(fields, {})[assets] = (column, self._shown_as.get(fields))

    def by_the_slow_path(self, assets: Any, fields: Any) -> Any:
        """Return what has no column yet, or never has one."""
        if fields == "last_traded" and isinstance(assets, Asset) and assets in self._index:
            return self._last_traded(self._index[assets])
        self.make_fast(assets, fields)
        return self.one_by_one(assets, fields)

    def one_by_one(self, assets: Any, fields: Any) -> Any:
        """Return any value, or values, by the slow path.

        Raises:
            TypeError: `assets` or `fields` is of the wrong type.
            KeyError: there is no such field.
        """
        many_assets, many_fields = is_many(assets), is_many(fields)
        chosen = whole_list(assets) if many_assets else [assets]
        if (
            many_assets
            and type(fields) is str
            and fields in self._prices
            and not self._market.looks_back
        ):
            indices = [self._index.number_of(asset) for asset in chosen]
            if None not in indices:
                read, price = self._prices[fields], self._presenter.price
                prices = [price(read(index)) for index in indices]  # type: ignore[arg-type]
                return self._presenter.mapping(chosen, prices, fields)
        names = whole_list(fields) if many_fields else [fields]
        for name in names:
            if not isinstance(name, str):
                refuse("fields", name, "current", "a field name or a list of them")
        text_is_fine = self._loose_names or all(name in self._market.sources for name in names)
        for asset in chosen:
            if not (text_is_fine and isinstance(asset, str)):
                check_asset(self._index, asset, "current")
        columns = {name: [self._value(asset, name) for asset in chosen] for name in names}
        if many_assets and many_fields:
            return self._presenter.table(chosen, columns)
        if many_assets:
            return self._presenter.mapping(chosen, columns[fields], fields)
        if many_fields:
            return self._presenter.mapping(
                names, [columns[name][0] for name in names], assets.symbol
            )
        return columns[fields][0]

    def _value(self, asset: object, field: str) -> Any:
        market = self._market
        index = self._index.get(asset)
        if index is None or field not in CURRENT_FIELDS:
            return self._other_value(asset, index, field)
        if field == "volume":
            return self._presenter.volume(market.spot(index, "volume"))
        if field == "last_traded":
            return self._last_traded(index)
        if field == "contract":
            return None
        return self._presenter.price(
            market.price(index) if field == "price" else market.spot(index, field)
        )

    def _other_value(self, asset: object, index: int | None, field: str) -> Any:
        if index is not None and field in self._market.indicators:
            return self._market.column_value(index, field)
        lookup = self._market.sources.get(field)
        if lookup is not None:
            value = lookup(asset, self._market.session)
            return self._presenter.price(value) if isinstance(value, float) else value
        market, further = self._market, self._market.further
        if index is not None and further.is_now(field, market.table):
            return further.value(market.table, index, field, market.view)
        if self._loose_names:
            return self._presenter.price(float("nan"))
        raise refuse_now(market, field)

    def _last_traded(self, index: int) -> Any:
        market = self._market
        row = market.view if market.view >= 0 and market.trades_now(index) else -1
        if row < 0:
            row = market.last_traded_row(index)
        if row < 0:
            return self._presenter.no_time()
        if not market.interval.intraday:
            return self._presenter.session(market.calendar.label(market.table.session_at(row)))
        return self._presenter.timestamp(int(market.table.row_us[row]))
