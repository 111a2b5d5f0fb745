"""An asset is one object, found in a mapping by its sid too."""

import copy
import pickle
from datetime import date
from typing import Any

import pytest

from rbtlive.model.asset import Asset, Equity
from tests.benchmarks.counting import calls_of

DAY = date(2020, 1, 2)


def asset(sid: int = 5, kind: type[Asset] = Equity) -> Asset:
    return kind(sid, "A", DAY, DAY, DAY)


def test_a_sid_finds_an_asset_and_an_asset_what_is_kept_by_sid() -> None:
    one = asset()

    assert 5 in {one: "held"}
    assert {one: "held"}[5] == "held"  # type: ignore[index]  # zipline's, by sid
    assert {5: "held"}[one] == "held"  # type: ignore[index]
    assert one == 5
    assert hash(one) == hash(5)


@pytest.mark.parametrize("other", [6, "A", 5.5, None, asset(), asset(kind=Asset)])
def test_nothing_else_equals_an_asset(other: Any) -> None:
    one = asset()

    assert one != other
    assert other != one
    assert one == one


@pytest.mark.parametrize("kind", [Asset, Equity])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
def test_a_copy_hashes_as_its_own_sid(again: Any, kind: type[Asset]) -> None:
    made = again(asset(7, kind))

    assert type(made) is kind
    assert made.to_dict() == asset(7, kind).to_dict()
    assert {made: 1}[7] == 1  # type: ignore[index]
    assert made == made


def test_a_copy_of_a_mapping_is_found_by_the_same_asset() -> None:
    one = asset()

    assert copy.deepcopy({one: {"parts": [1]}})[one] == {"parts": [1]}
    assert copy.copy(one) is one


def test_a_look_up_by_asset_runs_no_code_of_python() -> None:
    one = asset()
    held = {asset(number): number for number in range(20)} | {one: 1}

    assert calls_of(lambda: held[one]) == calls_of(lambda: None)
