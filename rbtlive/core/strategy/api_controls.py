"""zipline's functions that limit what a strategy may do, as methods.

The rule: controls are set in `initialize` and stay. A trading control judges each order
before it is placed, an account control the books at each session's end.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import SupportsFloat

from rbtlive.core.actions.run_setup import add_trading_control
from rbtlive.core.rules import controls
from rbtlive.core.strategy.bound import Bound
from rbtlive.errors import RegisterAccountControlPostInit, RegisterTradingControlPostInit
from rbtlive.finance.asset_restrictions import Restrictions, StaticRestrictions
from rbtlive.model.asset import Asset
from rbtlive.model.calls import warn_user


class ControlMethods(Bound):
    """Trading controls, account controls and restricted assets."""

    def set_max_leverage(self, max_leverage: float) -> None:
        """End the run if gross leverage is above `max_leverage` at a session's end."""
        self._account_control(controls.MaxLeverage(max_leverage))

    def set_min_leverage(self, min_leverage: float, grace_period: timedelta) -> None:
        """End the run if gross leverage is below `min_leverage` at a session's end,
        `grace_period` after the start.
        """
        state = self._changing("set_min_leverage")
        self._account_control(controls.MinLeverage(min_leverage, state.first_label + grace_period))

    def set_max_position_size(
        self,
        asset: Asset | None = None,
        max_shares: SupportsFloat | None = None,
        max_notional: SupportsFloat | None = None,
        on_error: str = "fail",
    ) -> None:
        """Refuse orders that would make a position larger than this, in shares or in
        money.
        """
        self._trading_control(
            controls.MaxPositionSize(
                asset=asset, max_shares=max_shares, max_notional=max_notional, on_error=on_error
            )
        )

    def set_max_order_size(
        self,
        asset: Asset | None = None,
        max_shares: SupportsFloat | None = None,
        max_notional: SupportsFloat | None = None,
        on_error: str = "fail",
    ) -> None:
        """Refuse single orders larger than this, in shares or in money."""
        self._trading_control(
            controls.MaxOrderSize(
                asset=asset, max_shares=max_shares, max_notional=max_notional, on_error=on_error
            )
        )

    def set_max_order_count(self, max_count: int, on_error: str = "fail") -> None:
        """Refuse more than this many orders a day."""
        self._trading_control(controls.MaxOrderCount(on_error, max_count))

    def set_long_only(self, on_error: str = "fail") -> None:
        """Refuse orders that would make a position short."""
        self._trading_control(controls.LongOnly(on_error))

    def set_do_not_order_list(
        self, restricted_list: Iterable[Asset], on_error: str = "fail"
    ) -> None:
        """Refuse orders of these assets (deprecated by zipline: use
        `set_asset_restrictions`).
        """
        warn_user(
            "set_do_not_order_list() is deprecated: use "
            "set_asset_restrictions(StaticRestrictions(assets))",
            DeprecationWarning,
        )
        self.set_asset_restrictions(StaticRestrictions(restricted_list), on_error)

    def set_asset_restrictions(self, restrictions: Restrictions, on_error: str = "fail") -> None:
        """Refuse orders of restricted assets; `data.can_trade` is False for them.

        Raises:
            TypeError: `restrictions` is not a `Restrictions`.
        """
        if not isinstance(restrictions, Restrictions):
            raise TypeError(
                f"restrictions must be a Restrictions: was {restrictions!r}; see StaticRestrictions"
            )
        self._trading_control(controls.RestrictedListOrder(on_error, restrictions))
        state = self._changing("set_asset_restrictions")
        state.restrictions = state.restrictions | restrictions
        state.data.is_unrestricted = False

    def _trading_control(self, control: controls.TradingControl) -> None:
        state = self._changing("a trading control")
        if not state.initializing:
            raise RegisterTradingControlPostInit("trading controls can only be set in initialize")
        add_trading_control(state, control)

    def _account_control(self, control: controls.AccountControl) -> None:
        state = self._changing("an account control")
        if not state.initializing:
            raise RegisterAccountControlPostInit("account controls can only be set in initialize")
        state.account_controls.append(control)
