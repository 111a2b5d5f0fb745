"""Errors about sweeps, signals, folds and odds that cannot be computed."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from rbtlive.errors.base import RbtliveError


class SweepError(RbtliveError, ValueError):
    """A sweep, a walk-forward or a statistic of them cannot be computed as
    requested.
    """


class EmptySweep(SweepError):
    """No set of parameters is left to run."""


class SweepTooLarge(SweepError):
    """A sweep has more runs than are started without `n=`."""


class NotPicklable(SweepError):
    """A strategy or its data cannot travel to a worker process."""


class StoreMismatch(SweepError):
    """A store holds the runs of another sweep."""


class UnsupportedSignals(SweepError):
    """Signals need something that the columnar gear does not compute."""


class GearsDiffer(SweepError):
    """The columnar gear and the event engine disagree; the message names the bar."""


class BadFolds(SweepError):
    """Folds are empty, overlap, or do not fit into the sessions."""
