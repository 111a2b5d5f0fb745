"""Minute bars that stay on the disk: what is refused, where they are read from, how
much of them is held.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.bars.market import Market
from rbtlive.data.bars.minute_bars import HeldMinutes, Layout, Spill, StoredMinutes
from rbtlive.data.bars.rolling_table import RollingTable
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.checking import scanning
from rbtlive.data.feeds.replay_feed import ReplayFeed
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import (
    DataError,
    DataWarning,
    DuplicateBar,
    EmptyData,
    HighBelowLow,
    InvalidPrice,
    InvalidVolume,
    MissingColumn,
    MissingValue,
    RowsLost,
    UnreadableFile,
    WrongColumnType,
)
from rbtlive.model.bar import OHLCV
from tests.data.frames import with_value

CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2019, 3, 4))
SESSIONS = 8


@pytest.fixture(autouse=True)
def _temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "PART_BARS", 100)
    monkeypatch.setattr(scanning, "BATCH_ROWS", 50)


def bars(symbols: str = "AB", *, every: int = 10, sessions: int = SESSIONS) -> pl.DataFrame:
    """Return bars of one-letter symbols, symbol by symbol."""
    ends = np.concatenate(
        [CALENDAR.minutes_us(FIRST + number)[::every] for number in range(sessions)]
    )
    close = 50.0 + np.arange(len(ends)) / 64
    return pl.concat(
        pl.DataFrame(
            {
                "timestamp": pl.Series(ends).cast(pl.Datetime("us", "UTC")),
                "symbol": [symbol] * len(ends),
                "open": close - 0.25,
                "high": close + 1,
                "low": close - 1,
                "close": close + place,
                "volume": np.full(len(ends), 100.0 + place),
            }
        )
        for place, symbol in enumerate(symbols)
    )


def shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the bars in no order."""
    return frame.sample(fraction=1.0, shuffle=True, seed=7)


def written(frame: pl.DataFrame, folder: Path, name: str = "bars.parquet") -> Path:
    """Write a file of small row groups."""
    frame.write_parquet(folder / name, row_group_size=60)
    return folder / name


def portal_of(source: Any, **options: Any) -> PolarsDataPortal:
    """Return a portal whose minute bars are not held."""
    return PolarsDataPortal(None, minute_bars=source, **{"in_memory": False, **options})


def copies(portal: PolarsDataPortal) -> int:
    """Return how many copies of its bars a portal keeps."""
    return int(isinstance(portal.minutes._store, Spill))


def seen(folder: Path) -> list[Path]:
    """Return what others see in the temporary folder."""
    return list((folder / "temporary").iterdir())


# Where bars are read from


def test_a_file_in_the_order_of_time_is_read_where_it_is(tmp_path: Path) -> None:
    portal = portal_of(written(bars().sort("timestamp", "symbol"), tmp_path))

    assert isinstance(portal.minutes, StoredMinutes)
    assert portal.minute.equals(PolarsDataPortal(None, minute_bars=bars()).minute)
    assert copies(portal) == 0


def test_bars_in_another_order_are_copied_to_where_even_a_kill_leaves_nothing(
    tmp_path: Path,
) -> None:
    portal = portal_of(written(shuffled(bars()), tmp_path))
    assert copies(portal) == 1
    assert seen(tmp_path) == []
    assert portal.minute.equals(PolarsDataPortal(None, minute_bars=bars()).minute)


def test_a_lazy_frame_is_evaluated_for_good_when_the_portal_is_made(tmp_path: Path) -> None:
    path = written(bars().sort("timestamp"), tmp_path)
    portal = portal_of(pl.scan_parquet(path).with_columns(pl.col("symbol").str.to_lowercase()))

    path.unlink()

    assert portal.minute.equals(PolarsDataPortal(None, minute_bars=bars("ab")).minute)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_times_of_every_unit_and_zone_are_read(tmp_path: Path, unit: Any, zone: str | None) -> None:
    utc = pl.col("timestamp").cast(pl.Datetime(unit, "UTC"))
    stamps = utc.dt.replace_time_zone(None) if zone is None else utc.dt.convert_time_zone(zone)
    path = written(bars().sort("timestamp").with_columns(stamps), tmp_path)

    portal = portal_of(path)

    assert portal.minute.equals(PolarsDataPortal(None, minute_bars=bars()).minute)
    assert copies(portal) == 0


def test_times_as_text_and_symbols_by_folder_are_read(tmp_path: Path) -> None:
    for symbol in "AB":
        (tmp_path / "bars" / f"symbol={symbol}").mkdir(parents=True)
        text = (
            bars(symbol).with_columns(pl.col("timestamp").dt.to_string("iso:strict")).drop("symbol")
        )
        written(text, tmp_path / "bars" / f"symbol={symbol}")

    portal = portal_of(tmp_path / "bars")

    expected = bars().with_columns(close=50.0 + pl.col("close") - pl.col("close"))
    assert portal.minute.drop("close", "volume").equals(
        PolarsDataPortal(None, minute_bars=expected).minute.drop("close", "volume")
    )


def test_few_bars_are_held_and_many_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(bars(), tmp_path)
    assert isinstance(PolarsDataPortal(None, minute_bars=path).minutes, HeldMinutes)

    monkeypatch.setattr(scanning, "HELD_BARS", bars().height - 1)

    assert isinstance(PolarsDataPortal(None, minute_bars=path).minutes, StoredMinutes)
    assert isinstance(
        PolarsDataPortal(None, minute_bars=pl.scan_parquet(path)).minutes, StoredMinutes
    )
    assert isinstance(PolarsDataPortal(None, minute_bars=path, in_memory=True).minutes, HeldMinutes)
    assert isinstance(PolarsDataPortal(None, minute_bars=bars()).minutes, HeldMinutes)


def test_a_part_is_read_by_its_sessions(tmp_path: Path) -> None:
    minutes = portal_of(written(bars(), tmp_path)).minutes
    assert minutes is not None

    parts = list(minutes.parts(FIRST + 1, FIRST + 6))

    assert len(parts) > 2
    assert pl.concat(parts).equals(minutes.part(FIRST + 1, FIRST + 6))
    assert pl.concat(parts)["session"].unique().to_list() == list(range(FIRST + 1, FIRST + 7))
    assert minutes.part(FIRST - 9, FIRST - 1).is_empty()


def test_a_replay_gives_the_same_slices(tmp_path: Path) -> None:
    frame = bars().sample(fraction=0.7, seed=3)
    held = PolarsDataPortal(None, minute_bars=frame)

    slices = list(ReplayFeed(portal_of(written(frame, tmp_path)), frequency="1m").slices())

    assert slices == list(ReplayFeed(held, frequency="1m").slices())


# What is refused

WRONG = [
    (
        DuplicateBar,
        "must be unique in minute_bars: was there 2 times for A on 2019-03-05 14:31:00 UTC",
        {},
    ),
    (
        InvalidPrice,
        "low must be finite and not negative: was -1.0 in minute_bars for B",
        {"low": -1.0},
    ),
    (InvalidPrice, "open must be finite", {"open": float("inf")}),
    (InvalidVolume, "volume must be finite and not negative", {"volume": -0.5}),
    (HighBelowLow, "high must not be below low: was 1.0 with low", {"high": 1.0}),
    (MissingValue, "open must be there", {"open": float("nan")}),
    (MissingValue, "column 'symbol' of minute_bars must not be null", {"symbol": None}),
    (MissingValue, "column 'timestamp' of minute_bars must not be null", {"timestamp": None}),
]


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize(("error", "words", "values"), WRONG)
def test_one_wrong_bar_among_many_is_an_error_that_names_it(
    tmp_path: Path, error: type[DataError], words: str, values: dict[str, Any], in_order: bool
) -> None:
    frame = with_value(bars(), 400, values)
    if not values:
        frame = pl.concat([frame, bars().slice(39, 1)])

    with pytest.raises(error, match=words) as caught:
        portal_of(
            written(
                frame.sort("timestamp", maintain_order=True) if in_order else shuffled(frame),
                tmp_path,
            )
        )

    assert type(caught.value) is error
    assert seen(tmp_path) == []


def test_a_column_that_is_missing_or_of_a_wrong_type_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingColumn, match="must have a column 'volume'"):
        portal_of(written(bars().rename({"volume": "size"}), tmp_path))
    with pytest.raises(WrongColumnType, match="column 'close' of minute_bars must hold numbers"):
        portal_of(written(bars().with_columns(pl.col("close").cast(pl.String)), tmp_path))


def test_bars_outside_the_calendar_are_counted_over_all_parts(tmp_path: Path) -> None:
    night = bars().with_columns(pl.col("timestamp") + timedelta(hours=9))
    few = night.sample(bars().height // 200, seed=1)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        portal = portal_of(written(pl.concat([bars(), few]), tmp_path))

    assert [(warning.category, warning.filename) for warning in warned] == [(DataWarning, __file__)]
    assert f"{few.height} of {bars().height + few.height} minute_bars are left out" in str(
        warned[0].message
    )
    assert portal.minutes is not None
    assert portal.minutes.height == bars().height
    with pytest.raises(RowsLost, match=f"{night.height:,} of {2 * night.height:,} is not"):
        portal_of(written(pl.concat([bars(), night]), tmp_path))
    with pytest.raises(EmptyData, match=f"in any of the {night.height} minute_bars"):
        portal_of(written(night, tmp_path))


def test_the_warning_names_the_line_of_the_user_however_the_portal_is_made() -> None:
    few = bars().with_columns(pl.col("timestamp") + timedelta(hours=9)).head(2)
    frame = pl.concat([bars(), few])

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        PolarsDataPortal(None, minute_bars=frame)
        PolarsDataPortal.coerce(frame, frequency="1m")
        rbt.backtest({"initialize": print}, frame, frequency="1m", progress=False)

    assert [(warning.category, warning.filename) for warning in warned] == [
        (DataWarning, __file__)
    ] * 3


def test_bars_without_any_close_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmptyData, match="at least one bar with a close"):
        portal_of(written(bars().with_columns(close=pl.lit(None, dtype=pl.Float64)), tmp_path))


def test_a_file_that_changes_after_it_was_checked_is_an_error(tmp_path: Path) -> None:
    path = written(bars().sort("timestamp"), tmp_path)
    portal = portal_of(path)

    written(bars(every=20).sort("timestamp"), tmp_path)

    with pytest.raises(
        UnreadableFile, match=r"must stay as they were while a portal uses them: '.*' was changed"
    ):
        portal.minute  # noqa: B018


def test_a_broken_file_is_an_error(tmp_path: Path) -> None:
    path = written(bars(), tmp_path)
    os.truncate(path, 2_000)

    with pytest.raises(UnreadableFile, match="cannot be read from"):
        portal_of(path)


# How much is held


def market_of(portal: PolarsDataPortal) -> Market:
    """Return a market over all sessions of a portal."""
    return Market(
        portal,
        frequency="1m",
        first_session=portal.first_session,
        last_session=portal.last_session,
        preload=True,
    )


def held_rows(market: Market) -> list[int]:
    """Go through a market and return how many rows were held in each session."""
    table, rows = market.table, []
    for session in range(market.first_session, table.last_session + 1):
        market.open_session(session)
        for row in range(*table.rows_of_session(session)):
            market.advance(row)
        rows.append(table.end - table.base)
    return rows


def test_a_run_holds_the_session_it_is_in_and_the_one_before(tmp_path: Path) -> None:
    market = market_of(portal_of(written(bars(), tmp_path)))
    assert isinstance(market.table, RollingTable)

    assert max(held_rows(market)) <= 2 * 390
    assert market.table.rows == SESSIONS * 390


def test_a_window_that_looks_further_back_is_held_from_then_on(tmp_path: Path) -> None:
    market = market_of(portal_of(written(bars(), tmp_path)))
    held_rows(market)
    assert market.table.end - market.table.base <= 2 * 390

    window = market.windows.matrix((0, 1), "close", market.windows.span(1_000, "1m"))

    assert window.shape == (1_000, 2)
    assert market.table.end - market.table.base >= 1_500
    expected = market_of(PolarsDataPortal(None, minute_bars=bars()))
    held_rows(expected)
    assert np.array_equal(
        window,
        expected.windows.matrix((0, 1), "close", expected.windows.span(1_000, "1m")),
        equal_nan=True,
    )


def test_the_rows_that_are_held_cannot_be_changed(tmp_path: Path) -> None:
    market = market_of(portal_of(written(bars(), tmp_path)))
    held_rows(market)

    with pytest.raises(ValueError, match="read-only"):
        market.table.column(0, "close", market.table.base, market.table.end)[0] = 1.0


def test_indicators_read_whole_columns_from_a_file_of_their_own(tmp_path: Path) -> None:
    market = market_of(portal_of(written(shuffled(bars()), tmp_path)))
    market.add_column("mean", pl.col("close").rolling_mean(3))
    held_rows(market)

    market.column_value(0, "mean")

    assert market.table._columns is not None
    assert market.table.end - market.table.base <= 2 * 390
    assert seen(tmp_path) == []


def test_a_session_has_the_same_history_as_one_over_bars_in_memory(tmp_path: Path) -> None:
    tables = [
        Market(
            portal, frequency="1m", first_session=FIRST + 5, last_session=None, preload=False
        ).table
        for portal in (
            portal_of(written(shuffled(bars()), tmp_path)),
            PolarsDataPortal(None, minute_bars=bars()),
        )
    ]

    assert [table.rows for table in tables] == [5 * 390] * 2
    for field in ("open", "high", "low", "close", "volume"):
        ours, theirs = (table.values(field, 0, table.rows) for table in tables)
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_bars_in_any_order_are_kept_in_one_block_a_part_and_read_in_the_order_given():
    count, parts = 600, 6
    sessions = np.random.default_rng(3).integers(0, parts, count).astype(np.int32)
    frame = pl.DataFrame(
        {"us": np.arange(count), "session": sessions, "asset": np.zeros(count, dtype=np.int32)}
        | {name: np.arange(count) + place / 8 for place, name in enumerate(OHLCV)}
    )
    spill = Spill(Layout(first=0, last=parts - 1, step=1))
    spill.add(frame.head(350))
    spill.add(frame.tail(250))

    assert [len(blocks) for blocks in spill._blocks] == [2] * parts
    for part in range(parts):
        assert spill.read(part).equals(frame.filter(pl.col("session") == part))
    spill.close()
