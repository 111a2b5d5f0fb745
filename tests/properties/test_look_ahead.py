"""Nothing that is decided depends on what happens later."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.properties.programs import DAYS, Play, plays, run

CHANGES = st.lists(st.integers(-400, 4_000), min_size=len(DAYS), max_size=len(DAYS))


def changed_after(play: Play, last: int, changes: list[int]) -> Play:
    """Return the play with other prices and volumes on every bar after `last`."""
    lines = tuple(
        tuple(
            bar if bar is None or number <= last else (bar[0] + 500 + change, bar[1] + abs(change))
            for number, (bar, change) in enumerate(zip(line, changes, strict=True))
        )
        for line in play.lines
    )
    return replace(play, lines=lines)


@pytest.mark.parametrize(("quirks", "mornings"), [(False, True), (True, False)])
def test_other_bars_after_a_moment_change_nothing_up_to_it(quirks, mornings):
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(plays(), st.integers(0, len(DAYS) - 2), CHANGES)
    def hold(play, last, changes):
        first, kept = run(play, quirks=quirks, mornings=mornings)
        other, changed = run(changed_after(play, last, changes), quirks=quirks, mornings=mornings)

        assert [row for row in other.seen if row[0] <= last] == [
            row for row in first.seen if row[0] <= last
        ]
        for frame, stamp in (("transactions", "dt"), ("orders", "created")):
            columns = ["symbol", "amount"] if frame == "transactions" else ["id", "symbol"]
            assert_frame_equal(
                _until(changed, frame, stamp, last, columns),
                _until(kept, frame, stamp, last, columns),
            )
        assert_frame_equal(
            changed.performance.head(last + 1).drop("orders", "transactions", strict=False),
            kept.performance.head(last + 1).drop("orders", "transactions", strict=False),
        )
        positions = [
            result.positions.filter(pl.col("date") <= DAYS[last]) for result in (changed, kept)
        ]
        assert_frame_equal(*positions)

    hold()


def _until(result, frame, stamp, last, columns):
    rows = getattr(result, frame)
    return rows.filter(pl.col(stamp).dt.date() <= DAYS[last]).select(stamp, *columns)


def test_a_look_ahead_is_found():
    play = Play(
        lines=(((1_000, 500),) * 10, ((1_500, 500),) * 10),
        splits=(),
        dividends=(),
        program=(),
        costs=(0, 0),
    )

    first, _ = run(play, quirks=True)
    other, _ = run(changed_after(play, 3, [100] * 10), quirks=True)

    mornings = [
        [row for row in player.seen if row[1] == "morning" and row[0] <= 4]
        for player in (first, other)
    ]
    assert mornings[0][:4] == mornings[1][:4]
    assert mornings[0][4] != mornings[1][4]
