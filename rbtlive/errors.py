"""Every exception of the package, in one tree.

One rule: a message says what is wrong, which one, what it was, what was expected and
what to do. zipline's class names keep their meaning; the ones marked with * are
importable but never raised, because what they speak of is not built.

RbtliveError
├── ZiplineError
│   ├── SetSlippagePostInit, SetCommissionPostInit, SetCancelPolicyPostInit,
SetBenchmarkOutsideInitialize │   ├── RegisterTradingControlPostInit,
RegisterAccountControlPostInit, AttachPipelineAfterInitialize* │   ├──
UnsupportedSlippageModel, IncompatibleSlippageModel, UnsupportedCommissionModel,
IncompatibleCommissionModel │   ├── UnsupportedCancelPolicy, UnsupportedDatetimeFormat,
ZeroCapitalError │   ├── TransactionWithNoVolume*, TransactionWithWrongDirection,
TransactionWithNoAmount*, TransactionVolumeExceedsOrder │   ├──
UnsupportedOrderParameters, BadOrderParameters, CannotOrderDelistedAsset │   ├──
OrderDuringInitialize, OrderInBeforeTradingStart │   ├── TradingControlViolation,
AccountControlViolation │   ├── SymbolNotFound │   │   └── UnknownSymbol
│   ├── MultipleSymbolsFound*
│   │   └── MultipleSymbolsFoundForFuzzySymbol*, SameSymbolUsedAcrossCountries*
│   ├── SidsNotFound
│   │   └── EquitiesNotFound*, FutureContractsNotFound*
│   ├── IncompatibleHistoryFrequency, HistoryWindowStartsBeforeData,
NonExistentAssetInTimeFrame*, NoFurtherDataError* │   ├── NoTradeDataAvailable
│   │   ├── NoTradeDataAvailableTooEarly
│   │   │   └── BenchmarkAssetNotAvailableTooEarly
│   │   └── NoTradeDataAvailableTooLate
│   │       └── BenchmarkAssetNotAvailableTooLate
│   ├── InvalidBenchmarkAsset
│   ├── InvalidCalendarName
│   │   └── UnknownCalendar
│   ├── CalendarNameCollision*, CyclicCalendarAlias*, ScheduleFunctionWithoutCalendar*,
ScheduleFunctionInvalidCalendar │   ├── PipelineOutputDuringInitialize*,
NoSuchPipeline*, DuplicatePipelineName*, UnsupportedPipelineOutput* │   ├──
PipelineDateError*, WindowLengthTooLong*, WindowLengthNotPositive*,
WindowLengthNotSpecified* │   ├── NonWindowSafeInput*, NonPipelineInputs*,
NonSliceableTerm*, IncompatibleTerms*, TermInputsNotSpecified* │   ├──
TermOutputsEmpty*, InvalidOutputName*, InvalidTermParams*, DTypeNotSpecified*,
NotDType*, UnsupportedDType* │   ├── UnsupportedDataType*, BadPercentileBounds*,
UnknownRankMethod*, WrongDataForTransform*, NoSourceError* │   ├── RootSymbolNotFound*,
ValueNotFoundForField*, MultipleValuesFoundForField*, NoValueForSid* │   └──
MultipleValuesFoundForSid*, ConsumeAssetMetaDataError*, SidAssignmentError*,
AssetDBVersionError*, AssetDBImpossibleDowngrade* ├── LiquidityExceeded ├── DataError │
 ├── UnknownSymbol, MissingColumn, WrongColumnType, NotAFrame, UnreadableFile,
 EmptyData, UnknownSample │   ├── InvalidPrice, InvalidVolume, MissingValue,
 HighBelowLow, DuplicateBar, BarOutsideSession │   └── InvalidAsset, InvalidSplit,
 InvalidDividend
├── StrategyError
│   └── NotAStrategy, NoCallbacks, UnknownParameter, LookAheadIndicator,
CalledOutsideStrategy ├── SettingsError
│   ├── InvalidSetting, UnknownCalendar, StartAfterEnd, NotASession, OutsideCalendar,
OutsideData, BadFrequency, BadSessionName │   └── InvalidParameter, NoRunningLoop,
NoFeed, UnknownSession ├── JournalError
│   ├── SessionLocked, JournalMismatch, JournalVersion, JournalCorrupt,
JournalUnwritable, UnsafeStateFolder │   └── StrategyChanged, RunNotFound
├── EngineError
│   ├── EngineStopped, TooManyErrors, InvariantBroken
│   └── IllegalTransition, UnknownOrder, QueueFull, QueueEmpty
├── FeedError
│   └── FeedDisconnected, InvalidBar
├── BrokerError
│   └── OrderRefused, ReconciliationFailed
├── ResultError
│   └── ResultVersion, ResultCorrupt
├── NotBuilt
└── MissingExtra

RbtliveWarning
└── DataWarning
"""
# ruff: noqa: N818 -- zipline's exception names, and ours beside them, say what happened without the suffix "Error"

from __future__ import annotations

import queue
from typing import Any, ClassVar


class RbtliveError(Exception):
    """Base of everything this package raises on its own account."""

    def __str__(self) -> str:
        return ", ".join(
            str(part) for part in self.args
        )  # a KeyError among the parents would show the repr


class RbtliveWarning(UserWarning):
    """Base of the Python warnings this package gives."""


class DataWarning(RbtliveWarning):
    """Part of the data was left out; the message counts it and names the first."""


class ZiplineError(RbtliveError):
    """Base of the exceptions that carry zipline's names.

    Takes a message, or zipline's keyword arguments, which are then told in a sentence
    behind the class's own meaning. A subclass with a `msg` template has its keyword
    arguments put into that, as in zipline.

    Attributes:
        kwargs: The keyword arguments it was raised with.
    """

    msg: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, /, **facts: Any) -> None:
        self.kwargs = facts
        super().__init__(self._sentence(facts) if message is None else message)

    @property
    def message(self) -> str:
        """The text of the error."""
        return str(self)

    @classmethod
    def _sentence(cls, facts: dict[str, Any]) -> str:
        if cls.msg is not None:
            return cls.msg.format(**facts)
        if set(facts) == {"msg"}:
            return str(facts["msg"])
        meaning = (cls.__doc__ or cls.__name__).partition("\n")[0].rstrip(".")
        told = ", ".join(f"{name} was {value}" for name, value in facts.items())
        return f"{meaning}: {told}" if told else meaning


# What may be set only in initialize, and with what


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


# Orders and what fills them


class TransactionWithWrongDirection(ZiplineError):
    """A fill goes the other way than its order."""


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


# Assets, history, benchmark, calendar


class SymbolNotFound(ZiplineError):
    """No asset has this symbol."""


class SidsNotFound(ZiplineError):
    """No asset has this sid."""


class IncompatibleHistoryFrequency(ZiplineError):
    """Data of this frequency cannot give history of that frequency."""


class HistoryWindowStartsBeforeData(ZiplineError):
    """The history window begins before the data."""


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


class NoSuchPipeline(ZiplineError, KeyError):
    """No pipeline of this name was attached."""


# Names whose subject is not built: importable, so that an except clause of a zipline
# strategy still compiles


def _name(name: str, meaning: str, *parents: type[ZiplineError]) -> type[ZiplineError]:
    return type(name, parents or (ZiplineError,), {"__doc__": meaning, "__module__": __name__})


TransactionWithNoVolume = _name("TransactionWithNoVolume", "A fill of no volume was reported.")
TransactionWithNoAmount = _name(
    "TransactionWithNoAmount", "A fill of less than one lot was reported."
)
MultipleSymbolsFound = _name("MultipleSymbolsFound", "Several assets have had this symbol.")
MultipleSymbolsFoundForFuzzySymbol = _name(
    "MultipleSymbolsFoundForFuzzySymbol", "Several assets match this symbol.", MultipleSymbolsFound
)
SameSymbolUsedAcrossCountries = _name(
    "SameSymbolUsedAcrossCountries", "Several countries have it.", MultipleSymbolsFound
)
EquitiesNotFound = _name("EquitiesNotFound", "No equity has this sid.", SidsNotFound)
FutureContractsNotFound = _name(
    "FutureContractsNotFound", "No futures contract has this sid.", SidsNotFound
)
NonExistentAssetInTimeFrame = _name(
    "NonExistentAssetInTimeFrame", "The asset does not exist all the time."
)
NoFurtherDataError = _name("NoFurtherDataError", "The data ends before what was asked for.")
CalendarNameCollision = _name(
    "CalendarNameCollision", "A calendar of this name is already registered."
)
CyclicCalendarAlias = _name("CyclicCalendarAlias", "Calendar aliases lead back to themselves.")
ScheduleFunctionWithoutCalendar = _name(
    "ScheduleFunctionWithoutCalendar", "The run has no calendar."
)
AttachPipelineAfterInitialize = _name(
    "AttachPipelineAfterInitialize", "It works only inside initialize."
)
PipelineOutputDuringInitialize = _name(
    "PipelineOutputDuringInitialize", "It does not work inside initialize."
)
DuplicatePipelineName = _name(
    "DuplicatePipelineName", "A pipeline of this name was attached already."
)
UnsupportedPipelineOutput = _name(
    "UnsupportedPipelineOutput", "A pipeline column must be two-dimensional."
)
PipelineDateError = _name("PipelineDateError", "Start and end are needed together.")
WindowLengthTooLong = _name("WindowLengthTooLong", "The window is longer than the data.")
WindowLengthNotPositive = _name("WindowLengthNotPositive", "A window must hold at least one bar.")
WindowLengthNotSpecified = _name(
    "WindowLengthNotSpecified", "A pipeline term lacks its window length."
)
NonWindowSafeInput = _name("NonWindowSafeInput", "A windowed term was fed one that is adjusted.")
NonPipelineInputs = _name("NonPipelineInputs", "A pipeline term was fed something that is none.")
NonSliceableTerm = _name("NonSliceableTerm", "This pipeline term cannot be sliced.")
IncompatibleTerms = _name("IncompatibleTerms", "Two pipeline terms have different masks.")
TermInputsNotSpecified = _name("TermInputsNotSpecified", "A pipeline term lacks its inputs.")
TermOutputsEmpty = _name("TermOutputsEmpty", "A pipeline term has an empty list of outputs.")
InvalidOutputName = _name(
    "InvalidOutputName", "A pipeline output has a name that is taken or private."
)
InvalidTermParams = _name("InvalidTermParams", "A pipeline term's params are no list of names.")
DTypeNotSpecified = _name("DTypeNotSpecified", "A pipeline term lacks its dtype.")
NotDType = _name("NotDType", "A pipeline term's dtype is no numpy dtype.")
UnsupportedDType = _name("UnsupportedDType", "A pipeline term has a dtype that is not supported.")
UnsupportedDataType = _name(
    "UnsupportedDataType", "A custom factor has a dtype that is not supported."
)
BadPercentileBounds = _name("BadPercentileBounds", "Percentile bounds are out of order.")
UnknownRankMethod = _name("UnknownRankMethod", "No ranking method has this name.")
WrongDataForTransform = _name(
    "WrongDataForTransform", "The event lacks fields that the transform needs."
)
NoSourceError = _name("NoSourceError", "No data source was given.")
RootSymbolNotFound = _name("RootSymbolNotFound", "No futures chain has this root symbol.")
ValueNotFoundForField = _name("ValueNotFoundForField", "No asset has this value in this field.")
MultipleValuesFoundForField = _name(
    "MultipleValuesFoundForField", "Several assets have this value."
)
NoValueForSid = _name("NoValueForSid", "The asset has no value in this field.")
MultipleValuesFoundForSid = _name("MultipleValuesFoundForSid", "The asset has several values.")
ConsumeAssetMetaDataError = _name(
    "ConsumeAssetMetaDataError", "Metadata of this type cannot be read."
)
SidAssignmentError = _name("SidAssignmentError", "An asset of the metadata lacks its sid.")
AssetDBVersionError = _name("AssetDBVersionError", "The asset database has another version.")
AssetDBImpossibleDowngrade = _name(
    "AssetDBImpossibleDowngrade", "A downgrade must lead to a lower version."
)


# Data that cannot be used


class DataError(RbtliveError, ValueError):
    """Data cannot be used as it is; the message names column, row and value."""


class UnknownSymbol(SymbolNotFound, DataError):
    """The data holds no asset of this symbol; the message suggests the nearest."""


class MissingColumn(DataError):
    """A frame lacks a column."""


class WrongColumnType(DataError):
    """A column has a type that cannot be read."""


class NotAFrame(DataError, TypeError):
    """What was given is neither a frame nor a path nor a portal."""


class UnreadableFile(DataError):
    """A file is missing or of a kind that cannot be read."""


class EmptyData(DataError):
    """No usable bar is left."""


class UnknownSample(DataError):
    """No sample of this name ships with the package."""


class InvalidPrice(DataError):
    """A price is negative or infinite."""


class InvalidVolume(DataError):
    """A volume is negative or infinite."""


class MissingValue(DataError):
    """A bar has a close but lacks another of its values."""


class HighBelowLow(DataError):
    """A bar's high is below its low."""


class DuplicateBar(DataError):
    """Two bars stand for the same asset and time."""


class BarOutsideSession(DataError):
    """A bar stands on a day that is no session of the calendar."""


class InvalidAsset(DataError):
    """A row of the assets frame contradicts itself or another one."""


class InvalidSplit(DataError):
    """A row of the splits frame cannot be applied."""


class InvalidDividend(DataError):
    """A row of the dividends frame cannot be applied."""


# Strategies and settings


class StrategyError(RbtliveError):
    """A strategy cannot be run as it is."""


class NotAStrategy(StrategyError, TypeError):
    """What was given is no strategy."""


class NoCallbacks(StrategyError):
    """A strategy defines none of the functions that would be called."""


class UnknownParameter(StrategyError, TypeError):
    """A strategy has no parameter of this name; the message suggests the nearest."""


class LookAheadIndicator(StrategyError):
    """An indicator's value changes once later rows are known."""


class CalledOutsideStrategy(StrategyError, RuntimeError):
    """A function of the api was called while no strategy runs."""


class SettingsError(RbtliveError, ValueError):
    """A setting is impossible; the message says what is expected."""


class UnknownCalendar(InvalidCalendarName, SettingsError):
    """No calendar has this name; the message suggests the nearest."""


class StartAfterEnd(SettingsError):
    """The start lies after the end."""


class NotASession(SettingsError):
    """A date is no session of the calendar."""


class OutsideCalendar(SettingsError):
    """A date lies before the calendar's first session or after its last."""


class OutsideData(SettingsError):
    """The start or the end lies where there is no data."""


class InvalidSetting(SettingsError):
    """A setting has a value that cannot be."""


class BadFrequency(SettingsError):
    """A frequency is neither "1d" nor "1m"."""


class BadSessionName(SettingsError):
    """A session's name has characters that a file name should not have, or it is
    missing.
    """


class InvalidParameter(SettingsError):
    """A parameter of a rule or indicator is outside its range."""


class NoRunningLoop(SettingsError, RuntimeError):
    """attach needs a running event loop; scripts use the blocking run."""


class NoFeed(SettingsError):
    """The broker has no feed of its own and none was given."""


class UnknownSession(SettingsError, LookupError):
    """No session of this name runs or was recorded."""


# The journal


class JournalError(RbtliveError):
    """The journal cannot be read or written."""


class SessionLocked(JournalError):
    """Another process holds this session; the message names it."""


class JournalMismatch(JournalError):
    """The journal belongs to another strategy."""


class JournalVersion(JournalError):
    """The journal was written in another format."""


class JournalCorrupt(JournalError):
    """The journal was changed or damaged before its end."""


class JournalUnwritable(JournalError):
    """The journal cannot be written: disk full, read-only or locked."""


class UnsafeStateFolder(JournalError):
    """The state folder, or a file in it, is a link to somewhere else."""


class StrategyChanged(JournalError):
    """The strategy was edited since the journal was written."""


class RunNotFound(JournalError, LookupError):
    """The session has no run of this number."""


# The engine, feeds, brokers, results


class EngineError(RbtliveError):
    """The engine cannot do this now."""


class EngineStopped(EngineError):
    """The engine has stopped and takes nothing more."""


class TooManyErrors(EngineError):
    """Callbacks failed too many times in a row."""


class InvariantBroken(EngineError):
    """Something that must always hold does not: a bug, and a reason to stop."""


class IllegalTransition(EngineError):
    """An order cannot go from its state to that one."""


class UnknownOrder(EngineError, LookupError):
    """No order has this id."""


class QueueFull(EngineError, queue.Full):
    """The queue holds as much market data as it may."""


class QueueEmpty(EngineError, queue.Empty):
    """The queue holds nothing."""


class FeedError(RbtliveError):
    """A feed failed."""


class FeedDisconnected(FeedError, ConnectionError):
    """A feed's source was lost and did not come back."""


class InvalidBar(FeedError, ValueError):
    """A feed gave something that is no usable bar."""


class BrokerError(RbtliveError):
    """A broker failed."""


class OrderRefused(BrokerError):
    """A broker said no to an order, for good."""


class ReconciliationFailed(BrokerError):
    """A broker's books and ours differ, and nothing explains it."""


class ResultError(RbtliveError):
    """A saved result cannot be used."""


class ResultVersion(ResultError):
    """A saved result was written in another format."""


class ResultCorrupt(ResultError):
    """A saved result was changed or damaged."""


class NotBuilt(RbtliveError, NotImplementedError):
    """A feature of zipline that this package does not have; the message names it."""


class MissingExtra(RbtliveError, ImportError):
    """A package of an optional extra is not installed; the message names the extra."""
