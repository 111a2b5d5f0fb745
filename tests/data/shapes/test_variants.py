"""Shuffled, renamed, re-zoned and retyped variants of bars load equal, or are refused.

The rule: never silently different. Where the error ends with a line to write, the line
loads them equal.
"""

import os
from decimal import Decimal
from typing import NamedTuple

import pandas as pd
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.errors import DataError, RowsLost, UnclearData
from tests.data.shapes.plain import FIELDS, daily, minutes, round_the_clock, same_bars

DAILY = daily()
MINUTES = minutes(("AAPL", "MSFT"))
HALF_HOURS = minutes(("AAPL", "MSFT"), sessions=8, step=30)
COINS = round_the_clock(("BTC/USDT", "ETH/USDT"), bars=4_320)
DATE_FORMS = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%b %-d, %Y", "%d-%b-%Y")
TIME_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %I:%M %p", "%Y%m%d %H:%M")
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "America/Chicago", "Asia/Tokyo", "Etc/GMT+3")


def as_texts(frame, form):
    return frame.with_columns(pl.col(name).map_elements(form.format, pl.String) for name in FIELDS)


VALUES = {
    "as they are": lambda frame: frame,
    "text": lambda frame: as_texts(frame, "{!r}"),
    "thousands": lambda frame: as_texts(frame, "{:,.2f}"),
    "currency": lambda frame: as_texts(frame, "${:.2f}"),
    "decimals": lambda frame: frame.with_columns(
        pl.Series(name, [Decimal(repr(value)) for value in frame[name]]) for name in FIELDS
    ),
}

CONTAINERS = {
    "polars": lambda frame: frame,
    "lazy": lambda frame: frame.lazy(),
    "pandas": lambda frame: pd.DataFrame(frame.to_dict(as_series=False)),
    "rows": lambda frame: frame.to_dicts(),
    "columns": lambda frame: frame.to_dict(as_series=False),
    "arrow": lambda frame: frame.to_arrow(),
    "csv": lambda frame: frame.write_csv(),
    "csv ;": lambda frame: frame.write_csv(separator=";"),
}


CASES = (str, str.upper, str.title, "<{}>".format, " {} ".format)


class Variant(NamedTuple):
    """How a source holds the bars: each a choice that a hypothesis can shrink."""

    when: str
    zone: str
    starts: bool
    values: str
    shuffled: bool
    order: tuple[int, ...]
    case: int
    container: str

    def source(self, base, step):
        """Return the bars of `base` in this shape; `step` is their minutes."""
        time = base.columns[0]
        moment = self.date() if step is None else self.time(step)
        frame = VALUES[self.values](base.with_columns(moment.alias(time)))
        if self.shuffled:
            frame = frame.sample(fraction=1, shuffle=True, seed=1)
        names = [frame.columns[place] for place in self.order]
        frame = frame.select(pl.col(name).alias(CASES[self.case](name)) for name in names)
        return CONTAINERS[self.container](frame)

    def date(self):
        """Return the dates in one form."""
        day = pl.col("date")
        if self.when == "midnight":
            return day.cast(pl.Datetime("us")).dt.replace_time_zone(self.zone)
        whole = {
            "date": day,
            "late": day.dt.offset_by("1d"),
            "excel": day.cast(pl.Int64) + 25_569,
            "datetime": day.cast(pl.Datetime("ms")),
        }
        return whole[self.when] if self.when in whole else day.dt.strftime(self.when)

    def time(self, step):
        """Return the times on one clock, at either end of the bar."""
        stamp = pl.col("timestamp")
        if self.starts:
            stamp = stamp.dt.offset_by(f"-{step}m")
        if self.when in ("s", "ms", "us", "ns"):
            return stamp.dt.epoch(self.when)
        local = stamp.dt.convert_time_zone(self.zone)
        if self.when == "aware":
            return local
        if self.when == "naive":
            return local.dt.replace_time_zone(None)
        return local.dt.strftime("%Y-%m-%d %H:%M:%S%:z" if self.when == "offset" else self.when)


def variants(*forms, zones=ZONES):
    return st.builds(
        Variant,
        when=st.sampled_from(forms),
        zone=st.sampled_from(zones),
        starts=st.booleans(),
        values=st.sampled_from(sorted(VALUES)),
        shuffled=st.booleans(),
        order=st.permutations(range(7)).map(tuple),
        case=st.integers(0, len(CASES) - 1),
        container=st.sampled_from(sorted(CONTAINERS)),
    )


def equal_or_refused(source, base):
    try:
        portal = rbt.read(source)
    except (UnclearData, RowsLost) as refused:
        line = refused.line
        if not line.startswith("rbt.read(source, ") or '"..."' in line:
            return
        try:
            portal = eval(line, {"rbt": rbt, "source": source})
        except DataError:
            return
        if "labels=" in line:  # the error cannot know which: either is what is asked for
            return
    except DataError:
        return
    same_bars(portal, base)


FEW = settings(max_examples=int(os.environ.get("RBTLIVE_VARIANTS", "25")))
CLOCKS = (*TIME_FORMS, "s", "ms", "us", "ns", "aware", "naive", "offset")


@FEW
@given(variants(*DATE_FORMS, "date", "midnight", "late", "excel", "datetime"))
def test_daily_bars(variant):
    equal_or_refused(variant.source(DAILY, None), DAILY)


@FEW
@given(variants(*CLOCKS))
def test_minutes_of_an_exchange(variant):
    equal_or_refused(variant.source(MINUTES, 1), MINUTES)


@FEW
@given(variants(*CLOCKS))
def test_half_hours_of_an_exchange(variant):
    equal_or_refused(variant.source(HALF_HOURS, 30), HALF_HOURS)


@FEW
@given(variants("s", "ms", "us", "ns", "aware", "offset") | variants(*TIME_FORMS, zones=("UTC",)))
def test_minutes_round_the_clock_whose_clock_is_known_or_utc(variant):
    equal_or_refused(variant.source(COINS, 1), COINS)
