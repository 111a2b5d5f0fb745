"""Runs and windows over bars of any interval, against a naive resampler that walks over
the bars one by one.
"""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.api import date_rules, time_rules
from rbtlive.data.calendars.calendar import datetime_of, get_calendar
from rbtlive.data.resample import resample
from rbtlive.errors import BadFrequency, IncompatibleHistoryFrequency
from rbtlive.model.interval import Interval

FIELDS = ("open", "high", "low", "close", "volume")
HALF_DAY = date(2023, 11, 24)
FIRST = date(2023, 11, 21)


def minutes(seed=0, *, calendar="XNYS", first=FIRST, sessions=4, symbols=("AA", "BB"), gaps=0.3):
    """Return minute bars around a half day; some are missing, and some hours are empty."""
    rng = np.random.default_rng(seed)
    known = get_calendar(calendar)
    start = known.number(first)
    rows = []
    for session in range(start, start + sessions):
        ends = known.minutes_us(session)
        for symbol in symbols:
            there = rng.random(len(ends)) > gaps
            there[60:180] &= rng.random() > 0.5
            for us in ends[there].tolist():
                low, high = sorted(np.round(rng.uniform(10, 20, 2), 2).tolist())
                rows.append((datetime_of(us), symbol, low, high, low, high, float(rng.integers(9))))
    return pl.DataFrame(rows, schema=["timestamp", "symbol", *FIELDS], orient="row")


def naive_bars(frame, symbol, *, calendar, interval, until):
    """Return (END or label, open, high, low, close, volume) of all longer bars that have
    begun by `until`, missing ones as NaN: made bar by bar.
    """
    known = get_calendar(calendar)
    own = {row["timestamp"]: row for row in frame.filter(pl.col("symbol") == symbol).to_dicts()}
    start = known.session_of_us(int(frame["timestamp"].min().timestamp() * 1e6))
    made = {}
    for session in range(start, known.session_of_us(int(until.timestamp() * 1e6)) + 1):
        label, ends = known.label(session), known.minutes_us(session).tolist()
        for place, us in enumerate(ends):
            if datetime_of(us) > until:
                break
            if interval == "1d":
                key = label
            elif interval == "1w":
                key = label - timedelta(days=label.weekday())
            else:
                length = Interval.parse(interval).minutes
                key = datetime_of(ends[min((place // length + 1) * length, len(ends)) - 1])
            bar = made.setdefault(key, [math.nan, math.nan, math.nan, math.nan, 0.0])
            row = own.get(datetime_of(us))
            if row is not None:
                bar[0] = row["open"] if math.isnan(bar[0]) else bar[0]
                bar[1] = row["high"] if math.isnan(bar[1]) else max(bar[1], row["high"])
                bar[2] = row["low"] if math.isnan(bar[2]) else min(bar[2], row["low"])
                bar[3] = row["close"]
                bar[4] += row["volume"]
    return made


class Ask(rbt.TradingAlgorithm):
    """Asks for a window at some bars, and keeps what it saw."""

    interval, count, every, partial = "1h", 3, 41, True

    def initialize(self, context):
        context.seen, context.bars = [], 0
        context.asset = self.symbol("AA")

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % self.every:
            return
        ask = {"partial": self.partial}
        frame = data.history(context.asset, list(FIELDS), self.count, self.interval, **ask)
        pair = [context.asset, self.symbol("BB")]
        matrix = data.window(pair, "close", self.count, self.interval, **ask)
        context.seen.append((self.get_datetime(), frame, matrix))


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["1m", "5m"]),
    st.sampled_from(["15m", "1h", "35m", "4h", "1d", "1w"]),
    st.booleans(),
)
def test_windows_of_longer_bars_are_what_a_naive_resampler_makes_of_what_has_happened(
    seed, own, longer, partial
):
    frame = minutes(seed)
    count = {"1w": 1, "1d": 2}.get(longer, 3)
    start = date(2023, 11, 27 if longer == "1w" and not partial else 24)
    params = {
        "interval": longer,
        "count": count,
        "partial": partial,
        "every": 41 if own == "1m" else 8,
    }

    result = rbt.backtest(Ask, frame, frequency=own, params=params, start=start, progress=False)

    assert result.context.seen
    for now, shown, matrix in result.context.seen:
        made = naive_bars(frame, "AA", calendar="XNYS", interval=longer, until=now)
        keys = list(made)
        if not partial and not is_over(keys[-1], now, longer):
            keys = keys[:-1]
        expected = np.array([made[key] for key in keys[-count:]])
        assert len(keys) >= count
        got = shown.select(FIELDS).to_numpy()
        assert np.array_equal(got, expected, equal_nan=True), (now, shown, expected)
        assert np.array_equal(matrix[:, 0], expected[:, 3], equal_nan=True)
        if longer not in ("1d", "1w"):
            assert shown["date"].to_list() == keys[-count:]


def is_over(key, now, longer):
    calendar = get_calendar("XNYS")
    if longer == "1d":
        return calendar.close(calendar.number(key)) == now
    if longer == "1w":
        return calendar.close(calendar.at_or_before(key + timedelta(days=6))) == now
    return key == now


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["5m", "15m", "1h", "35m", "4h", "1d", "1w"]))
def test_a_resampled_portal_holds_what_a_naive_resampler_makes(seed, longer):
    frame = minutes(seed)
    end = datetime(2023, 12, 31, tzinfo=UTC)

    portal = resample(rbt.PolarsDataPortal(None, minute_bars=frame), longer)

    shown = portal.to_frame(longer, symbols="AA")
    made = naive_bars(frame, "AA", calendar="XNYS", interval=longer, until=min(end, last_of(frame)))
    made = {key: bar for key, bar in made.items() if not math.isnan(bar[3])}
    assert shown.select(FIELDS).rows() == [tuple(bar) for bar in made.values()]
    if longer == "1w":
        assert shown["date"].to_list() == [date(2023, 11, 24), date(2023, 12, 1)][: len(shown)]
    else:
        assert shown[shown.columns[0]].to_list() == list(made)


def last_of(frame):
    calendar = get_calendar("XNYS")
    last = calendar.session_of_us(int(frame["timestamp"].max().timestamp() * 1e6))
    return calendar.close(last)


class Churn(rbt.TradingAlgorithm):
    """Trades at the open and before the close of each session, and reads windows."""

    longer = "1d"

    def initialize(self, context):
        context.asset = self.symbol("AA")
        context.times = []
        self.set_slippage(rbt_slippage())
        self.schedule_function(self.turn, date_rules.every_day(), time_rules.market_open())
        self.schedule_function(self.turn, date_rules.every_day(), time_rules.market_close())

    def turn(self, context, data):
        del data
        context.times.append(self.get_datetime())
        self.order(context.asset, 7 if len(context.times) % 2 else -3)

    def handle_data(self, context, data):
        self.record(mean=data.history(context.asset, "price", 2, self.longer)[-1])


def rbt_slippage():
    from rbtlive.finance.slippage import FixedBasisPointsSlippage

    return FixedBasisPointsSlippage(volume_limit=1.0)


CLOCK = {
    "5m": ["14:35", "20:55"],
    "30m": ["15:00", "20:30"],
    "1h": ["15:30", "20:30"],
    "4h": ["18:30", "18:30"],
}


@pytest.mark.parametrize("interval", CLOCK)
def test_a_time_of_day_means_the_bar_it_lies_in_and_before_the_close_one_that_can_still_fill(
    interval,
):
    result = rbt.backtest(
        Churn, minutes(), frequency=interval, start=date(2023, 11, 22), progress=False
    )

    times = [f"{moment:%H:%M}" for moment in result.context.times]
    assert times[:2] == CLOCK[interval]
    if interval == "4h":  # the half day has one bar
        assert times[2:4] == ["18:00", "18:00"]
    assert result.transactions.height


@pytest.mark.parametrize("interval", ["5m", "1h", "1d", "1w"])
def test_a_run_over_resampled_bars_is_the_run_over_the_same_bars_as_a_frame(interval):
    portal = rbt.PolarsDataPortal(None, minute_bars=minutes(sessions=8))
    made = resample(portal, interval)
    options = {
        "frequency": interval,
        "start": date(2023, 11, 27),
        "params": {"longer": "1w" if interval == "1w" else "1d"},
        "progress": False,
    }

    straight = rbt.backtest(Churn, portal, **options)
    from_frame = rbt.backtest(Churn, made.to_frame(interval), **options)
    resampled = rbt.backtest(Churn, made, **options)

    for other in (from_frame, resampled):
        assert other.transactions.equals(straight.transactions)
        assert other.performance.equals(straight.performance)


def test_bars_that_do_not_add_up_are_refused_by_what_they_add_up_to():
    portal = rbt.PolarsDataPortal(None, minute_bars=minutes(), calendar="XNYS")
    hours = resample(portal, "1h")

    with pytest.raises(BadFrequency, match=r"bars of '1h' add up to.*'2h'.*was '15m'"):
        rbt.backtest(Churn, hours, frequency="15m", progress=False)
    with pytest.raises(IncompatibleHistoryFrequency, match="bars of '1h' add up to: was '90m'"):
        rbt.backtest(
            Ask, hours, frequency="1h", params={"interval": "90m", "every": 1}, progress=False
        )


def test_round_the_clock_four_hours_make_six_bars_a_day():
    frame = minutes(calendar="24/7", first=date(2024, 3, 9), sessions=3)

    options = {"calendar": "24/7", "start": date(2024, 3, 10), "progress": False}
    result = rbt.backtest(Churn, frame, frequency="4h", **options)

    assert [f"{t:%H:%M}" for t in result.context.times[:2]] == ["04:00", "20:00"]
    bars = resample(frame, "4h", calendar="24/7").to_frame("4h", symbols="AA")
    assert {moment.hour for moment in bars["timestamp"]} <= {0, 4, 8, 12, 16, 20}


class OnceAWeek(rbt.TradingAlgorithm):
    """Holds half its money in an asset, set each month on weekly bars."""

    def initialize(self, context):
        context.days = []
        self.schedule_function(self.go, date_rules.month_start())

    def go(self, context, data):
        context.days.append(self.get_datetime().date())
        self.order_target_percent(self.symbol("AAPL"), 0.5)
        data.history(self.symbol("AAPL"), "close", 2, "1w")

    def before_trading_start(self, context, data):
        context.morning = self.get_datetime()


def test_a_weekly_run_has_one_bar_a_week_over_holidays_and_keeps_its_shares_through_a_split():
    bars = rbt.load_sample("us-daily")

    weekly = rbt.backtest(
        OnceAWeek, bars, frequency="1w", start="2005-02-01", end="2005-03-31", progress=False
    )

    assert weekly.performance["date"].to_list() == [
        date(2005, 2, day) for day in (4, 11, 18, 25)
    ] + [date(2005, 3, day) for day in (4, 11, 18, 24)]  # Good Friday is no session
    assert weekly.context.days == [date(2005, 2, 4), date(2005, 3, 4)]
    assert weekly.context.morning == datetime(2005, 3, 21, 13, 45, tzinfo=UTC)
    splits = [split for split in bars.splits if bars.assets[split.asset].symbol == "AAPL"]
    assert any(
        bars.calendar.label(split.session) == date(2005, 2, 28) for split in splits
    )  # two for one: a week that splits on its Monday
    amounts = weekly.positions.filter(pl.col("date").is_in([date(2005, 2, 25), date(2005, 3, 4)]))
    before, after = amounts["amount"].to_list()
    assert after == 2 * before
    assert float(weekly.performance["returns"].abs().max()) < 0.15


@pytest.mark.parametrize("longer", ["1w", "1mo"])
def test_bars_longer_than_a_session_are_shown_without_naming_their_interval(longer):
    made = resample(rbt.load_sample("us-daily"), longer)

    assert made.to_frame().equals(made.to_frame(longer))


def test_a_split_within_a_week_leaves_one_price_in_its_bar():
    frame = pl.DataFrame(
        {
            "date": [date(2023, 3, day) for day in (6, 7, 8, 9, 10, 13)],
            "symbol": ["AA"] * 6,
            "open": [100.0, 102.0, 52.0, 53.0, 51.0, 50.0],
            "high": [104.0, 108.0, 53.0, 55.0, 52.0, 51.0],
            "low": [99.0, 101.0, 50.0, 51.0, 49.0, 48.0],
            "close": [103.0, 104.0, 52.0, 52.0, 50.0, 49.0],
            "volume": [10.0, 10.0, 20.0, 20.0, 20.0, 20.0],
        }
    )
    splits = pl.DataFrame({"symbol": ["AA"], "effective_date": [date(2023, 3, 8)], "ratio": [0.5]})
    portal = rbt.PolarsDataPortal(frame, splits=splits)

    week = resample(portal, "1w").to_frame("1w").row(0, named=True)

    assert week["date"] == date(2023, 3, 10)
    assert [week[name] for name in FIELDS] == [50.0, 55.0, 49.0, 50.0, 100.0]


@pytest.mark.parametrize("frequency", ["1d", "1w", "1mo", "1h"])
@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_a_frame_of_minutes_is_made_into_whatever_a_run_wants(frequency, kind):
    frame = minutes(sessions=30, gaps=0.05)
    source = frame if kind == "polars" else frame.to_pandas()

    made = rbt.PolarsDataPortal.coerce(source, frequency=frequency)

    expected = resample(rbt.PolarsDataPortal(None, minute_bars=frame), frequency)
    assert made.to_frame(frequency).equals(expected.to_frame(frequency))
