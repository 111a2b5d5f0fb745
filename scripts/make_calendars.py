"""Make the calendar tables that ship with the package, from exchange_calendars.

    python scripts/make_calendars.py [FOLDER]

The tables make start-up fast (no pandas), and the sessions of a backtest independent of
the installed version of exchange_calendars.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import polars as pl

from rbtlive.data.calendars.calendar import TABLES
from rbtlive.data.calendars.exchange_library import library_sessions

TARGET = Path(__file__).parents[1] / "rbtlive" / "data" / "calendars"


def main(target: Path) -> None:
    """Make one file a calendar in `target` and print what is in it."""
    library = version("exchange_calendars")
    print(f"exchange_calendars {library}")
    for name in sorted(set(TABLES.values())):
        table = library_sessions(name)
        path = target / f"{name}.parquet"
        table.write_parquet(
            path,
            compression="zstd",
            compression_level=19,
            statistics=False,
            metadata={"exchange_calendars": library},
        )
        first, last = table["label"].item(0), table["label"].item(-1)
        breaks, early = table["break_start"].count(), table.select(pl.col("early").sum()).item()
        print(
            f"{path.name}: {table.height} sessions, {first} to {last}, {early} early closes, {breaks} with a lunch break, "
            f"{path.stat().st_size} bytes"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
