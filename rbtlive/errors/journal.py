"""Errors about journals that cannot be read, written or continued."""
# ruff: noqa: N818 - an exception's name says what happened, without the suffix Error

from __future__ import annotations

from rbtlive.errors.base import RbtliveError


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
