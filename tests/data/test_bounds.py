"""Files that unpack to more than they should: refused before they take the memory."""

import bz2
import gzip
import lzma
import zipfile

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.reading import bounds
from rbtlive.errors import DataError, ResultError, UnreadableFile
from tests.builders import Hold, daily_frame

CSV = daily_frame(20).write_csv().encode()


@pytest.fixture
def small(monkeypatch):
    """Let files unpack to less than the bars of the test."""
    monkeypatch.setattr(bounds, "MOST_BYTES", len(CSV) - 1)
    monkeypatch.setattr(bounds, "MOST_VALUES", 100)


def zipped(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bars.csv", CSV)


FILES = {
    "bars.csv.gz": lambda path: path.write_bytes(gzip.compress(CSV)),
    "bars.csv.bz2": lambda path: path.write_bytes(bz2.compress(CSV)),
    "bars.csv.xz": lambda path: path.write_bytes(lzma.compress(CSV)),
    "bars.zip": zipped,
    "bars.parquet": lambda path: daily_frame(20).write_parquet(path),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_while_it_unpacks_to_what_can_be_read(tmp_path, name):
    FILES[name](tmp_path / name)

    assert len(rbt.read(tmp_path / name).assets) == 2


@pytest.mark.parametrize("name", FILES)
@pytest.mark.usefixtures("small")
def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, name):
    FILES[name](tmp_path / name)

    with pytest.raises(UnreadableFile, match=r"may (unpack to|have) "):
        rbt.read(tmp_path / name)


def test_a_saved_result_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "result.rbt"
    rbt.backtest(Hold, daily_frame(20), progress=False).save(path)
    monkeypatch.setattr(bounds, "MOST_BYTES", 100)

    with pytest.raises(ResultError, match="may unpack to 100 bytes"):
        rbt.BacktestResult.load(path)


def test_a_column_that_is_there_twice_is_an_error(tmp_path):
    frame = daily_frame(5)
    head, *rest = frame.write_csv().splitlines()
    doubled = [head + ",close", *(f"{line},1.0" for line in rest)]
    (tmp_path / "bars.csv").write_text("\n".join(doubled))

    with pytest.raises(DataError, match="may both be it"):
        rbt.read(tmp_path / "bars.csv")
    assert pl.read_csv(tmp_path / "bars.csv").width == frame.width + 1
