"""zipline's `numpy_utils`, by hand."""

import numpy as np
import pytest

from rbtlive.errors import NoDefaultMissingValue
from rbtlive.utils import numpy_utils


def test_types_and_missing_values_are_numpys():
    assert numpy_utils.datetime64ns_dtype == np.dtype("M8[ns]")
    assert numpy_utils.categorical_dtype is numpy_utils.object_dtype
    assert numpy_utils.make_datetime64D("2016-03-07") == np.datetime64("2016-03-07")
    assert numpy_utils.make_datetime64ns(5).dtype == numpy_utils.datetime64ns_dtype
    for missing in (numpy_utils.NaTD, numpy_utils.NaTns, numpy_utils.NaT_for_dtype("M8[s]")):
        assert numpy_utils.isnat(missing)
    assert numpy_utils.NaT_for_dtype("M8[s]").dtype == np.dtype("M8[s]")
    assert np.isnan(numpy_utils.default_missing_value_for_dtype(numpy_utils.float64_dtype))
    with pytest.raises(NoDefaultMissingValue, match="int64"):
        numpy_utils.default_missing_value_for_dtype(numpy_utils.int64_dtype)


def test_views_repeat_and_roll():
    """The shapes that zipline's docstrings show."""
    three, table = np.arange(3), np.arange(12).reshape(4, 3)

    assert numpy_utils.repeat_first_axis(three, 2).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert numpy_utils.repeat_last_axis(three, 2).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert numpy_utils.repeat_last_axis(table, 2).shape == (4, 3, 2)
    assert numpy_utils.as_column(three).tolist() == [[0], [1], [2]]
    windows = numpy_utils.rolling_window(table, 2)
    assert [window.tolist() for window in windows] == [table[n : n + 2].tolist() for n in range(3)]
    assert numpy_utils.is_missing(np.array([1, -1]), -1).tolist() == [False, True]


def test_what_has_no_rows_or_axes_is_refused():
    with pytest.raises(IndexError, match="length of 3"):
        numpy_utils.rolling_window(np.arange(3), 3)
    with pytest.raises(ValueError, match="1-dimensional"):
        numpy_utils.as_column(np.zeros((2, 2)))


def test_every_listed_name_is_there():
    assert len(set(numpy_utils.__all__)) == len(numpy_utils.__all__) == 28
    assert all(hasattr(numpy_utils, name) for name in numpy_utils.__all__)
