"""Frames of strangers that loaded wrongly, or whose error proposed a line that would."""

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import RowsLost, UnclearData
from tests.data.shapes.plain import daily, minutes, pandas_of, same_daily, same_minutes

ALL, ONE = daily(("AAPL", "MSFT")), daily(("AAPL",))
PANDAS = pandas_of(ONE.drop("symbol"))


def after_the_line(source, error, **names):
    """Return what the line of an error gives, run as it stands."""
    *before, read = error.line.split("; ")
    known = {"rbt": rbt, "pd": pd, "pl": pl, "source": source, **names}
    exec("\n".join([*before, f"found = {read}"]), known)
    return known["found"]


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("Volume (000)", 1e3),
        ("Volume ('000s)", 1e3),
        ("Vol (k)", 1e3),
        ("Volumen [Tsd.]", 1e3),
        ("Volume (in thousands)", 1e3),
        ("Vol (mn)", 1e6),
        ("VOLUME (Millions)", 1e6),
        ("Vol. (Mrd.)", 1e9),
        ("Volume (shares)", 1.0),
    ],
)
def test_the_unit_in_a_volumes_name_counts(name, shares):
    source = ONE.with_columns(pl.col("volume") / shares).rename({"volume": name})

    found = rbt.read(source)

    expected = ONE.with_columns((pl.col("volume") / shares) * shares)
    same_daily(found, expected)
    noted = [note for note in found.report().notes if note.startswith(repr(name))]
    assert noted == (
        [f"{name!r} counts {shares:,.0f} shares: taken as shares"] if shares > 1 else []
    )


def test_a_price_in_millions_is_no_volume():
    source = ONE.with_columns(cap=pl.col("close") * 2).rename({"cap": "Market cap (mn)"})

    same_daily(rbt.read(source), ONE)


def test_rows_of_corporate_actions_in_a_printed_table_are_left_aside():
    lines = ["Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume"]
    for number, row in enumerate(ONE.reverse().iter_rows(named=True)):
        day = f"{row['date']:%b %d, %Y}"
        prices = "\t".join(str(row[name]) for name in ("open", "high", "low", "close"))
        lines.append(f"{day}\t{prices}\t{row['close'] / 2}\t{row['volume']:,.0f}")
        if number in (5, 40):
            lines.append(f"{day}\t{'0.24 Dividend' if number == 5 else '4:1 Stock Splits'}")

    found = rbt.read("\n".join(lines), symbol="AAPL")

    same_daily(found, ONE)
    assert (
        "2 rows of dividends and splits among the bars are left aside: pass them as dividends= "
        "and splits=" in found.report().notes
    )


def test_a_list_of_symbols_with_their_bars_is_taken_apart():
    rows = {
        symbol: ONE_OF.drop("symbol").to_dicts()
        for (symbol,), ONE_OF in ALL.partition_by("symbol", as_dict=True).items()
    }
    source = [{"symbol": symbol, "bars": bars} for symbol, bars in rows.items()]

    same_daily(rbt.read(source), ALL)


def test_russian_names_are_known():
    names = ("Дата", "Открытие", "Максимум", "Минимум", "Закрытие", "Объём")

    same_daily(
        rbt.read(
            ONE.drop("symbol").rename(dict(zip(ONE.drop("symbol").columns, names, strict=True))),
            symbol="AAPL",
        ),
        ONE,
    )


def test_one_stray_day_does_not_make_an_exchange_a_market_without_weekends():
    stray = ONE[3].with_columns(date=pl.date(2023, 1, 7))

    with pytest.raises(RowsLost, match="leave such rows out, or name the exchange") as refused:
        rbt.read(pl.concat([ONE, stray]))

    assert "24/7" not in str(refused.value)


def test_bars_longer_than_a_month_are_refused_without_a_line_that_calls_them_months():
    quarters = pd.date_range("2018-01-01", periods=24, freq="QE")
    source = pd.DataFrame({"Close": range(100, 124)}, index=quarters)

    with pytest.raises(UnclearData, match="get bars of a month or less"):
        rbt.read(source, symbol="AAPL")


def test_clocks_of_twelve_hours_stand_beside_american_dates():
    # the 10th of March, or the 3rd of October: both are sessions
    expected = minutes().filter(pl.col("timestamp").dt.date() == pl.date(2023, 3, 10))
    local = expected["timestamp"].dt.convert_time_zone("America/New_York")
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p"):
        texts = local.dt.strftime(form)
        for source in (
            expected.drop("symbol").with_columns(timestamp=texts),
            pandas_of(expected.drop("symbol").with_columns(timestamp=texts)),
        ):
            with pytest.raises(UnclearData, match="day and month") as refused:
                rbt.read(source, symbol="AAPL", labels="end")

            same_minutes(after_the_line(source, refused.value), expected)


def test_seconds_in_an_index_without_a_name_are_made_minutes_by_the_line():
    start = pd.Timestamp("2023-03-09 09:30", tz="America/New_York")
    times = pd.date_range(start, periods=390 * 2, freq="30s")
    price = [100 + number / 100 for number in range(len(times))]
    columns = dict.fromkeys(("open", "high", "low", "close"), price) | {"volume": 5.0}
    source = pd.DataFrame(columns, index=times)

    with pytest.raises(UnclearData, match="30 s apart") as refused:
        rbt.read(source, symbol="AAPL")

    found = after_the_line(source, refused.value).to_frame("1m")
    assert len(found) == 390
    assert found.row(0)[2:] == (100.0, 100.01, 100.0, 100.01, 10.0)
