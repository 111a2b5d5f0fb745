"""The picture of a course: what is drawn, how large it gets, and that it needs nothing
else.
"""

import math
import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from rbtlive.research import BacktestResult
from rbtlive.research.static_chart import EquityCurve, equity_curve_html
from tests.research.builders import run_of, run_with_trades

SVG = "{http://www.w3.org/2000/svg}"
LINE = [(0.0, 100.0), (1.0, 120.0), (2.0, 90.0)]


def drawn(picture):
    """Return the drawing in the address of an image."""
    address = re.search(r'src="data:image/svg\+xml,([^"]*)"', picture).group(1)
    return ET.fromstring(unquote(address))


def places(node):
    """Return the places of a line's points."""
    return [tuple(map(int, pair.split(","))) for pair in node.get("points").split()]


def test_a_course_is_drawn_from_its_lowest_to_its_highest_value():
    image = drawn(
        equity_curve_html(EquityCurve(points=LINE, first="2020-01-02", last="2020-01-06"))
    )

    (line,) = image.findall(f"{SVG}polyline")
    (_, start), (_, high), (_, low) = places(line)
    assert high < start < low  # down is more
    assert [node.text for node in image.findall(f"{SVG}text")] == [
        "120",
        "90",
        "2020-01-02",
        "2020-01-06",
    ]
    assert image.findall(f"{SVG}polygon") == []


def test_the_drawdown_stands_below_and_is_named():
    picture = equity_curve_html(
        EquityCurve(points=LINE, first="a", last="b", depths=[0.0, 0.0, -0.25])
    )

    image = drawn(picture)
    (area,) = image.findall(f"{SVG}polygon")
    assert "-25.0%" in [node.text for node in image.findall(f"{SVG}text")]
    assert max(y for _x, y in places(area)) > max(
        y for _x, y in places(image.find(f"{SVG}polyline"))
    )
    assert (
        'alt="Portfolio value from a to b, between 90 and 120, drawdown down to -25.0%"' in picture
    )


def test_fills_are_marked_on_the_line_and_left_out_where_they_crowd():
    marks = [(0.5, True), (0.501, True), (0.501, False), (1.5, False), (9.0, True)]

    image = drawn(equity_curve_html(EquityCurve(points=LINE, first="a", last="b", marks=marks)))

    assert len(image.findall(f"{SVG}path")) == 3


def test_a_line_at_the_capital_is_drawn_where_the_course_crosses_it():
    crossing, above = (
        drawn(equity_curve_html(EquityCurve(points=LINE, first="a", last="b", base=base)))
        for base in (100.0, 80.0)
    )

    assert len(crossing.findall(f"{SVG}path")) == 1
    assert above.findall(f"{SVG}path") == []


def test_a_long_course_keeps_its_extremes_and_stays_small():
    points = [[float(x), 100 + math.sin(x / 500)] for x in range(100_000)]
    points[77_777][1] = 200.0
    depths = [0.0] * len(points)
    depths[33_333] = -0.5

    picture = equity_curve_html(EquityCurve(points=points, first="a", last="b", depths=depths))

    image = drawn(picture)
    assert min(y for _x, y in places(image.find(f"{SVG}polyline"))) == 18
    assert max(y for _x, y in places(image.find(f"{SVG}polygon"))) == 270
    assert len(picture) < 10_000


@pytest.mark.parametrize(
    "points", [[], [(0.0, 1.0)], [(0.0, 1.0), (0.0, 2.0)], [(0.0, 1.0), (1.0, math.nan)]]
)
def test_what_is_no_course_is_not_drawn(points):
    assert equity_curve_html(EquityCurve(points=points, first="a", last="b")) == ""


def test_a_flat_course_is_drawn_in_the_middle():
    image = drawn(
        equity_curve_html(EquityCurve(points=[(0.0, 5.0), (1.0, 5.0)], first="a", last="b"))
    )

    assert {y for _x, y in places(image.find(f"{SVG}polyline"))} == {107}


def test_texts_stay_texts_in_the_picture():
    hostile = "\"><script>alert('1')</script>&#%"

    picture = equity_curve_html(EquityCurve(points=LINE, first=hostile, last="b"))

    assert "<script" not in picture
    assert drawn(picture).findall(f"{SVG}text")[2].text == hostile


def test_a_result_shows_its_course_beside_its_figures():
    shown = BacktestResult(run_with_trades())._repr_html_()

    image = drawn(shown)
    assert len(places(image.find(f"{SVG}polyline"))) == 5
    assert [node.text for node in image.findall(f"{SVG}text")][-2:] == ["2012-02-01", "2012-02-07"]
    assert shown.index("</table>") < shown.index("<img")
    assert not any(word in shown for word in ("<script", "http:", "https:", "<style", "class="))


def test_a_result_of_one_session_shows_its_figures_alone():
    assert "<img" not in BacktestResult(run_of([10000]))._repr_html_()
