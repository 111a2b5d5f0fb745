"""`Bar.of` and `MarketDataEvent.of` give what the models give, and refuse what they
refuse.
"""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rbtlive.model import bar as bar_module
from rbtlive.model.bar import Bar
from rbtlive.model.events import MarketDataEvent

STAMP = datetime(2020, 1, 2, 21, tzinfo=UTC)
FACTS = {
    "symbol": "A",
    "timestamp": STAMP,
    "open": 100.1,
    "high": 100.25,
    "low": 99.0,
    "close": 100.0,
    "volume": 1e6,
}

numbers = (
    st.sampled_from(
        [0.0, -0.0, 0, 1, True, "1.5", Decimal("1.50"), np.float64(2.5), None, float("nan")]
    )
    | st.floats()
    | st.floats(0, 1000)
    | st.integers(-5, 500)
)
stamps = (
    st.just(STAMP)
    | st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]))
    | st.datetimes()
    | st.none()
)
facts_of_bars = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["A", "", "BRK.B", "\N{SNOWMAN}", "\ud800", None, 5]),
        "timestamp": stamps,
        "open": numbers,
        "high": numbers,
        "low": numbers,
        "close": numbers,
        "volume": numbers,
    },
    optional={"extra": st.just(1)},
)


def made_by(make, facts):
    """Return what a maker makes, as text where it refuses."""
    try:
        return make(facts)
    except (ValueError, TypeError, OverflowError) as refusal:
        return str(refusal)


def as_either(facts):
    """Return the model's text, also with a whole volume as a float: the quick way may
    write 5 as 5.0.
    """
    volume = facts.get("volume")
    whole = type(volume) is int and abs(volume) < 2**53
    floats = facts | {"volume": float(volume)} if whole else facts
    return [repr(made_by(lambda values: Bar(**values), one)) for one in (facts, floats)]


@given(facts_of_bars)
def test_the_quick_way_gives_what_the_model_gives(facts):
    quick, checked = (made_by(make, facts) for make in (Bar.of, lambda values: Bar(**values)))

    assert quick == checked
    assert repr(quick) in as_either(facts)


@given(st.lists(facts_of_bars, max_size=5))
def test_what_was_made_before_changes_nothing(many):
    for facts in [*many, FACTS, *reversed(many)]:
        assert repr(made_by(Bar.of, facts)) in as_either(facts)


@pytest.mark.parametrize("volume", [0, 5, 2**53 - 1, 2**53, -1])
def test_a_whole_volume_is_taken_as_a_float(volume):
    facts = FACTS | {"volume": volume}
    quick, checked = (made_by(make, facts) for make in (Bar.of, lambda values: Bar(**values)))

    assert quick == checked
    assert repr(quick) in as_either(facts)


@pytest.mark.parametrize("missing", list(FACTS))
def test_a_missing_field_is_named(missing):
    facts = {name: value for name, value in FACTS.items() if name != missing}

    with pytest.raises(ValidationError, match=missing):
        Bar.of(facts)


def test_a_quick_bar_is_copied_pickled_and_dumped_as_any_other():
    quick, checked = Bar.of(FACTS), Bar(**FACTS)

    assert hash(quick) == hash(checked)
    assert pickle.loads(pickle.dumps(quick)) == copy.deepcopy(quick) == checked
    assert quick.model_copy(update={"close": Decimal(100)}) == checked
    assert quick.model_dump() == checked.model_dump()
    assert quick.model_dump_json() == checked.model_dump_json()
    assert quick.model_fields_set == checked.model_fields_set


def test_a_quick_bar_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Bar.of(FACTS).close = Decimal(1)


def test_a_subclass_makes_its_own_bars():
    class Labelled(Bar):
        label: str = "none"

    assert Labelled.of(FACTS) == Labelled(**FACTS)


def test_a_quick_slice_is_the_event_of_its_bar():
    checked = MarketDataEvent(timestamp=STAMP, bars={"A": Bar(**FACTS)})

    quick = MarketDataEvent.of(FACTS)

    assert quick == checked
    assert repr(quick) == repr(checked)
    assert pickle.loads(pickle.dumps(quick)) == checked
    assert quick.model_fields_set == checked.model_fields_set


def slice_by_the_models(facts):
    one = Bar(**facts)
    return MarketDataEvent(timestamp=one.timestamp, bars={one.symbol: one})


@given(facts_of_bars)
def test_a_quick_slice_gives_and_refuses_what_the_models_do(facts):
    quick, checked = (made_by(make, facts) for make in (MarketDataEvent.of, slice_by_the_models))

    assert quick == checked
    if isinstance(quick, MarketDataEvent):
        assert {repr(one) for one in quick.bars.values()} <= set(as_either(facts))


def test_the_bar_of_a_quick_slice_is_made_on_request_of_the_numbers_it_was_made_from():
    facts = dict(FACTS)
    quick = MarketDataEvent.of(facts)
    facts["close"] = 1.0

    assert quick.row == ("A", (100.1, 100.25, 99.0, 100.0, 1e6))
    assert quick.bars == {"A": Bar(**FACTS)}
    assert quick.bars["A"].is_plain
    assert quick.row is None


def test_a_quick_slice_is_copied_as_any_other():
    checked = slice_by_the_models(FACTS)

    assert copy.copy(MarketDataEvent.of(FACTS)) == checked
    assert copy.deepcopy(MarketDataEvent.of(FACTS)) == checked
    assert MarketDataEvent.of(FACTS).model_copy(update={"bars": {}}).bars == {}
    assert MarketDataEvent.of(FACTS).model_dump() == checked.model_dump()
    assert MarketDataEvent.of(FACTS).model_dump_json() == checked.model_dump_json()


def test_what_is_remembered_of_numbers_is_bounded(monkeypatch):
    monkeypatch.setattr(bar_module, "_MOST_KNOWN", 40)
    bar_module._known.clear()

    for number in range(100):
        price = 1.0 + number / 64
        assert Bar.of({**FACTS, "low": 0.5, "close": price}).close == Decimal(repr(price))

    assert len(bar_module._known) <= 40


@given(facts_of_bars)
def test_the_floats_of_a_bar_are_those_of_its_decimals(facts):
    bars = [
        made
        for make in (Bar.of, lambda values: Bar(**values))
        if isinstance(made := made_by(make, facts), Bar)
    ]

    for bar in bars:
        numbers = (bar.open, bar.high, bar.low, bar.close, bar.volume)
        assert bar.floats() == tuple(map(float, numbers))


@pytest.mark.parametrize("deep", [False, True])
def test_a_copy_with_another_price_has_the_floats_of_that_price(deep):
    changed = Bar.of(FACTS).model_copy(update={"close": Decimal("99.5")}, deep=deep)

    assert changed.floats() == (100.1, 100.25, 99.0, 99.5, 1e6)
    assert not changed.is_plain


def test_only_a_bar_of_tradable_floats_is_plain():
    assert Bar.of(FACTS).is_plain
    assert not Bar(**FACTS).is_plain
    assert not Bar.of({**FACTS, "high": 1e31}).is_plain
    assert not Bar.of({**FACTS, "low": 1e-31}).is_plain
    assert not Bar.of({**FACTS, "low": -0.0}).is_plain
