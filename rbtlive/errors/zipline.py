"""zipline's exceptions, with zipline's names and keyword arguments."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from rbtlive.errors.base import RbtliveError, ZiplineError


class SetSlippagePostInit(ZiplineError):
    """set_slippage works only inside initialize."""


class SetCommissionPostInit(ZiplineError):
    """set_commission works only inside initialize."""


class SetCancelPolicyPostInit(ZiplineError):
    """set_cancel_policy works only inside initialize."""


class SetBenchmarkOutsideInitialize(ZiplineError):
    """set_benchmark works only inside initialize."""


class RegisterTradingControlPostInit(ZiplineError):
    """Trading controls can be registered only inside initialize."""


class RegisterAccountControlPostInit(ZiplineError):
    """Account controls can be registered only inside initialize."""


class UnsupportedSlippageModel(ZiplineError):
    """set_slippage expects an instance of SlippageModel."""


class IncompatibleSlippageModel(ZiplineError):
    """The slippage model does not serve this type of asset."""


class UnsupportedCommissionModel(ZiplineError):
    """set_commission expects an instance of CommissionModel."""


class IncompatibleCommissionModel(ZiplineError):
    """The commission model does not serve this type of asset."""


class UnsupportedCancelPolicy(ZiplineError):
    """set_cancel_policy expects an instance of CancelPolicy."""


class UnsupportedDatetimeFormat(ZiplineError):
    """The argument cannot be read as a date-time."""


class ZeroCapitalError(ZiplineError):
    """capital_base must be above zero."""


class TransactionWithWrongDirection(ZiplineError):
    """A fill has the opposite direction of its order."""


class TransactionVolumeExceedsOrder(ZiplineError):
    """A fill is larger than what its order has open."""


class UnsupportedOrderParameters(ZiplineError):
    """The order was given parameters that exclude each other."""


class BadOrderParameters(ZiplineError):
    """An order was given an impossible price or amount."""


class CannotOrderDelistedAsset(ZiplineError):
    """The asset has no price to size the order by: it is not listed now."""


class OrderDuringInitialize(ZiplineError):
    """This call is not allowed inside initialize."""


class OrderInBeforeTradingStart(ZiplineError):
    """Orders cannot be placed inside before_trading_start."""


class LiquidityExceeded(RbtliveError):
    """Raised by a slippage model: no more of this asset can trade in this bar."""


class TradingControlViolation(ZiplineError):
    """The order breaks a trading control."""


class AccountControlViolation(ZiplineError):
    """The account breaks an account control."""


class SymbolNotFound(ZiplineError):
    """No asset has this symbol."""


class SidsNotFound(ZiplineError):
    """No asset has this sid."""


class IncompatibleHistoryFrequency(ZiplineError):
    """Data of this frequency cannot give history of that frequency."""


class NoTradeDataAvailable(ZiplineError):
    """The asset has no data at this time."""


class NoTradeDataAvailableTooEarly(NoTradeDataAvailable):
    """The asset has no data yet at this time."""


class NoTradeDataAvailableTooLate(NoTradeDataAvailable):
    """The asset has no data any more at this time."""


class BenchmarkAssetNotAvailableTooEarly(NoTradeDataAvailableTooEarly):
    """The benchmark asset begins after the run does."""


class BenchmarkAssetNotAvailableTooLate(NoTradeDataAvailableTooLate):
    """The benchmark asset ends before the run does."""


class InvalidBenchmarkAsset(ZiplineError):
    """The asset cannot serve as benchmark."""


class InvalidCalendarName(ZiplineError):
    """No calendar has this name."""


class ScheduleFunctionInvalidCalendar(ZiplineError):
    """schedule_function was given a calendar it does not know."""
