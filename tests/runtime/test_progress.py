"""Who is shown a progress bar."""

import io
import sys

import pytest

from rbtlive.runtime.backtest import somebody_looks


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("value", "shown"), [("", True), ("1", False)])
def test_a_terminal_is_shown_progress_unless_tqdms_own_variable_switches_it_off(
    monkeypatch, value, shown
):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TQDM_DISABLE", value)

    assert somebody_looks() is shown
