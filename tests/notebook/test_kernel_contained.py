"""What a callback raises in a real kernel ends at most its session, loudly: the kernel
answers, and another session trades on.
"""

import pytest

pytestmark = pytest.mark.kernel

SETUP = """\
import asyncio
import rbtlive as rbt
from tests.builders import Churn, daily_frame, same

bars = daily_frame(60)

class Own(BaseException):
    pass

class Unprintable(Exception):
    def __str__(self):
        raise SystemExit("from __str__")
    __repr__ = __str__

def raising(kind, where):
    class Raising(Churn):
        raised = 0

        def fail(self, context, name):
            if name == where and context.bars >= 7 and not Raising.raised:
                Raising.raised = 1
                raise kind

        def handle_data(self, context, data):
            super().handle_data(context, data)
            self.fail(context, "handle_data")

        def before_trading_start(self, context, data):
            self.fail(context, "before_trading_start")

        def on_order_fill(self, context, order, transaction):
            self.fail(context, "on_order_fill")

    return Raising

class Shy:
    def __repr__(self):
        raise KeyboardInterrupt("from __repr__")
    __str__ = __repr__

class Recording(Churn):
    def handle_data(self, context, data):
        super().handle_data(context, data)
        context.shy = Shy()
        self.record(shy=Shy())

def attach(strategy, name):
    feed = rbt.ReplayFeed(bars)
    return rbt.attach(strategy, rbt.PaperBroker(), feed=feed, name=name, fresh=True)
"""
WHERE = ("handle_data", "before_trading_start", "on_order_fill")
ENDING = """\
other = attach(Churn, "other")
bad = attach(raising({kind}, "{where}"), "bad")
try:
    await bad.wait()
    print("went on")
except BaseException as failure:
    print(type(failure).__name__)
await other.wait()
print(same(rbt.backtest(Churn, bars), other.result()), bad.engine.core.state.callbacks.failure_count)
print(any("{kind}".rpartition(".")[2] in str(line) for line in bad.logs))
"""


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", ["asyncio.CancelledError", "GeneratorExit", "Own", "Unprintable"])
def test_a_callback_that_raises_anything_fails_that_callback_and_is_heard(kernel, kind, where):
    seen = kernel.run(ENDING.format(kind=kind, where=where)).split()

    assert seen == ["went", "on", "True", "1", "True"]
    assert kernel.run("print(1 + 1)").strip() == "2"


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt"])
def test_a_callback_that_would_end_the_kernel_ends_its_session(kernel, kind, where):
    seen = kernel.run(ENDING.format(kind=kind, where=where)).split()

    assert seen[:2] == ["StrategyExited", "True"]
    assert kernel.run("print(bad.state, other.state)").split() == ["failed", "stopped"]


def test_a_value_whose_repr_raises_ends_at_most_its_session(kernel):
    kernel.run("other, shy = attach(Churn, 'other'), attach(Recording, 'shy')")

    seen = kernel.run(
        "try:\n    await shy.wait()\nexcept rbt.errors.StrategyExited as ended:\n    print(ended)"
    )
    kernel.run("shy.context\nawait other.wait()\nshy")

    assert "KeyboardInterrupt: from __repr__" in seen
    assert kernel.run("print(shy.state, other.state)").split() == ["failed", "stopped"]
