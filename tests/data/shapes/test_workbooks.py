"""Workbooks of Excel, written by Excel's own form: polars', pandas' and vendors' sheets.

Sources: the layouts of `DataFrame.write_excel`, `DataFrame.to_excel`, yfinance's
download kept by `to_excel`, and Bloomberg's BDH with its titles.
"""

import io
import sys
from datetime import datetime, time

import pandas as pd
import polars as pl
import pytest
import xlsxwriter

import rbtlive as rbt
from rbtlive.data.reading.workbooks import tables_of_workbook
from rbtlive.errors import EmptyData, MissingExtra
from tests.data.shapes.plain import daily, minutes, same_daily, same_minutes

ALL = daily()
ONE = daily(("AAPL",))
SHEETS = {symbol: ALL.filter(symbol=symbol).drop("symbol") for symbol in ("AAPL", "MSFT", "XOM")}


def workbook(path, sheets):
    with xlsxwriter.Workbook(path) as book:
        for name, frame in sheets.items():
            frame.write_excel(book, worksheet=name)
    return path


def test_a_workbook_is_named_by_its_symbol_or_has_a_column_of_them(tmp_path):
    same_daily(rbt.read(workbook(tmp_path / "AAPL.xlsx", {"Sheet1": SHEETS["AAPL"]})), ONE)
    same_daily(rbt.read(workbook(tmp_path / "prices.xlsx", {"Sheet1": ALL})), ALL)


def test_each_sheet_is_a_symbol_and_sheets_of_notes_are_left_aside(tmp_path):
    notes = pl.DataFrame({"Source": ["a terminal"], "Asked by": ["nobody"]})
    path = workbook(tmp_path / "watchlist.xlsx", {"Notes": notes} | SHEETS)

    same_daily(rbt.read(path), ALL)
    same_daily(rbt.read(path.read_bytes()), ALL)
    with path.open("rb") as file:
        same_daily(rbt.read(file), ALL)


def test_a_folder_of_workbooks_is_read(tmp_path):
    for symbol, frame in SHEETS.items():
        workbook(tmp_path / f"{symbol}.xlsx", {"Sheet1": frame})
    (tmp_path / "~$AAPL.xlsx").write_bytes(b"Excel's lock")

    same_daily(rbt.read(tmp_path), ALL)


def test_two_rows_of_names_as_pandas_writes_them(tmp_path):
    wide = ALL.to_pandas().set_index(["date", "symbol"]).unstack("symbol")  # noqa: PD010 - as people do
    path = tmp_path / "download.xlsx"
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        wide.to_excel(writer)

    same_daily(rbt.read(path), ALL)


TITLES = (("Security", "AAPL US Equity"), ("Start Date", "1/3/2023"), ("Currency", "USD"))
BDH = ("Date", "PX_OPEN", "PX_HIGH", "PX_LOW", "PX_LAST", "PX_VOLUME")


@pytest.mark.parametrize("gap", [0, 1])
def test_titles_above_the_names_are_passed_over_and_name_the_symbol(tmp_path, gap):
    path = tmp_path / "export.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "m/d/yyyy"})
        for row, cells in enumerate([*TITLES, *[()] * gap, BDH]):
            sheet.write_row(row, 0, cells)
        for row, (date, _symbol, *values) in enumerate(ONE.rows(), len(TITLES) + gap + 1):
            sheet.write_datetime(row, 0, datetime.combine(date, time()), day)
            sheet.write_row(row, 1, values)

    same_daily(rbt.read(path, symbol="AAPL"), ONE)
    assert [asset.symbol for asset in rbt.read(path).assets] == ["AAPL US Equity"]


def test_titles_of_a_sheet_saved_as_text_are_passed_over_too():
    lines = ["Security,AAPL,,,,", "Currency,USD,,,,", ",,,,,", ",".join(BDH)]
    rows = ONE.drop("symbol").write_csv(include_header=False)

    same_daily(rbt.read("\n".join([*lines, rows]), symbol="AAPL"), ONE)


@pytest.mark.parametrize("apart", [False, True])
def test_minutes_keep_their_seconds_also_with_the_time_of_day_apart(tmp_path, apart):
    bars = minutes()
    local = bars.with_columns(
        pl.col("timestamp").dt.convert_time_zone("America/New_York").dt.replace_time_zone(None)
    ).drop("symbol")
    if apart:
        stamp = pl.col("timestamp")
        local = local.select(
            stamp.dt.date().alias("Date"), stamp.dt.time().alias("Time"), pl.exclude("timestamp")
        )

    same_minutes(rbt.read(workbook(tmp_path / "AAPL.xlsx", {"Sheet1": local})), bars)


def test_numbers_are_the_cells_to_the_last_digit_also_beside_texts(tmp_path):
    path = tmp_path / "AAPL.xlsx"
    closes = [0.1234567890123, "n.v.", 1234.5678901234, 1e-9]
    with xlsxwriter.Workbook(path) as book:
        sheet, day = book.add_worksheet(), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, ["Date", "Close"])
        for row, close in enumerate(closes, 1):
            sheet.write_datetime(row, 0, datetime(2023, 1, 2 + row), day)  # noqa: DTZ001
            sheet.write(row, 1, close)

    ((_name, table),) = tables_of_workbook(path, path.name)

    texts = table.frame["Close"].to_list()
    assert [texts.pop(1), *map(float, texts)] == [closes.pop(1), *closes]


def test_an_empty_workbook_and_a_missing_package_are_said(tmp_path, monkeypatch):
    empty = tmp_path / "empty.xlsx"
    xlsxwriter.Workbook(empty).close()
    with pytest.raises(EmptyData, match="all its sheets are empty"):
        rbt.read(empty)

    monkeypatch.setitem(sys.modules, "fastexcel", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rbtlive\[excel\]'; or save the sheet"):
        rbt.read(empty)


def test_texts_that_a_vendor_calls_a_workbook_are_read_as_texts(tmp_path):
    path = tmp_path / "AAPL.xls"
    path.write_text(SHEETS["AAPL"].write_csv(separator="\t"))

    same_daily(rbt.read(path), ONE)
    assert rbt.read(io.StringIO(path.read_text()), symbol="AAPL").assets[0].symbol == "AAPL"
