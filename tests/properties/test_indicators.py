"""An indicator has the same value, bit for bit, whether its bars were all there or came
one by one; the future it never sees.
"""

from datetime import date, timedelta
from struct import pack

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars import selectors

import rbtlive as rbt
from rbtlive.errors import LookAheadIndicator
from rbtlive.runtime.backtest import new_core, prepare_settings

CLOSE = pl.col("close")
EXPRESSIONS = st.sampled_from(
    [
        CLOSE.rolling_mean(3),
        CLOSE.rolling_mean(5, min_samples=1),
        CLOSE.rolling_std(4),
        CLOSE.rolling_max(3) - pl.col("low").rolling_min(2),
        CLOSE.ewm_mean(span=4),
        CLOSE.pct_change(),
        CLOSE.shift(2),
        (CLOSE * pl.col("volume")).cum_sum() / pl.col("volume").cum_sum(),
        pl.when(pl.col("open") < CLOSE).then(1).otherwise(-1),
        pl.col("price").rolling_mean(2),
        CLOSE + pl.sum_horizontal(pl.all()),
        pl.sum_horizontal(selectors.starts_with("c", "o")),
    ]
)
CENTS = st.one_of(st.none(), st.integers(100, 90_000))
LINES = st.lists(st.tuples(CENTS, CENTS), min_size=6, max_size=24)
FIRST_DAY = date(2020, 1, 1)


def portal_of(lines, *, split):
    """Return daily bars of two assets on consecutive days, and a split of the first on
    the fourth day if wanted.
    """
    rows = [
        {
            "date": FIRST_DAY + timedelta(days=day),
            "symbol": symbol,
            "open": cents / 100 - 0.5,
            "high": cents / 100 + 0.25,
            "low": cents / 100 - 0.75,
            "close": cents / 100,
            "volume": 100.0 + cents % 7,
        }
        for day, line in enumerate([(5_000, 7_000), *lines, (6_000, 8_000)])
        for symbol, cents in zip("AB", line, strict=True)
        if cents is not None
    ]
    splits = pl.DataFrame(
        {"symbol": ["A"], "effective_date": [FIRST_DAY + timedelta(days=3)], "ratio": [0.5]}
    )
    return rbt.PolarsDataPortal(
        pl.DataFrame(rows), splits=splits if split else None, calendar="24/7"
    )


class Reader:
    """A strategy that reads an indicator of both assets at every bar, as a value and as
    a window.
    """

    def __init__(self, expression):
        self.expression = expression
        self.seen = []

    def initialize(self, context):
        context.assets = [context.symbol(name) for name in "AB"]
        context.days = 0
        context.indicator("x", self.expression)

    def handle_data(self, context, data):
        context.days += 1
        for asset in context.assets:
            window = data.history(asset, "x", min(context.days, 3), "1d")
            values = [data.current(asset, "x"), *window.fill_null(float("nan"))]
            self.seen.append(
                [pack("d", value) if value == value else b"missing" for value in values]
            )

    @property
    def callbacks(self):
        return {
            "__name__": "reader",
            "initialize": self.initialize,
            "handle_data": self.handle_data,
        }


def read_at_once(portal, expression):
    """Return what a backtest reads: every bar is there from the start."""
    reader = Reader(expression)
    rbt.backtest(reader.callbacks, portal, progress=False)
    return reader.seen


def read_one_by_one(portal, expression):
    """Return what a session reads: each bar comes as an event."""
    reader = Reader(expression)
    core = new_core(reader.callbacks, portal, prepare_settings(portal), preload=False)
    core.start()
    for event in rbt.ReplayFeed(portal).slices():
        core.process(event)
    return reader.seen


@settings(max_examples=60, deadline=None, derandomize=True)
@given(LINES, EXPRESSIONS, st.booleans())
def test_a_backtest_and_a_session_read_the_same_bits(lines, expression, split):
    portal = portal_of(lines, split=split)

    assert read_one_by_one(portal, expression) == read_at_once(portal, expression)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.sampled_from(["shift", "reverse", "total", "fill"]))
def test_an_expression_that_looks_ahead_is_refused(far, kind):
    portal = portal_of([(100 + 37 * day % 911, 5_000) for day in range(20)], split=False)
    expression = {
        "shift": CLOSE.shift(-far),
        "reverse": CLOSE.reverse(),
        "total": CLOSE - CLOSE.mean(),
        "fill": CLOSE.shift(far).backward_fill(),
    }[kind]

    with pytest.raises(LookAheadIndicator, match="must not look ahead"):
        read_at_once(portal, expression)


def test_a_wrong_bit_is_noticed():
    portal = portal_of([(5_000, 7_000 + day) for day in range(8)], split=False)

    assert read_at_once(portal, CLOSE.rolling_mean(3)) != read_at_once(
        portal, CLOSE.rolling_mean(3) * (1 + 2**-52)
    )
