"""The journal of a run: its contents, its files, and how it is read back."""

from rbtlive.runtime.journal.journal import Journal
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.journal.opening import open_run

__all__ = ["Journal", "RecordedRun", "open_run"]
