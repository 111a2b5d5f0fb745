"""Where clocks go back an hour is there twice; times with their zone tell them apart."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from tests.data.shapes.plain import round_the_clock

ZONES = {
    "Europe/Berlin": datetime(2023, 10, 28, tzinfo=UTC),
    "America/New_York": datetime(2023, 11, 4, tzinfo=UTC),
}


def coins(zone, *, step):
    """Return bars over the night in which the zone's clocks go back."""
    count = 3 * 1440 // step
    ends = [ZONES[zone] + timedelta(minutes=step * (n + 1)) for n in range(count)]
    times = pl.Series("timestamp", ends, dtype=pl.Datetime("us", "UTC"))
    return round_the_clock(bars=count).with_columns(times)


@pytest.mark.parametrize("step", [1, 15, 60])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("form", ["polars", "pandas", "indexed", "starts"])
def test_times_with_their_zone_are_never_there_twice(zone, step, form):
    bars = coins(zone, step=step)
    local = bars.with_columns(pl.col("timestamp").dt.convert_time_zone(zone))
    options = {}
    if form == "starts":
        local = local.with_columns(pl.col("timestamp").dt.offset_by(f"-{step}m"))
        options = {"labels": "start"}
    source = local if form in ("polars", "starts") else local.to_pandas()
    source = source.set_index("timestamp") if form == "indexed" else source

    portal = rbt.read(source, **options)

    found = portal.to_frame(portal.interval.text).sort("timestamp")
    assert found["timestamp"].equals(bars["timestamp"])
    assert found["close"].equals(bars["close"])


def test_midnights_of_a_zone_stay_its_dates_over_the_change():
    days = pl.date_range(datetime(2023, 10, 20), datetime(2023, 11, 10), eager=True)  # noqa: DTZ001
    midnights = days.cast(pl.Datetime("us")).dt.replace_time_zone("Europe/Berlin")
    bars = round_the_clock(bars=len(days)).with_columns(midnights.alias("timestamp"))

    portal = rbt.read(bars, calendar="24/7")

    assert portal.to_frame("1d")["date"].to_list() == days.to_list()
