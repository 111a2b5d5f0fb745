"""Every exception of the package, in one tree.

The rule: a message says what is wrong, which one, what it was, what was expected and
what to do. zipline's class names keep their meaning; those marked with * can be
imported but are never raised, because their feature is not supported.

RbtliveError
├── LiquidityExceeded, NotBuilt, MissingExtra
├── ZiplineError
│   ├── SetSlippagePostInit, SetCommissionPostInit, SetCancelPolicyPostInit
│   ├── SetBenchmarkOutsideInitialize, RegisterTradingControlPostInit
│   ├── RegisterAccountControlPostInit, UnsupportedSlippageModel*
│   ├── IncompatibleSlippageModel, UnsupportedCommissionModel*
│   ├── IncompatibleCommissionModel, UnsupportedCancelPolicy
│   ├── UnsupportedDatetimeFormat, ZeroCapitalError, TransactionWithWrongDirection
│   ├── TransactionVolumeExceedsOrder, UnsupportedOrderParameters, BadOrderParameters
│   ├── CannotOrderDelistedAsset, OrderDuringInitialize, OrderInBeforeTradingStart
│   ├── TradingControlViolation, AccountControlViolation, IncompatibleHistoryFrequency
│   ├── HistoryWindowStartsBeforeData
│   │   └── NoFurtherDataError
│   ├── InvalidBenchmarkAsset*
│   ├── ScheduleFunctionInvalidCalendar, NoSuchPipeline, TransactionWithNoVolume*
│   ├── TransactionWithNoAmount*, NonExistentAssetInTimeFrame
│   ├── NoDefaultMissingValue
│   ├── CalendarNameCollision*, CyclicCalendarAlias*, ScheduleFunctionWithoutCalendar*
│   ├── AttachPipelineAfterInitialize, PipelineOutputDuringInitialize
│   ├── DuplicatePipelineName, UnsupportedPipelineOutput, PipelineDateError*
│   ├── WindowLengthTooLong
│   │   └── NoFurtherDataError
│   ├── WindowLengthNotPositive, WindowLengthNotSpecified
│   ├── NonWindowSafeInput, NonPipelineInputs, NonSliceableTerm, IncompatibleTerms
│   ├── TermInputsNotSpecified, TermOutputsEmpty, InvalidOutputName, InvalidTermParams
│   ├── DTypeNotSpecified, NotDType, UnsupportedDType, UnsupportedDataType
│   ├── BadPercentileBounds, UnknownRankMethod, WrongDataForTransform*, NoSourceError*
│   ├── RootSymbolNotFound*, ValueNotFoundForField*, MultipleValuesFoundForField*
│   ├── NoValueForSid*, MultipleValuesFoundForSid*, ConsumeAssetMetaDataError*
│   ├── SidAssignmentError*, AssetDBVersionError*, AssetDBImpossibleDowngrade*
│   ├── SymbolNotFound
│   │   └── UnknownSymbol
│   ├── SidsNotFound
│   │   └── EquitiesNotFound*, FutureContractsNotFound*
│   ├── NoTradeDataAvailable
│   │   ├── NoTradeDataAvailableTooEarly
│   │   │   └── BenchmarkAssetNotAvailableTooEarly
│   │   └── NoTradeDataAvailableTooLate
│   │       └── BenchmarkAssetNotAvailableTooLate
│   ├── InvalidCalendarName
│   │   └── UnknownCalendar
│   └── MultipleSymbolsFound*
│       └── MultipleSymbolsFoundForFuzzySymbol*, SameSymbolUsedAcrossCountries*
├── DataError
│   ├── UnknownSymbol, WrongColumnType, NotAFrame, UnreadableFile, RowsLost
│   ├── EmptyData, UnknownSample, InvalidPrice, InvalidVolume, MissingValue
│   ├── HighBelowLow, DuplicateBar, BarOutsideSession, InvalidAsset, InvalidSplit
│   ├── InvalidDividend, NoTimeOfKnowledge, FetchFailed
│   └── MissingColumn
│       └── UnclearData
├── StrategyError
│   ├── NotAStrategy, NoCallbacks, UnknownParameter, LookAheadIndicator
│   └── CalledOutsideStrategy
├── SettingsError
│   ├── UnknownCalendar, StartAfterEnd, NotASession, OutsideCalendar, OutsideData
│   ├── InvalidSetting, BadFrequency, BadSessionName, NoRunningLoop
│   └── NoFeed, UnknownSession, ForkedProcess
├── JournalError
│   ├── SessionLocked, JournalMismatch, JournalVersion, JournalCorrupt
│   └── JournalUnwritable, UnsafeStateFolder, StrategyChanged, RunNotFound
├── EngineError
│   ├── EngineStopped, StrategyExited, TooManyErrors, InvariantBroken
│   ├── IllegalTransition, UnknownOrder, AmountTooLarge
│   └── QueueFull, QueueEmpty
├── FeedError
│   └── FeedDisconnected, InvalidBar
├── BrokerError
│   └── OrderRefused, ReconciliationFailed
├── SweepError
│   ├── EmptySweep, SweepTooLarge, NotPicklable, StoreMismatch, UnsupportedSignals
│   └── GearsDiffer, BadFolds
└── ResultError
    └── ResultVersion, ResultCorrupt

RbtliveWarning
└── DataWarning
"""

from rbtlive.errors.base import (
    DataWarning,
    MissingExtra,
    NotBuilt,
    RbtliveError,
    RbtliveWarning,
    ZiplineError,
)
from rbtlive.errors.data import (
    BarOutsideSession,
    DataError,
    DuplicateBar,
    EmptyData,
    FetchFailed,
    HighBelowLow,
    InvalidAsset,
    InvalidDividend,
    InvalidPrice,
    InvalidSplit,
    InvalidVolume,
    MissingColumn,
    MissingValue,
    NotAFrame,
    NoTimeOfKnowledge,
    RowsLost,
    UnclearData,
    UnknownSample,
    UnknownSymbol,
    UnreadableFile,
    WrongColumnType,
)
from rbtlive.errors.journal import (
    JournalCorrupt,
    JournalError,
    JournalMismatch,
    JournalUnwritable,
    JournalVersion,
    RunNotFound,
    SessionLocked,
    StrategyChanged,
    UnsafeStateFolder,
)
from rbtlive.errors.pipeline import (
    AttachPipelineAfterInitialize,
    BadPercentileBounds,
    DTypeNotSpecified,
    DuplicatePipelineName,
    HistoryWindowStartsBeforeData,
    IncompatibleTerms,
    InvalidOutputName,
    InvalidTermParams,
    NoDefaultMissingValue,
    NoFurtherDataError,
    NonExistentAssetInTimeFrame,
    NonPipelineInputs,
    NonSliceableTerm,
    NonWindowSafeInput,
    NoSuchPipeline,
    NotDType,
    PipelineDateError,
    PipelineOutputDuringInitialize,
    TermInputsNotSpecified,
    TermOutputsEmpty,
    UnknownRankMethod,
    UnsupportedDataType,
    UnsupportedDType,
    UnsupportedPipelineOutput,
    WindowLengthNotPositive,
    WindowLengthNotSpecified,
    WindowLengthTooLong,
)
from rbtlive.errors.running import (
    AmountTooLarge,
    BrokerError,
    EngineError,
    EngineStopped,
    FeedDisconnected,
    FeedError,
    IllegalTransition,
    InvalidBar,
    InvariantBroken,
    OrderRefused,
    QueueEmpty,
    QueueFull,
    ReconciliationFailed,
    ResultCorrupt,
    ResultError,
    ResultVersion,
    StrategyExited,
    TooManyErrors,
    UnknownOrder,
)
from rbtlive.errors.settings import (
    BadFrequency,
    BadSessionName,
    CalledOutsideStrategy,
    ForkedProcess,
    InvalidSetting,
    LookAheadIndicator,
    NoCallbacks,
    NoFeed,
    NoRunningLoop,
    NotASession,
    NotAStrategy,
    OutsideCalendar,
    OutsideData,
    SettingsError,
    StartAfterEnd,
    StrategyError,
    UnknownCalendar,
    UnknownParameter,
    UnknownSession,
)
from rbtlive.errors.sweeps import (
    BadFolds,
    EmptySweep,
    GearsDiffer,
    NotPicklable,
    StoreMismatch,
    SweepError,
    SweepTooLarge,
    UnsupportedSignals,
)
from rbtlive.errors.zipline import (
    AccountControlViolation,
    BadOrderParameters,
    BenchmarkAssetNotAvailableTooEarly,
    BenchmarkAssetNotAvailableTooLate,
    CannotOrderDelistedAsset,
    IncompatibleCommissionModel,
    IncompatibleHistoryFrequency,
    IncompatibleSlippageModel,
    InvalidBenchmarkAsset,
    InvalidCalendarName,
    LiquidityExceeded,
    NoTradeDataAvailable,
    NoTradeDataAvailableTooEarly,
    NoTradeDataAvailableTooLate,
    OrderDuringInitialize,
    OrderInBeforeTradingStart,
    RegisterAccountControlPostInit,
    RegisterTradingControlPostInit,
    ScheduleFunctionInvalidCalendar,
    SetBenchmarkOutsideInitialize,
    SetCancelPolicyPostInit,
    SetCommissionPostInit,
    SetSlippagePostInit,
    SidsNotFound,
    SymbolNotFound,
    TradingControlViolation,
    TransactionVolumeExceedsOrder,
    TransactionWithWrongDirection,
    UnsupportedCancelPolicy,
    UnsupportedCommissionModel,
    UnsupportedDatetimeFormat,
    UnsupportedOrderParameters,
    UnsupportedSlippageModel,
    ZeroCapitalError,
)
from rbtlive.errors.zipline_only import (
    AssetDBImpossibleDowngrade,
    AssetDBVersionError,
    CalendarNameCollision,
    ConsumeAssetMetaDataError,
    CyclicCalendarAlias,
    EquitiesNotFound,
    FutureContractsNotFound,
    MultipleSymbolsFound,
    MultipleSymbolsFoundForFuzzySymbol,
    MultipleValuesFoundForField,
    MultipleValuesFoundForSid,
    NoSourceError,
    NoValueForSid,
    RootSymbolNotFound,
    SameSymbolUsedAcrossCountries,
    ScheduleFunctionWithoutCalendar,
    SidAssignmentError,
    TransactionWithNoAmount,
    TransactionWithNoVolume,
    ValueNotFoundForField,
    WrongDataForTransform,
)

__all__ = [
    "AccountControlViolation",
    "AmountTooLarge",
    "AssetDBImpossibleDowngrade",
    "AssetDBVersionError",
    "AttachPipelineAfterInitialize",
    "BadFolds",
    "BadFrequency",
    "BadOrderParameters",
    "BadPercentileBounds",
    "BadSessionName",
    "BarOutsideSession",
    "BenchmarkAssetNotAvailableTooEarly",
    "BenchmarkAssetNotAvailableTooLate",
    "BrokerError",
    "CalendarNameCollision",
    "CalledOutsideStrategy",
    "CannotOrderDelistedAsset",
    "ConsumeAssetMetaDataError",
    "CyclicCalendarAlias",
    "DTypeNotSpecified",
    "DataError",
    "DataWarning",
    "DuplicateBar",
    "DuplicatePipelineName",
    "EmptyData",
    "EmptySweep",
    "EngineError",
    "EngineStopped",
    "EquitiesNotFound",
    "FeedDisconnected",
    "FeedError",
    "FetchFailed",
    "ForkedProcess",
    "FutureContractsNotFound",
    "GearsDiffer",
    "HighBelowLow",
    "HistoryWindowStartsBeforeData",
    "IllegalTransition",
    "IncompatibleCommissionModel",
    "IncompatibleHistoryFrequency",
    "IncompatibleSlippageModel",
    "IncompatibleTerms",
    "InvalidAsset",
    "InvalidBar",
    "InvalidBenchmarkAsset",
    "InvalidCalendarName",
    "InvalidDividend",
    "InvalidOutputName",
    "InvalidPrice",
    "InvalidSetting",
    "InvalidSplit",
    "InvalidTermParams",
    "InvalidVolume",
    "InvariantBroken",
    "JournalCorrupt",
    "JournalError",
    "JournalMismatch",
    "JournalUnwritable",
    "JournalVersion",
    "LiquidityExceeded",
    "LookAheadIndicator",
    "MissingColumn",
    "MissingExtra",
    "MissingValue",
    "MultipleSymbolsFound",
    "MultipleSymbolsFoundForFuzzySymbol",
    "MultipleValuesFoundForField",
    "MultipleValuesFoundForSid",
    "NoCallbacks",
    "NoDefaultMissingValue",
    "NoFeed",
    "NoFurtherDataError",
    "NoRunningLoop",
    "NoSourceError",
    "NoSuchPipeline",
    "NoTimeOfKnowledge",
    "NoTradeDataAvailable",
    "NoTradeDataAvailableTooEarly",
    "NoTradeDataAvailableTooLate",
    "NoValueForSid",
    "NonExistentAssetInTimeFrame",
    "NonPipelineInputs",
    "NonSliceableTerm",
    "NonWindowSafeInput",
    "NotAFrame",
    "NotASession",
    "NotAStrategy",
    "NotBuilt",
    "NotDType",
    "NotPicklable",
    "OrderDuringInitialize",
    "OrderInBeforeTradingStart",
    "OrderRefused",
    "OutsideCalendar",
    "OutsideData",
    "PipelineDateError",
    "PipelineOutputDuringInitialize",
    "QueueEmpty",
    "QueueFull",
    "RbtliveError",
    "RbtliveWarning",
    "ReconciliationFailed",
    "RegisterAccountControlPostInit",
    "RegisterTradingControlPostInit",
    "ResultCorrupt",
    "ResultError",
    "ResultVersion",
    "RootSymbolNotFound",
    "RowsLost",
    "RunNotFound",
    "SameSymbolUsedAcrossCountries",
    "ScheduleFunctionInvalidCalendar",
    "ScheduleFunctionWithoutCalendar",
    "SessionLocked",
    "SetBenchmarkOutsideInitialize",
    "SetCancelPolicyPostInit",
    "SetCommissionPostInit",
    "SetSlippagePostInit",
    "SettingsError",
    "SidAssignmentError",
    "SidsNotFound",
    "StartAfterEnd",
    "StoreMismatch",
    "StrategyChanged",
    "StrategyError",
    "StrategyExited",
    "SweepError",
    "SweepTooLarge",
    "SymbolNotFound",
    "TermInputsNotSpecified",
    "TermOutputsEmpty",
    "TooManyErrors",
    "TradingControlViolation",
    "TransactionVolumeExceedsOrder",
    "TransactionWithNoAmount",
    "TransactionWithNoVolume",
    "TransactionWithWrongDirection",
    "UnclearData",
    "UnknownCalendar",
    "UnknownOrder",
    "UnknownParameter",
    "UnknownRankMethod",
    "UnknownSample",
    "UnknownSession",
    "UnknownSymbol",
    "UnreadableFile",
    "UnsafeStateFolder",
    "UnsupportedCancelPolicy",
    "UnsupportedCommissionModel",
    "UnsupportedDType",
    "UnsupportedDataType",
    "UnsupportedDatetimeFormat",
    "UnsupportedOrderParameters",
    "UnsupportedPipelineOutput",
    "UnsupportedSignals",
    "UnsupportedSlippageModel",
    "ValueNotFoundForField",
    "WindowLengthNotPositive",
    "WindowLengthNotSpecified",
    "WindowLengthTooLong",
    "WrongColumnType",
    "WrongDataForTransform",
    "ZeroCapitalError",
    "ZiplineError",
]
