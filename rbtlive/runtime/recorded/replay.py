"""The market of a recorded run, as a portal.

The rule: the bars are those that the session saw, from its journal, never from their
original source.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal
from json import loads
from typing import Any

import polars as pl

from rbtlive.core.state.settings import RunSettings
from rbtlive.data.calendars.calendar import us_of
from rbtlive.data.columns.stored import columns_of_frames
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import JournalCorrupt, RunNotFound
from rbtlive.model.arrays import np
from rbtlive.model.bar import OHLCV
from rbtlive.model.events import MarketDataEvent
from rbtlive.runtime.journal.journal_reader import JournalRow, RecordedRun, RowKind
from rbtlive.runtime.journal.opening import open_run
from rbtlive.runtime.journal.state_folder import StateFolder

_MOST_DIGITS = 38


def find_recorded(folder: StateFolder, name: str, run_id: str) -> RecordedRun:
    """Open the journal of a run by its id, even if later runs of the same name have
    moved it.

    Raises:
        RunNotFound: its file is gone.
    """
    for number in (None, *reversed(folder.earlier_runs(name))):
        with contextlib.suppress(RunNotFound):
            recorded = open_run(folder, name, number)
            if recorded.run_id == run_id:
                return recorded
            recorded.close()
    raise RunNotFound(
        f"the journal of run {run_id} of session {name!r} is gone from the state folder"
    )


def recorded_portal(
    run: RecordedRun, folder: StateFolder, settings: RunSettings, *, first_only: bool = False
) -> PolarsDataPortal:
    """Return the session's whole market data: its history, and every bar that it
    received.

    Args:
        run: The recorded run.
        folder: Folder of its history.
        settings: The run's settings.
        first_only: Whether the first slice is enough, as for finding the assets.
    """
    header = run.header
    stored = {
        kind: folder.load_bars(name) if name else None for kind, name in header["history"].items()
    }
    if stored["daily"] is not None:
        stored["daily"] = stored["daily"].filter(pl.col("date") < settings.start)
    if stored["minute"] is not None:
        calendar = settings.sessions
        opening = calendar.open(calendar.number(settings.start))
        stored["minute"] = stored["minute"].filter(pl.col("timestamp") <= opening)
    seen = _seen_bars(run, settings, first_only=first_only)
    daily, minute = (
        None if bars is None or bars.is_empty() else bars
        for bars in (stored["daily"], stored["minute"])
    )
    if settings.intraday:
        minute = seen if minute is None else pl.concat([minute, seen])
    else:  # it does not read intraday bars
        minute = None
        daily = seen if daily is None else pl.concat([daily, seen])
    portal = PolarsDataPortal(
        daily,
        minute_bars=minute,
        **tables_of(header["assets"], header["splits"], header["dividends"]),
        calendar=settings.calendar,
        interval=settings.interval,
    )
    columns = [frame for kind, frame in stored.items() if kind.startswith("columns ")]
    portal.further = columns_of_frames([one for one in columns if one is not None], portal)
    return portal


def tables_of(
    assets: Sequence[Mapping[str, Any]],
    splits: Sequence[Mapping[str, Any]],
    dividends: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the tables from which a portal with these assets and corporate actions is
    built, by the names of its arguments.

    Args:
        assets: In the form of a header.
        splits: In the form of a header.
        dividends: In the form of a header.
    """
    return {
        "assets": pl.DataFrame(assets, infer_schema_length=None).with_columns(
            pl.col("start_date", "end_date", "auto_close_date").str.to_date(),
            pl.col("lot_size", "tick_size").cast(pl.Decimal(38, 12)),
        ),
        "splits": _facts(splits, ("effective_date",)),
        "dividends": _facts(dividends, ("ex_date", "pay_date")),
    }


def _facts(rows: Sequence[Mapping[str, Any]], dates: tuple[str, ...]) -> pl.DataFrame | None:
    if not rows:
        return None
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.col(*dates).cast(pl.String).str.to_date(),
        *(
            _exactly(name, [row[name] for row in rows])
            for name in ("ratio", "amount")
            if name in rows[0]
        ),
    )


# To the last digit: a ratio of one third has sixteen, and positions are valued with all
# of them.
def _exactly(name: str, texts: list[str]) -> pl.Series:
    numbers = [Decimal(text) for text in texts]
    digits = [len(text.partition(".")[2]) for text in texts]
    whole = max(number.adjusted() + 1 for number in numbers)
    if (
        max(digits) + max(whole, 1) > _MOST_DIGITS
    ):  # with this range of digits they can only have been floats
        return pl.Series(name, [float(number) for number in numbers], dtype=pl.Float64)
    return pl.Series(name, numbers, dtype=pl.Decimal(_MOST_DIGITS, max(digits)))


def _seen_bars(run: RecordedRun, settings: RunSettings, *, first_only: bool) -> pl.DataFrame:
    # Columns of plain numbers: a million bars as objects take gigabytes.
    stamps_us, symbols = array("q"), array("l")
    prices = {name: array("d") for name in OHLCV}
    numbers: dict[str, int] = {}
    for row in run.rows():
        if row.type != MarketDataEvent.__name__ or row.kind != RowKind.INPUT:
            continue
        bars = _bars_of(row)
        stamp_us = us_of(row.timestamp) if bars else 0
        for symbol, bar in bars.items():
            stamps_us.append(stamp_us)
            symbols.append(numbers.setdefault(symbol, len(numbers)))
            for name in OHLCV:
                prices[name].append(float(bar[name]))
        if first_only and bars:
            break
    names = pl.Series("symbol", list(numbers), dtype=pl.String)
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series(np.frombuffer(stamps_us, dtype=np.int64), dtype=pl.Int64),
            "symbol": names.gather(np.array(symbols, dtype=np.uint32)),
            **{name: np.frombuffer(values, dtype=np.float64) for name, values in prices.items()},
        }
    ).with_columns(pl.col("timestamp").cast(pl.Datetime("us", "UTC")))
    return frame if settings.intraday else _by_session(frame, settings)


def _bars_of(row: JournalRow) -> Mapping[str, Mapping[str, str]]:
    try:
        bars: Mapping[str, Mapping[str, str]] = loads(row.payload)["bars"]
    except (ValueError, KeyError, TypeError) as error:
        raise JournalCorrupt(
            f"row {row.seq} of the journal holds no slice: {error}; restore the file from a copy"
        ) from error
    return bars


def _by_session(frame: pl.DataFrame, settings: RunSettings) -> pl.DataFrame:
    calendar = settings.sessions
    stamps = frame["timestamp"].unique()
    labels = [calendar.label(calendar.session_of_us(us_of(stamp))) for stamp in stamps]
    days = pl.DataFrame({"timestamp": stamps, "date": labels}, schema_overrides={"date": pl.Date})
    dated = frame.join(days, on="timestamp", how="left", maintain_order="left")
    return dated.select("date", "symbol", *OHLCV)
