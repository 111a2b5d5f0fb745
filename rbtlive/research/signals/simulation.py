"""Orders, fills and positions of many runs in one asset, bar by bar.

The rule: the steps of a bar are in the event engine's order: splits and dividends,
fills of earlier orders, decisions, and assets that leave the market. Each step is one
operation over all runs. Amounts are whole numbers of lots: tenths of a share do not add
up exactly in binary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rbtlive.errors import UnsupportedSignals
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.costs import Charge, Fill


@dataclass(slots=True, kw_only=True)
class AssetSpan:
    """One asset over the sessions of a run.

    Attributes:
        symbol: Its symbol.
        closes: Close of each session, NaN where missing.
        prices: Price at which a position is valued in each session; NaN before the
            first.
        volumes: Volume of each session.
        listed: First session in which it may be ordered, and one past the last.
        leaves: Session at whose end it leaves the market; past the last session if it
            does not.
        splits: Ratio by session: 0.5 is two for one.
        dividends: Money per share by ex session, with the session of its payment (None:
            never).
        lot: Shares in a lot.
        needs_volume: Whether nothing fills in a bar without volume.
        fill: Fill function.
        charge: Commission function.
    """

    symbol: str
    closes: NDArray[np.float64]
    prices: NDArray[np.float64]
    volumes: NDArray[np.float64]
    listed: tuple[int, int]
    leaves: int
    splits: dict[int, float] = field(default_factory=dict)
    dividends: dict[int, list[tuple[float, int | None]]] = field(default_factory=dict)
    lot: float = 1.0
    needs_volume: bool = True
    fill: Fill
    charge: Charge


@dataclass(slots=True)
class Traded:
    """The trades of runs in one asset.

    Attributes:
        held: Signed shares at each close, sessions x runs.
        cash: Cash flow of each session, sessions x runs.
        orders: Orders placed, by run.
        fills: Executions, by run.
        commission: Money charged, by run.
        turnover: Money traded, by run.
    """

    held: NDArray[np.float64]
    cash: NDArray[np.float64]
    orders: NDArray[np.int64]
    fills: NDArray[np.int64]
    commission: NDArray[np.float64]
    turnover: NDArray[np.float64]


class Simulation:
    """The runs of one asset.

    Args:
        span: The asset.
        enters: Whether a run's entry signal is true, sessions x runs.
        leaves: Whether a run's exit signal is true, sessions x runs.
        sizes: Shares that each run holds from entry to exit, in whole lots.
    """

    def __init__(
        self,
        span: AssetSpan,
        enters: NDArray[np.bool_],
        leaves: NDArray[np.bool_],
        sizes: NDArray[np.float64],
    ) -> None:
        sessions, runs = enters.shape
        self._span = span
        self._enters, self._leaves = enters, leaves
        self._sizes = np.rint(sizes / span.lot)
        self._held = np.zeros(runs)
        self._open = np.zeros(runs)  # signed lots of the active order
        self._filled = np.zeros(runs)  # its filled lots
        self._paid = np.zeros(runs)  # its commission
        self._waits = False
        self._due: dict[int, Any] = {}
        self.traded = Traded(
            np.zeros((sessions, runs)),
            np.zeros((sessions, runs)),
            np.zeros(runs, dtype=np.int64),
            np.zeros(runs, dtype=np.int64),
            np.zeros(runs),
            np.zeros(runs),
        )

    def run(self) -> Traded:
        """Simulate all sessions."""
        span, held = self._span, self.traded.held
        acting: NDArray[np.bool_] = np.any(self._enters | self._leaves, axis=1)
        first, last = span.listed
        acting[:first] = acting[last:] = False
        begins = span.splits.keys() | span.dividends.keys()
        for session, acts in enumerate(acting.tolist()):
            if session in begins or self._due:
                self._begin(session)
            if self._waits:
                self._fill(session)
            if acts:
                self._decide(session)
            if session == span.leaves:
                self._leave(session)
            held[session] = self._held
        if span.lot != 1.0:
            held *= span.lot
        return self.traded

    # Dividends on the holdings before the split, then the split of orders and
    # positions.
    def _begin(self, session: int) -> None:
        for amount, paid in self._span.dividends.get(session, ()):
            if paid is not None:
                shares = self._held * self._span.lot
                self._due[paid] = self._due.get(paid, 0.0) + shares * amount
        for paid in [paid for paid in self._due if paid <= session]:
            self.traded.cash[session] += self._due.pop(paid)
        ratio = self._span.splits.get(session)
        if ratio is not None:
            restated = self._restated(self._held, ratio)
            if (restated != np.trunc(restated)).any():
                raise UnsupportedSignals(
                    f"a split of {self._span.symbol} by {ratio:g} leaves fractions of a lot, "
                    "which the columnar gear does not pay out: choose another size, or pass "
                    'gear="events"'
                )
            self._held = restated
            self._open = np.trunc(self._restated(self._open, ratio))
            self._filled = np.trunc(self._restated(self._filled, ratio))
            self._waits = bool(self._open.any())

    # Whole shares are divided in binary, other lots in decimals, as in the engine.
    def _restated(self, lots: Any, ratio: float) -> Any:
        return lots / ratio if self._span.lot == 1.0 else np.round(lots / ratio, 6)

    def _fill(self, session: int) -> None:
        span = self._span
        close, volume = float(span.closes[session]), float(span.volumes[session])
        if (span.needs_volume and volume == 0.0) or close != close:  # noqa: PLR0124 - NaN
            return
        lot = span.lot
        price, shares = span.fill(close, volume, self._open * lot)
        lots = np.rint(shares / lot)
        done = lots != 0.0
        if not done.any():
            return
        amount = lots * lot
        cost = np.where(done, span.charge(amount, price, self._filled * lot, self._paid), 0.0)
        money = price * amount
        traded = self.traded
        # Negative if the minimum was paid for more shares than a split has left.
        traded.cash[session] -= money + np.maximum(cost, 0.0)
        traded.turnover += np.abs(money)
        traded.commission += cost
        traded.fills += done
        self._held += lots
        self._filled += lots
        self._paid += cost
        self._open -= lots
        self._waits = bool(self._open.any())

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
        price = float(np.nan_to_num(self._span.prices[session]))
        money = self._held * self._span.lot * price
        self.traded.cash[session] += money
        self.traded.turnover += np.abs(money)
        self.traded.fills += self._held != 0.0
        self._held = np.zeros_like(self._held)
        self._open = np.zeros_like(self._open)
        self._waits = False
