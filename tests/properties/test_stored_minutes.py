"""A run over minute bars that stay on the disk sees and does, bit for bit, what it sees
and does over bars in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from struct import pack
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.data.bars.minute_bars import HeldMinutes, StoredMinutes
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.checking import scanning
from rbtlive.errors import HistoryWindowStartsBeforeData
from tests.builders import same

CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2020, 11, 20))  # before a week with a holiday and a half day
LABELS = [CALENDAR.label(FIRST + number) for number in range(10)]
NAMES = ("AA", "BB", "CC")
ORDERS = ("by time", "by asset", "shuffled")
SOURCES = ("file", "folder", "pattern", "lazy frame", "frame")
FIELDS = ("open", "high", "low", "close", "volume", "price")


@dataclass(frozen=True)
class World:
    """A market, how it is stored, and how a strategy looks at it."""

    seed: int
    present: tuple[float, float, float]
    order: str
    source: str
    part_bars: int
    start: int
    asks: tuple[tuple[int, str, int, str], ...]
    actions: bool
    quirks: bool
    daily: bool


WORLDS = st.builds(
    World,
    seed=st.integers(0, 2**32 - 1),
    present=st.tuples(*[st.sampled_from([0.002, 0.05, 0.6, 1.0])] * 3),
    order=st.sampled_from(ORDERS),
    source=st.sampled_from(SOURCES),
    part_bars=st.sampled_from([150, 700, 3_000]),
    start=st.integers(0, 6),
    asks=st.lists(
        st.tuples(
            st.integers(1, 900),
            st.sampled_from(FIELDS),
            st.integers(1, 900),
            st.sampled_from(["1m", "1d"]),
        ),
        min_size=2,
        max_size=5,
    ).map(tuple),
    actions=st.booleans(),
    quirks=st.booleans(),
    daily=st.booleans(),
)


def bars_of(world: World) -> pl.DataFrame:
    """Return minute bars of three assets, some missing, some without volume; the second
    is listed late, the third ends early.
    """
    rng = np.random.default_rng(world.seed)
    frames = []
    for place, (name, share) in enumerate(zip(NAMES, world.present, strict=True)):
        sessions = range(FIRST + 4 * (place == 1), FIRST + len(LABELS) - 3 * (place == 2))
        ends = np.concatenate([CALENDAR.minutes_us(session) for session in sessions])
        kept = ends[rng.random(len(ends)) < share]
        kept = kept if len(kept) else ends[:1]
        close = np.round(20 * (place + 1) + np.cumsum(rng.normal(0, 0.03, len(kept))), 4)
        begin = np.round(close + rng.normal(0, 0.02, len(kept)), 4)
        frames.append(
            pl.DataFrame(
                {
                    "timestamp": pl.Series(kept).cast(pl.Datetime("us", "UTC")),
                    "symbol": [name] * len(kept),
                    "open": begin,
                    "high": np.maximum(begin, close) + 0.01,
                    "low": np.minimum(begin, close) - 0.01,
                    "close": close,
                    "volume": np.where(
                        rng.random(len(kept)) < 0.1, 0.0, rng.integers(1, 4_000, len(kept)) / 4
                    ),
                }
            )
        )
    whole = pl.concat(frames)
    if world.order == "by time":
        return whole.sort("timestamp", "symbol")
    return whole.sample(fraction=1.0, shuffle=True, seed=1) if world.order == "shuffled" else whole


def tables_of(world: World) -> dict[str, Any]:
    """Return splits, a dividend, and daily bars of some sessions."""
    tables: dict[str, Any] = {}
    if world.actions:
        tables["splits"] = pl.DataFrame(
            {"symbol": ["AA", "CC"], "effective_date": [LABELS[5], LABELS[3]], "ratio": [0.5, 3.0]}
        )
        tables["dividends"] = pl.DataFrame(
            {"symbol": ["AA"], "ex_date": [LABELS[6]], "pay_date": [LABELS[8]], "amount": [0.31]}
        )
    if world.daily:
        days = LABELS[:2] + LABELS[4:7]
        tables["bars"] = pl.DataFrame(
            {
                "date": days,
                "symbol": "AA",
                "open": 20.0,
                "high": 23.0,
                "low": 18.0,
                "close": 21.5,
                "volume": 9.0e5,
            }
        )
    return tables


@contextmanager
def stored(world: World) -> Iterator[rbt.PolarsDataPortal]:
    """Give a portal whose bars are not in memory, in parts of so many."""
    frame = bars_of(world)
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "PART_BARS", world.part_bars)
        patch.setattr(scanning, "BATCH_ROWS", 200)
        half = frame.height // 2
        frame.head(half).write_parquet(Path(folder, "one.parquet"), row_group_size=300)
        frame.tail(-half).write_parquet(Path(folder, "two.parquet"), row_group_size=300)
        frame.write_parquet(Path(folder, "whole.pq"), row_group_size=300)
        source: Any = {
            "file": Path(folder, "whole.pq"),
            "pattern": f"{folder}/*.parquet",
            "lazy frame": pl.scan_parquet(Path(folder, "whole.pq")),
            "frame": frame,
        }.get(world.source)
        if source is None:
            Path(folder, "whole.pq").unlink()
            source = folder
        tables = tables_of(world)
        yield rbt.PolarsDataPortal(
            tables.pop("bars", None), minute_bars=source, in_memory=False, **tables
        )


def held(world: World) -> rbt.PolarsDataPortal:
    """Return the same portal with all bars in memory."""
    tables = tables_of(world)
    return rbt.PolarsDataPortal(
        tables.pop("bars", None), minute_bars=bars_of(world), in_memory=True, **tables
    )


def bits(thing: Any) -> bytes:
    """Return what tells two answers apart by their bits."""
    if isinstance(thing, pl.DataFrame):
        return b"|".join(bits(column) for column in thing.get_columns())
    if isinstance(thing, pl.Series):
        nulls = thing.is_null().to_numpy().tobytes()
        values = (
            thing.to_list()
            if thing.dtype == pl.String
            else thing.to_physical().fill_null(0).to_numpy().tobytes()
        )
        return nulls + (values if isinstance(values, bytes) else repr(values).encode())
    if isinstance(thing, np.ndarray):
        return np.where(np.isnan(thing), 0.0, thing).tobytes() + np.isnan(thing).tobytes()
    if isinstance(thing, float):
        return pack("d", thing) if thing == thing else b"missing"
    return repr(thing).encode()


class Looker:
    """Looks at everything every so often, trades a little, and writes down the bits of
    what it saw.
    """

    def __init__(self, asks: tuple[tuple[int, str, int, str], ...]) -> None:
        self.asks = asks
        self.seen: list[bytes] = []

    def initialize(self, context: Any) -> None:
        context.bar = 0
        context.assets = [context.symbol(name) for name in NAMES]
        context.indicator("mean", pl.col("close").rolling_mean(7, min_samples=1))
        context.indicator("turnover", (pl.col("price") * pl.col("volume")).cum_sum())

    def before_trading_start(self, context: Any, data: Any) -> None:
        for asset in context.assets:
            self._see(
                data.current(asset, "price"), data.current(asset, "close"), data.can_trade(asset)
            )
        self._ask(context, data, "price", 3, "1d")

    def handle_data(self, context: Any, data: Any) -> None:
        context.bar += 1
        for every, field, count, frequency in self.asks:
            if context.bar % max(every, 60) == 0:
                self._ask(
                    context, data, field, count if frequency == "1m" else count % 8 + 1, frequency
                )
        if context.bar % 131 == 0:
            self._look(context, data)

    def _look(self, context: Any, data: Any) -> None:
        for place, asset in enumerate(context.assets):
            for name in ("price", "open", "volume", "last_traded", "mean", "turnover"):
                self._see(data.current(asset, name))
            self._see(data.can_trade(asset), data.is_stale(asset))
            if data.can_trade(asset):
                context.order(asset, (context.bar // 131 + place) % 7 - 3)

    def _ask(self, context: Any, data: Any, field: str, count: int, frequency: str) -> None:
        first, *_ = context.assets
        try:
            self._see(data.history(first, field, count, frequency))
            self._see(data.history(context.assets, field, count, frequency))
            self._see(data.history(context.assets[:2], [field, "close"], count, frequency))
            if frequency == "1m":
                self._see(
                    data.window(context.assets, field, count),
                    data.window(context.assets[1:], field, count),
                )
                self._see(data.history(first, "mean", count, frequency))
        except HistoryWindowStartsBeforeData as error:
            self._see(str(error))

    def _see(self, *things: Any) -> None:
        self.seen += [
            bits(float(thing) if isinstance(thing, Decimal) else thing) for thing in things
        ]

    @property
    def callbacks(self) -> dict[str, Any]:
        names = ("initialize", "before_trading_start", "handle_data")
        return {"__name__": "looker", **{name: getattr(self, name) for name in names}}


def run_over(portal: rbt.PolarsDataPortal, world: World) -> tuple[list[bytes], rbt.BacktestResult]:
    """Return what a strategy saw in a backtest, and the backtest's result."""
    looker = Looker(world.asks)
    result = rbt.backtest(
        looker.callbacks,
        portal,
        start=LABELS[world.start],
        frequency="1m",
        zipline_quirks=world.quirks,
        progress=False,
    )
    return looker.seen, result


@settings(max_examples=40, deadline=None, derandomize=True)
@given(WORLDS)
def test_bars_on_the_disk_are_seen_as_bars_in_memory_are(world: World) -> None:
    expected_seen, expected = run_over(held(world), world)

    with stored(world) as portal:
        seen, result = run_over(portal, world)

    assert isinstance(portal.minutes, StoredMinutes)
    assert seen == expected_seen
    assert same(result, expected)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(WORLDS)
def test_a_portal_says_the_same_of_bars_on_the_disk_and_in_memory(world: World) -> None:
    expected = held(world)

    with stored(world) as portal:
        assert portal.minute.equals(expected.minute)
        assert portal.fingerprint() == expected.fingerprint()

    assert isinstance(expected.minutes, HeldMinutes)
    assert portal.daily.equals(expected.daily)
    assert [asdict(asset) for asset in portal.assets] == [
        asdict(asset) for asset in expected.assets
    ]
    assert (portal.first_session, portal.last_session) == (
        expected.first_session,
        expected.last_session,
    )
    assert repr(portal) == repr(expected)
