"""Orders, fills and positions of many runs in one asset, bar by bar.

The rule: the steps of a bar are in the event engine's order: splits and dividends,
fills of earlier orders, decisions, and assets that leave the market. Each step is one
operation over all runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbtlive.model.arrays import np
from rbtlive.research.signals.asset_span import AssetSpan, Fills, Traded

if TYPE_CHECKING:
    from rbtlive.research.signals.asset_span import Bools, Ints
    from rbtlive.research.signals.costs import Floats


class Simulation:
    """The runs of one asset.

    Args:
        span: The asset.
        enters: Whether a run's entry signal is true, runs x sessions.
        leaves: Whether a run's exit signal is true, runs x sessions.
        sizes: Lots that each run holds from entry to exit.
    """

    def __init__(
        self,
        span: AssetSpan,
        enters: Bools,
        leaves: Bools,
        sizes: Floats,
    ) -> None:
        runs, sessions = enters.shape
        self._span = span
        self._enters = np.ascontiguousarray(enters.T)
        self._leaves = np.ascontiguousarray(leaves.T)
        self._sizes = sizes
        self._held = np.zeros(runs)
        self._open = np.zeros(runs)  # signed lots of the active order
        self._filled = np.zeros(runs)  # its filled lots
        self._paid = np.zeros(runs)  # its commission
        self._waits = False
        self.traded = Traded(np.zeros((runs, sessions)), np.zeros(runs, dtype=np.int64))

    def run(self) -> Traded:
        """Simulate all sessions."""
        span, splits = self._span, self._span.splits
        held: Floats = np.zeros(self._enters.shape)
        acting: Bools = np.any(self._enters | self._leaves, axis=1)
        first, last = span.listed
        acting[:first] = acting[last:] = False
        for session, acts in enumerate(acting.tolist()):
            if session in splits:
                self._split(splits[session])
            if self._waits:
                self._fill(session)
            if acts:
                self._decide(session)
            if session == span.leaves:
                self._leave(session)
            held[session] = self._held
        self.traded.held[:] = held.T
        return self.traded

    def _split(self, ratio: float) -> None:
        span = self._span
        self._held = span.restated_holdings(self._held, ratio)
        self._open = np.trunc(span.restated(self._open, ratio))
        self._filled = np.trunc(span.restated(self._filled, ratio))
        self._waits = bool(self._open.any())

    def _fill(self, session: int) -> None:
        span = self._span
        lot, most = span.lot, span.most[session]
        shares = np.minimum(np.abs(self._open) * lot, most) * np.sign(self._open)
        lots = np.rint(shares / lot)
        runs = np.flatnonzero(lots)
        if not len(runs):
            return
        close, volume = float(span.closes[session]), float(span.volumes[session])
        lots, amounts = lots[runs], lots[runs] * lot
        prices = span.fill.price(close, volume, shares[runs])
        costs = span.charge(amounts, prices, self._filled[runs] * lot, self._paid[runs])
        self._note(session, runs, lots, prices, costs)
        self._held[runs] += lots
        self._filled[runs] += lots
        self._paid[runs] += costs
        self._open[runs] -= lots
        self._waits = bool(self._open.any())

    def _note(self, session: int, runs: Ints, lots: Floats, prices: Floats, costs: Floats) -> None:
        when = np.full(len(runs), session)
        self.traded.fills.append(Fills(runs, when, lots, prices, costs))

    def _decide(self, session: int) -> None:
        leaves = self._leaves[session]
        is_in = (self._held + self._open) != 0.0
        out = leaves & is_in
        into = self._enters[session] & ~(leaves | is_in)
        changed = out | into
        if not changed.any():
            return
        missing = np.where(into, self._sizes, 0.0) - self._held
        self._open = np.where(changed, missing, self._open)
        self._filled[changed] = 0.0
        self._paid[changed] = 0.0
        self.traded.orders += changed & (missing != 0.0)
        self._waits = bool(self._open.any())

    # Closed at its last price, without order or commission.
    def _leave(self, session: int) -> None:
        runs = np.flatnonzero(self._held)
        prices = np.full(len(runs), np.nan_to_num(self._span.prices[session]))
        self._note(session, runs, -self._held[runs], prices, np.zeros(len(runs)))
        self._held = np.zeros_like(self._held)
        self._open = np.zeros_like(self._open)
        self._waits = False
