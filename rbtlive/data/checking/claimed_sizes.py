"""Sizes that packed files claim, read without unpacking them.

The rule: a size is an upper bound. If the format gives none, it is the largest size to
which the file's blocks could unpack.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rbtlive.errors import UnreadableFile

_VALUE_BYTES: Final = 8
_MAGIC: Final = b"ARROW1"
_CONTINUED: Final = 0xFFFFFFFF
_DICTIONARY, _RECORDS = 2, 3
_MOST_PARTS: Final = 10_000_000
"""Maximum columns and buffers of all batches of a file together."""
_BLOCK_BYTES: Final = 128 * 1024
"""Maximum size to which a zstd block unpacks. Source: RFC 8878, 3.1.1.2.4."""


def arrow_size(source: Path | bytes, *, most: int) -> int:
    """Return the unpacked bytes of the record batches in an Arrow file or stream, at
    least eight per value.

    Source: Arrow columnar format, "Serialization and Interprocess Communication";
    Message.fbs and File.fbs.

    Args:
        source: The file, or its content.
        most: Counting stops above this.

    Raises:
        UnreadableFile: the file is incomplete.
    """
    try:
        if isinstance(source, bytes):
            return _arrow_size(source, most)
        with (
            source.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
        ):
            return _arrow_size(view, most)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise UnreadableFile(
            f"an Arrow file must say what it holds: this one is not whole ({error}); write it again"
        ) from error


def _arrow_size(data: Any, most: int) -> int:
    messages = _of_footer(data) if data[:6] == _MAGIC else _of_stream(data)
    size = parts = 0
    for at, body in messages:
        claimed, counted = _batch_size(data, at, body)
        size, parts = size + claimed, parts + counted
        if size > most:
            break
        if parts > _MOST_PARTS:
            raise ValueError(f"it has more than {_MOST_PARTS:,} columns and buffers")
    return size


# Start of each batch's metadata and body, from the file's footer.
def _of_footer(data: Any) -> Iterator[tuple[int, int]]:
    (length,) = struct.unpack_from("<i", data, len(data) - 10)
    start = len(data) - 10 - length
    root = start + _u32(data, start)
    for field in (2, 3):  # dictionaries, record batches
        at = _field(data, root, field)
        if at is None:
            continue
        vector = at + _u32(data, at)
        for number in range(_u32(data, vector)):
            offset, metadata, _body = struct.unpack_from("<qi4xq", data, vector + 4 + 24 * number)
            yield _after_prefix(data, offset), offset + metadata


def _of_stream(data: Any) -> Iterator[tuple[int, int]]:
    at = 0
    while at + 8 <= len(data):
        prefix = 8 if _u32(data, at) == _CONTINUED else 4
        length = _u32(data, at + prefix - 4)
        if length == 0:
            return
        body = at + prefix + length
        yield at + prefix, body
        message = at + prefix + _u32(data, at + prefix)
        place = _field(data, message, 3)
        body_length = 0 if place is None else struct.unpack_from("<q", data, place)[0]
        if body_length < 0:
            raise ValueError(f"a body of {body_length} bytes")
        at = body + body_length


def _after_prefix(data: object, offset: int) -> int:
    return offset + (8 if _u32(data, offset) == _CONTINUED else 4)


# Unpacked bytes of one batch, and the number of columns and buffers counted.
def _batch_size(data: Any, at: int, body: int) -> tuple[int, int]:
    message = at + _u32(data, at)
    kind_at, header_at = _field(data, message, 1), _field(data, message, 2)
    if kind_at is None or header_at is None or data[kind_at] not in (_DICTIONARY, _RECORDS):
        return 0, 1
    batch = header_at + _u32(data, header_at)
    if data[kind_at] == _DICTIONARY:
        inner = _field(data, batch, 1)
        if inner is None:
            return 0, 1
        batch = inner + _u32(data, inner)
    rows_at = _field(data, batch, 0)
    rows = 0 if rows_at is None else struct.unpack_from("<q", data, rows_at)[0]
    columns = _count(data, batch, 1)
    is_packed = _field(data, batch, 3) is not None
    size, buffers = 0, _count(data, batch, 2)
    vector = _vector(data, batch, 2)
    for number in range(buffers):
        offset, length = struct.unpack_from("<qq", data, vector + 4 + 16 * number)
        if is_packed and length >= 8:
            (claimed,) = struct.unpack_from("<q", data, body + offset)
            length = length if claimed < 0 else claimed
        size += max(length, 0)
    return max(size, rows * max(columns, 1) * _VALUE_BYTES), 1 + columns + buffers


def _u32(data: Any, at: int) -> int:
    value: int = struct.unpack_from("<I", data, at)[0]
    return value


# Position of a field in a flatbuffer's table; None if it is absent.
def _field(data: Any, table: int, number: int) -> int | None:
    vtable = table - struct.unpack_from("<i", data, table)[0]
    (length,) = struct.unpack_from("<H", data, vtable)
    place = 4 + 2 * number
    if place + 2 > length:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + place)
    return table + offset if offset else None


def _vector(data: object, table: int, number: int) -> int:
    at = _field(data, table, number)
    return 0 if at is None else at + _u32(data, at)


def _count(data: object, table: int, number: int) -> int:
    vector = _vector(data, table, number)
    return _u32(data, vector) if vector else 0


def zstd_size(content: bytes) -> int:
    """Return the maximum number of bytes to which zstd content unpacks.

    Source: RFC 8878, 3.1.1.

    Raises:
        UnreadableFile: the content is incomplete.
    """
    at = size = 0
    try:
        while at < len(content):
            magic = _u32(content, at)
            if 0x184D2A50 <= magic <= 0x184D2A5F:  # a skippable frame
                at += 8 + _u32(content, at + 4)
                continue
            frame, at = _frame_size(content, at + 4)
            size += frame
    except (struct.error, IndexError) as error:
        raise UnreadableFile(
            f"a file packed by zstd must be whole: this one is not ({error}); pack it again"
        ) from error
    return size


# A frame's size, and its end.
def _frame_size(content: bytes, at: int) -> tuple[int, int]:
    descriptor = content[at]
    is_single, size_flag = bool(descriptor & 0x20), descriptor >> 6
    at += 1 + (0 if is_single else 1) + (0, 1, 2, 4)[descriptor & 3]
    width = (1 if is_single else 0, 2, 4, 8)[size_flag]
    claimed = int.from_bytes(content[at : at + width], "little") if width else None
    if claimed is not None and width == 2:
        claimed += 256
    at += width
    size, is_last = 0, False
    while not is_last:
        header = int.from_bytes(content[at : at + 3], "little") + 0 * content[at + 2]
        is_last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        size += length if kind < 2 else _BLOCK_BYTES
        at += 3 + (1 if kind == 1 else length)
    at += 4 if descriptor & 4 else 0
    return size if claimed is None else min(size, claimed), at
