"""Values and lists that no run should suffer from: they end at most the callback they
came up in.
"""

from __future__ import annotations

import itertools
import stat

import polars as pl
import pytest

import rbtlive as rbt
from rbtlive import errors
from rbtlive.data.feeds.bounded import MOST_BARS
from rbtlive.runtime.journal.state_folder import StateFolder
from rbtlive.venue.state import InputLog
from tests.builders import Churn, daily_frame, rows_of, run, same, slices, whole


class Unprintable:
    """Cannot be shown."""

    def __repr__(self):
        raise OSError("from __repr__")


class Exits:
    """Ends programs when it is shown."""

    def __repr__(self):
        raise SystemExit("from __repr__")


class Unequal(float):
    """Cannot be compared."""

    def __eq__(self, other):
        raise OSError("from __eq__")

    __hash__ = float.__hash__


class Text(str):
    """A text that cannot be shown, compared or hashed."""

    __slots__ = ()

    def __str__(self):
        raise OSError("from __str__")

    __repr__ = __str__

    def __eq__(self, other):
        raise OSError("from __eq__")

    def __hash__(self):
        raise OSError("from __hash__")


class Items(dict):
    """A mapping that cannot be read."""

    def values(self):
        raise GeneratorExit("from values")


class Later:
    """Can be shown once."""

    def __init__(self):
        self.shown = 0

    def __repr__(self):
        self.shown += 1
        if self.shown > 1:
            raise OSError("from a later __repr__")
        return "later"


class Unreal:
    """No number, although it says so."""

    def __float__(self):
        raise KeyboardInterrupt("from __float__")


def nested(levels):
    inner = []
    for _level in range(levels):
        inner = [inner]
    return inner


def circular():
    inner = []
    inner.append(inner)
    return inner


RECORDED = {
    "unprintable": (Unprintable(), 1), "unequal": (Unequal(1.5), 0), "text": (Text("a"), 0),
    "items": (Items(a=1), 1), "later": (Later, 0), "unreal": (Unreal(), 0),
    "nested": (nested(100_000), 1), "circular": (circular(), 1), "large": (10**100_000, 1),
    "long": ("x" * 1_000_000, 1), "endless": (itertools.count(), 0), "surrogate": ("\ud800", 0),
    "frame": (pl.DataFrame({"a": [1]}), 0),
}  # fmt: skip


class Bad(Churn):
    """Does something impossible at the third bar."""

    act = None

    def handle_data(self, context, data):
        super().handle_data(context, data)
        if context.bars == 3:
            type(self).act(self, data)


def bad(act):
    return type("Bad", (Bad,), {"act": staticmethod(act)})


@pytest.mark.parametrize("name", RECORDED)
def test_whatever_is_recorded_the_run_goes_on_and_is_carried_on(tmp_path, name):
    value, failures = RECORDED[name]
    made = value if isinstance(value, type) else lambda: value
    strategy = bad(lambda algorithm, _data: algorithm.record(x=made()))

    session = run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))

    assert session.engine.ended
    assert session.engine.core.state.callbacks.failure_count == failures
    assert session.result().performance.height == 8
    assert session.parity().identical
    assert "Bad" in session._repr_html_()
    rows = rows_of(tmp_path, "Bad")
    run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))
    assert rows_of(tmp_path, "Bad", 1) == rows


def test_a_recorded_value_that_exits_ends_its_session_and_says_so(tmp_path):
    strategy = bad(lambda algorithm, _data: algorithm.record(x=Exits()))

    with pytest.raises(errors.StrategyExited, match="SystemExit: from __repr__"):
        run(whole(strategy, tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))


def assets(algorithm):
    asset = algorithm.symbol("AAA")
    return (asset for _number in itertools.count())


ENDLESS = {
    "history": lambda algorithm, data: data.history(assets(algorithm), "close", 2, "1d"),
    "fields": lambda algorithm, data: data.history(
        algorithm.symbol("AAA"), ("close" for _number in itertools.count()), 2, "1d"
    ),
    "current": lambda algorithm, data: data.current(assets(algorithm), "close"),
    "can_trade": lambda algorithm, data: data.can_trade(assets(algorithm)),
    "window": lambda algorithm, data: data.window(assets(algorithm), "close", 2),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_list_of_assets_or_fields_fails_its_callback(tmp_path, name):
    session = run(whole(bad(ENDLESS[name]), tmp_path, feed=rbt.ReplayFeed(daily_frame(8))))

    (failure,) = session.engine.core.state.callbacks.failures
    assert "must end" in str(failure)
    assert session.engine.ended


def unknown(stamp, count):
    bar = {"timestamp": stamp, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0}
    return [bar | {"symbol": f"Z{number}"} for number in range(count)]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("too many", f"a list of {MOST_BARS + 1:,} bars was left out"),
        ("unknown", "1000 of this kind so far"),
        ("iterator", "a bar, a mapping or a list of them is expected"),
    ],
)
def test_a_source_that_gives_too_much_at_once_is_reported_in_a_few_lines(tmp_path, what, said):
    frame = daily_frame(8)
    days = slices(frame)
    given = {
        "too many": [None] * (MOST_BARS + 1),
        "unknown": unknown(days[3][0].timestamp, 1_000),
        "iterator": itertools.count(),
    }[what]

    async def source():
        for number, day in enumerate(days):
            if number == 3:
                yield given
            yield day

    options = {"data": frame, "end": frame["date"].max()}
    session = run(whole(Churn, tmp_path, feed=source(), **options))

    assert same(session.result(), rbt.backtest(Churn, frame))
    assert any(said in line for line in session.logs)
    assert len(session.logs) <= 10


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_state_folder_that_others_can_read_is_narrowed(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o755)

    run(whole(Churn, home, feed=rbt.ReplayFeed(daily_frame(4))))

    assert mode(home) == 0o700
    files = [path for path in home.rglob("*") if path.is_file() and path.name != ".gitignore"]
    assert {mode(path) for path in files} == {0o600}


def test_a_state_folder_that_cannot_be_narrowed_is_refused(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)

    def refuse(_path, _mode):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.chmod", refuse)
    with pytest.raises(errors.UnsafeStateFolder, match="has mode 0755"):
        StateFolder(tmp_path).make()


def test_results_and_a_venues_book_can_be_read_by_their_owner_only(tmp_path):
    rbt.backtest(Churn, daily_frame(4)).save(tmp_path / "run.rbt")
    log = InputLog(tmp_path / "venue.sqlite", {"seed": 1})
    log.close()

    assert mode(tmp_path / "run.rbt") == 0o600
    assert mode(tmp_path / "venue.sqlite") == 0o600
