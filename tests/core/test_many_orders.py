"""Many orders and many assets: asked for together, taken back, looked up, and named by a
copy of the portal.
"""

from __future__ import annotations

import pickle

import pytest

import rbtlive as rbt
from rbtlive import api, errors
from rbtlive.api import order_target_percents, symbol
from tests.benchmarks.counting import calls_of
from tests.builders import daily_frame


def ran(handle_data, data=None, **options):
    strategy = {"__name__": "many", "handle_data": handle_data}
    return rbt.backtest(strategy, data or daily_frame(8), progress=False, **options)


def test_targets_given_together_are_those_given_one_by_one():
    shares = {"AAA": 0.3, "BBB": -0.2}

    def one_by_one(context, _data):
        for name, target in shares.items():
            context.order_target_percent(context.symbol(name), target)

    def together(context, _data):
        made = order_target_percents({symbol(name): target for name, target in shares.items()})
        context.made = [*getattr(context, "made", []), made]

    apart, joint = ran(one_by_one), ran(together)

    assert apart.orders.equals(joint.orders)
    assert apart.performance.equals(joint.performance)
    first = joint.context.made[0]
    assert [(asset.symbol, order_id) for asset, order_id in first.items()] == [
        ("AAA", "1"),
        ("BBB", "2"),
    ]
    assert joint.orders.height > 2


def test_targets_carry_a_tag_and_leave_nothing_where_nothing_is_missing():
    def target(context, _data):
        context.made = order_target_percents({context.symbol("AAA"): 0}, tag="none")
        order_target_percents({context.symbol("BBB"): 0.1}, tag="some")

    result = ran(target)

    assert list(result.context.made.values()) == [None]
    assert set(result.orders["tag"]) == {"some"}


@pytest.mark.parametrize("targets", [[("AAA", 0.5)], 0.5, None])
def test_targets_that_are_no_mapping_are_refused(targets):
    with pytest.raises(TypeError, match="targets must map assets to fractions"):
        ran(lambda context, _data: context.order_target_percents(targets))


def test_two_targets_of_one_asset_are_refused_and_nothing_is_ordered():
    portal = rbt.PolarsDataPortal(daily_frame(8))
    copy = pickle.loads(pickle.dumps(portal))

    def twice(context, _data):
        try:
            context.order_target_percents({portal.assets[0]: 0.1, copy.assets[0]: 0.2})
        except errors.UnsupportedOrderParameters as error:
            context.said = str(error)

    result = ran(twice, portal)

    assert "AAA came twice" in result.context.said
    assert result.orders.height == 0


@pytest.mark.parametrize("frames", ["polars", "pandas"])
def test_assets_of_the_original_stand_for_those_of_a_copy(frames):
    portal = rbt.PolarsDataPortal(daily_frame(8))
    copy = pickle.loads(pickle.dumps(portal))
    asset = portal.assets[0]
    seen = []

    def look(context, data):
        own = context.symbol(asset.symbol)
        context.order(asset, 1)
        positions = context.portfolio.positions
        seen.append(
            (
                float(data.current(asset, "close")) == float(data.current(own, "close")),
                list(data.history(asset, "close", 1, "1d"))
                == list(data.history(own, "close", 1, "1d")),
                (data.window([asset], "close", 1) == data.window([own], "close", 1)).all(),
                data.can_trade(asset) == data.can_trade(own),
                positions[asset].amount == positions[own].amount,
                (asset in positions) == (own in positions) == bool(positions[own].amount),
                len(context.get_open_orders(asset)) == len(context.get_open_orders(own)) == 1,
            )
        )

    ran(look, copy, frames=frames)

    assert len(seen) == 8
    assert all(all(answers) for answers in seen)


def test_an_asset_of_other_data_is_none_of_the_run():
    other = rbt.PolarsDataPortal(daily_frame(8).filter(symbol="BBB")).assets[0]

    def look(_context, data):
        data.current(other, "close")

    with pytest.raises(TypeError, match="must be assets of this run"):
        ran(look)


def test_taking_back_n_orders_costs_n_times_one():
    def calls(count: int) -> int:
        counted = []

        def place_and_cancel(context, _data):
            ids = [context.order(context.symbol("AAA"), 1) for _ in range(count)]

            def cancel_all():
                for order_id in ids:
                    context.cancel_order(order_id)

            counted.append(calls_of(cancel_all))

        result = ran(place_and_cancel, start="2017-01-11")
        assert set(result.orders["status"]) == {"canceled"}
        return counted[0]

    assert calls(400) < 4.2 * calls(100)


def test_an_order_that_was_taken_back_before_it_was_sent_is_never_sent():

    def place_and_cancel(context, _data):
        kept = context.order(context.symbol("AAA"), 1)
        context.cancel_order(context.order(context.symbol("BBB"), 1))
        context.kept = kept

    result = ran(place_and_cancel, start="2017-01-11")
    commands = dict(zip(result.orders["id"], result.orders["status"], strict=True))

    assert list(commands.values()).count("canceled") == list(commands).__len__() // 2


def test_a_ticker_is_found_without_a_look_at_every_asset():
    counted = []

    def look(context, _data):
        context.symbol("aaa")
        counted.append(calls_of(lambda: context.symbol("BBB")))

    ran(look)

    assert max(counted) < 12


@pytest.mark.parametrize("call", ["order", "order_value", "order_target_percent"])
@pytest.mark.parametrize("several", ["mapping", "mapping and size", "list and size"])
@pytest.mark.parametrize("where", ["method", "module"])
def test_an_order_for_several_assets_is_refused_and_names_the_call_for_many(call, several, where):
    def handle_data(context, _data):
        asset = context.symbol("AAA")
        assets = [asset] if several == "list and size" else {asset: 0.5}
        place = getattr(context if where == "method" else api, call)
        place(*([assets] if several == "mapping" else [assets, 0.5]))

    with pytest.raises((TypeError, errors.UnsupportedOrderParameters)) as caught:
        ran(handle_data)

    said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert f"{call}(" in said
    assert "call it once for each asset, or order_target_percents({asset: 0.5" in said
