"""Runs of a sweep kept in an SQLite file, so that a killed sweep goes on where it was.

The rule: a row is on the disk before the sweep counts it as done; a store that was
begun with anything else is refused, naming what differs.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rbtlive.data.private_files import make_private
from rbtlive.errors import StoreMismatch
from rbtlive.model.arrays import np
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.work import RunRow

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS rbtlive_sweep (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rbtlive_runs (
    params TEXT PRIMARY KEY, metrics TEXT NOT NULL, objectives TEXT NOT NULL,
    seconds REAL NOT NULL, error TEXT, returns BLOB
);
"""
FORMAT: Final = "1"


def key_of(params: Mapping[str, Any]) -> str:
    """Return the text that a set of parameters is known by."""
    return json.dumps(dict(sorted(params.items())), default=repr)


class RunStore:
    """The runs of one sweep in a file.

    Args:
        path: The file; made if it is not there.
        facts: What decides the runs' numbers: strategy, data, settings, objectives.

    Raises:
        StoreMismatch: the file was begun with other facts, or is no store.
    """

    def __init__(self, path: str | Path, facts: Mapping[str, str]) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        make_private(self.path)
        self._connection = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.executescript(_SCHEMA)
            self._check({"format": FORMAT, **facts})
        except sqlite3.DatabaseError as error:
            self.close()
            raise StoreMismatch(
                f"store {self.path} is no file of a sweep: {error}; pass another path"
            ) from error
        except BaseException:
            self.close()
            raise

    def _check(self, facts: Mapping[str, str]) -> None:
        known = dict(self._connection.execute("SELECT name, value FROM rbtlive_sweep"))
        for name, value in facts.items():
            if known and known.get(name) != value:
                raise StoreMismatch(
                    f"store {self.path} holds another sweep: its {name} was "
                    f"{known.get(name)!r}, is {value!r}; pass another path, or delete the file"
                )
        self._connection.executemany(
            "INSERT OR IGNORE INTO rbtlive_sweep VALUES (?, ?)", list(facts.items())
        )

    def put(self, row: RunRow) -> None:
        """Keep a row; it is on the disk when this returns."""
        returns = None if row.returns is None else zlib.compress(row.returns.tobytes(), 1)
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
