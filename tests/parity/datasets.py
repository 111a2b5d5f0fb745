"""Deterministic market data for the parity suite, in the shape `PolarsDataPortal`
takes.

One rule: the same call gives the same bytes on every machine, and every value survives
zipline's storage (prices are whole cents, volumes whole shares), so that a difference
in a result is a difference in semantics.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import exchange_calendars
import polars as pl

from tests.parity.dice import Dice

SAMPLES = Path(__file__).parents[2] / "rbtlive" / "data" / "samples"
_DAILY_COLUMNS = ("date", "symbol", "open", "high", "low", "close", "volume")
_MINUTE_COLUMNS = ("timestamp", "symbol", "open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Dataset:
    """Everything a portal needs; `bars` are daily, `minute_bars` only exist where
    minutes are traded.
    """

    name: str
    calendar: str
    bars: pl.DataFrame
    assets: pl.DataFrame
    minute_bars: pl.DataFrame | None = None
    splits: pl.DataFrame = field(default_factory=lambda: splits_frame([]))
    dividends: pl.DataFrame = field(default_factory=lambda: dividends_frame([]))


@dataclass(frozen=True)
class Walk:
    """How one asset moves: prices in cents, steps in hundredths of a percent, volume in
    shares.
    """

    seed: int
    start_cents: int
    step: int
    volume: tuple[int, int]
    drift: int = 0


Cents = tuple[int, int, int, int, int]


def _bars(walk: Walk, ratios: Sequence[float]) -> list[Cents]:
    # One bar a ratio; a ratio other than 1 is a split that takes effect with that bar.
    dice, last, rows = Dice(walk.seed), walk.start_cents, []
    for ratio in ratios:
        last = max(25, round(last * ratio))
        wiggle = max(1, last * walk.step // 20_000)
        opened = max(20, last + dice.between(-wiggle, wiggle))
        closed = max(
            20, last + (last * (walk.drift + dice.between(-walk.step, walk.step)) + 5_000) // 10_000
        )
        high = max(opened, closed) + dice.between(0, wiggle)
        low = max(5, min(opened, closed) - dice.between(0, wiggle))
        rows.append((opened, high, low, closed, dice.between(*walk.volume)))
        last = closed
    return rows


def _rows(
    symbol: str, stamps: Iterable[object], cents: Iterable[Cents]
) -> list[tuple[object, ...]]:
    return [
        (stamp, symbol, opened / 100, high / 100, low / 100, closed / 100, volume)
        for stamp, (opened, high, low, closed, volume) in zip(stamps, cents, strict=True)
    ]


_PRICES: dict[str, pl.DataType] = {
    **dict.fromkeys(("open", "high", "low", "close"), pl.Float64()),
    "volume": pl.Int64(),
}


def daily_frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Return daily bars as a long frame."""
    return pl.DataFrame(
        rows, schema={"date": pl.Date(), "symbol": pl.String(), **_PRICES}, orient="row"
    )


def minute_frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Return minute bars, stamped with their end in UTC, as a long frame."""
    stamp = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        rows, schema={"timestamp": stamp, "symbol": pl.String(), **_PRICES}, orient="row"
    )


def splits_frame(rows: list[tuple[str, date, float]]) -> pl.DataFrame:
    """Return splits; a ratio of 0.5 is two for one."""
    schema = {"symbol": pl.String, "effective_date": pl.Date, "ratio": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def dividends_frame(rows: list[tuple[str, date, date, float]]) -> pl.DataFrame:
    """Return cash dividends, dollars a share."""
    schema = {"symbol": pl.String, "ex_date": pl.Date, "pay_date": pl.Date, "amount": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def assets_frame(
    bars: pl.DataFrame, sids: dict[str, int], auto_close: dict[str, date] | None = None
) -> pl.DataFrame:
    """Return the assets of daily bars: life from first to last bar, auto-close the day
    after unless given.
    """
    auto_close = auto_close or {}
    life = bars.group_by("symbol").agg(
        start_date=pl.col("date").min(), end_date=pl.col("date").max()
    )
    rows = [
        (
            row["symbol"],
            sids[row["symbol"]],
            row["start_date"],
            row["end_date"],
            auto_close.get(row["symbol"], row["end_date"] + timedelta(days=1)),
        )
        for row in life.sort("symbol").iter_rows(named=True)
    ]
    schema = {
        "symbol": pl.String,
        "sid": pl.Int64,
        "start_date": pl.Date,
        "end_date": pl.Date,
        "auto_close_date": pl.Date,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


# exchange_calendars calls parts of pandas that pandas 3.1 deprecates.
@contextmanager
def _without_deprecations() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@cache
def _calendar(name: str) -> exchange_calendars.ExchangeCalendar:
    with _without_deprecations():
        return exchange_calendars.get_calendar(
            name, start="1999-01-01", end="2025-12-31", side="right"
        )


def sessions(calendar: str, start: str, end: str) -> list[date]:
    """Return the session labels of a calendar from `start` to `end`, both included."""
    return [label.date() for label in _calendar(calendar).sessions_in_range(start, end)]


def minutes(calendar: str, session: date) -> list[datetime]:
    """Return the ends of a session's minutes, in UTC."""
    with _without_deprecations():
        stamps = _calendar(calendar).session_minutes(session.isoformat())
    return [stamp.to_pydatetime() for stamp in stamps]


def real_daily() -> Dataset:
    """Return the sample that ships with the package: AAPL, FB, GOOG, IBM and MSFT, 2000
    to 2013.

    A few of its prices have four decimals; zipline stores three.
    """
    bars = pl.read_parquet(SAMPLES / "us_daily_bars.parquet").select(_DAILY_COLUMNS)
    bars = bars.with_columns(
        pl.col("date").cast(pl.Date),
        pl.col("volume").cast(pl.Int64),
        pl.col(*_DAILY_COLUMNS[2:6]).round(3),
    )
    names = sorted(bars["symbol"].unique())
    return Dataset(
        name="real_daily",
        calendar="XNYS",
        bars=bars,
        assets=assets_frame(bars, {symbol: number for number, symbol in enumerate(names)}),
        splits=pl.read_parquet(SAMPLES / "us_daily_splits.parquet").select(
            "symbol", "effective_date", "ratio"
        ),
        dividends=pl.read_parquet(SAMPLES / "us_daily_dividends.parquet").select(
            "symbol", "ex_date", "pay_date", "amount"
        ),
    )


_EDGE_WALKS = {
    "ALFA": Walk(101, 5_000, 150, (400_000, 900_000)),
    "DIVI": Walk(102, 8_000, 120, (200_000, 500_000)),
    "DIVQ": Walk(103, 4_000, 120, (200_000, 500_000)),
    "GAPS": Walk(104, 3_000, 200, (50_000, 90_000)),
    "GONE": Walk(105, 2_000, 250, (80_000, 160_000), drift=-10),
    "LATE": Walk(106, 1_500, 200, (60_000, 120_000)),
    "QUIT": Walk(107, 2_500, 200, (60_000, 120_000)),
    "SPLT": Walk(108, 12_000, 180, (300_000, 600_000), drift=8),
    "THIN": Walk(109, 4_500, 150, (20, 900)),
    "VOLA": Walk(110, 6_000, 800, (100_000, 300_000)),
}
_EDGE_SIDS = {symbol: 11 + 3 * number for number, symbol in enumerate(sorted(_EDGE_WALKS))}
_EDGE_SPLITS = [
    ("SPLT", date(2017, 3, 1), 0.5),
    ("SPLT", date(2017, 5, 15), 2 / 3),
    ("SPLT", date(2017, 9, 5), 4.0),
]
_EDGE_DIVIDENDS = [
    ("DIVI", date(2017, 2, 8), date(2017, 2, 22), 0.41),  # paid two weeks later
    ("DIVI", date(2017, 3, 20), date(2017, 3, 20), 0.5),  # paid on the day itself
    ("DIVI", date(2017, 5, 9), date(2017, 5, 12), 0.37),  # the bar before the ex date is missing
    ("DIVI", date(2017, 7, 3), date(2017, 7, 14), 0.62),  # goes ex on a half day
    ("DIVI", date(2017, 11, 8), date(2017, 11, 24), 0.45),  # paid on a half day
    ("DIVQ", date(2017, 2, 13), date(2017, 2, 25), 0.8),  # paid on a Saturday
    ("DIVQ", date(2017, 4, 10), date(2017, 4, 14), 0.33),  # paid on Good Friday
    ("SPLT", date(2017, 3, 1), date(2017, 3, 8), 0.25),  # goes ex on the day of a split
    ("SPLT", date(2017, 6, 1), date(2017, 6, 8), 0.15),
]
_EDGE_MISSING = {
    "GAPS": {10, 11, 12, 25, 26, 40, 63, 64, 65, 66, 67, 90, 110, 111, 150, 151, 200},
    "DIVI": {86},  # 2017-05-08
}
_EDGE_NO_VOLUME = {"GAPS": {8, 9, 30, 31, 32, 45, 68, 91, 112}, "THIN": {7, 22, 51}}


def _life(symbol: str, days: list[date]) -> list[date]:
    if symbol == "LATE":
        return [day for day in days if day >= date(2017, 4, 3)]
    if symbol == "GONE":
        return [day for day in days if day <= date(2017, 6, 14)]
    if symbol == "QUIT":  # a Friday: its auto-close is a Saturday
        return [day for day in days if day <= date(2017, 4, 28)]
    return days


def edge_daily() -> Dataset:
    """Return daily bars of ten assets with everything that goes wrong in a year and a
    half.
    """
    days = sessions("XNYS", "2017-01-03", "2018-07-06")
    rows: list[tuple[object, ...]] = []
    for symbol, walk in _EDGE_WALKS.items():
        life = _life(symbol, days)
        ratio = {day: factor for name, day, factor in _EDGE_SPLITS if name == symbol}
        for number, row in enumerate(
            _rows(symbol, life, _bars(walk, [ratio.get(day, 1.0) for day in life]))
        ):
            if number in _EDGE_MISSING.get(symbol, ()):
                continue
            rows.append((*row[:6], 0) if number in _EDGE_NO_VOLUME.get(symbol, ()) else row)
    bars = daily_frame(rows)
    return Dataset(
        name="edge_daily",
        calendar="XNYS",
        bars=bars,
        assets=assets_frame(bars, _EDGE_SIDS, {"GONE": date(2017, 6, 20)}),
        splits=splits_frame(_EDGE_SPLITS),
        dividends=dividends_frame(_EDGE_DIVIDENDS),
    )


def aggregate(minute_bars: pl.DataFrame, session_of: Callable[[datetime], date]) -> pl.DataFrame:
    """Return the daily bars of minute bars: first open, highest high, lowest low, last
    close, summed volume.
    """
    return (
        minute_bars.sort("symbol", "timestamp")
        .with_columns(date=pl.col("timestamp").map_elements(session_of, return_dtype=pl.Date))
        .group_by("date", "symbol", maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .select(_DAILY_COLUMNS)
    )


_MINUTE_WALKS = {
    "ABLE": Walk(201, 3_300, 12, (900, 4_000)),
    "BAKE": Walk(202, 5_200, 15, (50, 700)),
    "CHEF": Walk(203, 9_000, 12, (500, 2_500)),
    "DUNE": Walk(204, 1_800, 40, (1, 60)),
}
_MINUTE_SIDS = {"ABLE": 1, "BAKE": 2, "CHEF": 3, "DUNE": 4}
_MINUTE_SPLIT = ("CHEF", date(2012, 11, 26), 0.5)
_MINUTE_DIVIDENDS = [
    ("CHEF", date(2012, 11, 27), date(2012, 11, 28), 0.3),
    ("ABLE", date(2012, 11, 23), date(2012, 11, 23), 0.12),
]


def _minute_gap(symbol: str, day: int, minute: int, dice: Dice) -> bool:
    # BAKE has no bar in the first quarter of an hour of two days, none at all on the
    # third; the others miss single ones.
    if symbol == "BAKE":
        return day == 2 or (day in (1, 4) and minute < 15) or dice.between(1, 10) <= 2
    if symbol == "DUNE":
        return dice.between(1, 10) <= 5
    return symbol == "CHEF" and dice.between(1, 100) == 1


def _edge_minutes() -> list[tuple[object, ...]]:
    days, rows = sessions("XNYS", "2012-11-19", "2012-11-29"), []
    for symbol, walk in _MINUTE_WALKS.items():
        dice = Dice(walk.seed + 50)
        stamps: list[tuple[int, int, datetime]] = []
        for number, day in enumerate(days):
            if symbol == "DUNE" and not date(2012, 11, 20) <= day <= date(2012, 11, 27):
                continue
            stamps += [(number, minute, stamp) for minute, stamp in enumerate(minutes("XNYS", day))]
        ratios = [
            0.5 if symbol == "CHEF" and minute == 0 and days[number] == _MINUTE_SPLIT[1] else 1.0
            for number, minute, _ in stamps
        ]
        bars = _rows(symbol, [stamp for _, _, stamp in stamps], _bars(walk, ratios))
        for (number, minute, _), row in zip(stamps, bars, strict=True):
            if _minute_gap(symbol, number, minute, dice):
                continue
            silent = symbol == "BAKE" and dice.between(1, 100) <= 6
            rows.append((*row[:6], 0) if silent else row)
    return rows


def edge_minute() -> Dataset:
    """Return eight sessions of minutes around Thanksgiving 2012 and the daily bars of
    the seven weeks before them.
    """
    minute_bars = minute_frame(_edge_minutes())
    rows: list[tuple[object, ...]] = []
    for symbol, walk in _MINUTE_WALKS.items():
        if symbol != "DUNE":
            days = sessions("XNYS", "2012-10-01", "2012-11-16")
            before = Walk(walk.seed + 100, walk.start_cents, 120, (100_000, 400_000))
            rows += _rows(symbol, days, _bars(before, [1.0] * len(days)))
    bars = pl.concat([daily_frame(rows), aggregate(minute_bars, datetime.date)])
    return Dataset(
        name="edge_minute",
        calendar="XNYS",
        bars=bars,
        minute_bars=minute_bars,
        assets=assets_frame(bars, _MINUTE_SIDS, {"DUNE": date(2012, 11, 28)}),
        splits=splits_frame([_MINUTE_SPLIT]),
        dividends=dividends_frame(_MINUTE_DIVIDENDS),
    )


_CRYPTO_WALKS = {
    "BITC": Walk(301, 650_000, 20, (1, 400)),
    "ETHR": Walk(302, 45_000, 30, (10, 3_000)),
}


def crypto_minute() -> Dataset:
    """Return two assets that trade round the clock for three days, from Friday to
    Sunday.
    """
    days, rows = sessions("24/7", "2018-03-02", "2018-03-04"), []
    for symbol, walk in _CRYPTO_WALKS.items():
        stamps = [stamp for day in days for stamp in minutes("24/7", day)]
        dice = Dice(walk.seed + 50)
        rows += [
            row
            for row in _rows(symbol, stamps, _bars(walk, [1.0] * len(stamps)))
            if dice.between(1, 100) > 3
        ]
    minute_bars = minute_frame(rows)
    bars = aggregate(minute_bars, lambda stamp: (stamp - timedelta(minutes=1)).date())
    return Dataset(
        name="crypto_minute",
        calendar="24/7",
        bars=bars,
        minute_bars=minute_bars,
        assets=assets_frame(
            bars, {"BITC": 7, "ETHR": 9}, dict.fromkeys(_CRYPTO_WALKS, date(2019, 1, 1))
        ),
    )


def crypto_daily() -> Dataset:
    """Return the same kind of assets in daily bars, weekends included."""
    days, rows = sessions("24/7", "2018-01-01", "2018-06-30"), []
    for symbol, walk in _CRYPTO_WALKS.items():
        wild = Walk(walk.seed + 10, walk.start_cents, 500, (100, 9_000))
        rows += _rows(symbol, days, _bars(wild, [1.0] * len(days)))
    bars = daily_frame(rows)
    assets = assets_frame(
        bars, {"BITC": 7, "ETHR": 9}, dict.fromkeys(_CRYPTO_WALKS, date(2019, 1, 1))
    )
    return Dataset(name="crypto_daily", calendar="24/7", bars=bars, assets=assets)


def pipelines_daily() -> Dataset:
    """Return the market that pipelines are tried on."""
    from tests.parity.pipelines import market

    return market.pipelines_daily()


BAZAARS = {
    "bazaar_us": "XNYS",
    "bazaar_crypto": "24/7",
    "bazaar_london": "XLON",
    "bazaar_tokyo": "XTKS",
}


def on_calendar(name: str) -> Dataset:
    """Return the market of strangers' strategies on one of several calendars."""
    from tests.parity import bazaar

    return bazaar.bazaar(name, BAZAARS[name])


DATASETS: dict[str, Callable[[], Dataset]] = {
    "real_daily": real_daily,
    "edge_daily": edge_daily,
    "edge_minute": edge_minute,
    "crypto_minute": crypto_minute,
    "crypto_daily": crypto_daily,
    "pipelines_daily": pipelines_daily,
    **{name: partial(on_calendar, name) for name in BAZAARS},
}


@cache
def load(name: str) -> Dataset:
    """Return a data set by name, built once a process.

    Raises:
        KeyError: there is no data set of that name.
    """
    return DATASETS[name]()
