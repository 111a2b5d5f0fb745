"""What zipline's scripts read, how their classes are written, and notes on the errors
that name a missing step.
"""

import copy

import pandas as pd
import pytest

import rbtlive as rbt
from rbtlive.api import (
    EODCancel,
    date_rules,
    fetch_csv,
    order,
    record,
    set_cancel_policy,
    symbol,
    time_rules,
)
from rbtlive.core.actions import near_attributes
from rbtlive.core.actions.error_notes import ARGUMENTS, DATES, FRAMES, POSITION

BARS = rbt.load_sample("us-daily")
SPAN = {"start": "2005-01-03", "end": "2005-01-14", "progress": False}


def seen(look, *, frames="pandas"):
    """Return what `look(context, data)` gives on the third bar, after an order filled."""
    found = []

    def initialize(context):
        context.asset, context.bars = symbol("AAPL"), 0

    def handle_data(context, data):
        context.bars += 1
        record(bars=context.bars)
        if context.bars == 1:
            order(context.asset, 10)
        if context.bars == 3:
            found.append(look(context, data))

    rbt.backtest(
        {"initialize": initialize, "handle_data": handle_data}, BARS, frames=frames, **SPAN
    )
    return found[0]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (lambda c, d: c.datetime == d.current_dt, True),
        (lambda c, d: c.recorded_vars, {"bars": 3}),
        (lambda c, d: c.data_frequency, "daily"),
        (lambda c, d: c.sim_params.start_session, pd.Timestamp("2005-01-03")),
        (lambda c, d: c.sim_params.end_session, pd.Timestamp("2005-01-14")),
        (lambda c, d: c.sim_params.capital_base, 100_000.0),
        (lambda c, d: c.sim_params.first_open, pd.Timestamp("2005-01-03 14:31", tz="UTC")),
        (lambda c, d: c.sim_params.last_close, pd.Timestamp("2005-01-14 21:00", tz="UTC")),
        (lambda c, d: c.sim_params.arena, "backtest"),
        (lambda c, d: [len(c.sim_params.sessions), c.sim_params.sessions[4].day], [10, 7]),
        (lambda c, d: [c.cancel_order(None), c.get_order(None)], [None] * 2),
        (lambda c, d: c.trading_calendar.name, "XNYS"),
        (lambda c, d: c.asset_finder.lookup_symbol("aapl", as_of_date=None) is c.asset, True),
        (lambda c, d: c.asset_finder.retrieve_asset(c.asset.sid) is c.asset, True),
        (lambda c, d: c.asset_finder.retrieve_all(c.asset_finder.sids)[0] is c.asset, True),
        (lambda c, d: c.blotter.open_orders, {}),
        (lambda c, d: [o.filled for o in c.blotter.orders.values()], [10]),
        (lambda c, d: c.benchmark_sid, None),
        (lambda c, d: c.asset.to_dict()["symbol"], "AAPL"),
        (lambda c, d: c.asset.is_alive_for_session(pd.Timestamp("2005-01-03")), True),
        (lambda c, d: c.asset.is_alive_for_session(pd.Timestamp("1999-01-04")), False),
        (lambda c, d: (c.asset == c.asset.sid, hash(c.asset) == hash(c.asset.sid)), (True, True)),
        (lambda c, d: {c.asset: 1}[c.asset.sid], 1),
        (lambda c, d: c.portfolio.positions[c.asset.sid].amount, 10),
        (
            lambda c, d: (c.asset.sid in c.portfolio.positions, 99 in c.portfolio.positions),
            (True, False),
        ),
        (lambda c, d: d.fetcher_assets, []),
        (lambda c, d: hasattr(c, "no_such_name"), False),
    ],
)
def test_the_context_answers_what_ziplines_answers(look, expected):
    assert seen(look) == expected


def test_what_the_user_sets_on_the_context_wins():
    def initialize(context):
        context.datetime = "mine"
        assert context.datetime == "mine"

    rbt.backtest({"initialize": initialize}, BARS, **SPAN)


def test_assets_of_two_portals_are_not_equal():
    assert BARS.assets[0] != rbt.load_sample("us-daily").assets[0]


def test_fetched_assets_are_listed():
    frame = pd.DataFrame({"date": ["2005-01-03"], "symbol": ["MSFT"], "score": [2.0]})
    found = []

    def initialize(context):
        fetch_csv(frame, date_column="date")

    def handle_data(context, data):
        found.append([asset.symbol for asset in data.fetcher_assets])

    rbt.backtest({"initialize": initialize, "handle_data": handle_data}, BARS, **SPAN)

    assert found[0] == ["MSFT"]


def test_a_fetched_asset_is_listed_from_its_first_row_on_and_only_the_last_fetch_counts():
    """A list of coming rows would tell a strategy which assets will be chosen."""
    first = pd.DataFrame({"date": ["2005-01-03"], "symbol": ["IBM"], "score": [1.0]})
    days = ["2005-01-03", "2005-01-05", "2005-01-06"]
    last = pd.DataFrame({"date": days, "symbol": ["MSFT", "AAPL", "MSFT"], "rank": [1, 2, 3]})
    found = []

    def initialize(context):
        fetch_csv(first, date_column="date")
        fetch_csv(last, date_column="date")

    def handle_data(context, data):
        found.append([asset.symbol for asset in data.fetcher_assets])

    rbt.backtest({"initialize": initialize, "handle_data": handle_data}, BARS, **SPAN)

    both = ["AAPL", "MSFT"]
    assert found == [["MSFT"], ["MSFT"], both, both, *[both] * 6]


def test_a_day_order_of_a_daily_run_is_good_for_the_session_after_it():
    def initialize(context):
        context.first = True
        set_cancel_policy(EODCancel(warn_on_cancel=False))

    def handle_data(context, data):
        if context.first:
            order(symbol("AAPL"), 10)
            order(symbol("AAPL"), 10, limit_price=0.01)
        context.first = False

    result = rbt.backtest({"initialize": initialize, "handle_data": handle_data}, BARS, **SPAN)

    first, second = result.orders.sort("created", "id").iter_rows(named=True)
    days = result.performance["date"]
    assert first["status"] == "filled"
    assert second["status"] == "canceled"
    assert (second["created"].date(), second["dt"].date()) == (days[0], days[1])


class Old(rbt.TradingAlgorithm):
    """zipline's form: the algorithm is the context."""

    def initialize(self, short=5):
        self.asset, self.short, self.runs = self.symbol("AAPL"), short, []
        self.schedule_function(self.rebalance)

    def rebalance(self, context, data):
        context.runs.append(context is self)

    def handle_data(self, data):
        self.order(self.asset, self.short)

    def analyze(self, perf):
        assert all(self.runs)
        assert len(self.runs) == len(perf)


class OldWithAny(Old):
    def initialize(self, *args, **kwargs):
        super().initialize(*args, **kwargs)


@pytest.mark.parametrize("strategy", [Old, OldWithAny])
def test_ziplines_older_class_form_runs(strategy):
    assert rbt.backtest(strategy, BARS, **SPAN).orders["amount"].to_list() == [5] * 10


@pytest.mark.parametrize(
    "look",
    [
        lambda c, d: d.history([c.asset], "price", 5, "1d").iloc[-1],
        lambda c, d: d.history([c.asset], "price", 5, "1d")[c.asset],
        lambda c, d: d.history(c.asset, "price", 5, "1d").pct_change().rolling(2).std(),
        lambda c, d: d.history([c.asset], "price", 5, "1d") / "x",
    ],
)
def test_code_for_pandas_over_polars_frames_learns_the_argument(look):
    with pytest.raises(Exception, match=r".") as raised:
        seen(look, frames="polars")

    assert FRAMES in raised.value.__notes__


def test_analyze_over_polars_frames_learns_the_argument_too():
    strategy = {"initialize": lambda context: None, "analyze": lambda context, perf: perf.sharpe}

    with pytest.raises(AttributeError) as raised:
        rbt.backtest(strategy, BARS, **SPAN)

    assert FRAMES in raised.value.__notes__


def test_a_negative_position_on_pandas_3_learns_what_to_write():
    with pytest.raises(KeyError) as raised:
        seen(lambda c, d: d.history(c.asset, "price", 5, "1d")[-1])

    assert POSITION in raised.value.__notes__


def test_a_callback_with_other_arguments_learns_which_it_gets():
    class Wrong(rbt.TradingAlgorithm):
        def initialize(self, context): ...

        def handle_data(self, context, data, more): ...

    with pytest.raises(TypeError) as raised:
        rbt.backtest(Wrong, BARS, **SPAN)

    assert ARGUMENTS in raised.value.__notes__


def test_a_hook_with_other_arguments_learns_too():
    class Wrong(rbt.TradingAlgorithm):
        def on_order_fill(self, context, order): ...

        def handle_data(self, context, data):
            self.order(self.symbol("AAPL"), 1)

    with pytest.raises(TypeError) as raised:
        rbt.backtest(Wrong, BARS, **SPAN)

    assert ARGUMENTS in raised.value.__notes__


@pytest.mark.parametrize(
    ("look", "note"),
    [
        (lambda c, d: c.order_target_percnt(c.asset, 1), "did you mean 'order_target_percent'?"),
        (lambda c, d: c.portfolio.equity, "write context.portfolio.portfolio_value"),
        (lambda c, d: c.portfolio.positions[c.asset].quantity, "write position.amount"),
        (lambda c, d: c.get_order(c.order(c.asset, 1)).limit_price, "write order.limit"),
        (lambda c, d: d.price(c.asset), 'write data.current(asset, "close")'),
        (lambda c, d: d[c.asset].price, near_attributes._ITEMS["BarData"]),
        (lambda c, d: pd.Series(1, pd.to_datetime(["2001-01-01"]))[d.current_session], DATES),
    ],
)
def test_a_name_of_elsewhere_is_answered_by_the_one_here(look, note):
    with pytest.raises(Exception, match=r".") as raised:
        seen(look, frames="polars")

    assert any(one.endswith(note) for one in raised.value.__notes__)


@pytest.mark.parametrize(
    ("act", "kind", "message"),
    [
        (lambda c: c.cancel_order(1), TypeError, r"order_param must be an order or its id: was 1 "),
        (lambda c: c.cancel_order([]), TypeError, r"was \[\] \(list\) in cancel_order\(\)"),
        (
            lambda c: c.order(c.asset, 1, style="limit"),
            TypeError,
            r"style must be an execution style: was 'limit' \(str\)",
        ),
        (
            lambda c: c.symbol("AAPL", "IBM"),
            ValueError,
            r"two letters: was 'IBM' .* symbols\('AAPL', 'IBM'\)",
        ),
    ],
)
def test_an_argument_of_a_wrong_kind_is_named(act, kind, message):
    with pytest.raises(kind, match=message):
        seen(lambda c, d: act(c))


@pytest.mark.parametrize(
    "look",
    [
        lambda c, d: "AAPL" in c.portfolio.positions,
        lambda c, d: c.portfolio.positions.get("AAPL"),
    ],
)
def test_a_position_that_is_looked_up_by_a_text_is_warned_of(look):
    with pytest.warns(UserWarning, match=r"'AAPL' is never among them: use self\.symbol\('AAPL'\)"):
        assert not seen(look)
    assert seen(
        lambda c, d: (c.asset in c.portfolio.positions, c.portfolio.positions.get("A", 7))
    ) == (
        True,
        7,
    )


def test_a_strategy_that_is_given_arguments_says_where_they_go():
    class Plain(rbt.TradingAlgorithm):
        fast = 10

    class Own(rbt.TradingAlgorithm):
        def __init__(self, fast):
            self.fast = fast

    with pytest.raises(TypeError, match=r"Plain\(\) takes no arguments: .*params=\{.fast.: 10\}"):
        Plain(fast=5)
    with pytest.raises(TypeError, match=r"functions are a strategy as \{.initialize.: initialize"):
        rbt.TradingAlgorithm(initialize=print)
    assert copy.copy(Own(5)).fast == 5


def test_an_order_that_was_not_placed_can_be_cancelled():
    assert seen(lambda c, d: c.cancel_order(c.order_target(c.asset, 10))) is None
    assert seen(lambda c, d: c.cancel_order("weather")) is None


def test_an_attribute_of_a_strategys_own_objects_gets_no_suggestion():
    with pytest.raises(AttributeError) as raised:
        seen(lambda c, d: object().amont, frames="polars")

    assert not any("did you mean" in note for note in raised.value.__notes__)


def test_rules_in_the_wrong_order_are_refused_or_with_quirks_warned_of():
    def initialize(context):
        context.schedule_function(
            lambda context, data: None, time_rules.market_open(), date_rules.every_day()
        )

    with pytest.raises(TypeError, match="date_rule of schedule_function"):
        rbt.backtest({"initialize": initialize}, BARS, **SPAN)
    with pytest.warns(UserWarning, match="got a time rule where the date rule goes"):
        rbt.backtest({"initialize": initialize}, BARS, zipline_quirks=True, **SPAN)


def test_an_own_error_of_a_strategy_gets_no_note():
    with pytest.raises(KeyError) as raised:
        seen(lambda c, d: {}["mine"], frames="polars")

    assert not {FRAMES, POSITION, ARGUMENTS} & set(raised.value.__notes__)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("data_frequency", "frequency"),
        ("cash", "capital_base"),
        ("broker", "attach"),
        ("capital_bas", "did you mean 'capital_base'"),
        ("qwertz", "it has strategy"),
    ],
)
def test_arguments_of_other_libraries_are_answered_with_ours(name, hint):
    with pytest.raises(TypeError, match=hint):
        rbt.backtest({"initialize": print}, BARS, **{name: 1})


def test_columns_that_analyze_adds_are_in_the_frame_that_comes_back():
    def analyze(context, perf):
        perf["dd"] = perf.portfolio_value / perf.portfolio_value.cummax() - 1

    perf = rbt.run_algorithm(
        start=pd.Timestamp("2005-01-03"),
        end=pd.Timestamp("2005-01-14"),
        initialize=lambda context: None,
        analyze=analyze,
        capital_base=1e5,
        data=BARS,
    )

    assert perf["dd"].to_list() == [0.0] * len(perf)
