"""Values of any type as JSON, and back: strategies may record anything.

The rule: a value without a JSON type is tagged with its type, so that it can be
restored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.number import plain_text


def encode(value: object) -> Any:
    """Return `value` as JSON that `decode` converts back; a value without a plain form
    becomes its text.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float):
        return float(value) if value - value == 0.0 else {"float": str(float(value))}
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (list, tuple)):
        items = [encode(item) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        return {"mapping": [[encode(key), encode(item)] for key, item in value.items()]}
    return _encode_object(value)


def _encode_object(value: object) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": plain_text(value)}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Asset):
        return {"asset": value.sid}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, np.ndarray):
        return encode(value.tolist())
    if isinstance(value, pl.Series):
        return encode(value.to_list())
    return {"text": str(value)}


def decode(value: object, assets: Mapping[int, Asset]) -> Any:
    """Convert the result of `encode` back to a value; text stays text.

    Args:
        value: JSON.
        assets: The run's assets by sid.

    Raises:
        ValueError: the tag is unknown.
    """
    if isinstance(value, list):
        return [decode(item, assets) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"a tagged value has one tag: was {sorted(value)}")
    ((tag, content),) = value.items()
    if tag == "tuple":
        return tuple(decode(item, assets) for item in content)
    if tag == "mapping":
        return {decode(key, assets): decode(item, assets) for key, item in content}
    if tag == "asset":
        return assets[content]
    if tag not in _DECODERS:
        raise ValueError(f"the tag of a value is one of {sorted(_DECODERS)}: was {tag!r}")
    return _DECODERS[tag](content)


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "decimal": Decimal,
    "time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "text": str,
}
