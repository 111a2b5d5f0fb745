"""Find the cause of a difference.

The rule: known events come before conclusions, and causes close to the order before
distant ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OrderState
from rbtlive.research.explaining.pairs import Executed

LATE_BAR = "late bar"
"""Prefix of the reason for an order that was denied because its slice was old."""
_BY_HAND = {f"{what} by the operator" for what in ("cancelled", "close", "flatten")}
Cause = tuple[str, str]
"""The name of a cause, and a description of the difference."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Known facts about a session besides its record.

    Attributes:
        revised: First moment at which a bar of the later data has other values.
        missing: First moment at which the session lacked a bar of the later data, or
            had one that the later data lacks.
        late: Moments at which a bar came too late for a decision.
        by_hand: Numbers of the session's orders that an operator requested.
        halted: Periods in which the session did not trade, because it was halted or
            paused.
        changed: When its code, settings or parameters first changed.
        booked: When cash or shares first came to it, or left it, without an order.
        split_by_hand: Symbols for which an operator booked a split.
        other_code: Describes how the session's code, settings or parameters at a moment
            differed from the backtest's; empty if they did not.
        by_data: Says whether the session's bars alone make the strategy decide
            differently at an order; None if it cannot be run.
    """

    revised: datetime | None = None
    missing: datetime | None = None
    late: tuple[datetime, ...] = ()
    by_hand: frozenset[str] = frozenset()
    halted: tuple[tuple[datetime, datetime | None], ...] = ()
    changed: datetime | None = None
    booked: datetime | None = None
    split_by_hand: frozenset[str] = frozenset()
    other_code: Callable[[datetime], str] = field(default=lambda _when: "")
    by_data: Callable[[Executed], bool] | None = None


@dataclass(slots=True)
class Earlier:
    """The differences found so far, in time order."""

    first: tuple[str, datetime] | None = None
    shares: dict[str, list[tuple[datetime, str]]] = field(default_factory=dict)

    def note(self, symbol: str, when: datetime, cause: str, *, shares: bool) -> None:
        """Add a difference; `shares` if it changed the holdings."""
        self.first = self.first or (cause, when)
        if shares:
            self.shares.setdefault(symbol, []).append((when, cause))

    def of_shares(self, symbol: str | None, upto: datetime) -> str | None:
        """Return why the holdings differed at a moment, if they did."""
        causes = [cause for when, cause in self.shares.get(symbol or "", ()) if when <= upto]
        return causes[-1] if causes else None


def of_one_run(
    ours: Executed | None, theirs: Executed | None, known: Circumstances, earlier: Earlier
) -> Cause:
    """Return why only one run placed an order, or traded without one."""
    one = ours or theirs
    assert one is not None
    when = one.created
    who = "the session alone" if ours is not None else "the backtest alone"
    words = f"{plain_text(one.filled)} {one.symbol} were traded by {who}"
    if one.order is None and one.left_market:
        return "data missing", f"{one.symbol} left the market in {who.removesuffix(' alone')} alone"
    if ours is not None and (ours.order is None or ours.order.id in known.by_hand):
        return "by hand", words
    if theirs is not None and _within(when, known.halted):
        return "halt", f"{words}: trading was halted or paused"
    return _of_decision(one, words, known, earlier)


def of_less(ours: Executed, theirs: Executed, known: Circumstances, earlier: Earlier) -> Cause:
    """Return why the session traded more or fewer shares of an order that both
    placed.
    """
    words = (
        f"{plain_text(ours.filled)} of {plain_text(ours.asked)} were filled, in the backtest "
        f"{plain_text(theirs.filled)} of {plain_text(theirs.asked)}"
    )
    order = ours.order
    if order is not None and order.reason:
        words = f"{words}: {order.reason}"
        if order.state is OrderState.DENIED and order.reason.startswith(LATE_BAR):
            return "data late", words
        if order.state is OrderState.DENIED:
            return ("halt" if _within(order.created, known.halted) else "refusal"), words
        if order.state is OrderState.REJECTED or "refused" in order.reason:
            return "refusal", words
        if order.reason in _BY_HAND:
            return "by hand", words
        if order.state is OrderState.CANCELED and order.reason == "kill by the operator":
            return "halt", words
    if ours.asked != theirs.asked:
        return _of_decision(ours, words, known, earlier)
    return "partial fill", words


def _of_decision(one: Executed, words: str, known: Circumstances, earlier: Earlier) -> Cause:
    when = one.created
    code = known.other_code(when)
    if code:
        return "code or params changed", f"{words}: {code}"
    if known.changed is not None and when >= known.changed:
        return "code or params changed", f"{words}, after the strategy was changed"
    if when in known.late:
        return "data late", f"{words}: the bar came too late"
    if known.by_data is None or known.by_data(one):
        found = _of_data(when, words, known)
        if found is not None:
            return found
    if earlier.first is not None:
        cause, since = earlier.first
        return "after earlier differences", f"{words}; first came: {cause}, {since:%Y-%m-%d %H:%M}"
    if known.booked is not None and known.booked <= when:
        return "after earlier differences", f"{words}; cash or shares were booked before"
    if any(first <= when for first, _last in known.halted):
        return "halt", f"{words}; trading was halted or paused before, and callbacks may be missing"
    return "unexplained decision", words


def _of_data(when: datetime, words: str, known: Circumstances) -> Cause | None:
    if known.revised is not None and known.revised <= when:
        return "data revised", f"{words}; a bar was revised at {known.revised}"
    if known.missing is not None and known.missing <= when:
        return "data missing", f"{words}; a bar was missing at {known.missing}"
    if any(moment <= when for moment in known.late):
        return "data late", f"{words}; a bar came too late before"
    return None


def _within(when: datetime, spans: Sequence[tuple[datetime, datetime | None]]) -> bool:
    return any(first <= when and (last is None or when < last) for first, last in spans)


NO_ORDER: Mapping[str, str] = {"dividend": "dividends", "fee": "fees", "interest": "interest"}
"""The causes of money that did not come from an order."""
