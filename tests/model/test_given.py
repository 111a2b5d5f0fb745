"""Whatever is given in place of a choice, a path or a flag is refused by a sentence."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rbtlive.errors import InvalidSetting
from rbtlive.model.given import as_path, check_flag, is_one_of

ODD = [None, 5, 2.5, b"x", [], {}, object(), np.array([1, 2]), pl.DataFrame({"a": [1]})]


@pytest.mark.parametrize("value", ODD, ids=lambda value: type(value).__name__)
def test_what_is_no_text_is_no_choice_no_path_and_no_flag(value):
    assert not is_one_of(value, ("fifo", "average"))
    with pytest.raises(InvalidSetting, match=r"^path of report\(\) must be a path"):
        as_path(value, "path of report()")
    with pytest.raises(InvalidSetting, match=r"^fresh must be True or False"):
        check_flag(value, "fresh")


def test_choices_paths_and_flags_pass():
    assert is_one_of("fifo", ("fifo", "average"))
    assert as_path("a/b.html", "path") == as_path(Path("a/b.html"), "path") == Path("a/b.html")
    for flag in (True, False, np.True_, 1, 0):
        check_flag(flag, "fresh")


def test_the_word_false_and_an_empty_path_are_refused():
    with pytest.raises(InvalidSetting, match="was 'False'"):
        check_flag("False", "zipline_quirks")
    with pytest.raises(InvalidSetting, match="was ''"):
        as_path("", "path")
