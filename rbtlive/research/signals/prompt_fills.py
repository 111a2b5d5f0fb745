"""The trades of runs whose orders all fill completely on the next bar.

The rule: they are those of `Simulation`. They follow from the signals alone, in a few
operations over all runs and sessions; other runs are left to `Simulation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rbtlive.model.arrays import np
from rbtlive.research.signals.asset_span import AssetSpan, Fills, Traded

if TYPE_CHECKING:
    from rbtlive.research.signals.asset_span import Bools, Ints
    from rbtlive.research.signals.costs import Floats


class _Trades(NamedTuple):
    """From an entry to its exit, run by run, each run's in the order of time.

    Attributes:
        runs: The run of each.
        enters: Session of the decision to enter; the order fills in the next.
        leaves: Session of the decision to leave; the number of sessions if there is
            none.
        bought: Signed lots of the entry.
        held: Signed lots that are left to close after splits.
    """

    runs: Ints
    enters: Ints
    leaves: Ints
    bought: Floats
    held: Floats

    def of(self, kept: Bools) -> _Trades:
        """Return some of them."""
        runs, enters, leaves, bought, held = self
        return _Trades(runs[kept], enters[kept], leaves[kept], bought[kept], held[kept])


def prompt_fills(
    span: AssetSpan,
    enters: Bools,
    leaves: Bools,
    sizes: Floats,
) -> tuple[Traded, Bools]:
    """Return the trades of the runs whose orders all fill completely on the next bar,
    and which runs these are; the others have no trades.

    Args:
        span: The asset.
        enters: Whether a run's entry signal is true, runs x sessions.
        leaves: Whether a run's exit signal is true, runs x sessions.
        sizes: Lots that each run holds from entry to exit.
    """
    runs, sessions = enters.shape
    changes: Floats = np.zeros((runs, sessions))
    traded = Traded(changes, np.zeros(runs, dtype=np.int64))
    trades = _trades(span, enters, leaves, sizes)
    is_prompt = np.ones(runs, dtype=np.bool_)
    is_prompt[trades.runs[~_are_prompt(span, trades)]] = False
    kept = is_prompt[trades.runs]
    trades = trades.of(kept)
    _restate(span, trades, changes)
    # Each trade's entry and exit, one after the other.
    fills = [
        np.stack(pair, axis=1).ravel()
        for pair in (
            (trades.runs, trades.runs),
            (trades.enters + 1, trades.leaves + 1),
            (trades.bought, -trades.held),
        )
    ]
    ordered = fills[1] <= sessions  # an exit after the last session was not decided
    traded.orders += np.bincount(fills[0][ordered], minlength=runs)
    whose, when, lots = (column[fills[1] < sessions] for column in fills)
    changes[whose, when] += lots
    np.cumsum(changes, axis=1, out=changes)
    amounts = lots * span.lot
    prices = span.fill.price(span.closes[when], span.volumes[when], amounts)
    nothing = np.zeros(len(lots))
    costs = span.charge(amounts, prices, nothing, nothing)
    traded.fills.append(Fills(whose, when, lots, prices, costs))
    return traded, is_prompt


# Entries and exits alternate: a signal that asks for what is held already decides
# nothing.
def _trades(span: AssetSpan, enters: Bools, leaves: Bools, sizes: Floats) -> _Trades:
    _, sessions = enters.shape
    acts, into = enters | leaves, enters > leaves
    first, last = span.listed
    acts[:, :first] = acts[:, last:] = False
    acts[sizes == 0.0] = False
    # What was asked for at the bar before decides nothing, and most bars are left out.
    same = into[:, 1:] == into[:, :-1]
    same &= acts[:, :-1]
    acts[:, 1:] &= ~same
    places = np.flatnonzero(acts)
    into = into.ravel()[places]
    runs, when = np.divmod(places, sessions)
    before = np.zeros_like(into)
    before[1:] = into[:-1] & (runs[1:] == runs[:-1])
    decided = np.flatnonzero(into != before)
    into, runs, when = into[decided], runs[decided], when[decided]
    entries = np.flatnonzero(into)
    follows = np.append(~into, False)[entries + 1]
    exits = np.where(follows, np.append(when, 0)[entries + 1], sessions)
    lots = sizes[runs[entries]]
    trades = _Trades(runs[entries], when[entries], exits, lots.copy(), lots)
    for session, ratio in sorted(span.splits.items()):
        opens = trades.enters + 1 == session
        trades.held[:] = np.where(
            opens | _holds(trades, session), span.restated(trades.held, ratio), trades.held
        )
        trades.held[opens] = np.trunc(trades.held[opens])
        trades.bought[opens] = trades.held[opens]
    return trades


# Which trades are held at the start of a session.
def _holds(trades: _Trades, session: int) -> Bools:
    return (trades.enters + 1 < session) & (session <= trades.leaves + 1)


# Whether both orders of each trade fill completely on the next bar, if there is one.
def _are_prompt(span: AssetSpan, trades: _Trades) -> Bools:
    filled_by = np.append(span.most, np.inf)  # after the last session nothing is filled
    bought, left = np.abs(trades.bought) * span.lot, np.abs(trades.held) * span.lot
    prompt = bought <= filled_by[trades.enters + 1]
    prompt &= left <= filled_by[np.minimum(trades.leaves + 1, span.sessions)]
    prompt &= (trades.bought != 0.0) & (trades.held != 0.0)
    if span.leaves < span.sessions:
        prompt &= trades.leaves + 1 <= span.leaves
    return prompt


# Enters the changes of holdings by splits.
def _restate(span: AssetSpan, trades: _Trades, changes: Floats) -> None:
    lots = trades.bought.copy()
    for session, ratio in sorted(span.splits.items()):
        held = _holds(trades, session)
        after = span.restated_holdings(lots[held], ratio)
        changes[trades.runs[held], session] += after - lots[held]
        lots[held] = after
