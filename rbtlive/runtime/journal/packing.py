"""Pack a stretch of journal rows as columns: its size on disk depends on the
information in its numbers.

The rule: unpacking restores every row to the last character; rows for which that would
fail are packed as plain text. The form is numbers and JSON; reading it runs no code and
uses limited memory.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain
from json import dumps, loads
from typing import Any, Final, NamedTuple, TypeAlias

from rbtlive.model.arrays import NDArray, np
from rbtlive.model.bar import OHLCV
from rbtlive.runtime.journal.codec import (
    Cells,
    SliceFloats,
    SliceText,
    canonical_json,
    datetime_text,
    decimal_text,
)

Steps: TypeAlias = "NDArray[np.int64]"
"""Whole numbers of a column, or the differences between consecutive ones."""

Row = tuple[int, str, str, str, str, int]
"""seq, kind, type, ts, payload, wall_us."""
SealedRow = tuple[int, str, str, str, str, bytes, int]
"""A row as it is stored: seq, kind, type, ts, payload, checksum, wall_us."""
Rows: TypeAlias = Sequence[Row] | Sequence[SealedRow]
"""The packed values of a row are at the same places in both, with the wall clock at the
end.
"""

MOST_BYTES: Final = 1 << 25
"""Limit of the unpacked size."""
MOST_ROW_BYTES: Final = 1 << 23
"""Length of the longest payload that is packed."""
MOST_BARS: Final = 1 << 18

_LEVEL: Final = 6
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS: Final = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\n)*")
_DECIMAL: Final = r"(?:0|[1-9]\d{0,14})(?:\.\d{0,11}[1-9])?"
_NUMBERS: Final = re.compile(rf"(?:{_DECIMAL}\n)*")
_NUMBER: Final = f"({_DECIMAL})"
_BAR: Final = re.compile(
    r'("(?:[^"\\]|\\.)*"):\{"close":"'
    + r'","'.join([_NUMBER, *(rf'{name}":"{_NUMBER}' for name in ("high", "low", "open"))])
    + rf'","volume":"{_NUMBER}"\}}[,}}]'
)
_DECIMALS: Final = re.compile(r"\.(\d+)")
_BEGIN, _END = '{"bars":{', "}}"
# Characters of a bar besides its symbol and numbers, including its comma or brace.
_FIXED: Final = len(':{"close":"","high":"","low":"","open":"","volume":""},')
_MOST_KNOWN: Final = 1 << 15
_NOTHING: Final[Mapping[int, SliceFloats]] = {}
_SLICE: Final = "MarketDataEvent"
# The pattern of the texts between the quotes of consecutive slices; a bar after the
# first begins with "},".
_NAME, _NUMBER_HERE = None, ""
_SLICE_FRAME: Final = ["}}}{", "bars"]
_BAR_FRAME: Final = [
    *(":{", _NAME, ":{"),
    *("close", ":", _NUMBER_HERE, ",", "high", ":", _NUMBER_HERE, ","),
    *("low", ":", _NUMBER_HERE, ",", "open", ":", _NUMBER_HERE, ","),
    *("volume", ":", _NUMBER_HERE),
]
_EXACT_CHARACTERS: Final = 16  # 15 digits and a point
_MOST_MANTISSA: Final = 10**15  # a float with this many digits is exact after rounding


class Packed(NamedTuple):
    """A stretch of rows, packed.

    Attributes:
        facts: Everything except the numbers of its bars.
        bars: The numbers of its bars; empty if it has none.
    """

    facts: bytes
    bars: bytes


def pack(rows: Rows, floats: Mapping[int, SliceFloats] = _NOTHING) -> Packed:
    """Return consecutive rows in packed form.

    Args:
        rows: The rows.
        floats: The numbers of slices among them, by row number; the text of any other
            slice is parsed.
    """
    for find in (partial(_slices_known, floats), _slices_alike, _slices_of, _slices_as_texts):
        slices = find(rows)
        if slices is not None:
            with suppress(_UnfitError):
                return _columns(rows, slices)
    raise AssertionError("as texts rows always fit")


def unpack(packed: Packed, *, first: int, with_bars: bool = True) -> list[Row]:
    """Return the rows of a stretch.

    Args:
        packed: The result of `pack`.
        first: Number of its first row.
        with_bars: Whether to include slices of plain bars; otherwise the bars are not
            unpacked.

    Raises:
        ValueError: it is not a result of `pack`.
    """
    try:
        return list(_rows_of(packed, first, with_bars=with_bars))
    except (zlib.error, LookupError, TypeError, OverflowError, AttributeError) as error:
        raise ValueError(f"it cannot be unpacked: {error!s:.100}") from error


class _UnfitError(Exception):
    # Numbers that would not be restored exactly.
    pass


def _slices_as_texts(rows: Rows) -> _Slices:
    return _Slices([0] * len(rows), [], [], [])


# The slices among rows, if all are known and have the same symbols; otherwise None.
def _slices_known(floats: Mapping[int, SliceFloats], rows: Rows) -> _Slices | None:
    if not floats:
        return None
    known = [floats.get(row[0]) for row in rows if row[2] == _SLICE]
    if not known or known[0] is None:
        return None
    symbols = known[0][0]
    bars: list[tuple[float, ...]] = []
    for slice_ in known:
        if slice_ is None or slice_[0] != symbols:
            return None
        bars.extend(slice_[1])
    flat = np.fromiter(chain.from_iterable(bars), dtype=np.float64, count=len(bars) * len(OHLCV))
    columns = flat.reshape(-1, len(OHLCV)).T
    if np.signbit(columns).any():
        return None
    shapes = [int(row[2] == _SLICE) for row in rows]
    quoted = tuple(map(canonical_json, symbols))
    return _Slices(shapes, [quoted], [(len(symbols), len(known))], columns[[3, 1, 2, 0, 4]])


class _Slices(NamedTuple):
    """The bars of some rows.

    Attributes:
        shapes: For each row the index of its symbols in `symbols`, from 1 on; 0 if it
            is not a slice of plain bars.
        symbols: Each in quotes.
        sizes: For each of these, its number of symbols and of slices.
        columns: Closes, highs, lows, opens and volumes as texts, or as floats whose
            shortest decimals are the texts; slice after slice of the first symbols,
            then of the next.
    """

    shapes: list[int]
    symbols: list[tuple[str, ...]]
    sizes: list[tuple[int, int]]
    columns: Any


# The slices among rows, if all have the same symbols and are plain, at a fifth of the
# cost of `_slices_of`; otherwise None.
def _slices_alike(rows: Rows) -> _Slices | None:
    payloads = [row[4] for row in rows if row[2] == _SLICE]
    if not payloads:
        return None
    parts = "".join(payloads).split('"')
    step, rest = divmod(len(parts) - 1, len(payloads))
    width, more = divmod(step - len(_SLICE_FRAME), len(_BAR_FRAME))
    if rest or more or width < 1 or len(payloads) * width > MOST_BARS:
        return None
    frame = [*_SLICE_FRAME, *_BAR_FRAME * width]
    frame[len(_SLICE_FRAME) + len(_BAR_FRAME) :: len(_BAR_FRAME)] = ["},"] * (width - 1)
    parts[0], last = "}}}" + parts[0], parts.pop()
    if last != "}}}":
        return None
    names, numbers = [], []
    for place, expected in enumerate(frame):
        found = parts[place::step]
        if expected is _NAME:
            names.append(found[0])
            expected = found[0]  # noqa: PLW2901 - all have the first one's name
        if expected is _NUMBER_HERE:
            numbers.append(found)
        elif found.count(expected) != len(found):
            return None
    flat = list(chain.from_iterable(numbers))
    if _NUMBERS.fullmatch("\n".join(flat) + "\n") is None:
        return None
    columns = [list(chain.from_iterable(zip(*numbers[at::5], strict=True))) for at in range(5)]
    shapes = [int(row[2] == _SLICE) for row in rows]
    symbols = tuple([f'"{name}"' for name in names])
    return _Slices(shapes, [symbols], [(width, len(payloads))], columns)


# The slices of plain bars among rows.
def _slices_of(rows: Rows) -> _Slices:
    numbers: dict[tuple[str, ...], int] = {}
    bars: list[list[list[tuple[str, ...]]]] = []
    shapes = []
    for row in rows:
        cells = _cells_of(row[4]) if row[2] == _SLICE else None
        if cells is None:
            shapes.append(0)
            continue
        number = numbers.setdefault(tuple([cell[0] for cell in cells]), len(numbers) + 1)
        if number > len(bars):
            bars.append([])
        bars[number - 1].append(cells)
        shapes.append(number)
    flat = zip(*chain.from_iterable(chain.from_iterable(bars)), strict=True)
    sizes = [(len(slices[0]), len(slices)) for slices in bars]
    return _Slices(shapes, list(numbers), sizes, list(flat)[1:])


# The bars of a slice as texts (symbol, close, high, low, open, volume); None if it
# contains anything else.
def _cells_of(payload: str) -> list[tuple[str, ...]] | None:
    if not (payload.startswith(_BEGIN) and payload.endswith(_END)):
        return None
    cells = _BAR.findall(payload, len(_BEGIN))
    written = sum(map(len, chain.from_iterable(cells))) + _FIXED * len(cells)
    # Text between two matches would be missing here.
    whole = len(payload) == len(_BEGIN) + written + (1 if cells else len(_END))
    return cells if whole and len(cells) <= MOST_BARS else None


def _columns(rows: Rows, slices: _Slices) -> Packed:
    words: dict[tuple[str, str], int] = {}
    numbers = [words.setdefault((row[1], row[2]), len(words)) for row in rows]
    texts = [row[4] for row, shape in zip(rows, slices.shapes, strict=True) if not shape]
    moments = _moments_of([row[3] for row in rows])
    walls = np.array([row[-1] for row in rows], dtype=np.int64)
    shapes = np.array(slices.shapes, dtype=np.int64) << 16
    columns = [np.array(numbers, dtype=np.int64) + shapes, _steps(walls)]
    if moments is None:
        texts += [row[3] for row in rows]
    else:
        columns.append(_steps(moments))
    scales, bar_columns = _bar_columns(slices)
    planes, bar_planes = ([_planes(c) for c in some] for some in (columns, bar_columns))
    head = {
        "words": [list(word) for word in words],
        "shapes": [_plain(symbols) for symbols in slices.symbols],
        "rows": len(rows),
        "widths": [width for width, _data in planes],
        "scales": scales,
        "bar_widths": [width for width, _data in bar_planes],
    }
    parts = [canonical_json(head).encode(), b"\n", *(data for _width, data in planes)]
    facts = zlib.compress(b"".join([*parts, dumps(texts).encode()]), _LEVEL)
    numbers_of_bars = b"".join([data for _width, data in bar_planes])
    return Packed(facts, zlib.compress(numbers_of_bars, _LEVEL) if bar_columns else b"")


def _plain(symbols: tuple[str, ...]) -> list[str]:
    names: list[str] = loads(f"[{','.join(symbols)}]")
    if canonical_json(names) != f"[{','.join(symbols)}]":
        raise _UnfitError
    return names


# Microseconds of written times; None if one is written differently.
def _moments_of(texts: list[str]) -> Steps | None:
    if _MOMENTS.fullmatch("\n".join(texts) + "\n") is None:
        return None
    try:
        return np.array([text[:-1] for text in texts], dtype="datetime64[us]").astype(np.int64)
    except ValueError:
        return None


def _bar_columns(slices: _Slices) -> tuple[list[int], list[Steps]]:
    if not len(slices.columns):
        return [], []
    # Prices have one scale, so the differences within a bar are small.
    prices, scale = _mantissas(slices.columns[:4])
    (volumes,), volume_scale = _mantissas(slices.columns[4:])
    closes, highs, lows, opens = prices
    before = []
    at = 0
    for width, count in slices.sizes:
        before.append(_before(closes[at : at + width * count], width))
        at += width * count
    expected = np.concatenate(before)
    return [scale, volume_scale], [
        closes - expected,
        opens - expected,
        highs - np.maximum(opens, closes),
        np.minimum(opens, closes) - lows,
        volumes,
    ]


# Prediction for each close: the symbol's previous close; in the first slice, the
# previous symbol's.
def _before(closes: Steps, width: int) -> Steps:
    before = np.zeros_like(closes)
    before[1:width] = closes[: max(width - 1, 0)]
    before[width:] = closes[:-width] if width else closes
    return before


# Numbers without their point, as rows of a matrix, and the number of digits after it.
def _mantissas(columns: Any) -> tuple[Steps, int]:
    if isinstance(columns, np.ndarray):
        values, texts = columns, None
    else:
        values, texts = np.array([list(map(float, texts)) for texts in columns]), columns
    scale = _scale_of(values, texts)
    numbers = np.rint(values * 10.0**scale)
    if numbers.max() >= _MOST_MANTISSA:
        raise _UnfitError
    return numbers.astype(np.int64), scale


# The maximum number of digits after a point. A number of up to 15 digits is the
# shortest text of its float, so the floats show it.
def _scale_of(values: Any, texts: Sequence[Sequence[str]] | None) -> int:
    if texts is None or max([max(map(len, some)) for some in texts]) <= _EXACT_CHARACTERS:
        for scale in range(_EXACT_CHARACTERS):
            power = 10.0**scale
            if (np.rint(values * power) / power == values).all():
                return scale
    if texts is None:
        raise _UnfitError
    found = (_DECIMALS.findall("\n".join(some)) for some in texts)
    return max(map(len, chain.from_iterable(found)), default=0)


def _steps(values: Steps) -> Steps:
    steps = values.copy()
    steps[1:] -= values[:-1]
    return steps


# Numbers as bytes, grouped by byte from the lowest: similar bytes are adjacent.
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
    head = loads(data[:at])
    count, columns = head["rows"], []
    for width in head["widths"]:
        columns.append(_unfolded(data, at, width, count))
        at += width * count
    texts = loads(data[at:])
    numbers = columns[0]
    walls = np.cumsum(columns[1]).tolist()
    if len(columns) > 2:  # times are whole microseconds; otherwise they are among the texts
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


# For each shape its slices in order; each slice has its bars as (symbol in quotes,
# symbol, close, high, low, open, volume).
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


# Numbers repeat: the text of each is built once.
def _learn(value: int, scale: int) -> str:
    known = _known[scale]
    if len(known) >= _MOST_KNOWN:
        known.clear()
    text = known[value] = decimal_text(Decimal(value).scaleb(-scale))
    return text
