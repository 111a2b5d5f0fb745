"""How values are shown: the same ones, in the kinds a strategy asked for."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from rbtlive.core.shown.pandas_presenter import PandasPresenter
from rbtlive.core.shown.polars_presenter import PolarsPresenter
from rbtlive.core.shown.presenter import get_presenter
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import SettingsError
from rbtlive.model.asset import Equity
from rbtlive.model.number import Number
from tests.data.markets import DAYS, bars

NOON = datetime(2017, 1, 3, 12, tzinfo=UTC)
NOON_US = 1_483_444_800_000_000


def test_frames_are_chosen_by_name() -> None:
    assert isinstance(get_presenter("polars"), PolarsPresenter)
    assert isinstance(get_presenter("pandas"), PandasPresenter)
    with pytest.raises(SettingsError, match="was 'arrow'"):
        get_presenter("arrow")


def test_polars_frames_show_exact_numbers() -> None:
    frames = PolarsPresenter()

    assert type(frames.number(Decimal("0.1"))) is Number
    assert frames.price(0.1) == Decimal("0.1")
    assert frames.price(0.1) is frames.price(0.1)
    assert math.isnan(frames.price(float("nan")))
    assert str(frames.volume(1e6)) == "1000000"
    assert str(frames.volume(0.25)) == "0.25"
    assert frames.no_time() is None


def test_pandas_frames_show_ziplines_kinds() -> None:
    frames = PandasPresenter()

    assert (frames.number(Decimal("0.5")), type(frames.number(Decimal(1)))) == (0.5, float)
    assert (type(frames.amount(Decimal(3))), type(frames.amount(Decimal("0.5")))) == (int, float)
    assert (type(frames.volume(3.0)), type(frames.volume(0.5))) == (int, float)
    assert frames.no_time() is pd.NaT


@pytest.mark.parametrize("moment", [NOON, NOON_US])
def test_a_moment_is_shown_whether_given_in_microseconds_or_as_a_datetime(
    moment: datetime | int,
) -> None:
    assert PolarsPresenter().timestamp(moment) == NOON
    assert PandasPresenter().timestamp(moment) == pd.Timestamp("2017-01-03 12:00", tz="UTC")


def test_pandas_assets_have_timestamps_and_are_the_same_object_each_time() -> None:
    asset = PolarsDataPortal(bars({"A": [1.0, 2.0]})).asset("A")
    frames = PandasPresenter()

    shown = frames.present_asset(asset)

    assert shown.start_date == pd.Timestamp("2017-01-03")
    assert isinstance(shown.end_date, pd.Timestamp)
    assert (shown.sid, shown.index, shown.symbol) == (asset.sid, asset.index, "A")
    assert frames.present_asset(asset) is shown is frames.present_asset(shown)
    assert PolarsPresenter().present_asset(asset) is asset
    assert asset.start_date == DAYS[0]


def test_ids_weights_and_names_have_each_frames_shape() -> None:
    asset = PolarsDataPortal(bars({"A": [1.0, 2.0]})).asset("A")
    polars, pandas = PolarsPresenter(), PandasPresenter()

    assert polars.weights({asset: Decimal("0.5")}) == {asset: Decimal("0.5")}
    assert pandas.weights({asset: Decimal("0.5")})[asset] == 0.5
    assert polars.record_name(asset) == pandas.record_name(asset) == "A"
    assert polars.record_name(7) == "7"


def test_two_runs_over_one_portal_show_the_same_asset_objects() -> None:
    asset = Equity(7, "A", date(2020, 1, 2), date(2020, 6, 30), date(2020, 7, 1))

    first, second = (
        get_presenter("pandas").present_asset(asset),
        get_presenter("pandas").present_asset(asset),
    )

    assert first is second
    assert get_presenter("pandas").present_asset(first) is first
