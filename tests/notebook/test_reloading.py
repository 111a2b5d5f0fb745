"""Strategies in modules that are edited: what runs is what was attached, and old code
is reported of.
"""

import importlib
import itertools
import os
import sys
import warnings

import pytest

import rbtlive as rbt
from rbtlive.notebook.reloading import warn_of_unread_edits
from tests.builders import Gated, daily_frame, processed, run

TEXT = """
import rbtlive as rbt
from rbtlive.api import order, symbol

def handle_data(context, data):
    order(symbol("AAA"), {amount})

class Base(rbt.TradingAlgorithm):
    size = {amount}

    def amount(self, *, times=1):
        return self.size * times

class Steps(Base):
    def amount(self, *, times=1):
        return super().amount(times=times) + {amount}

    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), self.amount())

    def act(self, context, data):
        self.order(self.symbol("BBB"), {amount})

class Scheduled(Steps):
    def initialize(self, context):
        self.schedule_function(Scheduled.act)

    def handle_data(self, context, data):
        pass
"""
NUMBERS = itertools.count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that can be written again; Python tells an edited file by whole seconds
    and bytes.
    """
    name = f"edited_{next(NUMBERS)}"
    path = tmp_path / f"{name}.py"

    class Module:
        def write(self, amount, text=TEXT):
            path.write_text(text.format(amount=amount))
            self.age_s = getattr(self, "age_s", 1_700_000_000) + 10
            os.utime(path, (self.age_s, self.age_s))

        def read(self):
            return importlib.import_module(name)

    monkeypatch.syspath_prepend(tmp_path)
    yield Module()
    sys.modules.pop(name, None)


def rewritten(old, new, module):
    """Put new code in the place of the old, as autoreload does."""
    for name, value in vars(new).items():
        if getattr(value, "__module__", None) == module and isinstance(value, type):
            rewritten(vars(old)[name], value, module)
        elif getattr(value, "__module__", None) == module:
            vars(old)[name].__code__ = value.__code__
        elif name == "size":
            old.size = value


def reloaded(module, loaded):
    sys.modules.pop(loaded.__name__)
    rewritten(loaded, module.read(), loaded.__name__)
    sys.modules[loaded.__name__] = loaded


@pytest.mark.parametrize(("subject", "amount"), [("", 1), ("Steps", 2), ("Scheduled", 1)])
def test_new_code_in_the_place_of_the_old_leaves_a_run_what_it_was_attached_with(
    tmp_path, module, subject, amount
):
    module.write(1)
    loaded = module.read()
    strategy = getattr(loaded, subject) if subject else loaded

    async def edited():
        feed = Gated(daily_frame(), 5)
        session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, journal=tmp_path)
        await processed(session, 5)
        module.write(-7)
        reloaded(module, loaded)
        feed.allow(35)
        await session.wait()
        return session

    session = run(edited())

    assert set(session.orders["amount"]) == {amount}
    assert len(session.orders) == 40
    again = rbt.backtest(strategy, daily_frame())
    assert set(again.orders["amount"]) == {-7 * amount}


@pytest.mark.parametrize("subject", ["", "Steps"])
def test_a_file_that_was_edited_and_not_read_again_is_reported(module, subject):
    module.write(1)
    loaded = module.read()
    strategy = getattr(loaded, subject) if subject else loaded

    module.write(2)

    name = "Steps.amount" if subject else "handle_data"
    with pytest.warns(
        RuntimeWarning, match=rf"was edited since Python read it: {name}\(\) of .* old code"
    ):
        warn_of_unread_edits(strategy)


def test_a_file_that_was_edited_into_something_that_is_no_python_is_reported(module):
    module.write(1)
    loaded = module.read()

    module.write(1, TEXT + "\ndef handle_data(context, data:\n")

    with pytest.warns(
        RuntimeWarning, match=r"line \d+ is not valid Python, and everything of .* old code"
    ):
        warn_of_unread_edits(loaded)


def test_comments_moved_lines_and_code_that_was_read_again_are_no_news(module):
    module.write(1)
    loaded = module.read()
    module.write(1, "# a comment\n\n" + TEXT.replace("    order(", "    # another\n    order("))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for strategy in (loaded, loaded.Steps, loaded.Steps(), {"handle_data": loaded.handle_data}):
            warn_of_unread_edits(strategy)
        module.write(2)
        reloaded(module, loaded)
        warn_of_unread_edits(loaded.Steps)
