"""The books of many sessions as floats: for statistics of whole runs, which do not need
exact money.

The rule: each float is the one nearest to the exact figure. Money is summed in whole
numbers of a power of ten and rounded only once, in the division.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain, filterfalse, groupby, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from rbtlive.core.state.fixed_point import fixed_point_sums
from rbtlive.core.state.held import Held
from rbtlive.core.state.kept_days import KeptDays, held_blocks
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


class FloatFigures:
    """The figures of many sessions as floats, by the field names of their rows; an
    amount of money becomes a float when it is first read.

    Args:
        money: Amounts of money, in whole numbers.
        scale: The unit of these numbers.
        known: All other figures.
    """

    __slots__ = ("_known", "_money", "_scale")

    def __init__(self, money: dict[str, Whole], scale: _Scale, known: dict[str, Floats]) -> None:
        self._money = money
        self._scale = scale
        self._known = known

    def get(self, name: str) -> Floats | None:
        """Return a figure of each session; None for an unknown name."""
        whole = self._money.get(name)
        if whole is not None:
            self._known[name] = self._scale.floats(whole)
            self._money.pop(name, None)
        return self._known.get(name)


def float_figures(
    parts: Sequence[SessionClose | KeptDays], *, ending_value: Decimal, total_return: float
) -> FloatFigures | None:
    """Return the figures of consecutive sessions; None if a number does not fit.

    Args:
        parts: Closes and kept days, oldest first.
        ending_value: Value of the positions at the close before.
        total_return: Return of the run up to the close before.
    """
    sums = _sums([part.prices for part in parts], held_blocks(parts))
    if sums is None:
        return None
    books = _books(parts)
    given = _given(parts)
    starts = [(0, ending_value), *((at, close.starting_value) for at, close in given)]
    previous = [(0, total_return), *((at, close.previous_return) for at, close in given)]
    money = [*books.money, *(value for _, value in starts if value is not None)]
    scale = _scale(money, sums)
    if scale is None:
        return None
    with np.errstate(all="ignore"):
        return _figures(books, sums, scale, _Starts(starts, previous))


class _Sums(NamedTuple):
    longs: NDArray[np.int64]
    shorts: NDArray[np.int64]
    decimals: NDArray[np.int64]  # of longs and shorts
    long_counts: NDArray[np.int64]
    short_counts: NDArray[np.int64]


# The sums of every session; None if a position's price is unknown or has too many
# digits.
def _sums(
    prices: Sequence[Floats | tuple[Decimal, ...]], blocks: Sequence[tuple[Held, int]]
) -> _Sums | None:
    if any(type(part) is tuple and part for part in prices):
        return None
    counts = np.array([count for _, count in blocks])
    known = [bool(held) for held, _ in blocks]
    holding = np.repeat(known, counts)
    if not holding.any():
        nothing = np.zeros(len(holding), dtype=np.int64)
        return _Sums(nothing, nothing, nothing, nothing, nothing)
    floats = [part for part in prices if isinstance(part, np.ndarray)]
    amounts = [held.amounts for held, _ in blocks if held]
    sums = fixed_point_sums(amounts, floats, counts[known])
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


def _books(parts: Sequence[SessionClose | KeptDays]) -> _Books:
    money: list[Decimal] = []
    rows: list[NDArray[np.intp]] = []
    for _, alike in groupby(parts, type):
        of_closes = []
        for part in alike:
            if isinstance(part, KeptDays):
                known, places = part.money()
                rows.append(places + len(money))
                money += known
            else:
                of_closes.append(part)
        if of_closes:
            known, places = _money_of_closes(of_closes)
            rows.append(places + len(money))
            money += known
    return _Books(money, dict(zip(_MONEY, np.concatenate(rows).T, strict=True)))


# Most amounts of a close are the same objects as in the close before: each is examined
# once.
def _money_of_closes(closes: Sequence[SessionClose]) -> tuple[list[Decimal], NDArray[np.intp]]:
    amounts = list(chain.from_iterable(map(_money_of, closes)))
    ids = list(map(id, amounts))
    money = dict(zip(ids, amounts, strict=True))
    place_of = dict(zip(money, range(len(money)), strict=True))
    places = np.fromiter(map(place_of.__getitem__, ids), dtype=np.intp, count=len(ids))
    return list(money.values()), places.reshape(len(closes), -1)


class _Starts(NamedTuple):
    """Starting values that differ from what the close before left, each with its
    session: of the positions, and of the return up to then; None if it does not differ.
    """

    values: list[tuple[int, Decimal | None]]
    returns: list[tuple[int, float | None]]


# Session and close of each part with a starting value of its own.
def _given(parts: Sequence[SessionClose | KeptDays]) -> list[tuple[int, SessionClose]]:
    given, first = [], 0
    for part in parts:
        if isinstance(part, KeptDays):
            first += part.count
            continue
        if part.starting_value is not None or part.previous_return is not None:
            given.append((first, part))
        first += 1
    return given


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
def _figures(books: _Books, sums: _Sums, scale: _Scale, starts: _Starts) -> FloatFigures:
    money = scale.whole(books.money)
    cash, base, starting_cash, starting_base, used = (money[books.places[n]] for n in _MONEY)
    longs, shorts = (scale.rescaled(side, sums.decimals) for side in (sums.longs, sums.shorts))
    net = longs + shorts
    starting_value = np.roll(net, 1)
    for session, worth in starts.values:
        if worth is not None:
            starting_value[session] = scale.whole([worth])[0]
    value = cash + net
    total_pnl = value - base
    total_return = _ratio(total_pnl, base)
    previous = np.roll(total_return, 1)
    for session, known in starts.returns:
        if known is not None:
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
    figures = {
        "returns": np.where(previous != -1.0, growth, 0.0),
        "total_return": total_return,
        "gross_leverage": _ratio(longs - shorts, value),
        "net_leverage": _ratio(net, value),
        "longs_count": sums.long_counts,
        "shorts_count": sums.short_counts,
    }
    return FloatFigures(of_money, scale, figures)


NO_FLOATS: Final = FloatFigures({}, _Scale(0, fits=True), {})
"""The figures if a number does not fit."""
