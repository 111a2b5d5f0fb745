"""`portal.report()`: what was read, what was left out, and oddities in the bars.

The rule: it only examines and counts; it changes nothing.
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Protocol

import polars as pl

from rbtlive.data.calendars.grid import BarGrid
from rbtlive.data.reading.intake import Intake
from rbtlive.model.arrays import NDArray, np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rbtlive.data.bars.minute_bars import MinuteBars
    from rbtlive.data.calendars.calendar import TradingCalendar
    from rbtlive.data.checking.corporate import Split
    from rbtlive.data.columns.keyed import PortalColumns
    from rbtlive.model.asset import Asset
    from rbtlive.model.interval import Interval

_SPLIT_RATIOS: Final = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 1.5)
_SPLIT_TOLERANCE: Final = 0.04
_LEAST_SPLIT_MOVE: Final = 0.28
_OUTLIER_SIGMAS: Final = 10.0
_LEAST_OUTLIER: Final = 0.2
_STALE_SESSIONS: Final = 5
_MANY_ASSETS: Final = 10
_LONG_SESSIONS: Final = 750
_SHOWN: Final = 5


class ReportedBars(Protocol):
    """The parts of a portal that a report examines."""

    @property
    def daily(self) -> pl.DataFrame:
        """Daily bars."""

    @property
    def minutes(self) -> MinuteBars | None:
        """Intraday bars; None for daily bars."""

    @property
    def interval(self) -> Interval:
        """Length of the bars."""

    @property
    def calendar(self) -> TradingCalendar:
        """The exchange's calendar."""

    @property
    def assets(self) -> Sequence[Asset]:
        """The assets, in the order of their indices."""

    @property
    def splits(self) -> Sequence[Split]:
        """The known splits."""

    @property
    def first_session(self) -> int:
        """Number of the first session with a bar."""

    @property
    def last_session(self) -> int:
        """Number of the last session with a bar."""

    @property
    def further(self) -> PortalColumns:
        """Further columns of the source."""


@dataclass(frozen=True)
class DataReport:
    """What was read, and its quality.

    Attributes:
        source: The source.
        rows_in: Rows of the source.
        rows_out: Bars of the portal.
        left_out: Number of rows that did not become bars, by reason.
        interval: Length of the bars.
        labels: Which end of a bar the source stamps; None if it does not matter.
        zone: Time zone of the source's times; None for dates.
        calendar: The exchange's calendar.
        assets: Number of assets.
        first: First session with a bar.
        last: Last session with a bar.
        gaps: `symbol`, `missing` (bars of the calendar between an asset's first and
            last that the data lacks), `first` (the first session with one).
        zero_volumes: Bars with a volume of 0.
        outliers: `symbol`, `date`, `return`: closes more than ten robust deviations
            from the previous one.
        suspected_splits: `symbol`, `date`, `ratio` (new price / old): jumps by a usual
            ratio that no given split explains.
        stale: `symbol`, `date` (the first), `sessions`: closes that do not change for
            five sessions or more.
        hints: Other possible faults, one sentence each.
        notes: Decisions made while reading, one sentence each.
    """

    source: str
    rows_in: int
    rows_out: int
    left_out: dict[str, int]
    interval: str
    labels: str | None
    zone: str | None
    calendar: str
    assets: int
    first: date
    last: date
    gaps: pl.DataFrame
    zero_volumes: int
    outliers: pl.DataFrame
    suspected_splits: pl.DataFrame
    stale: pl.DataFrame
    hints: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def duplicates(self) -> int:
        """Number of identical rows that were counted once."""
        return self.left_out.get("the same row again", 0)

    @property
    def frame(self) -> pl.DataFrame:
        """The report as rows: `fact`, `value` (both String)."""
        return pl.DataFrame(self._facts(), schema=["fact", "value"], orient="row")

    def __repr__(self) -> str:
        facts = self._facts()
        width = max(len(name) for name, _ in facts)
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in facts)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        return f"<table>{rows}</table>"

    def _facts(self) -> list[tuple[str, str]]:
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in self.left_out.items())
        facts = [
            ("source", self.source),
            ("rows", f"{self.rows_in:,} read, {self.rows_out:,} bars"),
            ("left out", left_out or "none"),
            ("interval", self.interval),
            ("labels", self.labels or "dates"),
            ("zone", self.zone or "none needed"),
            ("calendar", f"{self.calendar}, {self.first} to {self.last}"),
            ("assets", f"{self.assets:,}"),
            ("gaps", _gap_words(self.gaps)),
            ("zero volumes", f"{self.zero_volumes:,}"),
            ("outliers", _listed(self.outliers, "return")),
            ("suspected splits", _listed(self.suspected_splits, "ratio")),
            ("stale prices", _listed(self.stale, "sessions")),
        ]
        facts += [("hint", hint) for hint in self.hints]
        return facts + [("note", note) for note in self.notes]


def _gap_words(gaps: pl.DataFrame) -> str:
    if gaps.is_empty():
        return "none"
    missing = int(gaps["missing"].sum())
    rows = gaps.sort("missing", descending=True).head(_SHOWN).iter_rows()
    most = ", ".join(f"{symbol} {count:,} from {first}" for symbol, count, first in rows)
    more = ", …" if gaps.height > _SHOWN else ""
    return f"{missing:,} bars of {gaps.height:,} assets: {most}{more}"


def _listed(frame: pl.DataFrame, name: str) -> str:
    if frame.is_empty():
        return "none"
    rows = frame.head(_SHOWN).iter_rows(named=True)
    few = ", ".join(f"{row['symbol']} {row['date']} ({row[name]:.4g})" for row in rows)
    return f"{frame.height:,}: {few}{', …' if frame.height > _SHOWN else ''}"


def report_of(portal: ReportedBars, intake: Intake | None) -> DataReport:
    """Return the report of a portal.

    Args:
        portal: The portal.
        intake: Counts of its reading; None for a portal in the documented form.
    """
    bars = portal.daily if portal.minutes is None else None
    height = bars.height if bars is not None else portal.minutes.height  # type: ignore[union-attr]
    facts = intake or Intake(
        "bars in the portal's own form",
        rows_in=height,
        labels="end" if portal.minutes is not None else None,
        zone="UTC" if portal.minutes is not None else None,
    )
    days = _with_before(portal)
    splits = _suspected_splits(portal, days)
    return DataReport(
        source=facts.source,
        rows_in=facts.rows_in,
        rows_out=height,
        left_out=dict(facts.left_out),
        interval=portal.interval.text,
        labels=facts.labels,
        zone=facts.zone,
        calendar=portal.calendar.name,
        assets=len(portal.assets),
        first=portal.calendar.label(portal.first_session),
        last=portal.calendar.label(portal.last_session),
        gaps=_gaps(portal),
        zero_volumes=_zero_volumes(portal),
        outliers=_outliers(portal, days, splits),
        suspected_splits=splits,
        stale=_stale(portal, days),
        hints=_hints(portal, splits),
        notes=[*facts.notes, *portal.further.sentences()],
    )


# Daily bars in the order of assets, each with the previous close and session.
def _with_before(portal: ReportedBars) -> pl.DataFrame:
    return (
        portal.daily.select("asset", "session", "open", "close", "volume")
        .sort("asset", "session")
        .with_columns(
            pl.col("close").shift(1).over("asset").alias("before"),
            (pl.col("session") - pl.col("session").shift(1).over("asset")).alias("apart"),
        )
    )


def _named(portal: ReportedBars, rows: pl.DataFrame, *values: Any) -> pl.DataFrame:
    symbols = pl.Series([asset.symbol for asset in portal.assets], dtype=pl.String)
    labels = portal.calendar.labels[rows["session"].to_numpy()]
    return rows.select(
        symbols.gather(rows["asset"]).alias("symbol"),
        pl.Series("date", labels, dtype=pl.Date),
        *values,
    )


def _gaps(portal: ReportedBars) -> pl.DataFrame:
    counted = portal.daily.select("asset", "session").sort("asset", "session")
    spans = counted.group_by("asset", maintain_order=True).agg(
        pl.col("session").min().alias("first"),
        (pl.col("session").max() - pl.col("session").min() + 1 - pl.len()).alias("missing"),
        pl.when(pl.col("session").diff() > 1)
        .then(pl.col("session").shift(1) + 1)
        .min()
        .alias("session"),
    )
    if portal.minutes is not None and portal.interval.intraday:
        spans = _with_missing_minutes(portal, spans)
    spans = spans.filter(pl.col("missing") > 0).with_columns(
        pl.col("session").fill_null(pl.col("first"))
    )
    named = _named(portal, spans, pl.col("missing").cast(pl.Int64))
    return named.select("symbol", "missing", pl.col("date").alias("first"))


def _with_missing_minutes(portal: ReportedBars, spans: pl.DataFrame) -> pl.DataFrame:
    minutes = portal.minutes
    assert minutes is not None
    grid = BarGrid(portal.calendar, portal.interval)
    lengths = [
        len(grid.ends_us(session))
        for session in range(portal.first_session, portal.last_session + 1)
    ]
    bars = pl.concat(
        [
            part.group_by("asset", "session").agg(
                pl.len().alias("bars"), pl.col("us").min().alias("from"), pl.col("us").max()
            )
            for part in minutes.parts(portal.first_session, portal.last_session)
        ]
    )
    lacking = bars.group_by("asset", "session").agg(
        pl.col("bars").sum(), pl.col("from").min(), pl.col("us").max()
    )
    whole = np.asarray(lengths)[lacking["session"].to_numpy() - portal.first_session]
    whole -= _outside(lacking, grid)
    lacking = lacking.with_columns(pl.Series("whole", whole))
    short = (
        lacking.with_columns((pl.col("whole") - pl.col("bars")).alias("lack"))
        .group_by("asset")
        .agg(
            pl.col("lack").sum(),
            pl.col("session").filter(pl.col("lack") > 0).min().alias("short"),
        )
    )
    return spans.join(short, on="asset", how="left").with_columns(
        (pl.col("missing").cast(pl.Int64) + pl.col("lack").fill_null(0)).alias("missing"),
        pl.min_horizontal("session", "short").alias("session"),
    )


# Number of bars of an asset's first session before its first bar, and of its last
# session after its last bar.
def _outside(sessions: pl.DataFrame, grid: BarGrid) -> NDArray[np.int64]:
    outside = np.zeros(sessions.height, dtype=np.int64)
    session = pl.col("session")
    edges = sessions.with_row_index("row").with_columns(
        (session == session.min().over("asset")).alias("begins"),
        (session == session.max().over("asset")).alias("ends"),
    )
    wanted = edges.filter(pl.col("begins") | pl.col("ends"))
    columns = wanted.select("row", "session", "from", "us", "begins", "ends")
    for row, number, first_us, last_us, begins, ends in columns.iter_rows():
        stamps = grid.ends_us(number)
        before = int(stamps.searchsorted(first_us)) if begins else 0
        behind = len(stamps) - int(stamps.searchsorted(last_us, side="right")) if ends else 0
        outside[row] = before + behind
    return outside


def _zero_volumes(portal: ReportedBars) -> int:
    if portal.minutes is None:
        return int((portal.daily["volume"] == 0).sum())
    return sum(
        int((part["volume"] == 0).sum())
        for part in portal.minutes.parts(portal.first_session, portal.last_session)
    )


def _suspected_splits(portal: ReportedBars, days: pl.DataFrame) -> pl.DataFrame:
    jump = pl.col("open") / pl.col("before")
    kept = pl.col("close") / pl.col("before")
    near = pl.lit(value=False)
    ratio = pl.lit(None, dtype=pl.Float64)
    for one in _SPLIT_RATIOS:
        for value in (1 / one, one):
            close_to = (jump / value - 1).abs() <= _SPLIT_TOLERANCE
            close_to &= (kept / value - 1).abs() <= 4 * _SPLIT_TOLERANCE
            ratio = pl.when(close_to).then(value).otherwise(ratio)
            near |= close_to
    rows = days.filter(
        (pl.col("before") > 0) & near & ((kept - 1).abs() >= _LEAST_SPLIT_MOVE)
    ).with_columns(ratio.alias("ratio"))
    given = {(split.asset, split.session) for split in portal.splits}
    keep = [
        (asset, session) not in given
        for asset, session in zip(rows["asset"], rows["session"], strict=True)
    ]
    return _named(portal, rows.filter(pl.Series(keep, dtype=pl.Boolean)), pl.col("ratio"))


def _outliers(portal: ReportedBars, days: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    moved = days.filter((pl.col("before") > 0) & (pl.col("close") > 0)).with_columns(
        (pl.col("close") / pl.col("before")).log().alias("log")
    )
    usual = (pl.col("log") - pl.col("log").median().over("asset")).abs()
    moved = moved.with_columns(usual.alias("off"))
    # 1.4826 times the median deviation is the standard deviation of a normal
    # distribution
    sigma = pl.col("off").median().over("asset") * 1.4826
    rows = moved.filter(
        (pl.col("off") > _OUTLIER_SIGMAS * sigma) & (pl.col("log").abs() > _LEAST_OUTLIER)
    )
    named = _named(portal, rows, (pl.col("close") / pl.col("before") - 1).alias("return"))
    given = pl.DataFrame(
        {
            "symbol": [portal.assets[split.asset].symbol for split in portal.splits],
            "date": [portal.calendar.label(split.session) for split in portal.splits],
        },
        schema={"symbol": pl.String, "date": pl.Date},
    )
    explained = pl.concat([splits.select("symbol", "date"), given])
    return named.join(explained, on=["symbol", "date"], how="anti")


def _stale(portal: ReportedBars, days: pl.DataFrame) -> pl.DataFrame:
    same = (pl.col("close") == pl.col("before")) & (pl.col("apart") == 1)
    runs = (
        days.with_columns((~same.fill_null(value=False)).cum_sum().alias("run"))
        .group_by("asset", "run", maintain_order=True)
        .agg(pl.col("session").first(), pl.len().cast(pl.Int64).alias("sessions"))
        .filter(pl.col("sessions") >= _STALE_SESSIONS)
    )
    return _named(portal, runs, pl.col("sessions"))


def _hints(portal: ReportedBars, splits: pl.DataFrame) -> list[str]:
    hints = []
    if not splits.is_empty():
        hints.append(
            "prices may be unadjusted: pass splits=, or adjusted prices, or the jumps are profits "
            "and losses"
        )
    span = portal.last_session - portal.first_session
    ends = portal.daily.group_by("asset").agg(pl.col("session").max())["session"]
    if (
        len(portal.assets) >= _MANY_ASSETS
        and span >= _LONG_SESSIONS
        and bool((ends >= portal.last_session - _STALE_SESSIONS).all())
    ):
        hints.append(
            "no asset ends before the data does: those that were delisted may be missing, and a "
            "backtest then knows who survives"
        )
    return hints
