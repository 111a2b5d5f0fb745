"""Decorators that check arguments, values computed once, and the small helpers beside them:
texts and results are those of zipline-reloaded 3.2.1.
"""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import pytest

from rbtlive.pipeline import common, dtypes
from rbtlive.utils import input_validation as checks
from rbtlive.utils.memoize import classlazyval, lazyval, remember_last
from rbtlive.utils.numpy_utils import (
    ignore_nanwarnings,
    is_datetime,
    is_float,
    vectorized_is_element,
)


@checks.expect_types(a=int, b=(str, float), c=checks.optional(list))
def typed(a, b="x", c=None):
    return a, b, c


@checks.expect_bounded(a=(1, None), b=(None, 5), c=(2, 3))
def bounded(a, b=1, c=2):
    return a, b, c


@checks.expect_strictly_bounded(a=(1, 3))
def strictly(a):
    return a


@checks.expect_element(x=("a", "b"))
def chosen(x):
    return x


@checks.expect_kinds(x="i", y=("f", "u"))
def kinds(x, y=np.float64(1)):  # noqa: B008 - never changed
    return x, y


@checks.expect_dtypes(x=np.dtype("float64"))
def floats(x):
    return len(x)


@checks.preprocess(x=checks.optionally(checks.ensure_upper_case))
def shouted(x=None):
    return x


def test_what_is_as_expected_is_passed_on():
    """Defaults are checked too, and None passes where it is optional."""
    assert typed(1) == (1, "x", None)
    assert typed(2, 0.5, c=[3]) == (2, 0.5, [3])
    assert bounded(1, 5, 3) == (1, 5, 3)
    assert (strictly(2), chosen("b"), floats(np.arange(3.0))) == (2, "b", 3)
    assert kinds(np.int64(2))[0] == 2
    assert (shouted(), shouted("abc")) == (None, "ABC")


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: typed("1"), TypeError, "a value of type int for argument 'a', but got str instead."),
        (lambda: typed(1, 2), TypeError, "of type str or float for argument 'b', but got int instead."),
        (lambda: typed(1, c=3), TypeError, "of type list or NoneType for argument 'c', but got int"),
        (lambda: bounded(0), ValueError, "greater than or equal to 1 for argument 'a', but got 0"),
        (lambda: bounded(1, 6), ValueError, "less than or equal to 5 for argument 'b', but got 6"),
        (lambda: bounded(1, 1, 4), ValueError, "inclusively between 2 and 3 for argument 'c', but"),
        (lambda: strictly(1), ValueError, "exclusively between 1 and 3 for argument 'a', but got 1"),
        (lambda: chosen("c"), ValueError, "a value in ('a', 'b') for argument 'x', but got 'c'"),
        (lambda: kinds(np.float64(1)), TypeError, "object of kind 'i' for argument 'x', but got 'f'"),
        (lambda: kinds(np.int64(1), np.int64(2)), TypeError, "of kind 'f' or 'u' for argument 'y'"),
        (lambda: floats(np.arange(3)), TypeError, "with dtype 'float64' for argument 'x', but got 'int64'"),
        (lambda: shouted(3), TypeError, "argument 'x' to be a string, but got 3 instead."),
        (typed, TypeError, "missing 1 required positional argument: 'a'"),
        (lambda: checks.expect_types(nope=int)(typed), TypeError, "unknown arguments: {'nope'}."),
        (lambda: checks.expect_types(a=3), TypeError, "a type or tuple of types for argument 'a'"),
        (lambda: checks.expect_bounded(a=3), TypeError, "a tuple of bounds for argument 'a', but got 3"),
    ],
)  # fmt: skip
def test_what_is_not_expected_is_refused_in_the_words_of_zipline(call, error, text):
    with pytest.raises(error) as caught:
        call()

    assert text in str(caught.value)


def test_values_are_computed_when_first_read():
    """Of an instance, of a class, and of the last arguments."""
    count = []

    class Counted:
        @lazyval
        def own(self):
            count.append("own")
            return len(count)

        @classlazyval
        def shared(cls):  # noqa: N805 - zipline's form
            count.append("shared")
            return cls.__name__

    @remember_last
    def twice(number):
        count.append(number)
        return 2 * number

    one = Counted()
    seen = [one.own, one.own, Counted.shared, one.shared, twice(4), twice(4), twice(5), twice(4)]

    assert seen == [1, 1, "Counted", "Counted", 8, 8, 10, 8]
    assert count == ["own", "shared", 4, 5, 4]
    with pytest.raises(AttributeError, match="read-only"):
        one.own = 3


def test_small_helpers_of_numpy_and_names_are_there():
    """What custom factors and loaders import beside them."""
    with warnings.catch_warnings(), ignore_nanwarnings():
        assert np.isnan(np.nanmean(np.array([np.nan])))
    assert (is_float(np.arange(2.0)), is_datetime(np.arange(2))) == (True, False)
    assert vectorized_is_element(np.array([[1, 2], [3, 4]]), {2, 3}).tolist() == [
        [False, True],
        [True, False],
    ]
    assert (common.TS_FIELD_NAME, common.AD_FIELD_NAME) == ("timestamp", "asof_date")
    assert np.dtype("float64") in dtypes.FACTOR_DTYPES
    assert np.dtype(bool) in dtypes.FILTER_DTYPES


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rbtlive.lib.labelarray", "compare them with == or np.isin"),
        ("rbtlive.pipeline.loaders.utils", "make a DataSet of its columns"),
        ("rbtlive.pipeline.loaders.missing", "make a DataSet of its columns"),
        ("rbtlive.data.bundles.core", "make a portal of your bars"),
        ("rbtlive.data.data_portal", "make a portal of your bars"),
        ("rbtlive.finance.trading", r"call rbt.backtest\(strategy, data\)"),
        ("rbtlive.finance.controls", "set_max_leverage"),
        ("rbtlive.finance.performance.tracker", "context.portfolio"),
        ("rbtlive.sources.requests_csv", "fetch_csv"),
        ("rbtlive.transforms", "data.history"),
        ("rbtlive.utils.calendars", "from rbtlive.utils.calendar_utils import get_calendar"),
        ("rbtlive.utils.factory", "rbt.read"),
        ("rbtlive.utils.security_list", "set_asset_restrictions"),
        ("rbtlive.gens.sim_engine", r"call rbt.backtest\(strategy, data\)"),
        ("rbtlive.pipeline.graph", r"pipe.show_graph\(\) draws a pipeline"),
    ],
)
def test_a_private_module_of_zipline_says_what_to_write(name, text):
    with pytest.raises(ModuleNotFoundError, match=text):
        importlib.import_module(name)
