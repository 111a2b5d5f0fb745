"""What the panel is told of a session: bounded, plain, only what changed, and nothing
in the session is touched.
"""

import asyncio
import json
import random
from collections import deque

import pytest

import rbtlive as rbt
from rbtlive.notebook.panel.rows import (
    COURSE_POINTS,
    FAILURES_KEPT,
    LINES_KEPT,
    ORDERS_SHOWN,
    Course,
    Failures,
    LogLines,
    cut,
    plain,
    traceback_text,
)
from rbtlive.notebook.panel.snapshot import PanelState
from rbtlive.notebook.panel.static_view import number, signed, static_html
from rbtlive.notebook.panel.widget import session_html

SPAN = {"start": "2005-01-03", "end": "2005-03-31"}


class Busy(rbt.TradingAlgorithm):
    """Leave open orders behind on every bar, fill others, fail now and then."""

    def initialize(self, context):
        context.asset = self.symbol("IBM")
        context.bars = 0

    def handle_data(self, context, data):
        context.bars += 1
        self.order(context.asset, 3)
        self.order(context.asset, 1, limit_price=0.01)
        if context.bars % 10 == 0:
            raise ValueError("<script>alert(1)</script>")


def session_of(strategy, tmp_path, *, look=None, **options):
    """Run a session to its end, looking at it after every bar."""

    async def trade():
        session = rbt.attach(
            strategy,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(rbt.load_sample("us-daily")),
            journal=tmp_path,
            **{**SPAN, **options},
        )
        if look is not None:
            session.engine.dispatcher.register_handler(
                rbt.MarketDataEvent, lambda _event: look(session)
            )
        await session.wait()
        return session

    return asyncio.run(trade())


def follow(picture, change):
    """Apply a change to a picture, as a view does."""
    for key in ("orders", "positions", "failures"):
        rows = {row[0]: row for row in picture[key]}
        rows.update({row[0]: row for row in change.get(key, ())})
        for gone in change.get(f"{key}_gone", ()):
            del rows[gone]
        picture[key] = list(rows.values())
    for key in ("head", "queue", "meters", "feed", "money", "counts", "live"):
        if key in change:
            picture[key] = change[key]
    picture["equity"] = change.get("equity_anew", picture["equity"] + change.get("equity", []))
    picture["marks"] = (picture["marks"] + change.get("marks", []))[-200:]
    picture["logs"] = (picture["logs"] + change.get("logs", []))[-LINES_KEPT:]
    picture["seq"] = change["seq"]
    return picture


def same(picture):
    """Return a picture without order of rows, and without what differs by moment."""
    kept = {
        key: value
        for key, value in picture.items()
        if key not in {"t", "silent_s", "depths", "meters", "queue"}
    }
    for key in ("orders", "positions"):
        kept[key] = sorted(kept[key], key=lambda row: row[0])
    kept["failures"] = sorted(kept["failures"])[-FAILURES_KEPT:]
    return kept


def test_changes_lead_from_any_whole_to_the_next(tmp_path):
    states, pictures = [], []

    def look(session):
        if not states:
            states.append(PanelState(session))
            pictures.append(states[0].whole())
        elif random.Random(len(session.logs) + session.engine.meters.events).random() < 0.5:
            change = states[0].delta()
            if change is not None:
                follow(pictures[0], json.loads(json.dumps(change)))

    session_of(Busy, tmp_path, look=look)
    change = states[0].delta()
    follow(pictures[0], change)

    assert same(pictures[0]) == same(json.loads(json.dumps(states[0].whole())))
    assert pictures[0]["head"]["state"] == "stopped"


def test_a_session_that_is_looked_at_trades_as_one_that_is_not(tmp_path):
    states = {}

    def look(session):
        states.setdefault(session.name, PanelState(session)).delta()
        session_html(session)

    seen = session_of(Busy, tmp_path / "seen", look=look)
    unseen = session_of(Busy, tmp_path / "unseen")

    assert seen.result().performance.equals(unseen.result().performance)
    assert seen.result().transactions.equals(unseen.result().transactions)
    assert seen.parity().identical


def test_open_orders_are_shown_first_and_the_number_of_rows_is_bounded(tmp_path):
    session = session_of(Busy, tmp_path, end="2007-12-31")

    picture = PanelState(session).whole()

    assert len(picture["orders"]) == ORDERS_SHOWN
    assert all(row[11] for row in picture["orders"])
    total, opened, denied, fills, held = picture["counts"]
    assert (total, opened, denied, held) == (2 * 754, 754 + 1, 0, 1)
    assert fills == len(session.result().transactions)
    assert len(json.dumps(picture)) < 80_000


def test_a_filled_order_shows_the_mean_price_of_its_fills(tmp_path):
    session = session_of(Busy, tmp_path, end="2005-01-07")

    rows = {row[0]: row for row in PanelState(session).whole()["orders"]}

    (fill,) = session.result().transactions.filter(order_id="1").rows(named=True)
    assert rows[1][6] == pytest.approx(float(fill["price"]), abs=6e-5)
    assert rows[1][7] == "filled"
    assert rows[2][6] is None


def test_values_of_the_panel_are_those_of_the_books(tmp_path):
    session = session_of(Busy, tmp_path)

    picture = PanelState(session).whole()

    value, cash, gain, share, _commissions = picture["money"]
    assert value == pytest.approx(float(session.engine.portfolio.portfolio_value), abs=0.005)
    assert cash == pytest.approx(float(session.engine.portfolio.cash), abs=0.005)
    assert gain == pytest.approx(value - 100_000, abs=0.01)
    assert share == pytest.approx(gain / 100_000, abs=1e-6)
    ((symbol, amount, _cost, price, worth, _profit),) = picture["positions"]
    assert (symbol, amount) == ("IBM", 3 * (len(session.result().performance) - 1))
    assert worth == pytest.approx(amount * price, abs=0.01)


def test_failures_are_told_apart_by_their_line_counted_and_traced_to_the_users_code(tmp_path):
    session = session_of(Busy, tmp_path)

    ((_number, times, title, trace),) = PanelState(session).whole()["failures"]

    assert times == len(session.result().performance) // 10
    assert title == "ValueError: <script>alert(1)</script>"
    assert trace.startswith("test_panel_state.py, line ")
    assert 'raise ValueError("<script>alert(1)</script>")' in trace
    assert "trading_core" not in trace


def test_hostile_text_is_escaped_in_the_still_picture(tmp_path):
    session = session_of(Busy, tmp_path, name="Busy")
    state = PanelState(session).whole()
    hostile = '<img src=x onerror="alert(1)">'
    state["head"].update(name=hostile, strategy=hostile, broker=hostile, failure=hostile)
    state["orders"] = [[1, hostile, 1, 0, None, None, None, "denied", hostile, 0, 0, 0]]
    state["positions"] = [[hostile, 1, 1, 1, 1, 1]]
    state["logs"] = [hostile]
    state["failures"] = [[1, 2, hostile, hostile]]

    html = static_html(state)

    assert "<img src=x" not in html
    assert html.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;") == 10


def test_a_still_picture_is_bounded_and_loads_nothing(tmp_path):
    session = session_of(Busy, tmp_path, end="2007-12-31")

    html = session_html(session)

    assert len(html) < 40_000
    assert not any(word in html for word in ("<script", "http:", "https:", "@import", "<link"))
    assert html.count("<img") == html.count('src="data:image/svg+xml,') == 1


def test_what_is_told_and_what_is_stored_do_not_grow_with_the_ticks(tmp_path):
    sizes, kept = [], {}

    class Trader(rbt.TradingAlgorithm):
        def initialize(self, context):
            context.shares = [self.symbol(name) for name in ("AAPL", "IBM", "MSFT")]
            context.bars = 0

        def handle_data(self, context, data):
            context.bars += 1
            for share in context.shares:
                self.order(share, 5 if context.bars % 2 else -5)
            if context.bars % 7 == 0:
                raise ValueError(f"failure at bar {context.bars}")

    def look(session):
        state = kept.setdefault("state", PanelState(session))
        sizes.append(len(json.dumps(state.delta())))
        if len(sizes) in {400, 1200}:
            kept[len(sizes)] = len(json.dumps(state.told())), len(static_html(state.told()))

    session_of(Trader, tmp_path, look=look, start="2000-03-01", end="2004-12-31")

    assert max(sizes[1:]) < 8_000  # a course that is thinned is told anew
    assert sum(sizes[800:1200]) <= 1.1 * sum(sizes[400:800])
    for early, late in zip(kept[400], kept[1200], strict=True):
        assert late <= 1.1 * early < 80_000


def test_a_course_stays_bounded_keeps_its_ends_and_its_order():
    course = Course()

    for x in range(0, 1_000_000, 10):
        course.add([(float(x), float(x % 7))])

    xs = [point[0] for point in course.points]
    assert len(xs) < COURSE_POINTS
    assert xs == sorted(xs)
    assert xs[0] == 0
    assert xs[-1] > 980_000


def test_only_new_log_lines_are_told_and_only_so_many():
    log, lines = deque(maxlen=1000), LogLines()
    log.extend(f"line {n}" for n in range(3))

    assert lines.step(log) == ["line 0", "line 1", "line 2"]
    assert lines.step(log) == []
    log.append("line 2 and\na traceback")
    assert lines.step(log) == ["line 2 and"]
    log.extend(f"flood {n}" for n in range(5000))
    assert lines.step(log) == [f"flood {n}" for n in range(5000 - LINES_KEPT, 5000)]
    assert len(lines.lines) == LINES_KEPT


def test_kinds_of_failures_are_bounded_and_counted():
    kinds = [type(f"Kind{n}", (Exception,), {}) for n in range(FAILURES_KEPT + 3)]
    source, failures = deque(maxlen=100), Failures()

    source.extend([kinds[0]("x"), kinds[0]("x")])
    first = [list(row) for row in failures.step({"callbacks": source})]
    source.extend(kind("x") for kind in kinds)
    failures.step({"callbacks": source})

    assert [row[:3] for row in first] == [[1, 2, "Kind0: x"]]
    assert len(failures.kinds) == FAILURES_KEPT
    assert failures.step({"callbacks": source}) == []


def test_a_traceback_names_the_cause():
    try:
        try:
            {}["missing"]
        except KeyError as cause:
            raise ValueError("no price") from cause
    except ValueError as failure:
        text = traceback_text(failure)

    assert text.splitlines()[-2:] == ["ValueError: no price", "caused by KeyError: 'missing'"]


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, None), (float("nan"), None), (float("inf"), None), (2.0, 2), (0.1234567, 0.123457)],
)
def test_numbers_are_plain_json(value, told):
    assert plain(value) == told


def test_long_texts_are_cut():
    assert cut("x" * 1000) == "x" * 399 + "…"
    assert cut("short") == "short"


@pytest.mark.parametrize(
    ("value", "digits", "most", "text"),
    [
        (1234567.5, 2, 2, "1\u202f234\u202f567.50"),
        (-0.004, 2, 2, "0.00"),
        (-1234.5, 0, 6, "\u22121\u202f234.5"),
        (None, 0, 0, "\u2013"),
        (100.0, 0, 6, "100"),
    ],
)
def test_numbers_are_grouped_by_thin_spaces(value, digits, most, text):
    assert number(value, digits, most) == text


def test_signs_are_shown_of_all_but_zero():
    assert [signed(value, 1) for value in (2.0, -2.0, 0.0, 0.01)] == [
        "+2.0",
        "\u22122.0",
        "0.0",
        "0.0",
    ]
