"""The venue's persistent state: the inputs of its book, written to disk before a client
learns that they were accepted.

The rule: a row is never changed. Replaying the rows into a new book rebuilds the old
one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rbtlive.data.private_files import make_private
from rbtlive.errors import InvalidSetting

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Input:
    """One input of the book: "place", "cancel" or "advance", its time in µs UTC, and
    its facts.
    """

    kind: str
    at_us: int
    facts: dict[str, Any]


class InputLog:
    """The inputs of one book.

    Args:
        path: The file; None keeps them in memory only.
        header: The book's settings. From an existing file `book_id` is kept; all other
            settings must be equal.

    Attributes:
        header: The book's settings.

    Raises:
        InvalidSetting: the file was created with other settings, or is not such a file.
    """

    def __init__(self, path: Path | None, header: dict[str, Any]) -> None:
        self._path = path
        if path is not None:
            make_private(path)
        self._db = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("CREATE TABLE IF NOT EXISTS header (facts TEXT NOT NULL)")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS inputs (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, "
                "at_us INTEGER NOT NULL, facts TEXT NOT NULL)"
            )
            self.header = self._check(header | {"format": FORMAT})
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise InvalidSetting(
                f"state must be a file that a venue wrote: {path} is not ({error})"
            ) from None
        except InvalidSetting:
            self._db.close()
            raise

    def append(self, one: Input) -> None:
        """Write an input; it is on disk when this returns."""
        self._db.execute(
            "INSERT INTO inputs (kind, at_us, facts) VALUES (?, ?, ?)",
            (one.kind, one.at_us, json.dumps(one.facts)),
        )

    def __iter__(self) -> Iterator[Input]:
        for kind, at_us, facts in self._db.execute(
            "SELECT kind, at_us, facts FROM inputs ORDER BY seq"
        ).fetchall():
            yield Input(kind, at_us, json.loads(facts))

    def forget(self, header: dict[str, Any]) -> None:
        """Start a new book: every input is removed."""
        self.header = header | {"format": FORMAT}
        self._db.execute("BEGIN")
        self._db.execute("DELETE FROM inputs")
        self._db.execute("DELETE FROM header")
        self._db.execute("INSERT INTO header VALUES (?)", (json.dumps(self.header),))
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _check(self, header: dict[str, Any]) -> dict[str, Any]:
        row = self._db.execute("SELECT facts FROM header").fetchone()
        if row is None:
            self._db.execute("INSERT INTO header VALUES (?)", (json.dumps(header),))
            return header
        found: dict[str, Any] = json.loads(row[0])
        for name in sorted(header.keys() | found.keys()):
            if name != "book_id" and found.get(name) != header.get(name):
                raise InvalidSetting(
                    f"{name} must be what the state file was made with: was {header.get(name)!r}, "
                    "the file has "
                    f"{found.get(name)!r}; start with the same settings, or with another file"
                )
        return found
