"""Sets of the assets that are held are made as zipline's are."""

from datetime import date

from rbtlive.core.shown.held_assets import HeldAssets
from rbtlive.model.asset import Equity


class Positions(dict):
    """As zipline's: a subclass of dict."""


def test_sets_have_the_order_of_those_of_a_subclass_of_dict():
    sids, day = (40, 8, 3, 24, 16, 11, 56, 0, 72, 5), date(2024, 1, 2)
    assets = [Equity(sid, f"A{sid}", day, day, day) for sid in sids]
    zipline = Positions.fromkeys(assets[:8]).keys()
    other = set(assets[6:])

    held = HeldAssets(dict.fromkeys(assets[:8]))

    assert list(held - other) == list(zipline - other)
    assert list(held & other) == list(zipline & other)
    assert list(held | other) == list(zipline | other)
    assert list(held ^ other) == list(zipline ^ other)
    assert list(held) == assets[:8]
