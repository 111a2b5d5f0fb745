"""zipline's trading and account controls: limits that a strategy sets for itself and
that stop it when it breaks them.

The rule: a trading control is checked once before each order, on the current position
without open orders; an account control once at the end of each session.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, SupportsFloat

from rbtlive.errors import AccountControlViolation, RbtliveWarning, TradingControlViolation
from rbtlive.model.asset import Asset
from rbtlive.model.calls import warn_user
from rbtlive.model.number import ENGINE_CONTEXT, plain_text, to_decimal

_ON_ERROR = ("fail", "log")


class TradingControl(abc.ABC):
    """Base of controls checked before each order; derive from it and write `validate`.

    Args:
        on_error: "fail" raises TradingControlViolation; "log" reports the violation and
            lets the order pass. An asset's first violation is reported, then its 10th,
            100th and so on, with the count.
        **parameters: The control's parameters, for messages.

    Attributes:
        report: Receives the message of a violation with "log"; a Python warning unless
            it is replaced.

    Raises:
        ValueError: `on_error` is neither "fail" nor "log".

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 33-90.
    """

    def __init__(self, on_error: str, **parameters: Any) -> None:
        if on_error not in _ON_ERROR:
            raise ValueError(
                f'on_error of {type(self).__name__} must be "fail" or "log": was {on_error!r}'
            )
        self.on_error = on_error
        self.report: Callable[[str], None] = partial(warn_user, category=RbtliveWarning)
        self._times: Counter[int] = Counter()
        self._parameters = parameters

    @abc.abstractmethod
    def validate(
        self,
        asset: Asset,
        amount: Any,
        portfolio: Any,
        algo_datetime: datetime,
        algo_current_data: Any,
    ) -> None:
        """Call `handle_violation` if this order breaks the control.

        Args:
            asset: The ordered asset.
            amount: Signed amount, after rounding.
            portfolio: The portfolio now; `positions[asset].amount` is 0 for an asset
                not held.
            algo_datetime: Event time, UTC.
            algo_current_data: The bar, as `handle_data` sees it.
        """

    def handle_violation(
        self, asset: Asset, amount: Any, datetime: datetime, metadata: dict[str, Any] | None = None
    ) -> None:
        """Raise or report that an order breaks this control.

        Args:
            asset: The ordered asset.
            amount: Signed amount.
            datetime: Event time.
            metadata: Further details for the message.

        Raises:
            TradingControlViolation: `on_error` is "fail".
        """
        constraint = repr(self) + (f" (Metadata: {metadata})" if metadata else "")
        message = (
            f"an order for {_shown(amount)} of {asset} at {datetime} breaks the trading "
            f"control {constraint}"
        )
        if self.on_error == "fail":
            raise TradingControlViolation(
                message, asset=asset, amount=amount, datetime=datetime, constraint=constraint
            )
        self._times[int(asset)] += 1
        times = self._times[int(asset)]
        if times == 1:
            self.report(message)
        elif times == 10 ** (
            len(str(times)) - 1
        ):  # a strategy that violates it at every bar must not flood the log
            self.report(f"{message} ({times:,} times so far)")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._parameters})"


class _Asked(NamedTuple):
    # The order and account that a control checks.
    asset: Asset
    amount: Any
    portfolio: Any
    when: datetime
    data: Any


class _OrderControl(TradingControl):
    # Our own controls take these values as one object.
    def validate(
        self,
        asset: Asset,
        amount: Any,
        portfolio: Any,
        algo_datetime: datetime,
        algo_current_data: Any,
    ) -> None:
        """Refuse the order if it breaks the control."""
        self._check(_Asked(asset, amount, portfolio, algo_datetime, algo_current_data))

    @abc.abstractmethod
    def _check(self, asked: _Asked) -> None: ...

    def _violated(self, asked: _Asked, metadata: dict[str, Any] | None = None) -> None:
        self.handle_violation(asked.asset, asked.amount, asked.when, metadata)


class MaxOrderCount(_OrderControl):
    """Limit the number of order calls in a UTC day.

    A call also counts if a control registered later refuses it.

    Args:
        on_error: "fail" or "log".
        max_count: Calls allowed in a day; not negative.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 93-116.
    """

    def __init__(self, on_error: str, max_count: int) -> None:
        super().__init__(on_error, max_count=max_count)
        self.max_count = _checked(max_count, "max_count", self, may_be_none=False)
        self.orders_placed = 0
        self.current_date: date | None = None

    # Refuse the order once the day's calls are used up; count it otherwise.
    def _check(self, asked: _Asked) -> None:
        today = asked.when.date()
        if self.current_date != today:
            self.orders_placed = 0
            self.current_date = today
        if self.orders_placed >= self.max_count:
            self._violated(asked)
        self.orders_placed += 1


class RestrictedListOrder(_OrderControl):
    """Forbid orders for restricted assets.

    Args:
        on_error: "fail" or "log".
        restrictions: Anything with `is_restricted(asset, dt)`.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 119-138.
    """

    def __init__(self, on_error: str, restrictions: Any) -> None:
        super().__init__(on_error)
        self.restrictions = restrictions

    # Refuse the order if its asset is restricted now.
    def _check(self, asked: _Asked) -> None:
        if self.restrictions.is_restricted(asked.asset, asked.when):
            self._violated(asked)


class _SizeLimit(_OrderControl):
    # Orders and positions are both limited in shares and in value at the bar's price.
    def __init__(
        self,
        on_error: str,
        asset: Asset | None = None,
        max_shares: SupportsFloat | None = None,
        max_notional: SupportsFloat | None = None,
    ) -> None:
        super().__init__(on_error, asset=asset, max_shares=max_shares, max_notional=max_notional)
        if max_shares is None and max_notional is None:
            raise ValueError(
                f"{type(self).__name__} needs max_shares, max_notional or both: was given neither"
            )
        self.asset = asset
        self.max_shares = max_shares
        self.max_notional = max_notional
        self._most_shares = _checked(max_shares, "max_shares", self)
        self._most_notional = _checked(max_notional, "max_notional", self)

    def _limit(self, asked: _Asked, size: Decimal) -> None:
        if self._most_shares is not None and abs(size) > self._most_shares:
            self._violated(asked)
            return  # an order is reported once, even if it breaks both limits
        if self._most_notional is None:
            return
        price = asked.data.current(asked.asset, "price")
        if math.isnan(price):
            return
        if abs(ENGINE_CONTEXT.multiply(size, to_decimal(price))) > self._most_notional:
            self._violated(asked)

    def _concerns(self, asset: Asset) -> bool:
        return self.asset is None or int(self.asset) == int(asset)


class MaxOrderSize(_SizeLimit):
    """Limit the size of a single order, in shares, in value, or both.

    Args:
        on_error: "fail" or "log".
        asset: The asset it applies to; None for all.
        max_shares: Maximum shares, not negative; None for no limit.
        max_notional: Maximum value at the bar's price, not negative; None for no limit.

    Raises:
        ValueError: neither limit is given, or one is negative.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 141-183.
    """

    # Refuse the order if it is too large.
    def _check(self, asked: _Asked) -> None:
        if self._concerns(asked.asset):
            self._limit(asked, to_decimal(asked.amount))


class MaxPositionSize(_SizeLimit):
    """Limit the size of the position that an order would create, in shares, in value,
    or both.

    Open orders are not counted.

    Args:
        on_error: "fail" or "log".
        asset: The asset it applies to; None for all.
        max_shares: Maximum shares, long or short, not negative; None for no limit.
        max_notional: Maximum value at the bar's price, not negative; None for no limit.

    Raises:
        ValueError: neither limit is given, or one is negative.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 186-234.
    """

    # Refuse the order if the position would become too large.
    def _check(self, asked: _Asked) -> None:
        if self._concerns(asked.asset):
            self._limit(asked, _position_after(asked))


class LongOnly(_OrderControl):
    """Forbid orders that would create a short position.

    Open orders are not counted.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 237-249.
    """

    # Refuse the order if the position would become negative.
    def _check(self, asked: _Asked) -> None:
        if _position_after(asked) < 0:
            self._violated(asked)


class AssetDateBounds(_OrderControl):
    """Forbid orders for an asset before its first day and after its last.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 252-281.
    """

    # Refuse the order if the asset is not listed on this UTC day.
    def _check(self, asked: _Asked) -> None:
        asset = asked.asset
        if asked.amount == 0:
            return
        today = asked.when.date()
        if asset.start_date and today < (start := _day(asset.start_date)):
            self._violated(asked, {"asset_start_date": start.isoformat()})
        if asset.end_date and today > (end := _day(asset.end_date)):
            self._violated(asked, {"asset_end_date": end.isoformat()})


class AccountControl(abc.ABC):
    """Base of controls checked at the end of each session; derive from it and write
    `validate`.

    Args:
        **parameters: The control's parameters, for messages.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 284-316.
    """

    def __init__(self, **parameters: Any) -> None:
        self._parameters = parameters

    @abc.abstractmethod
    def validate(
        self, portfolio: Any, account: Any, algo_datetime: datetime, algo_current_data: Any
    ) -> None:
        """Call `fail` if the account breaks the control.

        Args:
            portfolio: The portfolio now.
            account: The account now.
            algo_datetime: Event time, UTC.
            algo_current_data: The bar, as `handle_data` sees it.
        """

    def fail(self) -> None:
        """Raise the error that the account breaks this control.

        Raises:
            AccountControlViolation: always.
        """
        constraint = repr(self)
        raise AccountControlViolation(
            f"the account breaks the account control {constraint}", constraint=constraint
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._parameters})"


class MaxLeverage(AccountControl):
    """Limit the account's gross leverage.

    Args:
        max_leverage: Maximum gross leverage, 1.0 being fully invested; not negative.

    Raises:
        ValueError: `max_leverage` is missing or negative.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 319-340.
    """

    def __init__(self, max_leverage: Any) -> None:
        super().__init__(max_leverage=max_leverage)
        _checked(max_leverage, "max_leverage", self, may_be_none=False)
        self.max_leverage = max_leverage

    def validate(
        self, portfolio: Any, account: Any, algo_datetime: datetime, algo_current_data: Any
    ) -> None:
        """End the run if gross leverage is above the limit."""
        del portfolio, algo_datetime, algo_current_data
        if float(account.leverage) > float(self.max_leverage):
            self.fail()


class MinLeverage(AccountControl):
    """Require a minimum gross leverage from a date on.

    Args:
        min_leverage: Minimum gross leverage; not negative.
        deadline: Last moment at which less is allowed; a date means its first moment,
            and a value without a time zone takes that of the event time.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: `min_leverage` is negative.

    Source: zipline-reloaded 3.2.1, finance/controls.py, lines 343-376.
    """

    def __init__(self, min_leverage: float, deadline: date) -> None:
        super().__init__(min_leverage=min_leverage, deadline=deadline)
        _checked(min_leverage, "min_leverage", self, may_be_none=False)
        if not isinstance(deadline, date):
            kind = type(deadline).__name__
            raise TypeError(
                f"deadline of MinLeverage must be a date or a date-time: was {deadline!r} ({kind})"
            )
        self.min_leverage = min_leverage
        self.deadline = deadline

    def validate(
        self, portfolio: Any, account: Any, algo_datetime: datetime, algo_current_data: Any
    ) -> None:
        """End the run if the deadline has passed and gross leverage is below the
        limit.
        """
        del portfolio, algo_current_data
        deadline = self.deadline
        if not isinstance(deadline, datetime):
            deadline = datetime(
                deadline.year, deadline.month, deadline.day, tzinfo=algo_datetime.tzinfo or UTC
            )
        elif deadline.tzinfo is None:
            deadline = deadline.replace(tzinfo=algo_datetime.tzinfo)
        if algo_datetime > deadline and float(account.leverage) < float(self.min_leverage):
            self.fail()


# The position after an order, without open orders.
def _position_after(asked: _Asked) -> Decimal:
    held = to_decimal(asked.portfolio.positions[asked.asset].amount)
    return held + to_decimal(asked.amount)


def _shown(amount: Any) -> str:
    # The user's own control may pass any value.
    try:
        shares = plain_text(to_decimal(amount))
    except TypeError:
        return f"{amount} shares"
    return f"{shares} share" if shares in {"1", "-1"} else f"{shares} shares"


def _day(day: date) -> date:
    return day.date() if isinstance(day, datetime) else day


def _checked(limit: Any, name: str, control: object, *, may_be_none: bool = True) -> Any:
    # Returns the limit as a Decimal; infinity means no limit and is accepted.
    owner = type(control).__name__
    if limit is None and may_be_none:
        return None
    if limit is None:
        raise ValueError(f"{name} of {owner} must be given: was None")
    try:
        number = to_decimal(limit)
    except TypeError:
        kind = type(limit).__name__
        raise TypeError(f"{name} of {owner} must be a number: was {limit!r} ({kind})") from None
    if number.is_nan() or number < 0:
        raise ValueError(f"{name} of {owner} must not be negative: was {limit}")
    return number
