"""Where clocks go back an hour is there twice; times with their zone tell them apart."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import DuplicateBar
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


@pytest.mark.parametrize("step", [1, 60])
@pytest.mark.parametrize("order", ["rising", "falling"])
@pytest.mark.parametrize("symbols", [["BTC/USDT"], ["BTC/USDT", "ETH/USDT"]], ids=len)
def test_times_of_a_said_zone_are_told_apart_by_their_order(step, order, symbols):
    bars = coins("Europe/Berlin", step=step)
    bars = pl.concat(bars.with_columns(symbol=pl.lit(name)) for name in symbols)
    local = pl.col("timestamp").dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None)
    source = bars.sort("timestamp", descending=order == "falling").with_columns(local)

    portal = rbt.read(source, tz="Europe/Berlin", labels="end")

    found = portal.to_frame(portal.interval.text).sort("symbol", "timestamp")
    wanted = bars.sort("symbol", "timestamp")
    assert found["timestamp"].equals(wanted["timestamp"])
    assert found["close"].equals(wanted["close"])


def test_of_times_in_no_order_none_is_guessed():
    bars = coins("Europe/Berlin", step=60).sample(fraction=1.0, shuffle=True, seed=2)
    local = pl.col("timestamp").dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None)

    with pytest.raises(DuplicateBar):
        rbt.read(bars.with_columns(local), tz="Europe/Berlin", labels="end")
