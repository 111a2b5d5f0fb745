"""Rows that are computed when they are read are those that were made at each close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rbtlive.core.serialization import capture
from rbtlive.core.state import session_figures as figures
from rbtlive.core.state.record import column, floats
from rbtlive.core.trading_core import TradingCore
from rbtlive.runtime.backtest import new_core, prepare_settings, run_core
from tests.properties.programs import COMMISSION, SLIPPAGE, Play, Player, plays, portal

CALLBACKS = ("initialize", "before_trading_start", "handle_data", "on_order_fill")
FIGURES = (*figures.Figures._fields, "starting_cash", "ending_cash", "capital_used")
QUIET = ("initialize", "handle_data", "on_order_fill")


@pytest.fixture(autouse=True, scope="module")
def _arrays_for_few_closes() -> Iterator[None]:
    before, figures.FEW = figures.FEW, 1
    yield
    figures.FEW = before


def finished(
    play: Play, *, heard: bool, quirks: bool, names: tuple[str, ...] = CALLBACKS
) -> tuple[Player, TradingCore]:
    player, market = Player(play), portal(play)
    slippage, commission = play.costs
    asked = prepare_settings(
        market,
        capital_base=20_000,
        slippage=SLIPPAGE[slippage](),
        commission=COMMISSION[commission](),
        zipline_quirks=quirks,
    )
    callbacks: dict[str, Any] = {name: getattr(player, name) for name in names}
    core = new_core({"__name__": "player", **callbacks}, market, asked, preload=True)
    if heard:
        core.state.on_session_closed = lambda _row: None
    run_core(core)
    return player, core


@settings(max_examples=60, deadline=None, derandomize=True)
@given(plays(), st.booleans())
def test_a_row_read_late_is_the_row_made_at_the_close_digit_for_digit(
    play: Play, quirks: bool
) -> None:
    late_player, late = finished(play, heard=False, quirks=quirks)
    prompt_player, prompt = finished(play, heard=True, quirks=quirks)

    assert late_player.seen == prompt_player.seen
    assert list(map(repr, late.state.record.sessions)) == list(
        map(repr, prompt.state.record.sessions)
    )
    assert capture(late.state) == capture(prompt.state)


# Where somebody listens, and where the strategy has a morning, every session takes each
# step.
@settings(max_examples=60, deadline=None, derandomize=True)
@given(plays(), st.booleans())
def test_sessions_without_news_leave_what_they_leave_step_by_step(play: Play, quirks: bool) -> None:
    quick_player, quick = finished(play, heard=False, quirks=quirks, names=QUIET)
    slow_player, slow = finished(play, heard=True, quirks=quirks, names=QUIET)

    assert quick_player.seen == slow_player.seen
    assert quick_player.states == slow_player.states
    assert capture(quick.state) == capture(slow.state)
    assert list(map(repr, quick.finish().sessions)) == list(map(repr, slow.finish().sessions))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(plays(), st.booleans())
def test_figures_as_floats_are_those_next_to_the_exact_ones(play: Play, quirks: bool) -> None:
    _, core = finished(play, heard=False, quirks=quirks, names=QUIET)
    rows = core.state.books.rows

    found = {name: floats(rows, name) for name in FIGURES}

    assert found == {name: list(map(float, column(rows, name))) for name in FIGURES}
