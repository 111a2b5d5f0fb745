"""What a callback's arguments complete to in a cell."""

import pytest

from rbtlive.notebook.completion import completions

CELL = """class Mine(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        context.level = 3
        """


def completed(begun):
    line = CELL.count("\n")
    return completions(CELL + begun, line, len(CELL.splitlines()[-1]) + len(begun))


@pytest.mark.parametrize(
    ("begun", "among"),
    [
        ("data.", {"can_trade", "current", "history", "is_stale", "window"}),
        ("context.", {"portfolio", "account", "order_target_percent", "level"}),
        ("context.portfolio.", {"cash", "portfolio_value", "positions"}),
    ],
)
def test_a_callbacks_arguments_complete_to_what_strategies_use(begun, among):
    found = completed(begun)

    assert among <= set(found)
    assert not {name for name in found if name.startswith("_")}


def test_what_is_the_engines_alone_is_not_offered():
    assert {"floats", "release"}.isdisjoint(completed("data."))
