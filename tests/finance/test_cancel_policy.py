"""Cancel policies answer for each moment of a session."""

from __future__ import annotations

import pytest

from rbtlive.finance.cancel_policy import (
    SESSION_END,
    CancelPolicy,
    EODCancel,
    NeverCancel,
    SessionEvent,
)


def test_the_end_of_day_policy_cancels_at_the_end_of_a_session_only() -> None:
    assert [event for event in SessionEvent if EODCancel().should_cancel(event)] == [SESSION_END]


def test_the_other_one_never_does() -> None:
    assert not any(NeverCancel().should_cancel(event) for event in SessionEvent)


def test_only_the_end_of_day_policy_tells_of_it_unless_switched_off() -> None:
    assert EODCancel().warn_on_cancel
    assert not EODCancel(warn_on_cancel=False).warn_on_cancel
    assert not NeverCancel().warn_on_cancel


def test_the_moments_have_ziplines_numbers() -> None:
    assert [event.name for event in sorted(SessionEvent)] == [
        "BAR",
        "SESSION_START",
        "SESSION_END",
        "MINUTE_END",
        "BEFORE_TRADING_START_BAR",
    ]
    assert SESSION_END == 2


def test_a_policy_must_answer() -> None:
    with pytest.raises(TypeError, match="should_cancel"):
        CancelPolicy()


def test_policies_show_their_settings() -> None:
    assert [repr(EODCancel()), repr(NeverCancel())] == [
        "EODCancel(warn_on_cancel=True)",
        "NeverCancel()",
    ]
