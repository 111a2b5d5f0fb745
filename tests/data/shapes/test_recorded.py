"""What the vendors' own libraries returned, recorded by `scripts/record_shapes.py`, is read
to the last digit without them.
"""

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

import rbtlive as rbt
from tests.data.shapes.plain import FIELDS, reads, same_bars

FOLDER = Path(__file__).parent / "recorded"
SHAPES = [
    (folder.name, name)
    for folder in sorted(FOLDER.iterdir())
    if folder.is_dir()
    for name in json.loads((folder / "manifest.json").read_text())["shapes"]
]


@cache
def plain(symbol, interval):
    """Return the bars that the answers were made of; longer ones by our own resampling."""
    bars = json.loads((FOLDER / "bars.json").read_text())[symbol]
    daily = interval in ("1d", "1w", "1mo")
    rows = [
        {
            **(
                {"date": date.fromisoformat(when)}
                if daily
                else {"timestamp": datetime.fromtimestamp(when, UTC) + timedelta(minutes=1)}
            ),
            "symbol": symbol,
            **dict(zip(FIELDS, map(float, bar), strict=True)),
        }
        for when, *bar in bars["1d" if daily else "1m"]
    ]
    frame = pl.DataFrame(rows)
    calendar = "24/7" if symbol == "BTC-USD" else "XNYS"
    if interval in ("1d", "1m"):
        return frame
    longer = rbt.resample(rbt.read(frame, calendar=calendar), interval).to_frame(interval)
    return longer.select(frame.columns)


@pytest.mark.parametrize(("library", "name"), SHAPES, ids=map("-".join, SHAPES))
def test_a_librarys_own_shape_is_read_to_the_last_digit(library, name):
    shape = json.loads((FOLDER / library / "manifest.json").read_text())["shapes"][name]
    file = FOLDER / library / shape["file"]
    source = pd.read_parquet(file) if file.suffix == ".parquet" else json.loads(file.read_text())
    expected = pl.concat([plain(symbol, shape["interval"]) for symbol in shape["symbols"]])
    if library == "ccxt":  # the exchanges' last bars of some length
        expected = expected.tail(len(source))

    if not shape["ask"]:
        same_bars(rbt.read(source), expected)
        return
    symbol = "BTC/USDT" if library == "ccxt" else "AAPL"
    expected = expected.with_columns(symbol=pl.lit(symbol))
    if library == "ccxt":
        same_bars(rbt.read(source, symbol=symbol), expected)
    else:
        reads(source, expected, symbol=symbol)


def test_every_library_that_is_recorded_says_its_version():
    for folder in FOLDER.iterdir():
        if folder.is_dir():
            said = json.loads((folder / "manifest.json").read_text())["library"]
            assert said.split()[1][:1].isdigit()
