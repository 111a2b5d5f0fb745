"""Views of orders and transactions for strategies and cost models.

The rule: a view only reads, and every number passes through the run's `Presenter`.
"""

from __future__ import annotations

from collections.abc import KeysView
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rbtlive.core.shown.live_view import LiveView
from rbtlive.core.state.order import Order, OrderFacts
from rbtlive.data.calendars.calendar import us_of
from rbtlive.finance.financial_model import plain_moment
from rbtlive.model.asset import Asset
from rbtlive.model.number import Figure, to_decimal
from rbtlive.model.order_facts import OrderStatus

if TYPE_CHECKING:
    import pandas as pd

    from rbtlive.core.shown.presenter import Presenter

ORDER_FACTS = (
    "id",
    "dt",
    "reason",
    "created",
    "amount",
    "filled",
    "commission",
    "stop",
    "limit",
    "stop_reached",
    "limit_reached",
    "sid",
    "status",
)
"""The fields that zipline reports of an order, in its order."""


class OrderView(LiveView):
    """An order as strategies and slippage models see it; `raw` is the order itself."""

    __slots__ = ("_presenter", "raw")

    def __init__(self, order: Order, presenter: Presenter) -> None:
        self.raw = order
        self._presenter = presenter

    @property
    def id(self) -> str:
        """Counter within the run, from "1"."""
        return self.raw.id

    @property
    def asset(self) -> Asset:
        """The asset to trade."""
        return self.raw.asset

    @property
    def sid(self) -> Asset:
        """The asset (zipline's name)."""
        return self.raw.asset

    @property
    def tag(self) -> str | None:
        """The strategy's tag for it, or None."""
        return self.raw.tag

    @property
    def amount(self) -> Figure:
        """Signed shares asked for."""
        return self._presenter.amount(self.raw.amount)

    @property
    def filled(self) -> Figure:
        """Signed shares filled so far."""
        return self._presenter.amount(self.raw.filled)

    @property
    def open_amount(self) -> Figure:
        """Signed shares not filled yet."""
        return self._presenter.amount(self.raw.open_amount)

    @property
    def commission(self) -> Figure:
        """Money charged so far."""
        return self._presenter.number(self.raw.commission)

    @property
    def limit(self) -> Figure | None:
        """Limit price, or None."""
        return None if self.raw.limit is None else self._presenter.number(self.raw.limit)

    @property
    def stop(self) -> Figure | None:
        """Stop price, or None; None again once a stop-limit order has reached it."""
        return None if self.raw.stop is None else self._presenter.number(self.raw.stop)

    @property
    def stop_reached(self) -> bool:
        """Whether the stop price was touched."""
        return self.raw.stop_reached

    @property
    def limit_reached(self) -> bool:
        """Whether the limit price was touched."""
        return self.raw.limit_reached

    @property
    def direction(self) -> float:
        """1.0 for a buy, -1.0 for a sell."""
        return 1.0 if self.raw.amount > 0 else -1.0

    @property
    def status(self) -> OrderStatus:
        """State; compares as zipline's int too."""
        return self.raw.status

    @property
    def reason(self) -> str | None:
        """Why it was denied, rejected or canceled."""
        return self.raw.reason

    @property
    def created(self) -> datetime:
        """When it was placed."""
        return self._presenter.timestamp(us_of(self.raw.created))

    @property
    def dt(self) -> datetime:
        """When it last changed."""
        return self._presenter.timestamp(us_of(self.raw.dt))

    @property
    def broker_order_id(self) -> str | None:
        """The venue's name for it."""
        return self.raw.broker_order_id

    @property
    def open(self) -> bool:
        """Whether it may still fill."""
        return self.raw.is_open

    @property
    def triggered(self) -> bool:
        """Whether it can fill now: its prices were touched, or it has none."""
        return self.raw.triggered

    def to_dict(self) -> dict[str, Any]:
        """Return the facts that zipline reports of an order, by name."""
        facts: dict[str, Any] = {name: getattr(self, name) for name in ORDER_FACTS}
        if self.raw.broker_order_id is not None:
            facts["broker_order_id"] = self.raw.broker_order_id
        return facts

    def keys(self) -> KeysView[str]:
        """Return the names of those facts."""
        return self.to_dict().keys()

    def to_series(self, index: list[str] | pd.Index[Any] | None = None) -> pd.Series[Any]:
        """Return these facts as a pandas Series."""
        import pandas as pd

        return pd.Series(self.to_dict(), index=index)

    def __contains__(self, name: object) -> bool:
        return name in self.to_dict()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrderView) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # compared by its facts, which change

    def check_triggers(self, price: object, dt: object) -> None:
        """Latch stop and limit at `price`; slippage models call this."""
        self.raw.check_triggers(to_decimal(price), plain_moment(dt))

    def __repr__(self) -> str:
        o = self.raw
        return (
            f"Order(id={o.id!r}, asset={o.asset!r}, amount={self.amount!r}, "
            f"filled={self.filled!r}, status={o.state.value})"
        )


class OrderPicture(OrderView):
    """An open order as it looked when it was asked for.

    Args:
        facts: The values of its fields then; of them `raw` is made when it is read.
        presenter: Converts its numbers.
    """

    __slots__ = ("_facts",)

    def __init__(self, facts: OrderFacts, presenter: Presenter) -> None:
        self._facts = facts
        self._presenter = presenter

    # Called only for what is missing: most pictures are only canceled.
    def __getattr__(self, name: str) -> Order:
        if name != "raw":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.raw = Order(*self._facts)
        return self.raw

    @property
    def id(self) -> str:
        """Counter within the run, from "1"."""
        order_id: str = self._facts[0]
        return order_id


class TransactionView(LiveView):
    """An execution as commission models and `on_order_fill` see it."""

    __slots__ = ("_dt", "_presenter", "amount", "asset", "commission", "order_id", "price")

    def __init__(
        self,
        order: Order,
        presenter: Presenter,
        *,
        amount: Decimal,
        price: Decimal,
        dt: datetime,
        commission: Decimal | None = None,
    ) -> None:
        self._presenter = presenter
        self.asset = order.asset
        self.amount = presenter.amount(amount)
        self.price = presenter.number(price)
        self._dt = dt
        self.order_id = order.id
        self.commission = None if commission is None else presenter.number(commission)

    @property
    def dt(self) -> datetime:
        """When it happened."""
        return self._presenter.timestamp(us_of(self._dt))

    @property
    def sid(self) -> Asset:
        """The asset (zipline's name)."""
        return self.asset

    def __repr__(self) -> str:
        return (
            f"Transaction(asset={self.asset!r}, dt={self.dt}, amount={self.amount!r}, "
            f"price={self.price!r})"
        )
