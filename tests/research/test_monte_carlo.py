"""Monte Carlo resamples what a result has, or runs it again under worse conditions."""

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import SettingsError, SweepError
from rbtlive.finance.commission import NoCommission
from rbtlive.finance.slippage import NoSlippage
from tests.research.sweeping.test_signals import cross, market


def run(**options):
    options = {"params": {"fast": 2, "slow": 6}, "start": "2015-01-20", **options}
    return rbt.backtest(cross(size=500), market(), progress=False, **options)


def test_blocks_have_the_results_length_and_mean_and_repeat_by_their_seed():
    result = run()

    found = rbt.monte_carlo(result, n=4000, seed=2)
    again = rbt.monte_carlo(result, n=4000, seed=2)

    returns = result.performance["returns"].to_numpy()
    assert found.values.shape == (4000, len(returns) + 1)
    assert (found.values[:, 0] == 100_000).all()
    assert np.array_equal(found.values, again.values)
    drawn = np.log(found.final / found.capital).mean()
    assert drawn == pytest.approx(np.log1p(returns).sum(), abs=4 * np.log(found.values).std() / 60)


def test_shuffled_trades_end_where_the_closed_trades_do_and_differ_in_between():
    result = run()

    found = rbt.monte_carlo(result, method="trades", n=200)

    closed = result.trades.filter(~pl.col("open"))["net_profit"].cast(pl.Float64)
    assert found.values.shape[1] == closed.len() + 1
    assert found.final == pytest.approx(np.full(200, 100_000 + closed.sum()))
    assert found.drawdowns.std() > 0


def test_bands_and_quantiles_are_those_of_the_draws():
    found = rbt.monte_carlo(run(), n=500, ruin_below=0.97)

    bands = found.bands
    assert bands.columns == ["step", "p05", "p25", "p50", "p75", "p95"]
    assert bands["p50"][-1] == pytest.approx(np.median(found.final))
    assert found.quantiles()["final_value"].is_sorted()
    assert found.ruin == np.mean(found.values.min(axis=1) < 97_000)
    assert 0 < found.loss < 1
    assert "500 draws" in repr(found)
    assert "<table>" in found._repr_html_()


def test_dear_costs_double_what_was_paid():
    result = run()
    free = run(
        slippage=NoSlippage(),
        commission=NoCommission(),
    )

    dear = rbt.monte_carlo(result, method="costs")

    paid = free.metrics["final_value"] - result.metrics["final_value"]
    assert free.metrics["final_value"] - dear.final[0] == pytest.approx(2 * paid, rel=1e-6)


def test_late_fills_are_those_of_signals_a_bar_later():
    result = run()
    late = rbt.signals(
        lambda p: (pl.col("close").rolling_mean(2) > pl.col("close").rolling_mean(6)).shift(1),
        lambda p: (pl.col("close").rolling_mean(2) < pl.col("close").rolling_mean(6)).shift(1),
        size=500,
    )
    expected = rbt.backtest(late, market(), start="2015-01-21", progress=False)

    found = rbt.monte_carlo(result, method="delay")

    assert len(found) == 1
    assert found.final[0] == pytest.approx(expected.metrics["final_value"], rel=0.02)
    assert found.final[0] != result.metrics["final_value"]


def test_noisy_prices_are_several_runs_around_the_result():
    result = run()

    found = rbt.monte_carlo(result, method="prices", n=4, seed=1, amount=1e-9)

    assert found.final == pytest.approx(np.full(4, result.metrics["final_value"]), rel=1e-6)
    assert rbt.monte_carlo(result, method="prices", n=4, amount=0.01).final.std() > 0


def test_what_cannot_be_is_refused(tmp_path):
    result = run()
    with pytest.raises(SettingsError, match="method must be one of blocks, trades, prices"):
        rbt.monte_carlo(result, method="magic")
    with pytest.raises(SettingsError, match="n must be a whole number from 1 on"):
        rbt.monte_carlo(result, n=0)
    with pytest.raises(SettingsError, match="block must be 1 session at least"):
        rbt.monte_carlo(result, block=0.5)
    loaded = rbt.BacktestResult.load(result.save(tmp_path / "result.zip"))
    with pytest.raises(SweepError, match="pass strategy= and data="):
        rbt.monte_carlo(loaded, method="costs")
    again = rbt.monte_carlo(loaded, method="delay", strategy=cross(size=500), data=market())
    assert again.final == rbt.monte_carlo(result, method="delay").final
