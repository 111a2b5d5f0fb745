"""Limits on the unpacked size of files, checked before they are unpacked.

The rule: a file's claimed size is checked first, and its actual output is counted; a
file of a few kilobytes can never use up the memory. Bars compress to a tenth, seldom to
a thirtieth, so a file that unpacks to gigabytes of a hundred times its size is not one
of bars.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import polars as pl

from rbtlive.data.checking.claimed_sizes import arrow_size, zstd_size
from rbtlive.errors import UnreadableFile

MOST_BYTES: Final = 4 * 1024**3
"""More than ten years of minutes of a hundred symbols, as text."""
MOST_VALUES: Final = 2_000_000_000
"""Limit on rows times columns of a Parquet file."""
FREE_BYTES: Final = 512 * 1024**2
"""Any file may unpack to this size."""
MOST_TIMES: Final = 100
"""Beyond that, a file may unpack to this many times its own size."""
_VALUE_BYTES: Final = 8
_CHUNK_BYTES: Final = 1024 * 1024
_LAYERS: Final = 3
"""Maximum number of nested compressions."""


def limit_of(packed: int) -> int:
    """Return the maximum unpacked size of a file with this many bytes."""
    return min(MOST_BYTES, max(FREE_BYTES, MOST_TIMES * packed))


def refuse_large(size: int, name: str, *, packed: int) -> None:
    """Raise an error for data that unpacks to more than can be read.

    Raises:
        UnreadableFile: the data is too large.
    """
    limit = limit_of(packed)
    if size > limit:
        raise UnreadableFile(
            f"a file of {packed:,} bytes may unpack to {limit:,}: {name!r} unpacks to {size:,} or "
            "more; unpack it yourself and pass it in parts, or as a frame"
        )


def unpacked(source: Path | bytes, name: str) -> Path | bytes:
    """Return content packed with gzip, bzip2, xz, zlib or zstd (text only) in unpacked
    form, whatever the file's name; any other content unchanged.

    Raises:
        UnreadableFile: it unpacks to more than the limit.
    """
    content, packed = source, _size(source)
    for _layer in range(_LAYERS):
        start = _start(content)
        opener = next((how for magic, how in _OPENERS.items() if start.startswith(magic)), None)
        if opener is None:
            return content
        content = opener(content, name, packed)
    raise UnreadableFile(
        f"a file may be packed {_LAYERS - 1} times: {name!r} is packed more often; unpack it"
    )


def members(archive: zipfile.ZipFile, names: Sequence[str], *, packed: int) -> None:
    """Raise an error for an archive whose members unpack to more than the limit
    together.

    Raises:
        UnreadableFile: the members are too large.
    """
    total = sum(archive.getinfo(name).file_size for name in names)
    refuse_large(total, archive.filename or "an archive", packed=packed)


def member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a member of an archive.

    Raises:
        UnreadableFile: it unpacks to more than the limit.
    """
    info = archive.getinfo(name)
    refuse_large(info.file_size, name, packed=info.compress_size)
    with archive.open(name) as stream:
        return _read(stream, name, info.compress_size)


def refuse_many_rows(sources: Sequence[Path] | bytes, name: str, *, own: bool = False) -> None:
    """Raise an error for Parquet files with more values than can be read, according to
    their footers.

    Args:
        sources: The files, or one file's content.
        name: Their name in messages.
        own: Whether this package wrote them: constant bars may compress without limit.

    Raises:
        UnreadableFile: the files have too many values.
    """
    packed = len(sources) if isinstance(sources, bytes) else sum(map(_size, sources))
    values = 0
    for source in [sources] if isinstance(sources, bytes) else sources:
        columns = len(pl.read_parquet_schema(source))
        rows = pl.scan_parquet(source, glob=False).select(pl.len()).collect().item()
        values += rows * max(columns, 1)
    most = MOST_VALUES if own else min(MOST_VALUES, limit_of(packed) // _VALUE_BYTES)
    if values > most:
        raise UnreadableFile(
            f"Parquet files of {packed:,} bytes may have {most:,} values: {name!r} has {values:,}; "
            "pass it in parts, e.g. polars.scan_parquet(...).filter(...)"
        )


def refuse_large_arrow(source: Path | bytes, name: str) -> None:
    """Raise an error for an Arrow file that claims to unpack to more than the limit.

    Raises:
        UnreadableFile: it claims too much, or its claims cannot be read.
    """
    packed = _size(source)
    refuse_large(arrow_size(source, most=limit_of(packed)), name, packed=packed)


def _size(source: Path | bytes) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _start(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[:6]
    with source.open("rb") as file:
        return file.read(6)


def _bytes(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _read(stream: IO[bytes], name: str, packed: int) -> bytes:
    parts, size = [], 0
    while chunk := stream.read(_CHUNK_BYTES):
        parts.append(chunk)
        size += len(chunk)
        refuse_large(size, name, packed=packed)
    return b"".join(parts)


def _by_module(module: Any) -> Callable[[Path | bytes, str, int], bytes]:
    def read(source: Path | bytes, name: str, packed: int) -> bytes:
        file = source if isinstance(source, Path) else cast("Any", _stream(source))
        with module.open(file, "rb") as stream:
            return _read(stream, name, packed)

    return read


def _stream(content: bytes) -> IO[bytes]:
    return io.BytesIO(content)


def _by_zlib(source: Path | bytes, name: str, packed: int) -> bytes:
    unpacking = zlib.decompressobj()
    most = limit_of(packed)
    content = unpacking.decompress(_bytes(source), most + 1)
    refuse_large(len(content), name, packed=packed)
    return content


# Python has no zstd before 3.14; polars can unpack it, but only as lines of text.
def _by_zstd(source: Path | bytes, name: str, packed: int) -> bytes:
    refuse_large(zstd_size(_bytes(source)), name, packed=packed)
    lines = pl.read_csv(
        source,
        has_header=False,
        separator="\x01",
        quote_char=None,
        infer_schema=False,
        encoding="utf8-lossy",
    )
    return "\n".join(lines.to_series().fill_null("")).encode()


_OPENERS: Final[dict[bytes, Callable[[Path | bytes, str, int], bytes]]] = {
    b"\x1f\x8b": _by_module(gzip),
    b"BZh": _by_module(bz2),
    b"\xfd7zXZ\x00": _by_module(lzma),
    b"\x78\x01": _by_zlib,
    b"\x78\x9c": _by_zlib,
    b"\x78\xda": _by_zlib,
    b"\x28\xb5\x2f\xfd": _by_zstd,
}
"""By the first bytes: polars unpacks most of these itself, but without a limit."""
