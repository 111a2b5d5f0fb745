"""zipline's `zipline.utils.numpy_utils`: types, missing values and axes that data sets,
factors and loaders import.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rbtlive.errors import NoDefaultMissingValue
from rbtlive.model.arrays import np
from rbtlive.pipeline.term import is_missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from numpy.typing import DTypeLike

    from rbtlive.pipeline.array_types import Mask, Values

__all__ = [
    "NaTD",
    "NaT_for_dtype",
    "NaTns",
    "as_column",
    "bool_dtype",
    "categorical_dtype",
    "complex128_dtype",
    "datetime64D_dtype",
    "datetime64ns_dtype",
    "default_missing_value_for_dtype",
    "float32_dtype",
    "float64_dtype",
    "ignore_nanwarnings",
    "int64_dtype",
    "is_datetime",
    "is_float",
    "is_int",
    "is_missing",
    "is_object",
    "isnat",
    "make_datetime64D",
    "make_datetime64ns",
    "object_dtype",
    "repeat_first_axis",
    "repeat_last_axis",
    "rolling_window",
    "uint8_dtype",
    "vectorized_is_element",
]

bool_dtype, uint8_dtype, int64_dtype = np.dtype("bool"), np.dtype("uint8"), np.dtype("int64")
float32_dtype, float64_dtype = np.dtype("float32"), np.dtype("float64")
complex128_dtype = np.dtype("complex128")
datetime64D_dtype = np.dtype("datetime64[D]")  # noqa: N816 - zipline's name
datetime64ns_dtype = np.dtype("datetime64[ns]")
object_dtype = categorical_dtype = np.dtype("O")
NaTD, NaTns = np.datetime64("NaT", "D"), np.datetime64("NaT", "ns")

_MISSING: Final[dict[object, object]] = {
    bool_dtype: False,
    float32_dtype: np.nan,
    float64_dtype: np.nan,
    datetime64ns_dtype: NaTns,
    object_dtype: None,
}


def NaT_for_dtype(dtype: DTypeLike) -> object:  # noqa: N802 - zipline's name
    """Return the missing moment in the unit of `dtype`."""
    return np.array("NaT", dtype)[()]


def make_datetime64D(value: int | str | date) -> np.datetime64:  # noqa: N802 - zipline's name
    """Return a day."""
    return np.datetime64(value, "D")


def make_datetime64ns(value: int | str | date) -> np.datetime64:
    """Return a moment in nanoseconds."""
    return np.datetime64(value, "ns")


def default_missing_value_for_dtype(dtype: DTypeLike) -> object:
    """Return the value that means missing.

    Raises:
        NoDefaultMissingValue: the type has none, such as int64.
    """
    wanted = np.dtype(dtype)
    if wanted not in _MISSING:
        raise NoDefaultMissingValue(f"No default value registered for dtype {wanted}.")
    return _MISSING[wanted]


def isnat(values: Values | np.datetime64) -> Mask | np.bool_:
    """Return where moments or spans are missing."""
    found: Mask | np.bool_ = np.isnat(values)
    return found


def repeat_first_axis(array: Values, count: int) -> Values:
    """Return a view that repeats an array `count` times: (count, *array.shape)."""
    return np.broadcast_to(array, (count, *array.shape))


def repeat_last_axis(array: Values, count: int) -> Values:
    """Return a view that repeats each element `count` times: (*array.shape, count)."""
    return np.broadcast_to(array[..., None], (*array.shape, count))


def rolling_window(array: Values, length: int) -> Values:
    """Return a view of all windows of `length` rows: (windows, length, ...).

    Raises:
        IndexError: the array has no more rows than a window.
    """
    if not array.shape or array.shape[0] <= length:
        raise IndexError(
            f"Can't restride array of shape {array.shape} with a window length of {length}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(array, length, axis=0)
    return np.moveaxis(windows, -1, 1)


def as_column(array: Values) -> Values:
    """Return a vector as a column: (N, 1).

    Raises:
        ValueError: it has another number of axes.
    """
    if array.ndim != 1:
        raise ValueError(
            f"as_column expected an 1-dimensional array, but got an array of shape {array.shape}"
        )
    column: Values = array[:, None]
    return column


def is_float(value: Values | np.generic) -> bool:
    """Say whether an array or a number holds floats."""
    return value.dtype.kind == "f"


def is_int(value: Values | np.generic) -> bool:
    """Say whether an array or a number holds whole numbers with a sign."""
    return value.dtype.kind == "i"


def is_datetime(value: Values | np.generic) -> bool:
    """Say whether an array or a value holds moments."""
    return value.dtype.kind == "M"


def is_object(value: Values | np.generic) -> bool:
    """Say whether an array holds objects."""
    return value.dtype.kind == "O"


def vectorized_is_element(array: Values, choices: Collection[object]) -> Mask:
    """Return where values are among some others: an array of the same shape."""
    found: Mask = np.isin(array, np.array(list(choices)))
    return found


@contextmanager
def ignore_nanwarnings() -> Iterator[None]:
    """Silence NumPy's warnings of windows without values."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty|All-NaN|Degrees of", RuntimeWarning)
        yield
