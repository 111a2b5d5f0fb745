"""What strategies do that nobody expects of them: no number changes, nothing is lost,
and what cannot be is named.
"""

from __future__ import annotations

import builtins
import copy
import datetime as dt
import decimal
import json
import os
import pickle
import threading
import time
from decimal import Decimal

import pytest

import rbtlive as rbt
from rbtlive import errors
from tests.builders import Churn, Gated, daily_frame, processed, run, same, whole

BARS = 12


class Steady(rbt.TradingAlgorithm):
    """Orders at each bar, and does something odd at the fifth."""

    size = 3

    def initialize(self, context):
        context.bars = 0
        context.asset = self.symbol("AAA")

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars == 5:
            self.odd(context)
        self.order(context.asset, self.size if context.bars % 3 else -2)

    def odd(self, context):
        """Do nothing odd."""


def doing(odd):
    return type("Steady", (Steady,), {"odd": odd})


def change_decimals(_self, _context):
    context = decimal.getcontext()
    context.prec = 3
    context.traps[decimal.Inexact] = True
    context.clear_traps()


def test_the_engine_keeps_its_decimal_context_whatever_a_callback_does_to_it(tmp_path):
    strategy = doing(change_decimals)
    plain = rbt.backtest(Steady, daily_frame(BARS), progress=False)

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert session.state == "stopped"
    assert same(plain, session.result())
    assert same(plain, rbt.backtest(strategy, daily_frame(BARS), progress=False))


def test_a_thread_of_a_callback_is_refused_in_a_backtest_as_in_a_session(tmp_path):
    refused = []

    def order_in_thread(self, context):
        def order():
            try:
                self.order(context.asset, 100)
            except errors.CalledOutsideStrategy as error:
                refused.append(error)

        thread = threading.Thread(target=order)
        thread.start()
        thread.join()

    strategy = doing(order_in_thread)
    plain = rbt.backtest(Steady, daily_frame(BARS), progress=False)

    assert same(plain, rbt.backtest(strategy, daily_frame(BARS), progress=False))
    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))
    assert session.parity().identical
    assert len(refused) == 3


def test_a_tag_of_any_text_is_kept_and_shown_and_a_huge_one_is_refused(tmp_path):
    texts = ["'\"\n\x00<b>", "äö\u20ac", "half \ud800 a character"]

    def tag(self, context):
        for text in texts:
            self.order(context.asset, 1, tag=text)
        with pytest.raises(ValueError, match="tag must not be longer than 1,000 characters"):
            self.order(context.asset, 1, tag="x" * 1_001)

    session = run(whole(doing(tag), tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    kept = {*texts[:2], "half \\ud800 a character"}
    assert kept <= set(session.result().orders["tag"])
    assert kept <= set(rbt.open_session("Steady", journal=tmp_path).result().orders["tag"])
    assert session.parity().identical


@pytest.mark.skipif(os.name != "posix", reason="numbers of open files are small there only")
def test_a_lock_that_other_code_closes_ends_the_session_as_an_unwritable_journal(tmp_path):
    bars = daily_frame(BARS)

    async def closed():
        session = rbt.attach(Steady, rbt.PaperBroker(), feed=Gated(bars, 4), journal=tmp_path)
        await processed(session, 4)
        wanted = (tmp_path / "Steady.lock").stat()
        for number in range(3, 256):
            try:
                if os.path.samestat(os.fstat(number), wanted):
                    os.close(number)
            except OSError:
                continue
        session.pause()
        with pytest.raises(errors.JournalUnwritable, match=r"Steady\.lock is not open any more"):
            await session.wait()

    run(closed())


NESTED: list = []
for _ in range(5_000):
    NESTED = [NESTED]
CIRCLE: dict = {}
CIRCLE["itself"] = CIRCLE


@pytest.mark.parametrize("value", [NESTED, CIRCLE], ids=["nested", "circle"])
def test_a_parameter_that_cannot_be_written_down_is_named(tmp_path, value):
    with pytest.raises(errors.InvalidSetting, match="one of 'size' is nested too deep or holds"):
        run(
            whole(
                Steady,
                tmp_path,
                feed=rbt.ReplayFeed(daily_frame(BARS)),
                params={"size": value},
            )
        )

    assert not list(tmp_path.glob("*.sqlite"))


VALUES = {
    "huge": 10**6000,
    "nan": float("nan"),
    "inf": float("inf"),
    "bytes": b"\xff",
    "half": "\ud800",
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_parameter_of_any_kind_is_recorded_and_the_run_carried_on(tmp_path, value):
    strategy = type("Steady", (Steady,), {"unused": None})
    options = {"params": {"unused": value}, "journal": tmp_path}

    async def stopped():
        feed = Gated(daily_frame(BARS), 4)
        session = rbt.attach(strategy, rbt.PaperBroker(), feed=feed, **options)
        await processed(session, 4)
        await session.stop()

    run(stopped())
    feed = rbt.ReplayFeed(daily_frame(BARS))
    session = run(whole(strategy, tmp_path, feed=feed, params=options["params"]))

    assert len(session.result().performance) == BARS
    assert session.parity().identical
    assert any("unused = " in text for text in session.result().provenance.values())


def test_names_of_parameters_must_be_texts():
    with pytest.raises(errors.InvalidSetting, match="names of params must be texts: was 1"):
        rbt.backtest(Steady, daily_frame(BARS), params={1: 2}, progress=False)


def copied(how):
    def odd(_self, context):
        how(context)

    return odd


@pytest.mark.parametrize(
    "how", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"]
)
def test_a_context_is_not_copied_and_the_error_says_what_can_be(how, tmp_path):
    session = run(whole(doing(copied(how)), tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    (failure,) = session.engine.core.callbacks.failures
    assert isinstance(failure, TypeError)
    assert str(failure).startswith("a strategy's context cannot be copied or pickled")
    assert "copy.deepcopy(context.prices)" in str(failure)


def recursing(self, context):
    recursing(self, context)


def test_a_callback_that_calls_itself_for_ever_is_one_failure_named_with_its_line(tmp_path):
    session = run(whole(doing(recursing), tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert session.state == "stopped"
    assert session.context.bars == BARS
    (text,) = [line for line in session.logs if "failed" in line]
    assert "RecursionError" in text
    assert "in recursing, line" in text
    assert len(text) < 2_000


class Odd(Exception):  # noqa: N818 - it is odd, and it is an exception
    """An exception that somebody else made strangely."""


class Closed(Odd):
    """One that takes no notes."""

    def add_note(self, note):
        raise RuntimeError(note)


def odd_failures():
    homeless = type("Homeless", (Odd,), {"__module__": None})
    for error, notes in ((Odd("a"), [object(), 3]), (Odd("b"), 5), (homeless("c"), None)):
        if notes is not None:
            error.__notes__ = notes
        yield error
    yield Closed("d")


@pytest.mark.parametrize("number", range(4), ids=["notes", "number", "homeless", "closed"])
def test_an_exception_that_is_made_strangely_is_one_failure_as_any_other(tmp_path, number):
    class Failing(Churn):
        def handle_data(self, context, data):
            super().handle_data(context, data)
            if context.bars == 3:
                raise list(odd_failures())[number]

    session = run(whole(Failing, tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))

    (line,) = [line for line in session.logs if "a callback failed" in line]
    assert "handle_data" in line
    assert session.state == "stopped"
    assert session.parity().identical


def test_a_long_text_of_an_exception_is_shortened_in_the_log(tmp_path):
    def odd(_self, _context):
        raise ValueError("x" * 1_000_000)

    session = run(whole(doing(odd), tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    (text,) = [line for line in session.logs if "failed" in line]
    assert "x… (1,000,000 characters)" in text
    assert len(text) < 40_000


REPLACED = [
    (json, "dumps", lambda *_given, **_more: "{}"),
    (json, "loads", lambda *_given, **_more: {}),
    (time, "time", lambda: 0.0),
    (time, "time_ns", lambda: 0),
    (os, "getpid", lambda: 1),
    (builtins, "open", None),
    (builtins, "print", None),
    (dt, "datetime", None),
]


@pytest.mark.parametrize(
    ("module", "name", "other"), REPLACED, ids=[name for _module, name, _other in REPLACED]
)
def test_a_run_is_whole_whatever_a_strategy_puts_in_the_place_of_a_function(
    module, name, other, tmp_path, monkeypatch
):
    plain = rbt.backtest(Steady, daily_frame(BARS), progress=False)
    strategy = doing(lambda _self, _context: monkeypatch.setattr(module, name, other))

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert session.state == "stopped"
    assert session.engine.failure is None
    begun_us, *_, ended_us = [row.wall_us for row in recorded_rows(session)]
    assert 0 < begun_us <= ended_us
    monkeypatch.undo()
    assert same(plain, session.result())
    assert session.parity().identical


def recorded_rows(session):
    with session._recorded() as recorded:
        return list(recorded.rows())


@pytest.mark.parametrize("value", [Decimal("sNaN"), Decimal("-sNaN1"), Decimal("NaN")])
def test_a_recorded_decimal_that_is_no_number_is_missing(value, tmp_path):
    strategy = doing(lambda self, _context: self.record(x=value))

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert session.result().performance["x"].to_list() == [None] * BARS


def test_a_recorded_name_of_half_a_character_is_shown_by_its_escape(tmp_path):
    strategy = doing(lambda self, _context: self.record(**{"\ud800": 1}))

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(BARS))))

    assert session.result().performance["\\ud800"].to_list()[-1] == 1.0
