"""Shares whose symbols are words of vendors' answers or of fields: META, DAY, LOW, C."""

import json

import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.errors import UnclearData
from tests.data.shapes.plain import FIELDS, daily

ONE = daily(("AAPL",)).drop("symbol")
ROWS = [{**row, "date": str(row["date"])} for row in ONE.to_dicts()]
ALPACAS = [
    {name[0]: row[name] for name in FIELDS} | {"t": f"{row['date']}T05:00:00Z", "n": 1, "vw": 1.0}
    for row in ROWS
]
FRAME = pd.DataFrame(
    {name: ONE[name].to_list() for name in FIELDS},
    index=pd.DatetimeIndex(ONE["date"].to_list(), name="Date"),
)
FORMS = {
    "rows": lambda symbols: dict.fromkeys(symbols, ROWS),
    "alpaca": lambda symbols: {"bars": dict.fromkeys(symbols, ALPACAS), "next_page_token": None},
    "text": lambda symbols: json.dumps(dict.fromkeys(symbols, ROWS)),
    "polars": lambda symbols: dict.fromkeys(symbols, ONE),
    "pandas": lambda symbols: dict.fromkeys(symbols, FRAME),
    "side by side": lambda symbols: pd.concat(dict.fromkeys(symbols, FRAME), axis=1),
}
SYMBOLS = [
    *(["META"], ["META", "AAPL"], ["DAY", "META"], ["LOW"], ["LOW", "AAPL"], ["OPEN", "LOW"]),
    *(["C"], ["C", "O"], ["C", "O", "H", "L"], ["V", "T"], ["MAX", "MIN"], ["LAST", "KEY"]),
    ["TOTAL", "DATA"],
]


def symbols_of(source):
    return rbt.read(source).to_frame("1d")["symbol"].unique().sort().to_list()


@pytest.mark.parametrize("symbols", SYMBOLS, ids=" ".join)
@pytest.mark.parametrize("form", FORMS)
def test_a_share_named_like_a_word_is_not_lost(form, symbols):
    assert symbols_of(FORMS[form](symbols)) == sorted(symbols)


def test_closes_of_an_index_hold_shares_named_like_fields():
    members = ["AAPL", "MSFT", "LOW", "GOOG", "T", "V", "C", "O", "L", "XOM", "META"]
    closes = pd.DataFrame({name: FRAME["close"] + n for n, name in enumerate(members)})

    assert symbols_of(closes) == sorted(members)
    assert symbols_of({"close": closes, "volume": closes * 100}) == sorted(members)
    assert symbols_of(dict.fromkeys(("OPEN", "HIGH", "LOW", "CLOSE"), closes)) == sorted(members)


@pytest.mark.parametrize("names", [["LOW", "AAPL"], ["HIGH", "LOW", "OPEN"]], ids=" ".join)
def test_of_a_few_columns_named_like_fields_the_close_is_asked_for(names):
    closes = pd.DataFrame(dict.fromkeys(names, FRAME["close"]))

    with pytest.raises(UnclearData, match="no column is named like a close"):
        rbt.read(closes)


def test_a_text_of_one_symbol_names_it():
    assert symbols_of(json.dumps({"IBM": ROWS})) == ["IBM"]
    assert symbols_of(json.dumps({"symbol": "IBM", "historical": ROWS}).encode()) == ["IBM"]


def test_a_word_in_capitals_by_itself_is_an_envelope():
    with pytest.raises(UnclearData, match="the symbol"):
        rbt.read({"DATA": ROWS})
