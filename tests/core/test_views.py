"""What strategies are shown of orders, positions and the account."""

from decimal import Decimal

import pytest

from rbtlive.core.shown.order_views import ORDER_FACTS
from tests.core.plays import on_bar, played

FLAT = {"A": [10.0] * 4, "B": [20.0] * 4}


def looked_at(look, *, bar=2, **settings):
    found = []

    def buy(context, _data):
        context.order(context.symbol("A"), 5, limit_price=11.0)

    played(
        FLAT, on_bar({0: buy, bar: lambda context, _data: found.append(look(context))}), **settings
    )
    return found[0]


def test_an_order_can_be_read_as_an_event():
    order = looked_at(lambda context: context.get_order("1"))

    assert tuple(order.keys()) == ORDER_FACTS
    assert "filled" in order
    assert "colour" not in order
    assert order.to_dict()["sid"].symbol == "A"
    assert order.to_series()["filled"] == 5


def test_pictures_of_an_order_are_equal_while_it_does_not_change():
    early, late, other = looked_at(
        lambda context: (context.get_order("1"), context.get_order("1"), context.get_order("2")),
        frames="pandas",
    )

    assert early == late
    assert early != other


def test_a_picture_of_an_order_does_not_change_with_it():
    pictures = []

    played(
        FLAT,
        on_bar(
            {
                0: lambda context, _data: pictures.append(
                    context.get_order(context.order(context.symbol("A"), 5))
                ),
                1: lambda context, _data: pictures.append(context.get_order("1")),
            }
        ),
    )

    assert [picture.filled for picture in pictures] == [0, 5]


def test_positions_are_a_mapping_that_makes_up_only_what_is_indexed():
    def look(context):
        positions, a, b = context.portfolio.positions, context.symbol("A"), context.symbol("B")
        return (
            positions.get(a).amount,
            positions.get(b),
            positions.get("A", 7),
            positions[b].amount,
            list(positions.copy()),
        )

    held, missing, default, made_up, listed = looked_at(look)

    assert (held, missing, default, made_up, [asset.symbol for asset in listed]) == (
        5,
        None,
        7,
        0,
        ["A"],
    )


@pytest.mark.parametrize(("frames", "kind"), [("polars", Decimal), ("pandas", float)])
def test_weights_and_leverage_are_shown_in_the_kinds_of_the_run(frames, kind):
    def look(context):
        weights = context.portfolio.current_portfolio_weights
        return (
            weights[context.symbol("A")],
            context.account.gross_leverage,
            context.account.leverage,
        )

    weight, gross, leverage = looked_at(look, frames=frames)

    assert isinstance(weight, kind)
    assert float(weight) == gross == leverage == 50 / 100_000
    assert looked_at(lambda context: "gross_leverage" in dir(context.account))


def test_an_assets_tick_is_a_float_where_zipline_shows_one():
    assert isinstance(
        looked_at(lambda context: context.symbol("A").tick_size, frames="pandas"), float
    )
    assert looked_at(lambda context: context.symbol("A").tick_size) == Decimal("0.01")
