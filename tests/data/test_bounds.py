"""Files that unpack to more than they should: refused before they take the memory."""

import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.data.checking import bounds
from rbtlive.data.checking.claimed_sizes import arrow_size, zstd_size
from rbtlive.errors import DataError, JournalCorrupt, ResultError, UnreadableFile
from rbtlive.runtime.journal.state_folder import StateFolder
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


def zipped_twice(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bars.csv.gz", gzip.compress(CSV))


def zipped_apart(path):
    half = daily_frame(10).write_csv()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("one", "two", "three"):
            archive.writestr(f"{name}.csv", half.replace("AAA", f"A{name}").replace("BBB", name))


def zstd_frame(content, *, size=None):
    """Return one frame with one raw block, its size claimed or not."""
    descriptor, claim = (0x00, b"\x58") if size is None else (0xA0, size.to_bytes(4, "little"))
    header = (len(content) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + claim + header + content


FILES = {
    "bars.csv.gz": lambda path: path.write_bytes(gzip.compress(CSV)),
    "bars.csv.bz2": lambda path: path.write_bytes(bz2.compress(CSV)),
    "bars.csv.xz": lambda path: path.write_bytes(lzma.compress(CSV)),
    "bars.csv.zst": lambda path: path.write_bytes(zstd_frame(CSV, size=len(CSV))),
    "unclaimed.csv.zst": lambda path: path.write_bytes(zstd_frame(CSV)),
    "gzip.csv": lambda path: path.write_bytes(gzip.compress(CSV)),
    "zlib.csv": lambda path: path.write_bytes(zlib.compress(CSV)),
    "twice.csv": lambda path: path.write_bytes(bz2.compress(gzip.compress(CSV))),
    "bars.zip": zipped,
    "twice.zip": zipped_twice,
    "bars.parquet": lambda path: daily_frame(20).write_parquet(path),
    "packed.parquet.gz": lambda path: path.write_bytes(gzip.compress(parquet())),
    "bars.arrow": lambda path: daily_frame(20).write_ipc(path, compression="zstd"),
    "bars.feather": lambda path: daily_frame(20).write_ipc(path, compression="lz4"),
    "plain.arrow": lambda path: daily_frame(20).write_ipc(path, compression="uncompressed"),
    "bars.arrows": lambda path: daily_frame(20).write_ipc_stream(path, compression="zstd"),
}


def parquet():
    content = io.BytesIO()
    daily_frame(20).write_parquet(content)
    return content.getvalue()


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


@pytest.mark.parametrize("name", ["gzip.csv", "bars.parquet"])
@pytest.mark.usefixtures("small")
def test_a_portal_from_a_file_that_unpacks_to_too_much_is_refused(tmp_path, name):
    FILES[name](tmp_path / name)

    with pytest.raises(UnreadableFile, match=r"may (unpack to|have) "):
        rbt.PolarsDataPortal(tmp_path / name)


def test_the_members_of_an_archive_count_together(tmp_path, monkeypatch):
    zipped_apart(tmp_path / "bars.zip")
    assert len(rbt.read(tmp_path / "bars.zip").assets) == 6
    monkeypatch.setattr(bounds, "MOST_BYTES", len(CSV))

    with pytest.raises(UnreadableFile, match="may unpack to "):
        rbt.read(tmp_path / "bars.zip")


@pytest.mark.parametrize("kind", ["csv.gz", "parquet", "arrow", "arrows"])
def test_what_packs_a_thousandfold_is_no_file_of_bars(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(bounds, "FREE_BYTES", 100_000)
    bars = daily_frame(2000)
    write = {
        "csv.gz": lambda frame, path: path.write_bytes(gzip.compress(frame.write_csv().encode())),
        "parquet": lambda frame, path: frame.write_parquet(path),
        "arrow": lambda frame, path: frame.write_ipc(path, compression="zstd"),
        "arrows": lambda frame, path: frame.write_ipc_stream(path, compression="zstd"),
    }[kind]
    write(bars, tmp_path / f"bars.{kind}")
    write(pl.concat([bars[:1]] * 200_000).rechunk(), tmp_path / f"bomb.{kind}")
    assert len(rbt.read(tmp_path / f"bars.{kind}").assets) == 2

    with pytest.raises(UnreadableFile, match=r"may (unpack to|have) "):
        rbt.read(tmp_path / f"bomb.{kind}")


def test_a_cut_arrow_file_claims_no_more_than_the_whole_one(tmp_path):
    content = io.BytesIO()
    daily_frame(20).write_ipc(content, compression="zstd")
    whole = content.getvalue()

    once = arrow_size(whole, most=10**9)

    assert once >= 40 * daily_frame(20).width * 8
    for end in range(1, len(whole), 97):  # cut anywhere: refused, or no larger
        with contextlib.suppress(UnreadableFile):
            assert arrow_size(whole[:end], most=10**9) <= once


@given(st.binary(max_size=300))
def test_sizes_are_read_of_anything(content):
    for start in (b"ARROW1\x00\x00", b"\xff\xff\xff\xff", b""):
        with contextlib.suppress(UnreadableFile):
            assert arrow_size(start + content, most=10**6) >= 0
    with contextlib.suppress(UnreadableFile):
        assert zstd_size(b"\x28\xb5\x2f\xfd" + content) >= 0


def test_bars_beside_a_journal_that_hold_too_much_are_named(tmp_path, monkeypatch):
    folder = StateFolder(tmp_path)
    name = folder.store_bars(daily_frame(20))
    assert folder.load_bars(name).height == 40
    monkeypatch.setattr(bounds, "MOST_VALUES", 100)

    with pytest.raises(JournalCorrupt, match="may have 100 values"):
        folder.load_bars(name)


def test_a_table_of_a_saved_result_that_holds_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "result.rbt"
    rbt.backtest(Hold, daily_frame(20), progress=False).save(path)
    monkeypatch.setattr(bounds, "MOST_VALUES", 10)

    with pytest.raises(ResultError, match="may have 10 values"):
        rbt.BacktestResult.load(path)


def test_a_saved_result_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "result.rbt"
    rbt.backtest(Hold, daily_frame(20), progress=False).save(path)
    monkeypatch.setattr(bounds, "MOST_BYTES", 100)

    with pytest.raises(ResultError, match="may unpack to 100:"):
        rbt.BacktestResult.load(path)


def test_a_column_that_is_there_twice_is_an_error(tmp_path):
    frame = daily_frame(5)
    head, *rest = frame.write_csv().splitlines()
    doubled = [head + ",close", *(f"{line},1.0" for line in rest)]
    (tmp_path / "bars.csv").write_text("\n".join(doubled))

    with pytest.raises(DataError, match="may both be it"):
        rbt.read(tmp_path / "bars.csv")
    assert pl.read_csv(tmp_path / "bars.csv").width == frame.width + 1
