"""How much a file may unpack to: judged before it is unpacked.

The rule: what a file claims of its own size is checked first, and what it gives is
counted; a file of a few kilobytes never takes the machine's memory.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any, Final

import polars as pl

from rbtlive.errors import UnreadableFile

MOST_BYTES: Final = 4 * 1024**3
"""More than ten years of minutes of a hundred symbols, as text."""
MOST_VALUES: Final = 2_000_000_000
"""Rows times columns of a Parquet file."""


def refuse_large(size: int, name: str, *, most: int | None = None) -> None:
    """Refuse what unpacks to more than can be read.

    Raises:
        UnreadableFile: it does.
    """
    limit = MOST_BYTES if most is None else most
    if size > limit:
        raise UnreadableFile(
            f"a file of bars may unpack to {limit:,} bytes: {name!r} unpacks to {size:,} or more; "
            "unpack it yourself and pass it in parts, or as Parquet"
        )


def unpacked(file: Path) -> bytes:
    """Return the content of a file packed by gzip, bzip2 or xz; of another, as it is.

    Raises:
        UnreadableFile: it unpacks to more than `MOST_BYTES`.
    """
    name = file.name.lower()
    opener: Any = next(
        (how for end, how in ((".gz", gzip), (".bz2", bz2), (".xz", lzma)) if name.endswith(end)),
        None,
    )
    if opener is None:
        return file.read_bytes()  # polars reads zstd itself
    with opener.open(file, "rb") as stream:
        content: bytes = stream.read(MOST_BYTES + 1)
    refuse_large(len(content), file.name)
    return content


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member of an archive.

    Raises:
        UnreadableFile: it unpacks to more than `MOST_BYTES`.
    """
    refuse_large(archive.getinfo(name).file_size, name)
    with archive.open(name) as stream:
        content = stream.read(MOST_BYTES + 1)
    refuse_large(len(content), name)
    return content


def refuse_many_rows(source: Any, name: str) -> None:
    """Refuse a Parquet file of more values than can be read, by its own footer.

    Raises:
        UnreadableFile: it has more than `MOST_VALUES`.
    """
    columns = len(pl.read_parquet_schema(source))
    if hasattr(source, "seek"):
        source.seek(0)
    rows = pl.scan_parquet(source, glob=False).select(pl.len()).collect().item()
    if hasattr(source, "seek"):
        source.seek(0)
    if rows * max(columns, 1) > MOST_VALUES:
        raise UnreadableFile(
            f"a Parquet file of bars may have {MOST_VALUES:,} values: {name!r} has "
            f"{rows:,} rows of "
            f"{columns} columns; pass it in parts, e.g. polars.scan_parquet(...).filter(...)"
        )
