"""The odds of the best of many runs equal what their papers and other libraries give."""

import itertools
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import stats

from rbtlive.errors import SweepError
from rbtlive.research.odds.odds import Odds
from rbtlive.research.odds.overfitting import overfitting
from rbtlive.research.odds.reality import reality_check, superior_ability
from rbtlive.research.odds.sharpe import (
    Moments,
    deflated_sharpe,
    effective_trials,
    expected_max_sharpe,
    min_track_record,
    moments_of,
    probabilistic_sharpe,
)


def noise(periods: int, runs: int, *, seed: int = 1, mean: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, (periods, runs))


def test_the_probabilistic_sharpe_ratio_is_that_of_the_papers_hedge_fund():
    # Bailey & López de Prado (2012): 24 months at 0.458, first as if normal, then with
    # the fund's own skewness and kurtosis.
    assert probabilistic_sharpe(Moments(24, 0.458, 0.0, 3.0)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(Moments(24, 0.458, -2.448, 10.164)) == pytest.approx(
        0.913, abs=5e-4
    )


def test_the_deflated_sharpe_ratio_is_that_of_the_papers_example():
    # Bailey & López de Prado (2014): five years of days, 2.5 annualised, variance of
    # the trials one half, 100 trials; and the 46 trials at which 95 % are reached.
    deviation = math.sqrt(0.5 / 250)
    moments = Moments(1250, 2.5 / math.sqrt(250), -3.0, 10.0)

    assert expected_max_sharpe(100, deviation) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(moments, 100, deviation) == pytest.approx(0.9004, abs=5e-4)
    assert deflated_sharpe(moments, 46, deviation) == pytest.approx(0.9505, abs=5e-4)


def test_after_the_minimum_track_record_the_sharpe_ratio_is_sure():
    moments = Moments(0, 0.1, -0.5, 6.0)
    length = min_track_record(moments, confidence=0.95)

    sure = probabilistic_sharpe(replace(moments, count=length))

    assert sure == pytest.approx(0.95, abs=1e-12)
    assert min_track_record(Moments(10, -0.1, 0.0, 3.0)) == math.inf


def test_the_minimum_track_record_is_that_of_the_papers_table():
    # Bailey & López de Prado (2012), exhibit of normal returns: an annual Sharpe ratio
    # of 2 against 1, in days, takes 2.73 years.
    moments = Moments(0, 2 / math.sqrt(250), 0.0, 3.0)

    days = min_track_record(moments, 1 / math.sqrt(250))

    assert days / 250 == pytest.approx(2.73, abs=0.01)


def test_moments_are_those_of_scipy():
    returns = noise(300, 1)[:, 0] ** 3

    moments = moments_of(returns)

    assert moments.skew == pytest.approx(stats.skew(returns), rel=1e-9)
    assert moments.kurtosis == pytest.approx(stats.kurtosis(returns, fisher=False), rel=1e-9)
    assert moments.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-12)


def test_equal_runs_are_one_trial_and_independent_ones_are_all():
    one = noise(2000, 1)

    assert effective_trials(np.repeat(one, 20, axis=1)) == pytest.approx(1.0)
    assert effective_trials(noise(2000, 20)) == pytest.approx(20, abs=0.5)


def test_the_mean_correlation_is_that_of_the_matrix_of_correlations():
    returns = noise(400, 12) + noise(400, 1, seed=5)
    matrix = np.corrcoef(returns, rowvar=False)
    mean = (matrix.sum() - 12) / (12 * 11)

    assert effective_trials(returns) == pytest.approx(mean + (1 - mean) * 12, rel=1e-9)


def slowly_overfit(returns: np.ndarray, blocks: int) -> float:
    """The definition, split by split and run by run."""
    length = len(returns) // blocks
    parts = [returns[i * length : (i + 1) * length] for i in range(blocks)]
    logits = []
    for inside in itertools.combinations(range(blocks), blocks // 2):
        chosen = np.concatenate([parts[i] for i in inside])
        rest = np.concatenate([parts[i] for i in range(blocks) if i not in inside])
        best = np.argmax(chosen.mean(axis=0) / chosen.std(axis=0))
        ranks = stats.rankdata(rest.mean(axis=0) / rest.std(axis=0))
        share = ranks[best] / (returns.shape[1] + 1)
        logits.append(math.log(share / (1 - share)))
    return float(np.mean(np.array(logits) <= 0))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_probability_of_overfitting_is_what_its_definition_gives(seed):
    returns = noise(240, 7, seed=seed)

    assert overfitting(returns, blocks=6).probability == slowly_overfit(returns, 6)


def test_noise_is_overfit_half_the_time_and_one_good_run_never():
    many = [overfitting(noise(480, 10, seed=seed), blocks=8).probability for seed in range(40)]
    skilled = noise(1600, 10)
    skilled[:, 4] += 0.01

    assert np.mean(many) == pytest.approx(0.5, abs=0.1)
    assert overfitting(skilled, blocks=8).probability == 0.0


def test_what_cannot_be_cross_validated_is_refused():
    with pytest.raises(SweepError, match="two runs at least, was 1"):
        overfitting(noise(100, 1))
    with pytest.raises(SweepError, match="even number from 2 to 20: was 3"):
        overfitting(noise(100, 4), blocks=3)
    with pytest.raises(SweepError, match="20 periods are too few for 16 blocks"):
        overfitting(noise(20, 4), blocks=16)


def test_the_reality_check_finds_skill_and_is_even_without_it():
    skilled = noise(500, 20)
    skilled[:, 3] += 0.003
    values = [reality_check(noise(300, 8, seed=seed), draws=200) for seed in range(60)]

    assert reality_check(skilled, draws=300) < 0.01
    assert 0.35 < np.mean(values) < 0.65


def test_the_reality_check_of_one_run_is_near_a_one_sided_t_test():
    returns = noise(1000, 1, mean=0.0004)
    expected = stats.ttest_1samp(returns[:, 0], 0.0, alternative="greater").pvalue

    assert reality_check(returns, draws=4000, block=1.0) == pytest.approx(expected, abs=0.03)


def test_the_reality_check_agrees_with_archs_test_on_runs_of_one_spread():
    returns = noise(400, 6, mean=0.0006)

    ours = reality_check(returns, draws=2000, block=7)
    theirs = superior_ability(returns, draws=2000, block=7)

    assert ours == pytest.approx(theirs.upper, abs=0.06)


def test_odds_of_noise_say_luck_and_are_shown():
    returns = noise(1000, 30)
    best = int(np.argmax(returns.mean(axis=0) / returns.std(axis=0)))

    odds = Odds(returns, best=best, draws=200, blocks=8)

    assert odds.probabilistic_sharpe > 0.9 > odds.deflated_sharpe
    assert odds.sharpe == pytest.approx(odds.expected_max_sharpe, rel=0.4)
    assert odds.frame().schema == {"figure": pl.String, "value": pl.Float64, "meaning": pl.String}
    assert "deflated_sharpe" in repr(odds)
    assert "<td>pbo</td>" in odds._repr_html_()


def test_a_benchmark_of_another_length_is_refused():
    with pytest.raises(SweepError, match="one return a session, 100"):
        Odds(noise(100, 3), best=0, benchmark=[0.0] * 99)


@pytest.mark.parametrize("trials", [1.0, 1.001, 1.1, 1.3, 2.0])
def test_trials_that_are_nearly_equal_do_not_make_a_sharpe_ratio_surer(trials):
    moments = Moments(500, 0.05, 0.0, 3.0)

    assert expected_max_sharpe(trials, 0.02) >= 0.0
    assert deflated_sharpe(moments, trials, 0.02) <= probabilistic_sharpe(moments)


def test_a_sharpe_ratio_of_two_values_has_its_probability():
    # Skewness and kurtosis of two values make the spread zero at one Sharpe ratio.
    moments = Moments(100, 2.0, 1.0, 2.0)

    assert probabilistic_sharpe(moments) == 1.0
    assert min_track_record(moments) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("returns", "missing"),
    [
        (noise(20, 3), set()),
        (noise(3, 3), {"pbo"}),
        (noise(2, 3), {"sharpe", "pbo", "reality_check", "min_track_record", "track_record"}),
        (noise(100, 1), {"pbo"}),
        (np.zeros((100, 4)), {"pbo"}),
        (np.tile(noise(100, 1), (1, 5)), {"pbo"}),
        (np.where(noise(200, 3) > 0.02, np.nan, noise(200, 3)), set()),
        (np.where(noise(200, 3) > 0.02, np.inf, noise(200, 3)), set()),
    ],
)
def test_odds_of_odd_returns_are_shown_and_what_does_not_exist_is_null(returns, missing):
    odds = Odds(returns, best=0, draws=50)

    table = odds.frame()

    assert missing <= set(table.filter(pl.col("value").is_null())["figure"])
    assert repr(odds).startswith("Odds(")
    assert "<table>" in odds._repr_html_()
    if not missing:
        assert table["value"].null_count() == 0


def test_odds_count_a_year_as_the_metrics_do():
    days = Odds(noise(500, 3), best=0, a_year=365)

    assert days.sharpe == pytest.approx(Odds(noise(500, 3), best=0).sharpe * math.sqrt(365 / 252))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 0}, "draws must be a whole number from 1 on"),
        ({"seed": -1}, "seed must be a whole number from 0 on"),
        ({"benchmark": "SPY"}, "one return a session, 100: was .SPY"),
        ({"benchmark": 0.0}, "one return a session"),
        ({"blocks": 40}, "from 2 to 20"),
        ({"blocks": "8"}, "blocks must be a whole number"),
    ],
)
def test_options_of_odds_that_cannot_be_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        _ = Odds(noise(100, 3), best=0, **options).pbo
