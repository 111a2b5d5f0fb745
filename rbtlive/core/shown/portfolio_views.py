"""Views of positions, portfolio and account for strategies.

The rule: a view only reads, and every number passes through the run's `Presenter`.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, overload

from rbtlive.core.shown.held_assets import HeldAssets
from rbtlive.core.shown.live_view import LiveView
from rbtlive.core.state.last_sales import LastSales
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.state.position import Position
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.asset import Asset, Equity, own_asset
from rbtlive.model.calls import warn_user
from rbtlive.model.number import NAN, Figure
from rbtlive.model.other_names import TeachingClass, by_word

if TYPE_CHECKING:
    from rbtlive.core.shown.presenter import Presenter

T = TypeVar("T")

INFINITE = float("inf")
_new = object.__new__
"""In place of the constructor of `collections.abc`, which is a function of Python's: a
loop over positions takes a view at each bar.
"""
_CONSTRUCTORS = by_word(
    {
        "rbt.signals(entries=..., exits=..., size=...), then rbt.backtest(strategy, data)": (
            "from_signals from_random_signals from_order_func from_optimizer simulate"
        ),
        "a strategy with self.order(asset, 10), then rbt.backtest(strategy, data)": "from_orders",
        "result.metrics of a backtest that buys once": "from_holding",
    }
)


class PositionView(LiveView):
    """A position, as it is now; `raw` is the position itself."""

    __slots__ = (
        "_amount",
        "_basis",
        "_marks",
        "_presenter",
        "_price",
        "_sale",
        "_shown_amount",
        "_shown_basis",
        "_shown_price",
        "raw",
    )

    def __init__(self, position: Position, marks: LastSales, presenter: Presenter) -> None:
        self.raw = position
        self._marks = marks
        self._sale = marks.to_keep(position.asset)
        self._presenter = presenter
        self._amount: Decimal | None = None  # the amount that `_shown_amount` shows
        self._shown_amount: Figure = 0.0
        self._basis: tuple[Decimal | None, Decimal | None] = (None, None)
        self._shown_basis: Figure = 0.0
        self._price: Decimal | None = None
        self._shown_price: Figure = 0.0

    @property
    def asset(self) -> Asset:
        """The asset held."""
        return self.raw.asset

    @property
    def sid(self) -> Asset:
        """The asset (zipline's name)."""
        return self.raw.asset

    @property
    def amount(self) -> Figure:
        """Signed shares."""
        amount = self.raw.amount
        if amount is not self._amount:
            self._amount, self._shown_amount = amount, self._presenter.amount(amount)
        return self._shown_amount

    @property
    def cost_basis(self) -> Figure:
        """Average price a share was acquired at, commissions included."""
        position, (amount, cost) = self.raw, self._basis
        if position.amount is not amount or position.basis_cost is not cost:
            self._basis = (position.amount, position.basis_cost)
            self._shown_basis = self._presenter.number(position.cost_basis)
        return self._shown_basis

    @property
    def last_sale_price(self) -> Figure:
        """Latest known price; 0 for an asset never held."""
        position, marks = self.raw, self._marks
        if position.amount:  # only a held position has a price that waits to be read
            close = marks.unread_close(position.asset.index)
            if close is not None:
                return self._presenter.price(close)
        price = marks.read(self._sale).price
        if price is not self._price:
            self._price = price
            self._shown_price = self._presenter.number(Decimal(0) if price.is_nan() else price)
        return self._shown_price

    @property
    def last_sale_date(self) -> datetime | None:
        """When that price was known, or None."""
        dt = self._marks.read(self._sale).dt
        return None if dt is None else self._presenter.timestamp(us_of(dt))

    def __repr__(self) -> str:
        fields = ("asset", "amount", "cost_basis", "last_sale_price", "last_sale_date")
        return f"Position({ {name: getattr(self, name) for name in fields} })"


class PositionsView(Mapping[Asset, PositionView]):
    """Positions by asset; an asset never held reads as an empty position but is not
    `in`.
    """

    def __init__(
        self, portfolio: Portfolio, presenter: Presenter, assets: Sequence[Asset] = ()
    ) -> None:
        self._portfolio = portfolio
        self._marks = portfolio.marks
        self._presenter = presenter
        self._assets = assets
        self._views: dict[Asset, PositionView] = {}
        self._views_version = -1  # version of the holdings that the views belong to
        self._empty: dict[Asset, PositionView] = {}

    # A view shows a position as it is now, so one view serves for the position's whole
    # life. The dict is never changed: another thread may be iterating over it.
    def known(self) -> dict[Asset, PositionView]:
        """Return the positions held now, by asset; the dict is for reading only."""
        version = self._marks.holding_version
        if self._views_version != version:
            known, shown = self._views, {}
            for asset, position in self._portfolio.positions.copy().items():
                view = known.get(asset)
                if view is None or view.raw is not position:
                    view = PositionView(position, self._marks, self._presenter)
                shown[asset] = view
            self._views, self._views_version = shown, version
        return self._views

    # An asset from a copy of the portal, as another process returns it, counts as the
    # run's own.
    def _held(self, asset: Any) -> PositionView | None:
        views = self.known()
        view = views.get(asset)
        if view is None and views:
            own = own_asset(asset, self._assets)
            if own is not None and own is not asset:
                view = views.get(own)
        return view

    def __getitem__(self, asset: Asset) -> PositionView:
        if type(asset) is Equity:
            known = self._views_version == self._marks.holding_version
            view = (self._views if known else self.known()).get(asset)
            if view is not None:
                return view
            empty = self._empty.get(asset)
            if empty is not None and empty.asset is asset:
                return empty
        return self._other(asset)

    def _other(self, asset: Asset) -> PositionView:
        if isinstance(asset, int):  # a sid, as in zipline
            held = next((one for one in self._portfolio.positions if one.sid == asset), None)
            asset = asset if held is None else held
        if not isinstance(asset, Asset):
            raise ValueError(  # noqa: TRY004 - zipline's class
                f"positions are looked up by asset: was {asset!r} ({type(asset).__name__}); use "
                "symbol(...)"
            )
        view = self._held(asset)
        if view is not None:
            return view
        view = PositionView(Position(asset), self._marks, self._presenter)
        if any(asset is own for own in self._assets[asset.index : asset.index + 1]):
            self._empty[asset] = view
        return view

    @overload
    def get(self, asset: object, default: None = None) -> PositionView | None: ...
    @overload
    def get(self, asset: object, default: T) -> PositionView | T: ...
    def get(self, asset: object, default: T | None = None) -> PositionView | T | None:
        """Return the position in `asset`, or `default`; only `[...]` creates an empty
        one.
        """
        view = self._held(asset)
        if view is None and default is None and isinstance(asset, str):
            _warn_of_text(asset)
        return default if view is None else view

    def keys(self) -> HeldAssets:
        """Return the assets held."""
        return HeldAssets(self)

    def items(self) -> ItemsView[Asset, PositionView]:
        """Return (asset, position) for each position held."""
        view: _Items = _new(_Items)
        view._mapping = self  # noqa: SLF001 - see `_new`
        return view

    def values(self) -> ValuesView[PositionView]:
        """Return the positions held."""
        view: _Values = _new(_Values)
        view._mapping = self  # noqa: SLF001 - see `_new`
        return view

    def held(self) -> Iterable[Asset]:
        """Return the assets held now."""
        return self._portfolio.positions

    def views(self) -> list[PositionView]:
        """Return the positions held now."""
        return list(self.known().values())

    def __reduce_ex__(self, _protocol: Any, /) -> tuple[Any, ...]:
        return dict, (self.copy(),)

    def copy(self) -> dict[Asset, PositionView]:
        """Return the positions held now as a dict."""
        return self.known().copy()

    def __contains__(self, asset: object) -> bool:
        view = self._held(asset)
        if view is None and isinstance(asset, str):
            _warn_of_text(asset)
        return view is not None

    def __iter__(self) -> Iterator[Asset]:
        return iter(self.known())

    def __len__(self) -> int:
        return len(self._portfolio.positions)

    def __repr__(self) -> str:
        return repr(self.known())


# zipline's mapping finds nothing either, without a word: a strategy buys at every bar.
def _warn_of_text(text: str) -> None:
    warn_user(
        f"positions are looked up by asset, so {text!r} is never among them: use "
        f"self.symbol({text!r})"
    )


# Mapping's default looks each position up by its asset.
class _Items(ItemsView[Asset, PositionView]):
    __slots__ = ()
    _mapping: PositionsView

    def __iter__(self) -> Iterator[tuple[Asset, PositionView]]:
        shown = self._mapping
        known = shown._views_version == shown._marks.holding_version  # noqa: SLF001 - its own
        return iter((shown._views if known else shown.known()).items())  # noqa: SLF001


class _Values(ValuesView[PositionView]):
    __slots__ = ()
    _mapping: PositionsView

    def __iter__(self) -> Iterator[PositionView]:
        shown = self._mapping
        known = shown._views_version == shown._marks.holding_version  # noqa: SLF001 - its own
        return iter((shown._views if known else shown.known()).values())  # noqa: SLF001


class PortfolioView(LiveView, metaclass=TeachingClass):
    """The portfolio as `context.portfolio` shows it; read-only."""

    __slots__ = ("_portfolio", "_presenter", "_start", "positions")
    _elsewhere = _CONSTRUCTORS

    positions: PositionsView

    def __init__(
        self,
        portfolio: Portfolio,
        presenter: Presenter,
        *,
        start: date,
        assets: Sequence[Asset] = (),
    ) -> None:
        object.__setattr__(self, "_portfolio", portfolio)
        object.__setattr__(self, "_presenter", presenter)
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "positions", PositionsView(portfolio, presenter, assets))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"portfolio is read-only: {name} cannot be set")

    _portfolio: Portfolio
    _presenter: Presenter
    _start: date

    @property
    def cash(self) -> Figure:
        """Money not in positions; may be negative."""
        return self._presenter.number(self._portfolio.cash)

    @property
    def portfolio_value(self) -> Figure:
        """Cash plus positions."""
        return self._presenter.number(self._portfolio.value())

    @property
    def positions_value(self) -> Figure:
        """Value of all positions, shorts negative."""
        return self._presenter.number(self._portfolio.positions_value)

    @property
    def positions_exposure(self) -> Figure:
        """Exposure of all positions, shorts negative."""
        return self._presenter.number(self._portfolio.positions_value)

    @property
    def starting_cash(self) -> Figure:
        """Capital base."""
        return self._presenter.number(self._portfolio.capital_base)

    @property
    def cash_flow(self) -> Figure:
        """Cash in and out since the start."""
        return self._presenter.number(self._portfolio.cash_flow)

    @property
    def capital_used(self) -> Figure:
        """Cash in and out since the start (zipline's name)."""
        return self.cash_flow

    @property
    def pnl(self) -> Figure:
        """Profit since the start."""
        return self._presenter.number(self._portfolio.pnl)

    @property
    def returns(self) -> Figure:
        """Profit since the start as a fraction of the capital base."""
        return self._presenter.number(self._portfolio.returns)

    @property
    def start_date(self) -> date:
        """Label of the first session."""
        return self._start

    @property
    def current_portfolio_weights(self) -> Mapping[Asset, Figure]:
        """Each position's value as a fraction of the portfolio's, by asset."""
        total = self._portfolio.portfolio_value
        weights: Mapping[Asset, Figure] = self._presenter.weights(
            {
                position.asset: _fraction(position.amount * price, total)
                for position, price in self._portfolio.priced()
            }
        )
        return weights

    def __repr__(self) -> str:
        return (
            f"Portfolio(portfolio_value={self.portfolio_value!r}, cash={self.cash!r}, "
            f"positions={self.positions!r})"
        )


# A non-zero part of a zero total is infinite.
def _fraction(part: Decimal, whole: Decimal) -> Decimal:
    if whole or part.is_nan():
        return part / whole
    return Decimal("Infinity").copy_sign(part) if part else NAN


_CASH = ("settled_cash", "regt_equity", "available_funds", "excess_liquidity")
_VALUE = ("equity_with_loan", "net_liquidation")
_ZERO = ("accrued_interest", "initial_margin_requirement", "maintenance_margin_requirement")
_INFINITE = ("buying_power", "regt_margin", "day_trades_remaining")
_POSITIONS = ("total_positions_value", "total_positions_exposure")


class AccountView(LiveView):
    """The account as `context.account` shows it: zipline's fields, derived from the
    portfolio; read-only.
    """

    __slots__ = ("_portfolio", "_presenter")

    _portfolio: Portfolio
    _presenter: Presenter

    settled_cash: Figure
    regt_equity: Figure
    available_funds: Figure
    excess_liquidity: Figure
    equity_with_loan: Figure
    net_liquidation: Figure
    total_positions_value: Figure
    total_positions_exposure: Figure
    accrued_interest: Figure
    initial_margin_requirement: Figure
    maintenance_margin_requirement: Figure
    buying_power: float
    regt_margin: float
    day_trades_remaining: float

    def __init__(self, portfolio: Portfolio, presenter: Presenter) -> None:
        object.__setattr__(self, "_portfolio", portfolio)
        object.__setattr__(self, "_presenter", presenter)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"account is read-only: {name} cannot be set")

    def __getattr__(self, name: str) -> Any:
        portfolio, presenter = self._portfolio, self._presenter
        if name in _CASH:
            return presenter.number(portfolio.cash)
        if name in _VALUE:
            return presenter.number(portfolio.portfolio_value)
        if name in _POSITIONS:
            return presenter.number(portfolio.positions_value)
        if name in _ZERO:
            return presenter.number(Decimal(0))
        if name in _INFINITE:
            return INFINITE
        raise AttributeError(f"account has no {name!r}")

    def __dir__(self) -> list[str]:
        derived = ("cushion", "gross_leverage", "leverage", "net_leverage")
        return sorted([*_CASH, *_VALUE, *_POSITIONS, *_ZERO, *_INFINITE, *derived])

    @property
    def cushion(self) -> Figure:
        """Cash as a fraction of portfolio value; NaN at zero."""
        value = self._portfolio.portfolio_value
        return self._presenter.number(self._portfolio.cash / value) if value else float("nan")

    @property
    def leverage(self) -> float:
        """Gross exposure as a fraction of portfolio value."""
        return self._portfolio.leverage()[0]

    @property
    def gross_leverage(self) -> float:
        """Gross exposure as a fraction of portfolio value."""
        return self._portfolio.leverage()[0]

    @property
    def net_leverage(self) -> float:
        """Net exposure as a fraction of portfolio value."""
        return self._portfolio.leverage()[1]

    def __repr__(self) -> str:
        return f"Account(net_liquidation={self.net_liquidation!r}, leverage={self.leverage!r})"
