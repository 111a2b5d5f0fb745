"""Check arguments: a choice, a path, a flag.

The rule: any wrong value, including an array or a frame, gives a one-sentence error
that names the argument.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from rbtlive.errors import InvalidSetting
from rbtlive.model.arrays import np

DateLike: TypeAlias = "str | date | np.datetime64"
"""A date argument: text such as "2005-01-03", a date, or a moment of it."""


def is_one_of(value: object, choices: Collection[object]) -> bool:
    """Say whether a value is a string and one of the choices; an array never is."""
    return isinstance(value, str) and value in choices


def as_path(value: object, name: str) -> Path:
    """Return the path in a string or path object.

    Raises:
        InvalidSetting: it is neither a string nor a path, or empty.
    """
    if not isinstance(value, (str, os.PathLike)) or not os.fspath(value):
        raise InvalidSetting(f'{name} must be a path such as "run.html": was {value!r:.80}')
    found = os.fspath(value)
    if not isinstance(found, str):
        raise InvalidSetting(f"{name} must be a path in text: was {value!r:.80}")
    return Path(found)


def check_flag(value: object, name: str) -> None:
    """Raise an error unless the value is True or False (or 1 or 0): the text "False"
    would count as True.

    Raises:
        InvalidSetting: it is any other value.
    """
    if not isinstance(value, (bool, np.bool_)) and not (type(value) is int and value in (0, 1)):
        raise InvalidSetting(f"{name} must be True or False: was {value!r:.80}")


def is_number(value: object) -> bool:
    """Say whether a value is a number, including numpy's, but neither a bool nor
    NaN.
    """
    return (
        isinstance(value, (int, float, np.number))
        and not isinstance(value, bool)
        and bool(value == value)  # noqa: PLR0124 - NaN
    )


def whole(value: Any, name: str, *, least: int, hint: str = "") -> int:
    """Return a whole number of at least `least`, including numpy's.

    Raises:
        InvalidSetting: it is not a whole number, or below `least`.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, (bool, np.bool_)):
        raise InvalidSetting(
            f"{name} must be a whole number from {least} on: was {value!r:.80}{hint}"
        )
    return number
