"""A misspelt callback is refused with the right name, before a bar is run."""

import types

import pytest

import rbtlive as rbt
from rbtlive.errors import InvalidSetting, NoCallbacks, NotAStrategy
from tests.builders import daily_frame


def nothing(context, data):
    """Do nothing."""


class Misspelt(rbt.TradingAlgorithm):
    """Its set-up would never be called."""

    def initalize(self, context):
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        """Do nothing."""


class Helps(rbt.TradingAlgorithm):
    """Both names are there: the second is a helper."""

    def initialize(self, context):
        self.initialise(context)

    def initialise(self, context):
        context.ready = True


class Elsewhere(rbt.TradingAlgorithm):
    """Written for another library."""

    def init(self):
        """Do nothing."""

    def next(self):
        """Do nothing."""


class Schedules(rbt.TradingAlgorithm):
    """What it schedules is defined by its subclass."""

    def initialize(self, context):
        context.seen = []
        context.schedule_function(self.on_bar)


class Scheduled(Schedules):
    """Its function has another library's name, and is called."""

    def on_bar(self, context, data):
        context.seen.append(data.current_dt)


class Plain:
    """No subclass."""

    def handle_data(self, context, data):
        """Do nothing."""


def module():
    made = types.ModuleType("momentum")
    exec("def handel_data(context, data): pass\ndef initialize(context): pass", vars(made))
    made.handel_data.__module__ = made.initialize.__module__ = "momentum"
    return made


@pytest.mark.parametrize(
    ("strategy", "right"),
    [
        (Misspelt, r"initalize\(\) .* did you mean initialize\(context\)"),
        (Misspelt(), r"initalize\(\) .* did you mean initialize\(context\)"),
        ({"handle_date": nothing}, r"handle_date\(\) .* did you mean handle_data\(context, data\)"),
        (module(), r"handel_data\(\) .* did you mean handle_data\(context, data\)"),
        (
            Elsewhere,
            r"init\(\) and next\(\) .* write initialize\(context\) and handle_data\(context",
        ),
        (
            {"initialize": print, "handle_data": nothing, "notify_order": nothing},
            r"notify_order\(\) .* write on_order_fill\(context, order, transaction\)",
        ),
        (nothing, r'pass \{"handle_data": nothing\}'),
    ],
    ids=["class", "instance", "dict", "module", "elsewhere", "a fill", "function"],
)
def test_what_would_never_be_called_is_named(strategy, right):
    with pytest.raises(NoCallbacks, match=right):
        rbt.backtest(strategy, daily_frame(5))
    if strategy is nothing:  # its parameters are not its fault
        with pytest.raises(NoCallbacks, match=right):
            rbt.backtest(strategy, daily_frame(5), params={"n": 5})


def test_a_helper_beside_the_callback_is_left_alone():
    assert rbt.backtest(Helps, daily_frame(5)).context.ready


def test_a_function_that_a_base_calls_may_have_the_name_of_anothers_callback():
    assert len(rbt.backtest(Scheduled, daily_frame(5)).context.seen) == 5


@pytest.mark.parametrize("name", ["_handle_data", "my_handle_data", "handle_data2"])
def test_a_helper_named_after_a_callback_is_left_alone(name):
    strategy = {"initialize": lambda context: None, name: nothing}

    assert rbt.backtest(strategy, daily_frame(5)).orders.is_empty()


def test_a_class_of_no_base_is_shown_both_ways_out():
    with pytest.raises(
        NotAStrategy, match=r"Plain\(rbtlive.TradingAlgorithm\).* instance, Plain\(\)"
    ):
        rbt.backtest(Plain, daily_frame(5))
    assert rbt.backtest(Plain(), daily_frame(5)).metrics["orders"] == 0


@pytest.mark.parametrize("params", [5, "fast=3", [("fast", 3)]])
def test_params_that_are_no_mapping_are_refused_by_the_strategy_too(params):
    from rbtlive.core.strategy.strategy_executor import StrategyExecutor

    with pytest.raises(InvalidSetting, match="params must be a dict"):
        StrategyExecutor(Helps, params)
