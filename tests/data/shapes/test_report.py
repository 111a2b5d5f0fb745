"""The report counts what was left out and shows what looks odd; it changes nothing."""

import polars as pl

import rbtlive as rbt
from tests.data.shapes.plain import daily, minutes

ONE = daily(("AAPL",))


def changed(row, **values):
    number = pl.int_range(pl.len())
    return ONE.with_columns(
        **{
            name: pl.when(number == row).then(pl.lit(value)).otherwise(pl.col(name))
            for name, value in values.items()
        }
    )


def test_a_clean_portal_reports_nothing_odd():
    report = rbt.read(ONE).report()

    assert (report.rows_in, report.rows_out, report.left_out) == (81, 81, {})
    assert report.gaps.is_empty()
    assert report.suspected_splits.is_empty()
    assert report.stale.is_empty()
    assert report.outliers.is_empty()
    assert "XNYS" in repr(report)


def test_a_gap_is_counted_from_its_first_session():
    report = rbt.read(ONE.filter(pl.int_range(pl.len()).is_between(10, 12).not_())).report()

    assert report.gaps.row(0) == ("AAPL", 3, ONE["date"][10])


def test_missing_minutes_are_counted():
    bars = minutes()
    report = rbt.read(bars.filter(~pl.int_range(pl.len()).is_between(500, 503))).report()

    assert report.gaps.row(0)[1] == 4


def test_bars_that_begin_and_end_within_a_session_lack_nothing_outside_of_them():
    bars = minutes()
    inside = pl.int_range(pl.len()).is_between(100, bars.height - 51)

    assert rbt.read(bars.filter(inside)).report().gaps.is_empty()
    holed = inside & ~pl.int_range(pl.len()).is_between(500, 503)
    assert rbt.read(bars.filter(holed)).report().gaps.row(0)[1] == 4


def test_a_split_that_prices_show_is_suspected_until_it_is_given():
    half = pl.int_range(pl.len()) >= 40
    prices = ("open", "high", "low", "close")
    split = ONE.with_columns(
        *(pl.when(half).then(pl.col(name) / 2).otherwise(pl.col(name)) for name in prices)
    )
    given = pl.DataFrame({"symbol": ["AAPL"], "effective_date": [ONE["date"][40]], "ratio": [0.5]})

    found = rbt.read(split).report()

    assert found.suspected_splits.row(0) == ("AAPL", ONE["date"][40], 0.5)
    assert any("unadjusted" in hint for hint in found.hints)
    assert rbt.PolarsDataPortal(split, splits=given).report().suspected_splits.is_empty()


def test_a_spike_is_an_outlier_and_zero_volumes_are_counted():
    spike = changed(20, close=140.0, high=141.0, volume=0.0)

    report = rbt.read(spike).report()

    assert ONE["date"][20] in report.outliers["date"].to_list()
    assert report.zero_volumes == 1


def test_a_price_that_stands_still_is_stale():
    still = pl.int_range(pl.len()).is_between(30, 37)
    flat = ONE.with_columns(
        *(
            pl.when(still).then(100.0).otherwise(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "close")
        )
    )

    assert rbt.read(flat).report().stale.row(0) == ("AAPL", ONE["date"][30], 8)


def test_hostile_names_are_escaped():
    portal = rbt.read(ONE.with_columns(symbol=pl.lit("<script>")).drop("volume"))

    assert "<script>" not in portal.report()._repr_html_()


def test_a_universe_of_survivors_is_hinted_at():
    names = tuple(f"S{number:02d}" for number in range(10))
    days = pl.date_range(pl.date(2015, 1, 1), pl.date(2019, 1, 1), eager=True)
    frame = pl.concat(
        [pl.DataFrame({"date": days, "symbol": [name] * len(days)}) for name in names]
    ).with_columns(close=pl.lit(5.0))

    assert any("delisted" in hint for hint in rbt.read(frame).report().hints)
