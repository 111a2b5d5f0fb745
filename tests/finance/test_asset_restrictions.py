"""Restrictions say which assets may not be traded at a time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from rbtlive.finance.asset_restrictions import (
    RESTRICTION_STATES,
    HistoricalRestrictions,
    NoRestrictions,
    Restriction,
    Restrictions,
    SecurityListRestrictions,
    StaticRestrictions,
)
from tests.finance.builders import NOW, an_asset

ALFA, BETA, GAMA = an_asset("ALFA", 1), an_asset("BETA", 2), an_asset("GAMA", 3)
FROZEN, ALLOWED = RESTRICTION_STATES.FROZEN, RESTRICTION_STATES.ALLOWED


def restricted(restrictions, dt=NOW):
    return [asset.symbol for asset in (ALFA, BETA, GAMA) if restrictions.is_restricted(asset, dt)]


def test_without_restrictions_everything_may_be_traded() -> None:
    assert restricted(NoRestrictions()) == []


def test_static_restrictions_hold_at_any_time() -> None:
    assert restricted(StaticRestrictions([ALFA, GAMA]), datetime(1980, 1, 1, tzinfo=UTC)) == [
        "ALFA",
        "GAMA",
    ]


def test_several_assets_are_answered_for_one_by_one() -> None:
    assert StaticRestrictions([ALFA]).is_restricted([ALFA, BETA], NOW) == {ALFA: True, BETA: False}


def test_the_same_asset_in_another_object_and_its_sid_are_the_same_asset() -> None:
    assert restricted(StaticRestrictions([an_asset("ALFA", 1), 2])) == ["ALFA", "BETA"]


@pytest.mark.parametrize("wrong", ["ALFA", 1.0, True, None])
def test_a_restricted_list_of_something_else_than_assets_is_refused(wrong) -> None:
    with pytest.raises(
        TypeError, match=r"restricted_list of StaticRestrictions must name assets: .*pass symbol"
    ):
        StaticRestrictions([wrong])


@pytest.mark.parametrize("kind", [lambda d: d, lambda d: d.replace(tzinfo=None), pd.Timestamp])
def test_a_historical_state_holds_from_its_moment_until_the_next(kind) -> None:
    second = timedelta(seconds=1)
    changes = HistoricalRestrictions(
        [
            Restriction(ALFA, kind(NOW + timedelta(days=2)), ALLOWED),
            Restriction(ALFA, kind(NOW), FROZEN),
        ]
    )

    assert restricted(changes, NOW - second) == []
    assert restricted(changes, NOW) == ["ALFA"]
    assert restricted(changes, NOW + timedelta(days=2) - second) == ["ALFA"]
    assert restricted(changes, NOW + timedelta(days=2)) == []


def test_a_date_stands_for_its_first_moment_in_utc() -> None:
    changes = HistoricalRestrictions([Restriction(ALFA, date(2020, 1, 3), FROZEN)])

    assert restricted(changes, datetime(2020, 1, 2, 23, 59, tzinfo=UTC)) == []
    assert restricted(changes, pd.Timestamp("2020-01-03", tz="UTC")) == ["ALFA"]


def test_of_two_states_from_one_moment_the_last_given_holds() -> None:
    changes = [Restriction(ALFA, NOW, FROZEN), Restriction(ALFA, NOW, ALLOWED)]

    assert restricted(HistoricalRestrictions(changes)) == []
    assert restricted(HistoricalRestrictions(changes[::-1])) == ["ALFA"]


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (Restriction("ALFA", NOW, FROZEN), TypeError, "must name assets: was 'ALFA'"),
        (
            Restriction(ALFA, "2020-01-03", FROZEN),
            TypeError,
            "effective_date of a Restriction must be a date",
        ),
        (Restriction(ALFA, NOW, 7), ValueError, "state of a Restriction must be .*: was 7"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_by_name(entry, error, message) -> None:
    with pytest.raises(error, match=message):
        HistoricalRestrictions([entry])


def test_a_security_list_is_asked_for_its_names_at_the_time() -> None:
    class Listed:
        def current_securities(self, dt):
            return [ALFA] if dt >= NOW else []

    assert restricted(SecurityListRestrictions(Listed())) == ["ALFA"]
    assert restricted(SecurityListRestrictions(Listed()), NOW - timedelta(days=1)) == []


def test_combined_restrictions_hold_what_either_holds() -> None:
    later = HistoricalRestrictions([Restriction(BETA, NOW, FROZEN)])

    both = NoRestrictions() | StaticRestrictions([ALFA]) | (later | StaticRestrictions([GAMA]))

    assert restricted(both) == ["ALFA", "BETA", "GAMA"]
    assert restricted(both, NOW - timedelta(days=1)) == ["ALFA", "GAMA"]
    assert both.is_restricted([ALFA, BETA], NOW) == {ALFA: True, BETA: True}
    assert (
        repr(both)
        == "StaticRestrictions([1]) | HistoricalRestrictions([2]) | StaticRestrictions([3])"
    )


def test_combining_with_nothing_gives_the_other_one_back() -> None:
    static = StaticRestrictions([ALFA])

    assert (static | NoRestrictions()) is static
    assert (NoRestrictions() | static) is static
    assert isinstance(NoRestrictions() | NoRestrictions(), NoRestrictions)


def test_restrictions_of_the_users_own_combine_too() -> None:
    class OnMondays(Restrictions):
        def is_restricted(self, assets, dt):
            return dt.weekday() == 0

    monday = NOW + timedelta(days=4)

    assert restricted(OnMondays() | StaticRestrictions([ALFA])) == ["ALFA"]
    assert restricted(StaticRestrictions([ALFA]) | OnMondays(), monday) == ["ALFA", "BETA", "GAMA"]


def test_combining_with_something_else_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        StaticRestrictions([ALFA]) | [BETA]
