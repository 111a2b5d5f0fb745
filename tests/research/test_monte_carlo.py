"""Monte Carlo resamples what a result has, or runs it again under worse conditions."""

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.errors import SettingsError, SweepError
from rbtlive.finance.commission import NoCommission, PerShare
from rbtlive.finance.slippage import FixedSlippage, NoSlippage
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


class SetsItsCosts(rbt.TradingAlgorithm):
    """Sets commission and slippage itself, as zipline's strategies do."""

    def initialize(self, context):
        context.bars = 0
        self.set_commission(PerShare(0.05))
        self.set_slippage(FixedSlippage(0.2))

    def handle_data(self, context, data):
        context.bars += 1
        for place, symbol in enumerate(("AAA", "BBB")):
            asset = self.symbol(symbol)
            if data.can_trade(asset):
                held = context.bars % 7 < 3 + place
                self.order_target(asset, 30 if held else -10)


def test_costs_that_a_strategy_sets_itself_are_worsened():
    result = rbt.backtest(SetsItsCosts, market(symbols=("AAA", "BBB")), progress=False)
    shares = result.fills["amount"].abs().cast(pl.Float64).sum()

    dear = rbt.monte_carlo(result, method="costs", amount=3).final[0]
    late = rbt.monte_carlo(result, method="delay").final[0]

    paid = shares * (0.05 + 0.1)
    assert result.metrics["final_value"] - dear == pytest.approx(2 * paid)
    assert late != pytest.approx(result.metrics["final_value"])


@pytest.mark.parametrize("frequency", ["1w", "1mo"])
@pytest.mark.parametrize(("method", "amount"), [("prices", 0.0), ("delay", 0), ("costs", 1.0)])
def test_a_run_of_weeks_or_months_again_without_a_change_is_the_run(frequency, method, amount):
    result = rbt.backtest(SetsItsCosts, market(symbols=("AAA", "BBB")), frequency=frequency)

    found = rbt.monte_carlo(result, method=method, amount=amount)

    assert result.transactions.height > 0
    assert found.values[0, 1:].tolist() == result.performance["portfolio_value"].to_list()


@pytest.mark.parametrize("strategy", [SetsItsCosts, None])
@pytest.mark.parametrize("asset_class", ["equity", "crypto", "fx"])
@pytest.mark.parametrize(("method", "amount"), [("prices", 0.0), ("delay", 0), ("costs", 1.0)])
def test_a_run_again_without_a_change_is_the_run(strategy, asset_class, method, amount):
    days = [market().calendar.label(market().first_session + n) for n in (20, 30, 45, 60)]
    tables = {
        "assets": pl.DataFrame(
            {
                "symbol": ["AAA", "BBB"],
                "sid": [9, 4],
                "lot_size": [0.1, 10.0],
                "asset_class": [asset_class] * 2,
                "end_date": [days[3], market().calendar.label(market().last_session)],
                "auto_close_date": [days[3], None],
            }
        ),
        "splits": pl.DataFrame({"symbol": ["BBB"], "effective_date": [days[2]], "ratio": [1 / 3]}),
        "dividends": pl.DataFrame(
            {"symbol": ["AAA"], "ex_date": [days[0]], "pay_date": [days[1]], "amount": [0.1234567]}
        ),
    }
    bars = market(symbols=("AAA", "BBB"), thin=True, gaps=True, **tables)
    chosen = strategy or rbt.signals(
        pl.col("close") > pl.col("close").shift(1), pl.col("close") < pl.col("close").shift(2), 30
    )
    result = rbt.backtest(chosen, bars, progress=False)

    found = rbt.monte_carlo(result, method=method, amount=amount, n=1)

    assert result.fills.height > 5
    values = result.performance["portfolio_value"].to_numpy()
    assert found.values[0, 1:] == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "delay", "amount": -1}, "amount of delay, in bars"),
        ({"method": "delay", "amount": 1.7}, "amount of delay, in bars"),
        ({"method": "costs", "amount": -1}, "amount of costs must be a number from 0"),
        ({"method": "prices", "amount": 50}, "amount of prices must be a number from 0 to 1"),
        ({"method": "prices", "amount": float("nan")}, "amount of prices"),
        ({"amount": 3}, "amount is of prices, delay, costs"),
        ({"method": "costs", "n": 5}, "is one run without randomness: leave n out"),
        ({"ruin_below": "half"}, "ruin_below must be a fraction"),
        ({"ruin_below": 50}, "ruin_below must be a fraction .* e.g. 0.5 for half of it"),
        ({"block": True}, "block must be 1 session at least"),
    ],
)
def test_amounts_that_cannot_be_are_refused(options, message):
    with pytest.raises(SettingsError, match=message):
        rbt.monte_carlo(run(), **options)
