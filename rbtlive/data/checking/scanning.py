"""One pass over minute bars that are too many to hold: checked in parts, and stored so
that parts can be read.

The rule: memory is bounded by the size of a part, whatever the number of bars and the
order of their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from rbtlive.data.bars.folding import aggregate_by_session
from rbtlive.data.bars.minute_bars import Layout, PartStore, Spill, StoredMinutes
from rbtlive.data.calendars.calendar import TradingCalendar, datetime_of
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.checking.frames import (
    READ_ERRORS,
    parquet_files,
    read_frame,
    require_columns,
    scan_files,
    unreadable,
)
from rbtlive.data.checking.off_calendar_bars import LeftOut
from rbtlive.data.checking.schema import (
    COLUMNS,
    TypedBars,
    asset_column,
    first_duplicate,
    numbered_minutes,
    typed_part,
)
from rbtlive.data.checking.typed_columns import instant_column
from rbtlive.data.columns.found import names_beside
from rbtlive.errors import DuplicateBar, EmptyData, UnreadableFile
from rbtlive.model.bar import OHLCV
from rbtlive.model.interval import MINUTE_US

HELD_BARS: Final = 1_000_000
"""Maximum number of minute bars held in memory, unless the user decides."""

PART_BARS: Final = 500_000
"""Approximate number of bars in a part."""

BATCH_ROWS: Final = 250_000

_WHAT: Final = "minute_bars"
_WANTED: Final = ("timestamp", "symbol", *OHLCV)


@dataclass(frozen=True)
class Survey:
    """Facts about a source from a scan of its times.

    Attributes:
        lazy: The bars, not read yet.
        files: Their Parquet files, if any.
        path: The user's path to these files.
        rows: Number of rows.
        spans_us: First and last time of each batch of rows, µs UTC.
        can_filter: Whether parts of the files can be read by time alone.
        further: Further columns besides the bars.
    """

    lazy: pl.LazyFrame
    files: tuple[Path, ...]
    path: Any
    rows: int
    spans_us: tuple[tuple[int, int], ...]
    can_filter: bool
    further: tuple[str, ...] = ()

    def last_date(self) -> date:
        """Return the latest date, UTC."""
        return datetime_of(max(last for _, last in self.spans_us)).date()


def survey(source: Any, *, in_memory: bool | None) -> Survey | None:
    """Scan the times of minute bars that should stay on disk; return None if they
    should be held in memory.

    Args:
        source: The user's data.
        in_memory: Whether to hold them; None holds up to `HELD_BARS`, and always data
            that is neither Parquet nor a lazy frame.

    Raises:
        DataError: one of its subclasses: a file cannot be read, a column is missing.
    """
    files = tuple(parquet_files(source))
    if in_memory or (in_memory is None and not files and not isinstance(source, pl.LazyFrame)):
        return None
    if files:
        lazy = scan_files(files, below=Path(source))
    elif isinstance(source, pl.LazyFrame):
        lazy = source
    else:
        lazy = read_frame(source, what=_WHAT, wanted=COLUMNS).lazy()
    with _told(source):
        schema = lazy.collect_schema()
        few = (
            in_memory is None
            and lazy.select(pl.len()).collect(engine="streaming").item() <= HELD_BARS
        )
    if few:
        return None
    require_columns(pl.DataFrame(schema=schema), _WANTED, what=_WHAT, source=source)
    rows, nulls, spans = 0, 0, []
    for batch in _batches(lazy.select("timestamp"), source):
        times = instant_column(batch, "timestamp", what=_WHAT)
        rows, nulls = rows + len(times), nulls + times.null_count()
        first: Any = times.min()
        last: Any = times.max()
        if first is not None:
            spans.append((first, last))
    if not spans:
        return None
    whole_times = isinstance(schema["timestamp"], pl.Datetime) and not nulls
    return Survey(
        lazy,
        files,
        source,
        rows,
        tuple(spans),
        can_filter=bool(files) and whole_times,
        further=names_beside(lazy if files else source, COLUMNS),
    )


def store(seen: Survey, *, grid: BarGrid) -> StoredMinutes:
    """Check all bars in one pass, and return them in a form that can be read in
    parts.

    Files with rows roughly in time order are read in place; bars in any other order are
    copied into a temporary file, which takes 56 bytes per bar.

    Raises:
        DataError: one of its subclasses, naming column, row and value.
    """
    calendar = grid.calendar
    layout = _layout(seen, calendar)
    look = _Look(grid)
    if _in_order_of_time(seen, layout, calendar):
        return look.through(_Scan(seen, layout, look), layout)
    spill = Spill(layout)
    try:
        for batch in _batches(seen.lazy.select(_WANTED), seen.path):
            spill.add(look.number(batch))
        return look.through(spill, layout)
    except BaseException:  # delete the file now, not when the traceback is freed
        spill.close()
        raise


@contextmanager
def _told(path: object) -> Iterator[None]:
    try:
        yield
    except READ_ERRORS as error:
        raise unreadable(path, error, what=_WHAT) from error


def _batches(lazy: pl.LazyFrame, path: object) -> Iterator[pl.DataFrame]:
    with _told(path):
        batches = lazy.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True)
    while True:
        with _told(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _layout(seen: Survey, calendar: TradingCalendar) -> Layout:
    first_us, last_us = (
        min(first for first, _ in seen.spans_us),
        max(last for _, last in seen.spans_us),
    )
    first = min(calendar.next_session(first_us), len(calendar) - 1)
    last = min(calendar.next_session(last_us), len(calendar) - 1)
    parts = max(1, seen.rows // PART_BARS)
    return Layout(first, last, max(1, (last - first + 1) // parts))


# Each part is then in few batches, so that reading all parts costs little more than
# reading the file.
def _in_order_of_time(seen: Survey, layout: Layout, calendar: TradingCalendar) -> bool:
    if not seen.can_filter:
        return False
    touched = sum(
        layout.part_of(calendar.next_session(last))
        - layout.part_of(calendar.next_session(first))
        + 1
        for first, last in seen.spans_us
    )
    return touched <= 2 * (len(seen.spans_us) + layout.parts)


@dataclass
class _Look:
    """The results of one pass over all bars."""

    grid: BarGrid
    code: dict[str, int] = field(default_factory=dict)
    height: int = 0
    daily: list[pl.DataFrame] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    over: bool = False  # bars that are read again are not counted again

    # us, session, asset and fields of the bars on the calendar, with assets numbered in
    # the order of first appearance.
    def number(self, raw: pl.DataFrame) -> pl.DataFrame:
        bars = typed_part(raw, what=_WHAT)
        if bars is None:
            bars = TypedBars(_WHAT, _NOTHING)
        frame, outside = numbered_minutes(bars, grid=self.grid)
        if not self.over:
            self.left_out.add(outside)
        for symbol in sorted(set(frame["symbol"].unique()) - self.code.keys()):
            self.code[symbol] = len(self.code)
        return frame.select("us", "session", asset_column(frame["symbol"], self.code), *OHLCV)

    def learn(self, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        minute = frame["us"] // MINUTE_US
        first: Any = minute.min()
        span: Any = minute.max()
        key = (
            (frame["session"].cast(pl.Int64) * len(self.code) + frame["asset"]) * (span - first + 1)
            + minute
            - first
        )
        if not key.is_sorted():
            frame = frame[key.arg_sort()]
            key = key.sort()
        again = (key == key.shift(1)).fill_null(value=False)
        if again.any():
            raise DuplicateBar(first_duplicate(self._named(frame), int(again.sum())))
        self.height += frame.height
        self.daily.append(aggregate_by_session(frame))

    def _named(self, frame: pl.DataFrame) -> TypedBars:
        symbols = pl.Series("symbol", list(self.code), dtype=pl.String).gather(frame["asset"])
        return TypedBars(_WHAT, frame.select(pl.col("us").alias("timestamp"), symbols, *OHLCV))

    def through(self, kept: PartStore, layout: Layout) -> StoredMinutes:
        for part in range(layout.parts):
            self.learn(kept.read(part))
        if not self.left_out.total:
            raise EmptyData(
                f"{_WHAT} must have at least one bar with a close: was empty; pass bars"
            )
        if self.left_out.count:
            self.left_out.judge(self.grid)
        self.over = True
        daily = pl.concat(self.daily)
        self.daily = []
        return StoredMinutes(kept, layout, height=self.height, daily=daily, symbols=list(self.code))


_NOTHING: Final = pl.DataFrame(
    schema={"timestamp": pl.Int64, "symbol": pl.String} | dict.fromkeys(OHLCV, pl.Float64)
)


class _Scan:
    """Parts read by time from the user's own files, which must not change after the
    check.
    """

    def __init__(self, seen: Survey, layout: Layout, look: _Look) -> None:
        self._lazy = seen.lazy.select(_WANTED)
        self._path = seen.path
        self._files = seen.files
        self._stamps = _stamps(seen.files)
        self._look = look
        closes = look.grid.calendar.closes_us
        self._ends_us = [
            int(closes[layout.first + part * layout.step - 1]) for part in range(1, layout.parts)
        ]
        self._kind: Any = seen.lazy.collect_schema()["timestamp"]

    def read(self, part: int) -> pl.DataFrame:
        if _stamps(self._files) != self._stamps:
            raise UnreadableFile(
                f"{_WHAT} must stay as they were while a portal uses them: {str(self._path)!r} was "
                "changed; make a new portal"
            )
        time, ends = pl.col("timestamp"), self._ends_us
        wanted: list[pl.Expr] = []
        if part > 0:
            wanted.append(time > self._literal(ends[part - 1]))
        if part < len(ends):
            wanted.append(time <= self._literal(ends[part]))
        with _told(self._path):
            raw = self._lazy.filter(*wanted).collect(engine="streaming")
        return self._look.number(raw)

    # A literal of the column's own type: only then are whole row groups skipped by
    # their statistics.
    def _literal(self, us: int) -> pl.Expr:
        moment, zone = datetime_of(us), self._kind.time_zone
        return pl.lit(
            moment.astimezone(ZoneInfo(zone)) if zone else moment.replace(tzinfo=None),
            dtype=self._kind,
        )


def _stamps(files: Sequence[Path]) -> list[tuple[int, int]]:
    try:
        return [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, files)]
    except OSError:
        return []
