"""Store a sweep's runs in an SQLite file, so that a killed sweep can continue.

The rule: a row is on disk before the sweep counts it as done; a store that was started
with other facts is refused, with the difference.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from rbtlive.data.private_files import make_private
from rbtlive.errors import StoreMismatch, SweepError
from rbtlive.model.arrays import np
from rbtlive.research.sweeping.identity import key_of
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.used import differs, said_change
from rbtlive.research.sweeping.work import RunRow

_SCHEMA: Final = (
    "rbtlive_sweep (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """rbtlive_runs (
    params TEXT PRIMARY KEY, metrics TEXT NOT NULL, objectives TEXT NOT NULL,
    seconds REAL NOT NULL, error TEXT, returns BLOB
)""",
)
FORMAT: Final = "2"
_SEED: Final = "seed"


class RunStore:
    """The runs of one sweep in a file.

    Args:
        path: The file; created if missing.
        facts: Facts that determine the runs' numbers: strategy, data, settings,
            objectives.

    Raises:
        StoreMismatch: the file was started with other facts, or is not a store.
        SweepError: the file cannot be read or written.
    """

    def __init__(self, path: str | Path, facts: Mapping[str, str]) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            make_private(self.path)
            self._connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error
        try:
            with self._said():
                # SQLite does not wait here for its lock: who holds it changes the mode.
                with suppress(sqlite3.OperationalError):
                    self._connection.execute("PRAGMA journal_mode=WAL")
                self._check({"format": FORMAT, **facts})
        except BaseException:
            self.close()
            raise

    # A damaged or foreign file gives another error than one that is in use, full or
    # read-only.
    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise self._failed(error) from error
        except (sqlite3.DatabaseError, ValueError, zlib.error) as error:
            if isinstance(error, SweepError):
                raise
            raise StoreMismatch(
                f"store {self.path} is not a file of a sweep, or is damaged: {error}; pass another "
                "path"
            ) from error

    def _failed(self, error: Exception) -> SweepError:
        return SweepError(
            f"store {str(self.path)!r} cannot be used: {error}; free it, or pass another path"
        )

    # In one transaction: another process that starts, or continues after a kill, finds
    # all facts or none.
    def _check(self, facts: Mapping[str, str]) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for table in _SCHEMA:
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
            known = dict(self._connection.execute("SELECT name, value FROM rbtlive_sweep"))
            for name, value in facts.items():
                if known and differs(known, name, value):
                    raise StoreMismatch(
                        f"store {self.path} holds another sweep: "
                        f"{said_change(name, known.get(name), value)}; pass another path, or "
                        "delete the file"
                    )
            self._connection.executemany(
                "INSERT OR IGNORE INTO rbtlive_sweep VALUES (?, ?)", list(facts.items())
            )

    def seed(self, fresh: int) -> int:
        """Return the seed of a sweep that was started without one; `fresh` if it starts
        now.
        """
        with self._said():
            self._connection.execute(
                "INSERT OR IGNORE INTO rbtlive_sweep VALUES (?, ?)", (_SEED, str(fresh))
            )
            found = self._connection.execute(
                "SELECT value FROM rbtlive_sweep WHERE name = ?", (_SEED,)
            ).fetchone()
            return int(found[0])

    def put(self, row: RunRow) -> None:
        """Store a row; it is on disk when this returns."""
        returns = None if row.returns is None else zlib.compress(row.returns.tobytes(), 1)
        with self._said():
            self._connection.execute(
                "INSERT OR REPLACE INTO rbtlive_runs VALUES (?, ?, ?, ?, ?, ?)",
                (
                    key_of(row.params),
                    json.dumps(dict(row.metrics)),
                    json.dumps([None if value != value else value for value in row.values]),  # noqa: PLR0124 - NaN
                    row.seconds,
                    row.error,
                    returns,
                ),
            )

    def get(self, params: Params) -> RunRow | None:
        """Return the row of a set of parameters; None if it was not run, or its worker
        was lost.
        """
        with self._said():
            found = self._connection.execute(
                "SELECT metrics, objectives, seconds, error, returns FROM rbtlive_runs WHERE "
                "params = ?",
                (key_of(params),),
            ).fetchone()
            if found is None or (found[3] or "").startswith("LostWorker"):
                return None
            metrics, values, seconds, error, returns = found
            return RunRow(
                params,
                json.loads(metrics),
                tuple(float("nan") if value is None else value for value in json.loads(values)),
                seconds,
                error,
                None if returns is None else np.frombuffer(zlib.decompress(returns), np.float64),
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
