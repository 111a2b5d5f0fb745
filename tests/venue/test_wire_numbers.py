"""Numbers on the venue's wire: ASCII digits, as the broker it imitates takes them."""

from decimal import Decimal, InvalidOperation

import pytest

from rbtlive.venue.order_requests import wire_number


@pytest.mark.parametrize("text", ["1", "1.5", ".5", "1.", "+2", "1e3", "-4"])
def test_a_plain_number_is_taken(text):
    assert wire_number(text) == Decimal(text)


@pytest.mark.parametrize("text", ["\u0661\u0662", "1_000", " 1", "1 ", "", "\uff11", "0x1", "NaN"])
def test_what_only_python_takes_for_a_number_is_refused(text):
    with pytest.raises(InvalidOperation):
        wire_number(text)
