"""The columnar gear: evaluates a declared strategy for many parameter sets in one
pass.

The rule: its rows equal those of the event engine to the last cent; strategies that it
cannot compute are refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from time import perf_counter
from typing import Any, Final

import polars as pl

from rbtlive.core.actions.conclusion import require_listed
from rbtlive.core.actions.sizing import whole_lots
from rbtlive.core.state.settings import RunSettings
from rbtlive.data.bars.market import Market
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import UnsupportedSignals
from rbtlive.finance.defaults import (
    CommissionByClass,
    SlippageByClass,
    default_commission,
    default_slippage,
)
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.interval import DAY
from rbtlive.research.ratios import alpha_beta, ratios
from rbtlive.research.signals.asset_span import AssetSpan, Traded
from rbtlive.research.signals.costs import charge_by, fill_by
from rbtlive.research.signals.expressions import SignalTable, bad_places
from rbtlive.research.signals.ledger import Ledger
from rbtlive.research.signals.prompt_fills import prompt_fills
from rbtlive.research.signals.simulation import Simulation
from rbtlive.research.signals.strategy import Signals
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.sweeping.objectives import METRICS, RunView
from rbtlive.research.sweeping.params import Params
from rbtlive.research.sweeping.work import Job, RunRow, error_text
from rbtlive.runtime.backtest import make_market

AT_ONCE: Final = 4_000_000
"""Sessions times runs computed together: some hundred megabytes."""


def check_limits(portal: PolarsDataPortal, settings: RunSettings) -> None:
    """Raise an error for settings that the columnar gear does not support.

    Raises:
        UnsupportedSignals: the run does not use daily bars, uses zipline's quirks, or
            has a custom cost model.
        BenchmarkAssetNotAvailableTooEarly: the benchmark's first bar is after the run's
            first session.
        BenchmarkAssetNotAvailableTooLate: its last bar is before the run's last
            session.
    """
    if settings.benchmark is not None:
        require_listed(portal.asset(settings.benchmark), settings)
    if settings.frequency != DAY.text:
        raise UnsupportedSignals(
            f"the columnar gear computes daily bars: was {settings.frequency!r}; pass "
            'gear="events" to run them on the event engine'
        )
    if settings.zipline_quirks:
        raise UnsupportedSignals(
            'the columnar gear knows no zipline_quirks: leave them out, or pass gear="events"'
        )
    if settings.slippage is not None and type(settings.slippage) is not SlippageByClass:
        fill_by(settings.slippage, Decimal(1))
    if settings.commission is not None and type(settings.commission) is not CommissionByClass:
        charge_by(settings.commission)


def slippage_of(settings: RunSettings, assets: Sequence[Asset], asset: Asset) -> Any:
    """Return the slippage model of a run for one of its assets."""
    model = default_slippage(assets) if settings.slippage is None else settings.slippage
    if type(model) is SlippageByClass:
        return model.models.get(asset.asset_class, model.other)
    return model


def commission_of(settings: RunSettings, assets: Sequence[Asset], asset: Asset) -> Any:
    """Return the commission model of a run for one of its assets."""
    model = default_commission(assets) if settings.commission is None else settings.commission
    if type(model) is CommissionByClass:
        return model.models.get(asset.asset_class, model.other)
    return model


def batch_size(sessions: int) -> int:
    """Return the number of runs computed together."""
    return max(1, AT_ONCE // max(1, sessions))


def run_columns(job: Job, batch: Sequence[Params]) -> list[RunRow]:
    """Run many parameter sets; one that cannot be evaluated becomes a row with its
    error.
    """
    begun = perf_counter()
    declared, errors = _declared(job.strategy, batch)
    rows: dict[int, RunRow] = {}
    while declared:
        try:
            figures, returns, _ = _columns(job).run(list(declared.values()))
        except Exception:
            wrong = _unusable(job, declared)
            if not wrong:
                raise
            errors |= wrong
            declared = {place: one for place, one in declared.items() if place not in wrong}
            continue
        for number, place in enumerate(declared):
            metrics = {name: values[number] for name, values in figures.items()}
            rows[place] = RunRow(batch[place], metrics, returns=returns[number])
        break
    each = (perf_counter() - begun) / len(batch)
    for place, params in enumerate(batch):
        row = rows.setdefault(place, RunRow(params, error=errors.get(place)))
        row.seconds = each
        if row.error is None:
            view = RunView(row.metrics, params)
            try:
                row.values = tuple(objective.value(view) for objective in job.objectives)
            except Exception as failure:  # noqa: BLE001 - a user's function
                row.error = error_text(failure)
            if not job.keep_returns:
                row.returns = None
    return [rows[place] for place in range(len(batch))]


def _columns(job: Job) -> Columns:
    market = make_market(job.portal, job.settings, preload=True)
    return Columns(job.portal, job.settings, market, job.strategy.only)


def values_of(job: Job, batch: Sequence[Params]) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Return the metrics by name, one value per run, and the portfolio values, runs x
    sessions, of parameter sets that can be evaluated.
    """
    figures, _, values = _columns(job).run([job.strategy.declared(params) for params in batch])
    return figures, values


def _known(values: Any, name: str) -> list[float | int | None]:
    if name in {"sessions", "orders", "denied", "fills"}:
        return [int(value) for value in values.tolist()]
    return [value if value - value == 0.0 else None for value in values.tolist()]


def _declared(
    strategy: Signals, batch: Sequence[Params]
) -> tuple[dict[int, tuple[Any, Any, Any]], dict[int, str]]:
    found, errors = {}, {}
    for place, params in enumerate(batch):
        try:
            found[place] = strategy.declared(params)
        except Exception as failure:  # noqa: BLE001 - a user's lambda; the row keeps it
            errors[place] = error_text(failure)
    return found, errors


# One invalid expression fails them all: each is tried alone, on a few bars, on one, and
# then on all.
def _unusable(job: Job, declared: dict[int, tuple[Any, Any, Any]]) -> dict[int, str]:
    table = SignalTable()
    used = {p: (table.add(entry), table.add(leave)) for p, (entry, leave, _) in declared.items()}
    history = make_market(job.portal, job.settings, preload=True).days.history
    bars = history.bars(0, 0, table.fields(history))
    tried = (bad_places(bars.head(rows), table.expressions) for rows in (8, 1, len(bars)))
    wrong = next(filter(None, tried), {})
    return {
        p: error_text(wrong[entry if entry in wrong else leave])
        for p, (entry, leave) in used.items()
        if entry in wrong or leave in wrong
    }


class Columns:
    """The bars of a run as columns, and the results of many runs over them."""

    def __init__(
        self,
        portal: PolarsDataPortal,
        settings: RunSettings,
        market: Market,
        symbols: Sequence[str] | None,
    ) -> None:
        self._portal = portal
        self._settings = settings
        self._market = market
        self._first = portal.calendar.number(settings.start)
        assert settings.end is not None
        self._last = portal.calendar.number(settings.end)
        self._assets = portal.assets if symbols is None else [portal.asset(s) for s in symbols]
        self._rows = market.table.rows_of_session(self._first)[0]
        self._sessions = self._last - self._first + 1

    def run(
        self, declared: Sequence[tuple[pl.Expr, pl.Expr, Any]]
    ) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.float64]]:
        """Return the metrics by name, one value per run, the returns and the portfolio
        values, both runs x sessions.
        """
        table = SignalTable()
        places = [(table.add(entry), table.add(leave)) for entry, leave, _ in declared]
        signals = self._signals(table)
        entries = [entry for entry, _ in places]
        exits = [leave for _, leave in places]
        ledger = Ledger(self._sessions, len(declared), float(self._settings.capital_base))
        for asset, values in zip(self._assets, signals, strict=True):
            is_true = values == 1
            span = self._span(asset)
            sizes = [whole_lots(size, asset.lot_size, binary=False) for *_, size in declared]
            lots = np.rint(np.array(sizes, dtype=np.float64) / span.lot)
            ledger.add(trade(span, is_true[entries], is_true[exits], lots), span)
        return *self._figures(ledger), ledger.values

    # -- signals ----------------------------------------------------------------------

    # Each asset's signals, expressions x sessions. A session sees adjusted bars: after
    # a split or dividend the expressions are evaluated again.
    def _signals(self, table: SignalTable) -> list[NDArray[np.int8]]:
        market, rows = self._market, self._rows
        history = market.days.history
        found = [
            np.zeros((len(table.expressions), self._sessions), dtype=np.int8) for _ in self._assets
        ]
        known: dict[int, tuple[int, int]] = {}  # factors, and the session they are known up to
        fields, actions = table.fields(history), self._actions()
        for begin in sorted({self._first, *(s for each in actions.values() for s in each)}):
            market.open_session(begin)
            for place, asset in enumerate(self._assets):
                factors = history.factor_count(asset.index)
                before, until = known.get(asset.index, (-1, begin))
                if before == factors and begin < until:
                    continue
                # A later action of the asset overwrites the rest, so nothing needs it.
                later = (s for s in actions.get(asset.index, ()) if s > begin)
                until = min(later, default=self._last + 1)
                known[asset.index] = factors, until
                first = market.table.rows_of_session(market.listing.first[asset.index])[0]
                low, high = (rows + session - self._first for session in (begin, until))
                bars = history.bars(asset.index, first, fields)
                check = before < 0
                if not check:
                    bars = bars.head(max(0, high - first))
                values = table.evaluate(bars, symbol=asset.symbol, check=check)
                low = max(first, low)
                found[place][:, low - rows : high - rows] = values[:, low - first : high - first]
        return found

    # The sessions of each asset's splits and dividends, after the first of the run.
    def _actions(self) -> dict[int, set[int]]:
        found: dict[int, set[int]] = {}
        for split in self._portal.splits:
            found.setdefault(split.asset, set()).add(split.session)
        for dividend in self._portal.dividends:
            found.setdefault(dividend.asset, set()).add(dividend.ex_session)
        return {
            asset: {session for session in sessions if self._first < session <= self._last}
            for asset, sessions in found.items()
        }

    # -- an asset ---------------------------------------------------------------------

    def _span(self, asset: Any) -> AssetSpan:
        market, low, high = self._market, self._rows, self._rows + self._sessions
        index = asset.index
        closes = np.array(market.table.column(index, "close", low, high), dtype=np.float64)
        before = np.array(market.table.column(index, "close", 0, low), dtype=np.float64)
        splits = {
            s.session - self._first: float(str(s.ratio))
            for s in self._portal.splits
            if s.asset == index and self._first <= s.session <= self._last
        }
        dividends: dict[int, list[tuple[float, int | None]]] = {}
        for d in self._portal.dividends:
            if d.asset == index and self._first <= d.ex_session <= self._last:
                paid = None if d.pay_session is None else d.pay_session - self._first
                dividends.setdefault(d.ex_session - self._first, []).append(
                    (float(str(d.amount)), paid)
                )
        lives, everything = market.listing, self._portal.assets
        auto_close = (
            self._portal.calendar.at_or_after(asset.auto_close_date)
            if (asset.auto_close_date <= self._settings.end)
            else self._last + 1
        )
        prices = _carried(before, closes)
        self._refuse_gaps(asset.symbol, closes, prices, [*splits, *dividends])
        return AssetSpan(
            symbol=asset.symbol,
            closes=closes,
            prices=prices,
            volumes=np.array(market.table.column(index, "volume", low, high), dtype=np.float64),
            listed=(
                max(0, lives.first[index] - self._first),
                min(self._sessions, max(0, lives.last[index] - self._first + 1)),
            ),
            leaves=auto_close - self._first,
            splits=splits,
            dividends=dividends,
            lot=float(asset.lot_size),
            needs_volume=asset.has_volume,
            fill=fill_by(slippage_of(self._settings, everything, asset), asset.lot_size),
            charge=charge_by(commission_of(self._settings, everything, asset)),
        )

    def _refuse_gaps(self, symbol: str, closes: Any, prices: Any, actions: Sequence[int]) -> None:
        for session in actions:
            if np.isnan(closes[session]) and not np.isnan(prices[session]):
                label = self._portal.calendar.label(self._first + session)
                raise UnsupportedSignals(
                    f"{symbol} has no bar on {label}, the day of a split or dividend, which the "
                    'columnar gear does not carry over: pass gear="events"'
                )

    # -- figures ----------------------------------------------------------------------

    def _figures(self, ledger: Ledger) -> tuple[dict[str, Any], NDArray[np.float64]]:
        returns = ledger.returns()
        runs = len(returns)
        figures: dict[str, Any] = ratios(returns, rows_a_year(self._settings))
        none = np.full(runs, np.nan)
        figures |= {"alpha": none, "beta": none, "benchmark_return": none}
        benchmark = self._benchmark()
        if benchmark is not None:
            alpha, beta = alpha_beta(returns, benchmark, rows_a_year(self._settings))
            whole = np.full(runs, float(np.prod(1.0 + benchmark) - 1.0))
            figures |= {"alpha": alpha, "beta": beta, "benchmark_return": whole}
        figures |= ledger.figures(rows_a_year(self._settings))
        return {name: _known(figures[name], name) for name in METRICS}, returns

    def _benchmark(self) -> NDArray[np.float64] | None:
        if self._settings.benchmark is None:
            return None
        index = self._portal.asset(self._settings.benchmark).index
        found = self._market.benchmark_returns(index, self._first, self._sessions)
        return np.nan_to_num(np.array(found, dtype=np.float64)).astype(np.float64)


# The last known close of each session.
def _carried(before: Any, closes: Any) -> NDArray[np.float64]:
    known = before[~np.isnan(before)]
    joined = np.concatenate([known[-1:], closes]) if len(known) else closes
    places = np.maximum.accumulate(np.where(np.isnan(joined), 0, np.arange(len(joined))))
    carried: NDArray[np.float64] = joined[places][-len(closes) :]
    return carried


def trade(
    span: AssetSpan, enters: NDArray[np.bool_], leaves: NDArray[np.bool_], lots: NDArray[np.float64]
) -> Traded:
    """Return the trades of runs in an asset; arguments as of `Simulation`."""
    traded, is_prompt = prompt_fills(span, enters, leaves, lots)
    others = np.flatnonzero(~is_prompt)
    if len(others):
        traded.put(others, Simulation(span, enters[others], leaves[others], lots[others]).run())
    traded.pay_dividends(span)
    return traded
