"""Alpaca's answers, made safe to use: sizes, texts and times.

The rule: everything is read with a size limit, even compressed data, and the keys are
removed from every text before any other code sees it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

from rbtlive.brokers.alpaca_keys import AlpacaKeys

LARGEST_ANSWER: Final = 32 * 1024 * 1024
"""Maximum bytes of an answer, decompressed; a page of the archive has 1.5 MB."""
LONGEST_WAIT_S: Final = 60.0
_ENCODINGS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 47}
"""zlib's window bits for each encoding."""
_YEARS: Final = range(2000, 2200)
_BAD_DATE: Final = (ValueError, OverflowError, TypeError, IndexError)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: an HTTP status and the parsed JSON, None if there was none.

    Attributes:
        status: HTTP status.
        body: Parsed JSON.
        retry_after_s: Seconds to wait that the broker requested, None if it did not.
    """

    status: int
    body: Any
    retry_after_s: float | None = None

    @property
    def message(self) -> str:
        """The broker's words, made safe to show."""
        words = self.body.get("message") if isinstance(self.body, Mapping) else None
        text = words if isinstance(words, str) else ""
        return "".join(c for c in text[:300] if c.isprintable()) or f"HTTP status {self.status}"


async def read_body(response: Any) -> bytes:
    """Return an answer's body, decompressed if the server compressed it unasked.

    Raises:
        ValueError: it is larger than `LARGEST_ANSWER`, or compressed in another way.
    """
    encoding = str(response.headers.get("Content-Encoding", "identity")).strip().lower()
    if encoding in {"", "identity"}:
        unpack = None
    elif encoding in _ENCODINGS:
        unpack = zlib.decompressobj(wbits=_ENCODINGS[encoding])
    else:
        raise ValueError("compressed in a way that was not asked for")
    parts: list[bytes] = []
    room = LARGEST_ANSWER
    async for packed in response.content.iter_any():
        part = packed if unpack is None else _unpacked(unpack, packed, room)
        room -= len(part)
        if room < 0 or (unpack is not None and unpack.unconsumed_tail):
            raise ValueError("too large")
        parts.append(part)
    return b"".join(parts)


def _unpacked(unpack: Any, packed: bytes, room: int) -> bytes:
    try:
        part: bytes = unpack.decompress(packed, room + 1)
    except zlib.error:
        raise ValueError("not what its encoding says") from None
    return part


def parsed(data: object, keys: AlpacaKeys) -> Any:
    """Return the JSON of an answer or a stream's message, without the keys; None if it
    is not JSON.

    Fractions stay exact.
    """
    try:
        text = data.decode() if isinstance(data, bytes) else data
        if not isinstance(text, str) or not text:
            return None
        body = json.loads(keys.hidden(text), parse_float=Decimal)
        # An escaped key becomes visible only after parsing.
        return _without(keys, body) if "\\" in text else body
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _without(keys: AlpacaKeys, body: object) -> Any:
    if isinstance(body, str):
        return keys.hidden(body)
    if isinstance(body, list):
        return [_without(keys, one) for one in body]
    if isinstance(body, dict):
        return {keys.hidden(name): _without(keys, value) for name, value in body.items()}
    return body


def header_date(text: object) -> datetime | None:
    """Return the moment of a `Date` header, UTC; None if it is not a plausible date."""
    try:
        moment = parsedate_to_datetime(str(text or ""))
        if moment.tzinfo is None or moment.year not in _YEARS:
            return None
        return moment.astimezone(UTC)
    except _BAD_DATE:
        return None


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a broker asks to wait, 0 to `LONGEST_WAIT_S`; None if it
    gives no valid time.

    Seconds or a date, as in RFC 9110; Alpaca gives the start of the next window
    instead.
    """
    now = header_date(headers.get("Date"))
    asked, reset = headers.get("Retry-After"), headers.get("X-RateLimit-Reset")
    if asked is not None:
        seconds, until = _number(asked), header_date(asked)
        if seconds is None and until is not None and now is not None:
            seconds = (until - now).total_seconds()
    else:
        moment = _number(reset)
        seconds = None if moment is None or now is None else moment - now.timestamp()
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WAIT_S)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(number) else number
