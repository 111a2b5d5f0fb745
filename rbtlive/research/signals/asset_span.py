"""One asset over the sessions of a run, and what many runs traded in it.

The rule: amounts are whole numbers of lots, because tenths of a share do not add up
exactly in binary; matrices have a row per run and a column per session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rbtlive.errors import UnsupportedSignals
from rbtlive.model.arrays import NDArray, np
from rbtlive.research.signals.costs import Fill

if TYPE_CHECKING:
    from rbtlive.research.signals.costs import Charge, Floats

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]


@dataclass(kw_only=True)
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
        fill: Prices and limits of fills.
        charge: Commission function.
    """

    symbol: str
    closes: Floats
    prices: Floats
    volumes: Floats
    listed: tuple[int, int]
    leaves: int
    splits: dict[int, float] = field(default_factory=dict)
    dividends: dict[int, list[tuple[float, int | None]]] = field(default_factory=dict)
    lot: float = 1.0
    needs_volume: bool = True
    fill: Fill
    charge: Charge

    @property
    def sessions(self) -> int:
        """Number of sessions."""
        return len(self.closes)

    @cached_property
    def most(self) -> Floats:
        """Shares that an order may get on the bar of each session: 0 without a bar."""
        there = ~np.isnan(self.closes)
        if self.needs_volume:
            there &= self.volumes != 0.0
        most: Floats = np.where(there, self.fill.most(self.volumes), 0.0)
        return most

    def restated(self, lots: Floats, ratio: float) -> Floats:
        """Return amounts after a split. Whole shares are divided in binary, other lots
        in decimals, as in the engine.
        """
        return lots / ratio if self.lot == 1.0 else np.round(lots / ratio, 6)

    def restated_holdings(self, lots: Floats, ratio: float) -> Floats:
        """Return holdings after a split.

        Raises:
            UnsupportedSignals: fractions of a lot are left.
        """
        restated = self.restated(lots, ratio)
        if (restated != np.trunc(restated)).any():
            raise UnsupportedSignals(
                f"a split of {self.symbol} by {ratio:g} leaves fractions of a lot, which the "
                "columnar gear does not pay out: choose another size, or pass "
                'gear="events"'
            )
        return restated


class Fills(NamedTuple):
    """Executions; those of one run are in the order of time.

    Attributes:
        runs: The run of each.
        sessions: Its session.
        lots: Signed lots.
        prices: Price per share.
        costs: Commission.
    """

    runs: Ints
    sessions: Ints
    lots: Floats
    prices: Floats
    costs: Floats


@dataclass(slots=True)
class Traded:
    """The trades of runs in one asset.

    Attributes:
        held: Signed lots at each close, runs x sessions.
        fills: Executions, in parts.
        orders: Orders placed, by run.
        dividends: Session of each payment, money per share, and the shares of each run.
    """

    held: Floats
    orders: Ints
    fills: list[Fills] = field(default_factory=list)
    dividends: list[tuple[int, float, Floats]] = field(default_factory=list)

    def pay_dividends(self, span: AssetSpan) -> None:
        """Add the dividends on what is held at the close before each ex session."""
        for session, parts in span.dividends.items():
            for amount, paid in parts:
                when = None if paid is None else max(session, paid)
                if session and when is not None and when < span.sessions:
                    shares = self.held[:, session - 1] * span.lot
                    self.dividends.append((when, amount, shares))

    def put(self, runs: Ints, part: Traded) -> None:
        """Take the trades of some runs, given by their places."""
        self.held[runs] = part.held
        self.orders[runs] = part.orders
        self.fills += [fills._replace(runs=runs[fills.runs]) for fills in part.fills]


def joined(fills: Sequence[Fills]) -> Fills:
    """Return fills as one part."""
    return Fills(*map(np.concatenate, zip(*fills, strict=True)))
