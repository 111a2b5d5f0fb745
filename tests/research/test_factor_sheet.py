"""A factor's sheet, beside alphalens-reloaded and by hand."""

import json
import math
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import rbtlive as rbt
from rbtlive.errors import SettingsError
from rbtlive.pipeline import CustomClassifier, CustomFactor
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import Returns
from tests.research.factor_market import (
    DATA_ENDS,
    EXPECTED,
    FIRST,
    LAST,
    PERIODS,
    QUANTILES,
    WINDOW,
    closes,
    group_of,
    troubled,
)


def portal_of(prices: Any) -> Any:
    """Return closes, NaN without a bar, as a portal."""
    rows = [
        (day.date(), symbol, price)
        for symbol in prices.columns
        for day, price in prices[symbol].dropna().items()
    ]
    frame = pl.DataFrame(rows, schema=["date", "symbol", "close"], orient="row")
    same = {name: pl.col("close") for name in ("open", "high", "low")}
    return rbt.PolarsDataPortal(frame.with_columns(**same, volume=1_000.0))


@cache
def portal() -> Any:
    """Return the market as a portal."""
    return portal_of(closes())


def sheet_of(market: Any, last: str) -> Any:
    """Return the sheet of the expected file."""
    factor = Returns(window_length=WINDOW)
    return rbt.factor_sheet(factor, FIRST, last, market, periods=PERIODS, quantiles=QUANTILES)


@cache
def sheet() -> Any:
    return sheet_of(portal(), LAST)


@pytest.mark.parametrize("market", ["plain", "troubled"])
def test_the_measures_are_those_of_alphalens(market):
    """Information coefficients, quantile returns, turnover and autocorrelation agree; the
    troubled market has delisted, late and suspended symbols, and its sheet ends with the data.
    """
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))[market]
    found = sheet() if market == "plain" else sheet_of(portal_of(troubled()), DATA_ENDS)

    assert found.frame.height == expected["rows"]
    assert found.frame["date"].n_unique() == expected["days"]
    for period in PERIODS:
        of_period = found.quantile_returns.filter(period=period)
        close = {"rtol": 1e-9, "atol": 1e-12}
        np.testing.assert_allclose(found.ic[f"ic_{period}"], expected["ic"][str(period)], **close)
        np.testing.assert_allclose(of_period["mean"], expected["mean"][str(period)], **close)
        np.testing.assert_allclose(of_period["std_error"], expected["error"][str(period)], **close)
    for quantile in range(1, QUANTILES + 1):
        turnover = found.turnover.filter(quantile=quantile)["share"]
        np.testing.assert_allclose(turnover, expected["turnover"][str(quantile)])
    np.testing.assert_allclose(found.autocorrelation["correlation"], expected["kept"], rtol=1e-9)


def grouped(market: str, *, neutral: bool) -> tuple[dict[str, Any], Any]:
    """Return alphalens's figures by group, and the sheet of the same market."""
    prices, last = (closes(), LAST) if market == "plain" else (troubled(), DATA_ENDS)
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))[market]
    groups = {symbol: group_of(symbol) for symbol in prices.columns}
    found = rbt.factor_sheet(
        Returns(window_length=WINDOW),
        FIRST,
        last,
        portal_of(prices),
        periods=PERIODS,
        quantiles=3,
        groups=groups,
        neutral=neutral,
    )
    return expected["neutral" if neutral else "groups"], found


@pytest.mark.parametrize("market", ["plain", "troubled"])
@pytest.mark.parametrize("neutral", [False, True])
def test_the_measures_of_groups_are_those_of_alphalens(market: str, neutral: bool):
    """By group, and in all where each group has its own quantiles and mean."""
    expected, found = grouped(market, neutral=neutral)

    close = {"rtol": 1e-9, "atol": 1e-12}
    returns, information = found.group_quantile_returns, found.group_information
    assert found.frame.height == expected["rows"]
    assert returns.columns == ["group", "quantile", "period", "mean", "std_error", "days"]
    for place, period in enumerate(PERIODS):
        rows = returns.filter(period=period).sort("group", "quantile")
        np.testing.assert_allclose(rows["mean"], expected["mean"][place], **close)
        np.testing.assert_allclose(rows["std_error"], expected["error"][place], **close)
        ic = information.filter(period=period)
        assert ic["group"].to_list() == ["A", "B", "C"]
        np.testing.assert_allclose(ic["mean"], [one[place] for one in expected["ic"]], **close)
        every = found.quantile_returns.filter(period=period)
        np.testing.assert_allclose(every["mean"], expected["every"][place], **close)
        np.testing.assert_allclose(found.ic[f"ic_{period}"], expected["plain_ic"][place], **close)


def test_groups_are_a_classifier_or_a_dict_and_assets_without_one_are_left_out():
    """Both forms give the same sheet; what is neither is refused."""

    class Group(CustomClassifier):
        inputs = ()
        window_length = 1
        dtype = np.int64
        missing_value = -1

        def compute(self, today, assets, out):
            out[:] = np.where(np.asarray(assets) % 4 == 3, -1, np.asarray(assets) % 2)

    by_symbol = {asset.symbol: asset.sid % 2 for asset in portal().assets if asset.sid % 4 != 3}
    given = {"periods": [2], "quantiles": 2}
    factor = Returns(window_length=WINDOW)

    by_term = rbt.factor_sheet(factor, FIRST, LAST, portal(), groups=Group(), **given)
    by_dict = rbt.factor_sheet(factor, FIRST, LAST, portal(), groups=by_symbol, **given)

    assert by_term.frame["symbol"].n_unique() == len(by_symbol) == 15
    assert_frame_equal(by_term.group_quantile_returns, by_dict.group_quantile_returns)
    assert by_term.coverage["listed"].max() == 15
    assert sheet().group_information is None
    with pytest.raises(TypeError, match="must be a classifier"):
        rbt.factor_sheet(factor, FIRST, LAST, portal(), groups=factor)
    with pytest.raises(ValueError, match="neutral=True needs groups="):
        rbt.factor_sheet(factor, FIRST, LAST, portal(), neutral=True)


def test_a_delisted_asset_keeps_its_last_close_and_the_data_its_last_return():
    """Rows by hand: the return that ends on the last bar, one that runs past it, and the
    last day of the data.
    """
    prices = troubled()["S01"]

    found = sheet_of(portal_of(troubled()), DATA_ENDS).frame.filter(symbol="S01")

    ends = found.filter(date=date(2016, 3, 14)).row(0, named=True)
    gain = prices["2016-03-15"] / prices["2016-03-14"] - 1
    assert ends["forward_1"] == ends["forward_5"] == pytest.approx(gain)
    assert found.filter(date=date(2016, 3, 15))["forward_1"].to_list() == [0.0]
    assert found["date"].max() == date(2016, 3, 15)
    latest = sheet().frame["date"].max(), sheet_of(portal(), DATA_ENDS).frame["date"].max()
    assert latest == (date(2016, 4, 29), date(2016, 5, 13))  # ten sessions before the 27th


def test_returns_run_from_the_close_of_the_day_whose_morning_knew_the_factor():
    """One row, by hand: the factor looks back from the day before, the return on."""
    prices = closes()["S03"]
    place = prices.index.get_loc("2016-03-10")

    row = sheet().frame.filter(symbol="S03", date=date(2016, 3, 10)).row(0, named=True)

    assert row["factor"] == pytest.approx(prices.iloc[place - 1] / prices.iloc[place - 6] - 1)
    assert row["forward_5"] == pytest.approx(prices.iloc[place + 5] / prices.iloc[place] - 1)


def test_a_factor_that_is_the_future_has_a_coefficient_of_one():
    """And its top quantile gains more than its bottom, in the order of quantiles."""
    prices = closes()

    class Future(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 1

        def compute(self, today, assets, out, close):
            place = prices.index.get_loc(today)
            out[:] = prices.iloc[place + 5] / prices.iloc[place] - 1

    found = rbt.factor_sheet(Future(), FIRST, LAST, portal(), periods=[5], quantiles=4)

    assert found.information["mean"][0] == pytest.approx(1.0)
    means = found.quantile_returns["mean"].to_list()
    assert means == sorted(means)
    assert found.spread["mean"][0] == pytest.approx(means[-1] - means[0])
    assert found.spread["a_session"][0] == pytest.approx((1 + means[-1] - means[0]) ** 0.2 - 1)


def test_a_universe_and_missing_values_count_in_the_coverage():
    """Listed are the assets of the universe, known those with a finite value."""

    class Half(CustomFactor):
        inputs = (USEquityPricing.close,)
        window_length = 1

        def compute(self, today, assets, out, close):
            out[:] = np.where(np.arange(len(assets)) % 2 == 0, close[-1], np.inf)

    universe = USEquityPricing.close.latest.top(10)

    found = rbt.factor_sheet(Half(), FIRST, LAST, portal(), universe=universe, quantiles=2)

    assert found.coverage["listed"].unique().to_list() == [10]
    assert found.coverage["known"].max() < 10
    assert found.frame.group_by("date").len()["len"].max() == found.coverage["known"].max()


def test_days_with_equal_edges_have_no_quantiles():
    """The information coefficient of a constant is not a number, and nothing fails."""
    constant = Returns(window_length=2) * 0.0

    found = rbt.factor_sheet(constant, FIRST, LAST, portal())

    assert found.frame["quantile"].null_count() == found.frame.height
    assert found.ic["ic_1"].null_count() == found.ic.height
    assert math.isnan(found.information["mean"][0])


def test_a_sheet_shows_itself_and_writes_a_page(tmp_path):
    """Every text is escaped, and the page loads nothing."""
    found = rbt.factor_sheet(
        Returns(window_length=WINDOW), FIRST, LAST, portal(), name="<b>momentum</b>"
    )

    page = found.report(tmp_path / "sheet.html").read_text(encoding="utf-8")

    assert "mean IC" in repr(found)
    for text in (page, found._repr_html_()):
        assert "<b>momentum" not in text
        assert "&lt;b&gt;momentum" in text
    assert ">100%</text>" in page
    assert page.count('<svg class="wide"') == page.count('<svg class="narrow"') == 4
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_page_of_a_sheet_with_groups_has_a_row_for_each(tmp_path):
    """Their names are escaped."""
    by_symbol = {asset.symbol: "<x>" if asset.sid % 2 else "even" for asset in portal().assets}

    found = rbt.factor_sheet(
        Returns(window_length=WINDOW), FIRST, LAST, portal(), groups=by_symbol, periods=[1, 3]
    )
    page = found.report(tmp_path / "sheet.html").read_text(encoding="utf-8")

    assert (page.count(">&lt;x&gt;</t"), page.count(">even</t")) == (2, 2)
    assert "<x>" not in page


def test_what_is_no_factor_or_has_no_returns_is_refused():
    """Errors say what was expected and what to do."""
    with pytest.raises(TypeError, match="factor of numbers"):
        rbt.factor_sheet(USEquityPricing.close, FIRST, LAST, portal())
    with pytest.raises(TypeError, match="factor of numbers"):
        rbt.factor_sheet(USEquityPricing.close.latest > 3, FIRST, LAST, portal())
    with pytest.raises(ValueError, match="quantiles 2 or more"):
        rbt.factor_sheet(Returns(window_length=3), FIRST, LAST, portal(), quantiles=1)
    with pytest.raises(SettingsError, match="end earlier"):
        rbt.factor_sheet(Returns(window_length=3), "2016-05-26", "2016-05-27", portal())
