"""Errors about strategies and settings that cannot be run."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from rbtlive.errors.base import RbtliveError
from rbtlive.errors.zipline import InvalidCalendarName


class StrategyError(RbtliveError):
    """A strategy cannot be run as it is."""


class NotAStrategy(StrategyError, TypeError):
    """The object is not a strategy."""


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
    """A date is not a session of the calendar."""


class OutsideCalendar(SettingsError):
    """A date lies before the calendar's first session or after its last."""


class OutsideData(SettingsError):
    """The start or the end lies outside the data."""


class ForkedProcess(SettingsError, RuntimeError):
    """A process was forked from one whose threads it would need."""


class InvalidSetting(SettingsError):
    """A setting has an invalid value."""


class BadFrequency(SettingsError):
    """A frequency is not an interval, or the data has no bars that add up to it."""


class BadSessionName(SettingsError):
    """A session's name has characters that a file name should not have, or it is
    missing.
    """


class NoRunningLoop(SettingsError, RuntimeError):
    """attach needs a running event loop; scripts use the blocking run."""


class NoFeed(SettingsError):
    """The broker has no feed of its own and none was given."""


class UnknownSession(SettingsError, LookupError):
    """No session of this name runs or was recorded."""
