"""A stretch of journal rows as columns: what it takes on disk is what its numbers say.

The rule: unpacking gives back every row to the last character, and what would not come
back so is packed as plain text. The form is numbers and JSON; reading it runs no code,
and takes no more memory than a stretch of rows may.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV
from rbtlive.runtime.journal.codec import (
    Cells,
    SliceText,
    canonical_json,
    datetime_text,
    decimal_text,
)

Steps: TypeAlias = "NDArray[np.int64]"
"""Whole numbers of a column, or what each adds to the one before."""

Row = tuple[int, str, str, str, str, int]
"""seq, kind, type, ts, payload, wall_us."""

MOST_BYTES: Final = 1 << 25
"""What a packed stretch may unpack to."""
MOST_ROW_BYTES: Final = 1 << 23
"""The longest payload that is packed."""
MOST_BARS: Final = 1 << 18

_LEVEL: Final = 6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS: Final = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\n)*")
_NUMBER: Final = r"((?:0|[1-9]\d{0,14})(?:\.\d{0,11}[1-9])?)"
_BAR: Final = re.compile(
    r'("(?:[^"\\]|\\.)*"):\{"close":"'
    + r'","'.join([_NUMBER, *(rf'{name}":"{_NUMBER}' for name in ("high", "low", "open"))])
    + rf'","volume":"{_NUMBER}"\}}[,}}]'
)
_DECIMALS: Final = re.compile(r"\.(\d+)")
_BEGIN, _END = '{"bars":{', "}}"
# Characters of a bar beside its symbol and numbers, its comma or brace included.
_FIXED: Final = len(':{"close":"","high":"","low":"","open":"","volume":""},')
_MOST_KNOWN: Final = 1 << 15
_MOST_MANTISSA: Final = 10**15  # a float of so many digits is exact once it is rounded


class Packed(NamedTuple):
    """A stretch of rows, packed.

    Attributes:
        facts: Everything but the numbers of its bars.
        bars: Those; empty if it has none.
    """

    facts: bytes
    bars: bytes


def pack(rows: Sequence[Row]) -> Packed:
    """Return rows that follow each other, packed."""
    cells = [_cells_of(row[4]) if row[2] == "MarketDataEvent" else None for row in rows]
    try:
        return _columns(rows, cells)
    except _UnfitError:
        return _columns(rows, [None] * len(rows))


def unpack(packed: Packed, *, first: int, with_bars: bool = True) -> list[Row]:
    """Return the rows of a stretch.

    Args:
        packed: What `pack` gave.
        first: Number of its first row.
        with_bars: Whether slices of plain bars are among them; without, the bars are
            not looked at.

    Raises:
        ValueError: it is nothing that `pack` gave.
    """
    try:
        return list(_rows_of(packed, first, with_bars=with_bars))
    except (zlib.error, LookupError, TypeError, OverflowError, AttributeError) as error:
        raise ValueError(f"it cannot be unpacked: {error!s:.100}") from error


class _UnfitError(Exception):
    # Numbers that would not come back as they were.
    pass


# The bars of a slice as texts (symbol, close, high, low, open, volume); None if it has
# anything else.
def _cells_of(payload: str) -> list[tuple[str, ...]] | None:
    if not (payload.startswith(_BEGIN) and payload.endswith(_END)):
        return None
    cells = _BAR.findall(payload, len(_BEGIN))
    written = sum(map(len, chain.from_iterable(cells))) + _FIXED * len(cells)
    # What lies between two matches would be missing here.
    whole = len(payload) == len(_BEGIN) + written + (1 if cells else len(_END))
    return cells if whole and len(cells) <= MOST_BARS else None


def _columns(rows: Sequence[Row], cells: Sequence[list[tuple[str, ...]] | None]) -> Packed:
    words: dict[tuple[str, str], int] = {}
    shapes: dict[tuple[str, ...], int] = {}
    of_shape: list[list[list[tuple[str, ...]]]] = []
    numbers, texts = [], []
    for row, bars in zip(rows, cells, strict=True):
        numbers.append(words.setdefault((row[1], row[2]), len(words)))
        if bars is None:
            texts.append(row[4])
            continue
        symbols = tuple([bar[0] for bar in bars])
        shape = shapes.setdefault(symbols, len(shapes))
        if shape == len(of_shape):
            of_shape.append([])
        of_shape[shape].append(bars)
        numbers[-1] += (shape + 1) << 16
    moments = _moments_of([row[3] for row in rows])
    walls = np.array([row[5] for row in rows], dtype=np.int64)
    columns = [np.array(numbers, dtype=np.int64), _steps(walls)]
    if moments is None:
        texts += [row[3] for row in rows]
    else:
        columns.append(_steps(moments))
    scales, bar_columns = _bar_columns(of_shape)
    planes, bar_planes = ([_planes(c) for c in some] for some in (columns, bar_columns))
    head = {
        "words": [list(word) for word in words],
        "shapes": [_plain(symbols) for symbols in shapes],
        "rows": len(rows),
        "widths": [width for width, _data in planes],
        "scales": scales,
        "bar_widths": [width for width, _data in bar_planes],
    }
    parts = [canonical_json(head).encode(), b"\n", *(data for _width, data in planes)]
    facts = zlib.compress(b"".join([*parts, json.dumps(texts).encode()]), _LEVEL)
    numbers_of_bars = b"".join([data for _width, data in bar_planes])
    return Packed(facts, zlib.compress(numbers_of_bars, _LEVEL) if bar_columns else b"")


def _plain(symbols: tuple[str, ...]) -> list[str]:
    names: list[str] = json.loads(f"[{','.join(symbols)}]")
    if canonical_json(names) != f"[{','.join(symbols)}]":
        raise _UnfitError
    return names


# Microseconds of times as they are written; None if one is written otherwise.
def _moments_of(texts: list[str]) -> Steps | None:
    if _MOMENTS.fullmatch("\n".join(texts) + "\n") is None:
        return None
    try:
        return np.array([text[:-1] for text in texts], dtype="datetime64[us]").astype(np.int64)
    except ValueError:
        return None


def _bar_columns(of_shape: list[list[list[tuple[str, ...]]]]) -> tuple[list[int], list[Steps]]:
    if not any(bars for slices in of_shape for bars in slices):
        return [], []
    flat = list(zip(*chain.from_iterable(chain.from_iterable(of_shape)), strict=True))[1:]
    scales = [_scale_of(texts) for texts in flat]
    # One scale for prices: what a bar's are apart is small then.
    scales = [max(scales[:4])] * 4 + scales[4:]
    closes, highs, lows, opens, volumes = (
        _mantissas(texts, scale) for texts, scale in zip(flat, scales, strict=True)
    )
    before = []
    at = 0
    for slices in of_shape:
        width = len(slices[0])
        size = width * len(slices)
        before.append(_before(closes[at : at + size], width))
        at += size
    expected = np.concatenate(before)
    return [scales[0], scales[4]], [
        closes - expected,
        opens - expected,
        highs - np.maximum(opens, closes),
        np.minimum(opens, closes) - lows,
        volumes,
    ]


# What each close is likely near: the one before of its symbol; in the first slice that
# of the symbol before.
def _before(closes: Steps, width: int) -> Steps:
    before = np.zeros_like(closes)
    before[1:width] = closes[: max(width - 1, 0)]
    before[width:] = closes[:-width] if width else closes
    return before


def _scale_of(texts: Sequence[str]) -> int:
    return max(map(len, _DECIMALS.findall("\n".join(texts))), default=0)


def _mantissas(texts: Sequence[str], scale: int) -> Steps:
    numbers = np.array(list(map(float, texts))) * 10.0**scale
    if numbers.max() >= _MOST_MANTISSA:
        raise _UnfitError
    return np.rint(numbers).astype(np.int64)


def _steps(values: Steps) -> Steps:
    steps = values.copy()
    steps[1:] -= values[:-1]
    return steps


# Numbers as bytes, the lowest byte of each first: what is alike lies together.
def _planes(values: Steps) -> tuple[int, bytes]:
    folded = ((values << 1) ^ (values >> 63)).astype("<u8")
    most = int(folded.max()) if len(folded) else 0
    width = (most.bit_length() + 7) // 8
    data = folded.view(np.uint8).reshape(-1, 8)[:, :width].T
    return width, data.tobytes()


def _unfolded(data: bytes, at: int, width: int, count: int) -> Steps:
    folded = np.zeros((count, 8), dtype=np.uint8)
    size = width * count
    if at + size > len(data):
        raise ValueError("it is shorter than it says")
    planes = np.frombuffer(data, dtype=np.uint8, count=size, offset=at)
    folded[:, :width] = planes.reshape(width, count).T
    values = folded.view("<u8").reshape(-1)
    return (values >> np.uint64(1)).astype(np.int64) ^ -(values & np.uint64(1)).astype(np.int64)


def _inflated(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    text = machine.decompress(data, MOST_BYTES)
    if not machine.eof:
        raise ValueError(f"it is cut, or unpacks to more than {MOST_BYTES} bytes")
    return text


def _rows_of(packed: Packed, first: int, *, with_bars: bool) -> list[Row]:
    data = _inflated(packed.facts)
    at = data.index(b"\n") + 1
    head = json.loads(data[:at])
    count, columns = head["rows"], []
    for width in head["widths"]:
        columns.append(_unfolded(data, at, width, count))
        at += width * count
    texts = json.loads(data[at:])
    numbers = columns[0]
    walls = np.cumsum(columns[1]).tolist()
    if len(columns) > 2:  # times are whole microseconds; else they are among the texts
        moments_us = np.cumsum(columns[2]).tolist()
        stamps = [datetime_text(_EPOCH + timedelta(microseconds=us)) for us in moments_us]
    else:
        stamps = texts[len(texts) - count :]
    shapes = (numbers >> 16).tolist()
    slices = _slices(packed.bars, head, shapes) if with_bars else None
    words, payloads = head["words"], iter(texts)
    rows: list[Row] = []
    for place, (shape, word) in enumerate(zip(shapes, (numbers & 0xFFFF).tolist(), strict=True)):
        if not shape:
            payload = next(payloads)
        elif slices is None:
            continue
        else:
            payload = SliceText.of(next(slices[shape - 1]))
        kind, type_name = words[word]
        rows.append((first + place, kind, type_name, stamps[place], payload, walls[place]))
    return rows


# For each shape its slices in order, each its bars as (symbol in quotes, symbol, close,
# high, low, open, volume).
def _slices(data: bytes, head: dict[str, Any], shapes: list[int]) -> list[Iterator[Cells]]:
    sizes = [(len(names), shapes.count(at)) for at, names in enumerate(head["shapes"], start=1)]
    count = sum(width * slices for width, slices in sizes)
    if count > MOST_BARS:
        raise ValueError(f"it holds more than {MOST_BARS} bars")
    texts: list[list[str]] = [[]] * len(OHLCV)
    if count:
        texts = _texts_of(_inflated(data), head, sizes, count)
    found, at = [], 0
    for names, (width, slices) in zip(head["shapes"], sizes, strict=True):
        quoted = [canonical_json(name) for name in names]
        size = width * slices
        parts = [part[at : at + size] for part in texts]
        bars = list(zip(quoted * slices, names * slices, *parts, strict=True))
        ends = range(width, size + width, width) if width else [0] * slices
        found.append(iter([bars[end - width : end] for end in ends]))
        at += size
    return found


def _texts_of(
    data: bytes, head: dict[str, Any], sizes: list[tuple[int, int]], count: int
) -> list[list[str]]:
    parts, at = [], 0
    for width in head["bar_widths"]:
        parts.append(_unfolded(data, at, width, count))
        at += width * count
    steps, opens, highs, lows, volumes = parts
    closes, expected, at = np.empty_like(steps), np.empty_like(steps), 0
    for width, slices in sizes:
        size = width * slices
        if not size:
            continue
        stretch = steps[at : at + size].reshape(slices, width)
        stretch[0] = np.cumsum(stretch[0])
        closes[at : at + size] = np.cumsum(stretch, axis=0).reshape(-1)
        expected[at : at + size] = _before(closes[at : at + size], width)
        at += size
    opens = opens + expected
    highs = highs + np.maximum(opens, closes)
    lows = np.minimum(opens, closes) - lows
    price, volume = head["scales"]
    columns = [(closes, price), (highs, price), (lows, price), (opens, price), (volumes, volume)]
    return [_as_texts(values.tolist(), scale) for values, scale in columns]


def _as_texts(values: list[int], scale: int) -> list[str]:
    known = _known[scale]
    get = known.get
    return [get(value) or _learn(value, scale) for value in values]


_known: dict[int, dict[int, str]] = defaultdict(dict)


# Numbers come again and again: the text of each is made once.
def _learn(value: int, scale: int) -> str:
    known = _known[scale]
    if len(known) >= _MOST_KNOWN:
        known.clear()
    text = known[value] = decimal_text(Decimal(value).scaleb(-scale))
    return text
