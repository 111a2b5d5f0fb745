"""Errors about unusable data."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from rbtlive.errors.base import RbtliveError
from rbtlive.errors.zipline import SymbolNotFound


class DataError(RbtliveError, ValueError):
    """Data cannot be used as it is; the message names column, row and value."""


class UnknownSymbol(SymbolNotFound, DataError):
    """The data has no asset with this symbol; the message suggests the nearest."""


class MissingColumn(DataError):
    """A frame lacks a column."""


class WrongColumnType(DataError):
    """A column has a type that cannot be read."""


class NotAFrame(DataError, TypeError):
    """The object is not a frame, a path or a portal."""


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
    """A bar is on a day that is not a session of the calendar."""


class InvalidAsset(DataError):
    """A row of the assets frame contradicts itself or another one."""


class InvalidSplit(DataError):
    """A row of the splits frame cannot be applied."""


class InvalidDividend(DataError):
    """A row of the dividends frame cannot be applied."""


class UnclearData(MissingColumn):
    """A source lacks something, or can be read in several ways; lists all of it.

    Attributes:
        missing: The missing or unclear points, a sentence each.
        line: The call that answers them.
    """

    def __init__(self, message: str, *, missing: tuple[str, ...] = (), line: str = "") -> None:
        super().__init__(message)
        self.missing = missing
        self.line = line


class RowsLost(DataError):
    """More than one row in a hundred would be left out; names the likely cause.

    Attributes:
        line: The call that states the cause, if it is known.
    """

    def __init__(self, message: str, *, line: str = "") -> None:
        super().__init__(message)
        self.line = line


class NoTimeOfKnowledge(DataError):
    """Custom data does not say when each row became known."""


class FetchFailed(DataError):
    """A vendor refused, or could not be asked."""
