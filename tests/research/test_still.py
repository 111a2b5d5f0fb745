"""Figures as still pictures, for places that run no script."""

import pickle
import xml.etree.ElementTree as ET

import plotly.graph_objects as go
import plotly.io as pio
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.research.figures.kinds import FIGURES
from rbtlive.research.figures.shown import SVG
from rbtlive.research.figures.still import WIDTH, still_picture
from tests.builders import daily_frame
from tests.research.builders import Turns


def tags(svg):
    """Return the names of a picture's elements."""
    return [node.tag.rpartition("}")[2] for node in ET.fromstring(svg).iter()]


@pytest.fixture(scope="module")
def result():
    return rbt.backtest(Turns, daily_frame(80), benchmark="BBB")


@pytest.mark.parametrize("kind", list(FIGURES))
def test_every_figure_has_a_still_picture_within_its_frame(result, kind):
    svg = still_picture(result.plot(kind))

    drawn = tags(svg)
    assert {"polyline", "circle", "rect"} & set(drawn)
    texts = [node for node in ET.fromstring(svg).iter() if node.tag.endswith("text")]
    assert len(texts) > 3
    assert all(0 <= float(node.get("x")) <= WIDTH for node in texts)
    assert "nan" not in svg


def test_a_notebook_gets_the_still_picture_beside_the_figure(result, monkeypatch):
    monkeypatch.setattr(pio.renderers, "default", "plotly_mimetype")

    bundle = result.plot("monthly")._repr_mimebundle_()

    assert set(bundle) == {"application/vnd.plotly.v1+json", SVG}
    assert "Monthly returns" in bundle[SVG]


def test_a_figure_travels_as_plotlys_own(result):
    figure = result.plot("drawdown")

    again = pickle.loads(pickle.dumps(figure))

    assert isinstance(figure, go.Figure)
    assert type(again) is go.Figure
    assert again.to_json() == figure.to_json()


def test_hostile_names_stay_text(result):
    figure = result.plot("equity")
    figure.update_layout(title_text="<script>alert(1)</script>&lt;b&gt;")

    svg = still_picture(figure)

    assert "script" not in tags(svg)
    assert "<script" not in svg


def test_shorts_and_longs_have_shapes_of_their_own_in_picture_and_legend():
    closed = rbt.backtest(BothSides, daily_frame(80))

    figure = closed.plot("trades")

    shown = [trace for trace in figure.data if trace.showlegend is not False]
    assert [(trace.name, trace.marker.symbol) for trace in shown] == [
        ("Long", "circle"),
        ("Short", "diamond"),
    ]
    assert len({trace.marker.color for trace in shown}) == 1
    svg = still_picture(figure)
    sides = closed.trades.filter(~pl.col("open"))["side"].value_counts()
    assert tags(svg).count("circle") == dict(sides.iter_rows())["long"] + 1
    assert svg.count("m0 -5.5l5 5.5") == dict(sides.iter_rows())["short"] + 1


class BothSides(rbt.TradingAlgorithm):
    """Goes from long to short and back every ten bars."""

    def initialize(self, context):
        context.bars = 0

    def handle_data(self, context, data):
        if context.bars % 10 == 0:
            self.order_target(self.symbol("AAA"), 10 if context.bars % 20 else -10)
        context.bars += 1
