"""What the panel receives of a session: bounded, plain, only what changed, and nothing
in the session is touched.
"""

import asyncio
import json
import random
from collections import deque
from datetime import date
from itertools import accumulate

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.notebook.panel.columns import ORDER_COLUMNS, POSITION_COLUMNS
from rbtlive.notebook.panel.curves import CURVE_POINTS, Curve
from rbtlive.notebook.panel.failures import FAILURES_KEPT, Failures, traceback_text
from rbtlive.notebook.panel.order_rows import LINES_KEPT, ORDERS_SHOWN, LogLines
from rbtlive.notebook.panel.plain import cut, plain
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
    for key, name in (("orders", "id"), ("positions", "symbol"), ("failures", "number")):
        rows = {row[name]: row for row in picture[key]}
        rows.update({row[name]: row for row in change.get(key, ())})
        for gone in change.get(f"{key}_gone", ()):
            del rows[gone]
        picture[key] = list(rows.values())
    groups = (
        "head",
        "queue",
        "meters",
        "feed",
        "money",
        "counts",
        "live",
        "price_live",
        "refusals",
    )
    for key in (*groups, "symbols", "price"):
        if key in change:
            picture[key] = change[key]
    picture["price"]["points"] = picture["price"]["points"] + change.get("price_added", [])
    picture["equity"] = change.get("equity_anew", picture["equity"] + change.get("equity", []))
    picture["markers"] = (picture["markers"] + change.get("markers", []))[-200:]
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
    for key, name in (("orders", "id"), ("positions", "symbol")):
        kept[key] = sorted(kept[key], key=lambda row: row[name])
    kept["failures"] = sorted(kept["failures"], key=lambda row: row["number"])[-FAILURES_KEPT:]
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
    assert all(row["open"] for row in picture["orders"])
    assert picture["counts"] == {
        "orders": 2 * 754,
        "open": 754 + 1,
        "denied": 0,
        "fills": len(session.result().transactions),
        "positions": 1,
    }
    assert len(json.dumps(picture)) < 120_000


def test_a_filled_order_shows_the_mean_price_of_its_fills(tmp_path):
    session = session_of(Busy, tmp_path, end="2005-01-07")

    rows = {row["id"]: row for row in PanelState(session).whole()["orders"]}

    (fill,) = session.result().transactions.filter(order_id="1").rows(named=True)
    assert rows[1]["price"] == pytest.approx(float(fill["price"]), abs=6e-5)
    assert (rows[1]["state"], rows[1]["side"], rows[1]["type"]) == ("filled", "buy", "market")
    assert (rows[2]["price"], rows[2]["type"], rows[2]["limit"]) == (None, "limit", 0.01)
    assert rows[1]["changed"] == int(fill["dt"].timestamp() * 1000)


def test_values_of_the_panel_are_those_of_the_books(tmp_path):
    session = session_of(Busy, tmp_path)

    picture = PanelState(session).whole()

    money = picture["money"]
    value, cash, gain, share = (money[name] for name in ("value", "cash", "gain", "gain_share"))
    assert value == pytest.approx(float(session.engine.portfolio.portfolio_value), abs=0.005)
    assert cash == pytest.approx(float(session.engine.portfolio.cash), abs=0.005)
    assert gain == pytest.approx(value - 100_000, abs=0.01)
    assert share == pytest.approx(gain / 100_000, abs=1e-6)
    (row,) = picture["positions"]
    amount = 3 * (len(session.result().performance) - 1)
    assert (row["symbol"], row["amount"]) == ("IBM", amount)
    assert row["value"] == pytest.approx(amount * row["price"], abs=0.01)
    assert row["weight"] == pytest.approx(row["value"] / value, abs=1e-4)
    assert money["open"] == pytest.approx(row["profit"], abs=0.01)
    assert money["realised"] == pytest.approx(gain - row["profit"], abs=0.01)


def test_day_and_drawdown_are_those_of_the_sessions(tmp_path):
    session = session_of(Busy, tmp_path)

    money = PanelState(session).whole()["money"]

    values = session.result().performance["portfolio_value"].to_list()
    peaks = list(accumulate(values, max))
    falls = [value / peak - 1 for value, peak in zip(values, peaks, strict=True)]
    assert money["day"] == pytest.approx(values[-1] - values[-2], abs=0.01)
    assert money["drawdown"] == pytest.approx(falls[-1], abs=1e-5)
    assert money["max_drawdown"] == pytest.approx(min(falls), abs=1e-5)


def test_prices_of_the_watched_symbol_parameters_and_records_are_shown(tmp_path):
    class Notes(rbt.TradingAlgorithm):
        window = 7

        def initialize(self, context):
            context.assets = [self.symbol("IBM"), self.symbol("AAPL")]

        def handle_data(self, context, data):
            for asset in context.assets:
                self.order(asset, 1)
            self.record(seven=7, shares=context.portfolio.positions[context.assets[0]].amount)

    session = session_of(Notes, tmp_path, params={"window": 9})
    state = PanelState(session)
    whole = state.whole()

    watched = state.watch("AAPL")

    closes = rbt.load_sample("us-daily").to_frame().filter(pl.col("symbol") == "AAPL")
    last = closes.filter(pl.col("date") == date(2005, 3, 31))["close"][0]
    assert whole["parameters"] == {"window": "9"}
    assert {row["name"]: row["value"] for row in whole["recorded"]}["seven"] == 7
    assert set(whole["symbols"]) == {"IBM", "AAPL"}
    assert watched["symbol"] == "AAPL"
    assert watched["points"][-1][1] == pytest.approx(last)
    assert state.watch("NONE")["symbol"] == "AAPL"


def test_a_price_line_goes_through_the_bars_between_two_looks(tmp_path):
    looks = []

    def look(session):
        looks.append(session)
        state = states.setdefault("one", PanelState(session))
        if len(looks) == 1 or len(looks) % 20 == 0:
            state.delta()

    states = {}
    session_of(Busy, tmp_path, look=look)

    states["one"].delta()

    closes = rbt.load_sample("us-daily").to_frame().filter(pl.col("symbol") == "IBM")
    span = closes.filter(pl.col("date").is_between(date(2005, 1, 3), date(2005, 3, 31)))["close"]
    points = states["one"].watch("IBM")["points"]
    assert len(looks) == len(span)
    assert [price for _moment, price in points][-len(span) :] == pytest.approx(span.to_list())
    assert len({moment for moment, _price in points}) == len(points)


def test_refusals_are_summed_up_by_their_reason(tmp_path):
    class Refused(Busy):
        def initialize(self, context):
            super().initialize(context)
            context.halt_at = 5

        def handle_data(self, context, data):
            context.bars += 1
            self.order(context.asset, 1)

    def look(session):
        if len(session.engine.core.state.orders) == 5:
            event = rbt.OperatorEvent(timestamp=session.engine.core.state.now, action="kill")
            session.engine.enqueue(event)

    session = session_of(Refused, tmp_path, look=look)

    (refusal,) = PanelState(session).whole()["refusals"]

    assert refusal["count"] == len(session.result().denied)
    assert "kill by the operator" in refusal["reason"]


def test_a_row_has_exactly_the_columns_that_are_sent_with_it(tmp_path):
    session = session_of(Busy, tmp_path, end="2005-01-07")

    whole = PanelState(session).whole()

    assert [c["key"] for c in whole["columns"]["orders"]] == [c.key for c in ORDER_COLUMNS]
    assert set(whole["orders"][0]) == {c.key for c in ORDER_COLUMNS} | {"open"}
    assert set(whole["positions"][0]) == {c.key for c in POSITION_COLUMNS}
    shown = {column["key"] for column in whole["columns"]["positions"]}
    assert shown == {c.key for c in POSITION_COLUMNS} - {"elsewhere"}, "nobody else on paper"


def test_failures_are_kept_apart_by_their_line_counted_and_traced_to_the_users_code(tmp_path):
    session = session_of(Busy, tmp_path)

    (failure,) = PanelState(session).whole()["failures"]

    assert failure["times"] == len(session.result().performance) // 10
    assert failure["title"] == "ValueError: <script>alert(1)</script>"
    trace = failure["traceback"]
    assert trace.startswith("test_panel_state.py, line ")
    assert 'raise ValueError("<script>alert(1)</script>")' in trace
    assert "trading_core" not in trace


def test_hostile_text_is_escaped_in_the_still_picture(tmp_path):
    session = session_of(Busy, tmp_path, name="Busy")
    state = PanelState(session).whole()
    hostile = '<img src=x onerror="alert(1)">'
    state["head"].update(name=hostile, strategy=hostile, broker=hostile, failure=hostile)
    blank = {column.key: None for column in ORDER_COLUMNS}
    words = {"symbol": hostile, "state": "denied", "reason": hostile, "side": hostile}
    state["orders"] = [{**blank, **words, "id": 1, "open": 0}]
    state["positions"] = [{**{c.key: 1 for c in POSITION_COLUMNS}, "symbol": hostile}]
    state["refusals"] = [{"reason": hostile, "count": 1}]
    state["parameters"] = {hostile: hostile}
    state["logs"] = [hostile]
    state["failures"] = [{"number": 1, "times": 2, "title": hostile, "traceback": hostile}]

    html = static_html(state)

    assert "<img src=x" not in html
    assert html.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;") == 14


def test_a_still_picture_is_bounded_and_loads_nothing(tmp_path):
    session = session_of(Busy, tmp_path, end="2007-12-31")

    html = session_html(session)

    assert len(html) < 40_000
    assert not any(word in html for word in ("<script", "http:", "https:", "@import", "<link"))
    assert html.count("<img") == html.count('src="data:image/svg+xml,') == 1


def test_what_is_reported_and_what_is_stored_do_not_grow_with_the_ticks(tmp_path):
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
            kept[len(sizes)] = len(json.dumps(state.sent())), len(static_html(state.sent()))

    session_of(Trader, tmp_path, look=look, start="2000-03-01", end="2004-12-31")

    assert max(sizes[1:]) < 20_000  # a course that is thinned is sent anew
    assert sum(sizes[800:1200]) <= 1.1 * sum(sizes[400:800])
    for early, late in zip(kept[400], kept[1200], strict=True):
        assert late <= 1.25 * early < 150_000  # curves are halved when they are full


def test_a_course_stays_bounded_keeps_its_ends_and_its_order():
    course = Curve()

    for x in range(0, 1_000_000, 10):
        course.add([(float(x), float(x % 7))])

    xs = [point[0] for point in course.points]
    assert len(xs) < CURVE_POINTS
    assert xs == sorted(xs)
    assert xs[0] == 0
    assert xs[-1] > 980_000


def test_only_new_log_lines_are_reported_and_only_so_many():
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
    first = [dict(row) for row in failures.step({"callbacks": source})]
    source.extend(kind("x") for kind in kinds)
    failures.step({"callbacks": source})

    assert [(row["number"], row["times"], row["title"]) for row in first] == [(1, 2, "Kind0: x")]
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
    ("value", "expected"),
    [(None, None), (float("nan"), None), (float("inf"), None), (2.0, 2), (0.1234567, 0.123457)],
)
def test_numbers_are_plain_json(value, expected):
    assert plain(value) == expected


def test_long_texts_are_cut():
    assert cut("x" * 1000) == "x" * 399 + "…"
    assert cut("short") == "short"


@pytest.mark.parametrize(
    ("value", "digits", "most", "text"),
    [
        (1234567.5, 2, 2, "1,234,567.50"),
        (-0.004, 2, 2, "0.00"),
        (-1234.5, 0, 6, "\u22121,234.5"),
        (None, 0, 0, "\u2013"),
        (100.0, 0, 6, "100"),
    ],
)
def test_numbers_are_grouped_by_commas(value, digits, most, text):
    assert number(value, digits, most) == text


def test_signs_are_shown_of_all_but_zero():
    assert [signed(value, 1) for value in (2.0, -2.0, 0.0, 0.01)] == [
        "+2.0",
        "\u22122.0",
        "0.0",
        "0.0",
    ]
