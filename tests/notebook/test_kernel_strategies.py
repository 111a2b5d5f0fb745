"""Strategies in a real kernel: two beside each other, edited, failing, reloaded, and
steered from another thread.
"""

import itertools
import os

import pytest

from tests.notebook.kernels import Kernel

pytestmark = pytest.mark.kernel

SETUP = """\
%load_ext autoreload
%load_ext rbtlive
%autoreload 2
import asyncio, sys
import rbtlive as rbt
from tests.builders import Gated, daily_frame, processed, rows_of, same

bars = daily_frame(60)

def attach(strategy, feed=None, **options):
    return rbt.attach(strategy, rbt.PaperBroker(), feed=feed or rbt.ReplayFeed(bars), **options)

def kinds(name):
    return [row[1] for row in rows_of(None, name)]
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("kernel")


@pytest.fixture(scope="module")
def kernel(home):
    kernel = Kernel(home)
    kernel.run(SETUP)
    yield kernel
    kernel.close()


FUNCTIONS = """\
%%strategy {name}
from rbtlive.api import get_open_orders, order, record, symbol

def initialize(context):
    context.asset = symbol("{symbol}")

def handle_data(context, data):
    order(context.asset, {amount})
    record(mine=sum(len(of_asset) for of_asset in get_open_orders().values()))
    order(context.asset, {amount}, limit_price=0.01)
"""


def test_two_sessions_of_functions_that_trade_at_once_never_mix(kernel):
    kernel.run(FUNCTIONS.format(name="ones", symbol="AAA", amount=1))
    kernel.run(FUNCTIONS.format(name="sevens", symbol="BBB", amount=7))

    kernel.run(
        "both = [attach(ones, rbt.ReplayFeed(bars, speed=1e7)), attach(sevens, "
        "rbt.ReplayFeed(bars, speed=1e7))]\n"
        "await asyncio.gather(*(session.wait() for session in both))"
    )

    for number, strategy, symbol in ((0, "ones", "AAA"), (1, "sevens", "BBB")):
        equal = f"same(rbt.backtest({strategy}, bars), both[{number}].result())"
        kernel.run(f"orders = both[{number}].orders")
        seen = kernel.run(
            f"print({equal}, set(orders['symbol']), len(orders), both[{number}].parity().identical)"
        )
        assert seen.split() == ["True", f"{{'{symbol}'}}", "120", "True"]


EDITED = """\
class Edited(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), {amount})
"""


def test_a_strategy_edited_in_its_cell_takes_the_running_session_over(kernel):
    kernel.run(EDITED.format(amount=1) + "session = attach(Edited, Gated(bars, 20))\n")
    kernel.run("await processed(session, 20)")
    kernel.run(EDITED.format(amount=-2) + "before, session = session, attach(Edited)\n")
    kernel.run("await session.wait()")

    amounts = kernel.run(
        "print([int(amount) for amount in session.orders['amount']] == [1] * 20 + [-2] * 40)"
    )
    assert amounts.strip() == "True"
    assert kernel.run(
        "print(session.parity().identical, kinds('Edited').count('Swapped'))"
    ).split() == [
        "True",
        "1",
    ]
    assert kernel.run("print(before.state)").strip() == "stopped"


CELL_OF_FUNCTIONS = """\
%%strategy {name}
from rbtlive.api import order, symbol
AMOUNT = {amount}

def handle_data(context, data):
    order(symbol("AAA"), AMOUNT)
"""
CELL_OF_A_CLASS = """\
%%strategy {name}
AMOUNT = {amount}

class Helped(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), AMOUNT)
"""


@pytest.mark.parametrize(
    ("name", "cell"), [("helped", CELL_OF_FUNCTIONS), ("helper", CELL_OF_A_CLASS)]
)
def test_a_constant_edited_in_a_strategys_cell_is_an_edit_of_the_strategy(kernel, name, cell):
    kernel.run(cell.format(name=name, amount=1))
    kernel.run(
        f"session = attach({name}, Gated(bars, 20), name='{name}')\nawait processed(session, 20)"
    )
    kernel.run(cell.format(name=name, amount=-1))
    kernel.run(f"session = attach({name}, name='{name}')\nawait session.wait()")

    assert amounts(kernel) == "[1, -1] 60"
    assert kernel.run(
        f"print(session.parity().identical, kinds('{name}').count('Swapped'))"
    ).split() == [
        "True",
        "1",
    ]


FAILING = """\
class Failing(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 10 == 5:
            raise ValueError(f"bar {context.bars}")
        self.order(self.symbol("AAA"), 1)
"""


def test_failing_callbacks_and_failing_cells_leave_the_session_trading(kernel):
    kernel.run(FAILING)
    kernel.run("session = attach(Failing, Gated(bars, 30))\nawait processed(session, 30)")

    name, text, _traceback = kernel.fail("session.orders['nonsense']")
    kernel.fail("raise RuntimeError('of another cell')")
    state = kernel.run("print(session.state, session.trading_state, session.stats['errors'])")
    log = kernel.run("print('\\n'.join(session.logs))")
    kernel.run("session = attach(Failing)\nawait session.wait()")

    assert (name, "nonsense" in text) == ("ColumnNotFoundError", True)
    assert state.split() == ["running", "running", "3"]
    assert "ValueError: bar 25" in log
    assert "line 8, in handle_data" in log
    assert kernel.run("print(len(session.orders), session.parity().identical)").split() == [
        "54",
        "True",
    ]


MODULE = """
from rbtlive.api import order, symbol

SIZE = {size}

def initialize(context):
    context.asset = symbol("AAA")

def handle_data(context, data):
    order(context.asset, SIZE * {sign}1)
"""

CLASS = """
import rbtlive as rbt

class Reloaded(rbt.TradingAlgorithm):
    def handle_data(self, context, data):
        self.order(self.symbol("AAA"), {sign}1)
"""


AGES_S = itertools.count(1_700_000_000, 10)


def written(home, name, text):
    # Python tells an edited file by whole seconds and bytes.
    path, age_s = home / f"{name}.py", next(AGES_S)
    path.write_text(text)
    os.utime(path, (age_s, age_s))


def amounts(kernel):
    return kernel.run(
        "print([int(amount) for amount in dict.fromkeys(session.orders['amount'])], "
        "len(session.orders))"
    ).strip()


@pytest.mark.parametrize(("name", "text"), [("functions", MODULE), ("classes", CLASS)])
def test_a_module_that_is_edited_and_reloaded_takes_the_running_session_over(
    kernel, home, name, text
):
    subject = name if name == "functions" else f"{name}.Reloaded"
    written(home, name, text.format(size=1, sign="+"))
    kernel.run(f"import {name}\nsession = attach({subject}, Gated(bars, 20), name='{name}')")
    kernel.run("await processed(session, 20)")

    written(home, name, text.format(size=1, sign="-"))
    kernel.run(f"session = attach({subject}, name='{name}')\nawait session.wait()")

    assert amounts(kernel) == "[1, -1] 60"
    kernel.run("report = session.parity()")
    assert kernel.run(
        f"print(report.first_difference, kinds('{name}').count('Swapped'))"
    ).split() == [
        "None",
        "1",
    ]
    assert "segment 1" in kernel.run("print(report.not_compared)")
    written(home, name, text.format(size=1, sign="+"))
    kernel.run("pass")
    assert "segment 2" in kernel.run("print(session.parity().not_compared)")


@pytest.mark.parametrize(
    ("name", "text"), [("running_functions", MODULE), ("running_classes", CLASS)]
)
def test_a_reload_leaves_the_running_session_its_code_until_it_is_attached_again(
    kernel, home, name, text
):
    subject = f"{name}.Reloaded" if text is CLASS else name
    written(home, name, text.format(size=1, sign="+"))
    kernel.run(
        f"import {name}\nfeed = Gated(bars, 20)\nsession = attach({subject}, feed, name='{name}')"
    )
    kernel.run("await processed(session, 20)")

    written(home, name, text.format(size=1, sign="-"))
    kernel.run("feed.allow(40)\nawait session.wait()")

    assert amounts(kernel) == "[1] 60"
    assert kernel.run(
        f"print(rbt.backtest({subject}, bars).orders['amount'].unique().to_list())"
    ).strip() in {
        "[Decimal('-1')]",
        "[Decimal('-1.000000000000')]",
    }
