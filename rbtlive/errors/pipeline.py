"""zipline's exceptions about pipelines and their terms."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from typing import NamedTuple

from rbtlive.errors.base import ZiplineError


class AskedWindow(NamedTuple):
    """A window of history that was requested.

    Attributes:
        bar_count: Number of bars.
        frequency: Length of the bars.
        partial: Whether an unfinished bar counts.
        session: Number of the session of the request.
        inside: Bar of that session at the request, 0 for the first; -1 before the
            first.
    """

    bar_count: int
    frequency: str
    partial: bool
    session: int
    inside: int


class HistoryWindowStartsBeforeData(ZiplineError):
    """The history window begins before the data.

    Attributes:
        fits_from: Number of the first later session in which the same window is within
            the data; None if there is none, or it is unknown.
        window: The window in words, e.g. "30 bars of '1d'".
        asked: The window.
    """

    fits_from: int | None = None
    window: str = ""
    asked: AskedWindow | None = None


class NoSuchPipeline(ZiplineError, KeyError):
    """No pipeline of this name was attached."""


class AttachPipelineAfterInitialize(ZiplineError):
    """It works only inside initialize."""


class PipelineOutputDuringInitialize(ZiplineError):
    """It does not work inside initialize."""


class DuplicatePipelineName(ZiplineError):
    """A pipeline of this name was attached already."""


class UnsupportedPipelineOutput(ZiplineError):
    """A pipeline column must be two-dimensional."""


class PipelineDateError(ZiplineError):
    """Start and end are needed together."""


class WindowLengthTooLong(ZiplineError):
    """The window is longer than the data."""


class WindowLengthNotPositive(ZiplineError):
    """A window must hold at least one bar."""


class WindowLengthNotSpecified(ZiplineError):
    """A pipeline term lacks its window length."""


class NonWindowSafeInput(ZiplineError):
    """The values of a windowed term's input cannot be compared over time."""


class NonPipelineInputs(ZiplineError):
    """An input of a pipeline term is not a term."""


class NonSliceableTerm(ZiplineError):
    """This pipeline term cannot be sliced."""


class IncompatibleTerms(ZiplineError):
    """Two pipeline terms have different masks."""


class TermInputsNotSpecified(ZiplineError):
    """A pipeline term lacks its inputs."""


class TermOutputsEmpty(ZiplineError):
    """A pipeline term has an empty list of outputs."""


class InvalidOutputName(ZiplineError):
    """A pipeline output has a name that is taken or private."""


class InvalidTermParams(ZiplineError):
    """A pipeline term's params are not a list of names."""


class DTypeNotSpecified(ZiplineError):
    """A pipeline term lacks its dtype."""


class NotDType(ZiplineError):
    """A pipeline term's dtype is not a numpy dtype."""


class UnsupportedDType(ZiplineError):
    """A pipeline term has a dtype that is not supported."""


class UnsupportedDataType(ZiplineError):
    """A custom factor has a dtype that is not supported."""


class BadPercentileBounds(ZiplineError):
    """Percentile bounds are out of order."""


class UnknownRankMethod(ZiplineError):
    """No ranking method has this name."""


class NoFurtherDataError(HistoryWindowStartsBeforeData, WindowLengthTooLong):
    """A pipeline looks back beyond the data."""


class NonExistentAssetInTimeFrame(ZiplineError):
    """The asset a term needs is not listed all the time."""


class NoDefaultMissingValue(ZiplineError, TypeError):
    """A term of this dtype needs a missing value."""
