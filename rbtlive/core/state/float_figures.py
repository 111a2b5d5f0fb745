"""What the books of many sessions come to, as floats: for figures of whole runs, which
need no exact money.

The rule: each float is the one next to the exact figure. Money is summed in whole
numbers of a power of ten, and rounded once, when it is divided.
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
"""An array of ints: numpy's where they fit, else Python's."""

_MOST_DECIMALS: Final = 22
"""10**22 is the last power of ten that is a float."""
_EXACT_FLOAT: Final = 1 << 53
_EXACT_INT: Final = 1 << 60


def float_figures(
    parts: Sequence[SessionClose | QuietDays], *, ending_value: Decimal, total_return: float
) -> dict[str, Floats] | None:
    """Return the figures of consecutive sessions, by the names of their rows; None
    where a number does not fit.

    Args:
        parts: Oldest first.
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
    decimals: NDArray[np.int64]  # of both
    long_counts: NDArray[np.int64]
    short_counts: NDArray[np.int64]


# Of every session; None if a position's price is not known, or too long.
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
    """What closes have kept of money: each amount once, and where it stands."""

    money: list[Decimal]
    places: dict[str, NDArray[np.intp]]  # of each session, by the name of the figure
    starts: list[tuple[int, int]]  # session, and place of what its positions start at


# Closes share most of their money with the close before: one object, looked at once.
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


# Session and value of each close that has a starting figure of its own.
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
    """Money is counted in units of 10 ** -decimals; `fits` says if in numpy's ints."""

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


# None if some money is not finite, or has too many decimals.
def _scale(money: list[Decimal], sums: _Sums) -> _Scale | None:
    decimals, rest = max(0, int(sums.decimals.max())), money
    while rest:  # what is written with as many decimals as one goes with it
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


# Quotients, each rounded once; infinite where the second number is zero.
def _ratio(above: Whole, below: Whole) -> Floats:
    if above.dtype != object and _are_floats(above) and _are_floats(below):
        quotients = above.astype(np.float64) / below.astype(np.float64)
        return np.where(below == 0, np.inf, quotients)
    pairs = np.broadcast(above.astype(object), below.astype(object))
    return np.array([a / b if b else np.inf for a, b in pairs], dtype=np.float64)


def _are_floats(whole: NDArray[np.int64]) -> bool:
    return bool((np.abs(whole) < _EXACT_FLOAT).all())


# What `session_figures` computes close by close.
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
