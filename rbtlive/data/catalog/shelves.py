"""The folder of fetched bars: its content, the days it covers, and the origin of each
file.

The rule: a file is written completely or not at all, and its checksum is recorded with
the source, time and arguments of its fetch.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import polars as pl

from rbtlive.data.checking.bounds import refuse_many_rows
from rbtlive.data.drafts import clear_drafts, draft_of
from rbtlive.data.private_files import write_private
from rbtlive.errors import UnreadableFile

FOLDER_VARIABLE: Final = "RBTLIVE_CATALOG"
_HOME_VARIABLE: Final = "RBTLIVE_HOME"
_RECORD: Final = "provenance.json"
_ACTIONS: Final = ("splits", "dividends")


def catalog_folder() -> Path:
    """Return the folder: RBTLIVE_CATALOG, otherwise `catalog` below RBTLIVE_HOME or
    `.rbtlive`.
    """
    said = os.environ.get(FOLDER_VARIABLE)
    if said:
        return Path(said).expanduser()
    return Path(os.environ.get(_HOME_VARIABLE) or ".rbtlive").expanduser() / "catalog"


@dataclass(frozen=True)
class Shelf:
    """The storage of one symbol's bars of one interval.

    Attributes:
        folder: The catalog's folder.
        vendor: E.g. "yfinance" or "ccxt:binance".
        interval: Length of the bars, e.g. "1d".
        symbol: As the vendor writes it.
    """

    folder: Path
    vendor: str
    interval: str
    symbol: str

    @property
    def path(self) -> Path:
        """The folder of its files."""
        parts = (quote(one, safe="") for one in (self.vendor, self.interval, self.symbol))
        return self.folder.joinpath(*parts)

    def record(self) -> dict[str, Any]:
        """Return the record: `calendar`, `known` (spans of days), `fetches`,
        `files`.
        """
        file = self.path / _RECORD
        if not file.is_file():
            return {"calendar": None, "known": [], "fetches": [], "files": {}}
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return record

    def missing(self, first: date, last: date) -> list[tuple[date, date]]:
        """Return the spans of days, both ends included, that are not covered yet."""
        spans = [(first, last)]
        for begin, end in self._known():
            spans = [rest for span in spans for rest in _without(span, begin, end)]
        return spans

    def _known(self) -> list[tuple[date, date]]:
        return [
            (date.fromisoformat(begin), date.fromisoformat(end))
            for begin, end in self.record()["known"]
        ]

    def add(
        self,
        bars: pl.DataFrame,
        *,
        span: tuple[date, date],
        calendar: str,
        provenance: dict[str, Any],
        actions: dict[str, pl.DataFrame] | None = None,
    ) -> None:
        """Add bars of a span of days, and record their origin."""
        record = self.record()
        self.path.mkdir(parents=True, exist_ok=True)
        time = bars.columns[0]
        if bars.height:
            months = bars.with_columns(day_of(bars).dt.strftime("%Y-%m").alias("month"))
            for month, part in months.group_by("month", maintain_order=True):
                name = f"{month[0]}.parquet"
                record["files"][name] = self._merge(name, part.drop("month"), time)
        for name, frame in (actions or {}).items():
            if frame.height:
                key = frame.columns[1]
                record["files"][f"{name}.parquet"] = self._merge(f"{name}.parquet", frame, key)
        record["calendar"] = calendar
        record["known"] = [
            [begin.isoformat(), end.isoformat()] for begin, end in _joined([*self._known(), span])
        ]
        record["fetches"].append(provenance)
        _write(self.path / _RECORD, json.dumps(record, indent=1).encode())

    # Later rows replace earlier ones of the same time.
    def _merge(self, name: str, part: pl.DataFrame, time: str) -> str:
        file = self.path / name
        if file.is_file():
            part = pl.concat([pl.read_parquet(file), part]).unique(
                [time], keep="last", maintain_order=True
            )
        packed = io.BytesIO()
        part.sort(time).write_parquet(packed)
        _write(file, packed.getvalue())
        return hashlib.sha256(packed.getvalue()).hexdigest()

    def bars(self, first: date, last: date) -> pl.DataFrame | None:
        """Return the bars of a span of days; None if there are none.

        Raises:
            UnreadableFile: a file differs from what was written.
        """
        record = self.record()
        names = sorted(
            name
            for name in record["files"]
            if name.removesuffix(".parquet") not in _ACTIONS
            and f"{first:%Y-%m}" <= name[:7] <= f"{last + timedelta(days=1):%Y-%m}"
        )
        frames = [self._read(name, record["files"][name]) for name in names]
        if not frames:
            return None
        whole = pl.concat(frames)
        return whole.filter(day_of(whole).is_between(first, last))

    def actions(self, kind: str) -> pl.DataFrame | None:
        """Return the symbol's splits or dividends, if the vendor gave any."""
        name, files = f"{kind}.parquet", self.record()["files"]
        return self._read(name, files[name]) if name in files else None

    def _read(self, name: str, checksum: str) -> pl.DataFrame:
        try:
            raw = (self.path / name).read_bytes()
        except OSError as error:
            raise UnreadableFile(
                f"{self.symbol} of {self.vendor}: {name} is missing in the catalog ({error}); "
                "remove the symbol's folder and fetch it again"
            ) from error
        if hashlib.sha256(raw).hexdigest() != checksum:
            raise UnreadableFile(
                f"{self.symbol} of {self.vendor}: {name} is not what was fetched; remove "
                "the symbol's folder in the catalog and fetch it again"
            )
        refuse_many_rows(raw, name, own=True)
        return pl.read_parquet(io.BytesIO(raw))


def day_of(bars: pl.DataFrame) -> pl.Series:
    """Return the day of each bar: its date, or the UTC day that contains its end;
    midnight belongs to the day before.
    """
    times = bars.to_series(0)
    if times.dtype == pl.Date:
        return times
    return times.dt.offset_by("-1us").dt.date()


def shelves(folder: Path) -> list[Shelf]:
    """Return all shelves of the catalog, sorted."""
    found = sorted(folder.glob(f"*/*/*/{_RECORD}"))
    return [Shelf(folder, *map(unquote, file.parent.relative_to(folder).parts)) for file in found]


def catalog() -> pl.DataFrame:
    """Return the bars that were fetched and are still here, one row per symbol.

    Returns:
        `vendor`, `interval`, `symbol`, `first`, `last` (Date, the days covered), `bars`
        (Int64), `calendar`, `fetched_at` (Datetime UTC), `path`.
    """
    rows = []
    for shelf in shelves(catalog_folder()):
        record = shelf.record()
        spans = record["known"]
        heights = [
            pl.scan_parquet(shelf.path / name).select(pl.len()).collect().item()
            for name in record["files"]
            if name.removesuffix(".parquet") not in _ACTIONS and (shelf.path / name).is_file()
        ]
        rows.append(
            {
                "vendor": shelf.vendor,
                "interval": shelf.interval,
                "symbol": shelf.symbol,
                "first": date.fromisoformat(min(begin for begin, _ in spans)),
                "last": date.fromisoformat(max(end for _, end in spans)),
                "bars": sum(heights),
                "calendar": record["calendar"],
                "fetched_at": datetime.fromisoformat(record["fetches"][-1]["at"]),
                "path": str(shelf.path),
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


_SCHEMA: Final[Any] = {
    "vendor": pl.String,
    "interval": pl.String,
    "symbol": pl.String,
    "first": pl.Date,
    "last": pl.Date,
    "bars": pl.Int64,
    "calendar": pl.String,
    "fetched_at": pl.Datetime("us", "UTC"),
    "path": pl.String,
}


def _without(span: tuple[date, date], begin: date, end: date) -> list[tuple[date, date]]:
    first, last = span
    if end < first or begin > last:
        return [span]
    day, rest = timedelta(days=1), []
    if first < begin:
        rest.append((first, begin - day))
    if end < last:
        rest.append((end + day, last))
    return rest


def _joined(spans: list[tuple[date, date]]) -> list[tuple[date, date]]:
    done: list[tuple[date, date]] = []
    for first, last in sorted(spans):
        if done and first <= done[-1][1] + timedelta(days=1):
            done[-1] = (done[-1][0], max(done[-1][1], last))
        else:
            done.append((first, last))
    return done


# Another process sees the file completely or not at all.
def _write(path: Path, content: bytes) -> None:
    clear_drafts(path.parent)
    with draft_of(path) as draft:
        write_private(draft, content)
        draft.replace(path)
