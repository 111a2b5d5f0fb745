"""The books of many sessions as floats: for statistics of whole runs, which do not need
exact money.

The rule: each float is the one nearest to the exact figure. Money is summed in whole
numbers of a power of ten and rounded only once, in the division.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain, filterfalse, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rbtlive.core.state.fixed_point import fixed_point_sums
from rbtlive.core.state.held import Amounts
from rbtlive.core.state.quiet_days import QuietDays
from rbtlive.core.state.session_figures import SessionClose
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ENGINE_CONTEXT

if TYPE_CHECKING:
    from rbtlive.data.bars.bar_reads import Floats

Whole: TypeAlias = Any
"""An array of ints: numpy ints if they fit, otherwise Python ints."""

_MOST_DECIMALS: Final = 22
"""10**22 is the largest power of ten that a float represents exactly."""
_EXACT_FLOAT: Final = 1 << 53
_EXACT_INT: Final = 1 << 60


def float_figures(
    parts: Sequence[SessionClose | QuietDays], *, ending_value: Decimal, total_return: float
) -> dict[str, Floats] | None:
    """Return the figures of consecutive sessions by the field names of their rows; None
    if a number does not fit.

    Args:
        parts: Closes and quiet stretches, oldest first.
        ending_value: Value of the positions at the close before.
        total_return: Return of the run up to the close before.
    """
    counts = np.array([part.count if isinstance(part, QuietDays) else 1 for part in parts])
    sums = _sums(parts, counts.tolist())
    if sums is None:
        return None
    books = _books(parts, counts, ending_value)
    scale = _scale(books.money, sums)
    if scale is None:
        return None
    previous = _given(parts, counts, "previous_return")
    with np.errstate(all="ignore"):
        return _figures(books, sums, scale, [(0, total_return), *previous])


class _Sums(NamedTuple):
    longs: NDArray[np.int64]
    shorts: NDArray[np.int64]
    decimals: NDArray[np.int64]  # of longs and shorts
    long_counts: NDArray[np.int64]
    short_counts: NDArray[np.int64]


# The sums of every session; None if a position's price is unknown or has too many
# digits.
def _sums(parts: Sequence[SessionClose | QuietDays], counts: Sequence[int]) -> _Sums | None:
    blocks: list[tuple[Amounts, Floats, int]] = []
    known = []
    for part, count in zip(parts, counts, strict=True):
        prices = part.prices
        amounts = (part.before if isinstance(part, QuietDays) else part).held.amounts
        if prices is not None and not isinstance(prices, tuple):
            blocks.append((amounts, prices.reshape(-1), count))
            known.append(True)
        elif amounts:
            return None
        else:
            known.append(False)
    holding = np.repeat(known, counts)
    nothing = np.zeros(len(holding), dtype=np.int64)
    if not blocks:
        return _Sums(nothing, nothing, nothing, nothing, nothing)
    sums = fixed_point_sums(blocks)
    if sums is None:
        return None
    found = (sums.longs, sums.shorts, sums.scales, sums.long_counts, sums.short_counts)
    return _Sums(*(_spread(column, holding) for column in found))


def _spread(values: NDArray[np.int64], where: NDArray[np.bool_]) -> NDArray[np.int64]:
    if where.all():
        return values
    spread = np.zeros(len(where), dtype=np.int64)
    spread[where] = values
    return spread


_MONEY = ("cash", "capital_base", "starting_cash", "starting_base", "capital_used")
_money_of = attrgetter(*_MONEY)


class _Books(NamedTuple):
    """The money amounts that closes keep: each amount once, with its places."""

    money: list[Decimal]
    places: dict[str, NDArray[np.intp]]  # of each session, by the name of the figure
    starts: list[tuple[int, int]]  # session, and place of its starting value of positions


# Most amounts of a close are the same objects as in the close before: each is examined
# once.
def _books(
    parts: Sequence[SessionClose | QuietDays], counts: NDArray[np.int64], ending_value: Decimal
) -> _Books:
    kept = [part.money() if isinstance(part, QuietDays) else _money_of(part) for part in parts]
    starts = [(0, ending_value), *_given(parts, counts, "starting_value")]
    amounts = [*chain.from_iterable(kept), *(value for _, value in starts)]
    ids = list(map(id, amounts))
    money = dict(zip(ids, amounts, strict=True))
    place_of = dict(zip(money, range(len(money)), strict=True))
    places = np.fromiter(map(place_of.__getitem__, ids), dtype=np.intp, count=len(ids))
    split = len(ids) - len(starts)
    rows = np.repeat(places[:split].reshape(len(parts), -1), counts, axis=0)
    sessions = [session for session, _ in starts]
    return _Books(
        list(money.values()),
        dict(zip(_MONEY, rows.T, strict=True)),
        list(zip(sessions, places[split:].tolist(), strict=True)),
    )


# Session and value of each close with a starting value of its own.
def _given(
    parts: Sequence[SessionClose | QuietDays], counts: NDArray[np.int64], name: str
) -> list[tuple[int, Any]]:
    firsts = np.cumsum(counts) - counts
    value_of = attrgetter(name)
    given = [
        (place, value)
        for place, part in enumerate(parts)
        if type(part) is SessionClose and (value := value_of(part)) is not None
    ]
    return [(int(firsts[place]), value) for place, value in given]


class _Scale(NamedTuple):
    """Money is counted in units of 10 ** -decimals; `fits` says whether it fits numpy's
    ints.
    """

    decimals: int
    fits: bool

    def whole(self, amounts: Iterable[Decimal]) -> Whole:
        scaled = map(ENGINE_CONTEXT.scaleb, amounts, repeat(Decimal(self.decimals)))
        return np.array(list(map(int, scaled)), dtype=np.int64 if self.fits else object)

    def rescaled(self, values: NDArray[np.int64], decimals: NDArray[np.int64]) -> Whole:
        missing = self.decimals - decimals
        if self.fits:
            return values * 10**missing
        tens = [10**power for power in missing.tolist()]
        return values.astype(object) * np.array(tens, dtype=object)

    def floats(self, whole: Whole) -> Floats:
        return _ratio(whole, np.array(10**self.decimals, dtype=whole.dtype))


# None if an amount is not finite or has too many decimals.
def _scale(money: list[Decimal], sums: _Sums) -> _Scale | None:
    decimals, rest = max(0, int(sums.decimals.max())), money
    while rest:  # amounts with as many decimals as this one are covered by it
        one = rest[0]
        if not one.is_finite():
            return None
        decimals = max(decimals, -int(one.as_tuple().exponent))
        rest = list(filterfalse(one.same_quantum, rest))
    if decimals > _MOST_DECIMALS:
        return None
    most = max(float(max(money)), -float(min(money))) * 10.0**decimals
    held = np.maximum(sums.longs, -sums.shorts) * 10.0 ** (decimals - sums.decimals)
    return _Scale(decimals, fits=max(most, held.max()) < _EXACT_INT and decimals < 18)


# Quotients, each rounded once; infinite where the divisor is zero.
def _ratio(above: Whole, below: Whole) -> Floats:
    if above.dtype != object and _are_floats(above) and _are_floats(below):
        quotients = above.astype(np.float64) / below.astype(np.float64)
        return np.where(below == 0, np.inf, quotients)
    pairs = np.broadcast(above.astype(object), below.astype(object))
    return np.array([a / b if b else np.inf for a, b in pairs], dtype=np.float64)


def _are_floats(whole: NDArray[np.int64]) -> bool:
    return bool((np.abs(whole) < _EXACT_FLOAT).all())


# Computes in arrays what `session_figures` computes close by close.
def _figures(
    books: _Books, sums: _Sums, scale: _Scale, previous_returns: Sequence[tuple[int, float]]
) -> dict[str, Floats]:
    money = scale.whole(books.money)
    cash, base, starting_cash, starting_base, used = (money[books.places[n]] for n in _MONEY)
    longs, shorts = (scale.rescaled(side, sums.decimals) for side in (sums.longs, sums.shorts))
    net = longs + shorts
    starting_value = np.roll(net, 1)
    for session, place in books.starts:
        starting_value[session] = money[place]
    value = cash + net
    total_pnl = value - base
    total_return = _ratio(total_pnl, base)
    previous = np.roll(total_return, 1)
    for session, known in previous_returns:
        previous[session] = known
    of_money = {
        "starting_value": starting_value,
        "ending_value": net,
        "portfolio_value": value,
        "pnl": total_pnl - (starting_cash + starting_value - starting_base),
        "total_pnl": total_pnl,
        "long_value": longs,
        "short_value": shorts,
        "starting_cash": starting_cash,
        "ending_cash": cash,
        "capital_used": used,
    }
    growth = (1.0 + total_return) / (1.0 + previous) - 1.0
    return {
        **{name: scale.floats(whole) for name, whole in of_money.items()},
        "returns": np.where(previous != -1.0, growth, 0.0),
        "total_return": total_return,
        "gross_leverage": _ratio(longs - shorts, value),
        "net_leverage": _ratio(net, value),
        "longs_count": sums.long_counts,
        "shorts_count": sums.short_counts,
    }
