"""What the books of many sessions come to, as floats: for figures of whole runs, which
need no exact money.

The rule: each float is the one next to the exact figure. Money is summed in whole
numbers of a power of ten, and rounded once, when it is divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
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
    closes = [part.pattern() if isinstance(part, QuietDays) else part for part in parts]
    sums = _sums(parts, closes, counts)
    if sums is None:
        return None
    scale = _scale(closes, sums, ending_value)
    if scale is None:
        return None
    with np.errstate(all="ignore"):
        return _figures(closes, counts, sums, scale, (ending_value, total_return))


class _Sums(NamedTuple):
    longs: NDArray[np.int64]
    shorts: NDArray[np.int64]
    decimals: NDArray[np.int64]  # of both
    long_counts: NDArray[np.int64]
    short_counts: NDArray[np.int64]


# Of every session; None if a position's price is not known, or too long.
def _sums(
    parts: Sequence[SessionClose | QuietDays],
    closes: Sequence[SessionClose],
    counts: NDArray[np.int64],
) -> _Sums | None:
    blocks: list[tuple[Amounts, Floats]] = []
    known = []
    for part, close, count in zip(parts, closes, counts.tolist(), strict=True):
        prices, amounts = part.prices, close.held.amounts
        is_known = prices is not None and not isinstance(prices, tuple)
        if is_known:
            blocks.append((amounts, np.asarray(prices, dtype=np.float64).reshape(count, -1)))
        elif amounts:
            return None
        known.append(is_known)
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


class _Scale(NamedTuple):
    """Money is counted in units of 10 ** -decimals; `fits` says if in numpy's ints."""

    decimals: int
    fits: bool

    def whole(self, amounts: Iterable[Decimal]) -> Whole:
        numbers = [int(amount.scaleb(self.decimals, ENGINE_CONTEXT)) for amount in amounts]
        return np.array(numbers, dtype=np.int64 if self.fits else object)

    def rescaled(self, values: NDArray[np.int64], decimals: NDArray[np.int64]) -> Whole:
        missing = self.decimals - decimals
        if self.fits:
            return values * 10**missing
        tens = [10**power for power in missing.tolist()]
        return values.astype(object) * np.array(tens, dtype=object)

    def floats(self, whole: Whole) -> Floats:
        return _ratio(whole, np.array(10**self.decimals, dtype=whole.dtype))


_MONEY = ("cash", "capital_base", "starting_cash", "starting_base", "capital_used")


# None if some money is not finite, or has too many decimals.
def _scale(closes: Sequence[SessionClose], sums: _Sums, ending_value: Decimal) -> _Scale | None:
    amounts = {ending_value, *(c.starting_value for c in closes if c.starting_value is not None)}
    amounts.update(getattr(close, name) for close in closes for name in _MONEY)
    if not all(amount.is_finite() for amount in amounts):
        return None
    exponents = [int(amount.as_tuple().exponent) for amount in amounts]
    decimals = max(0, int(sums.decimals.max()), *(-exponent for exponent in exponents))
    if decimals > _MOST_DECIMALS:
        return None
    most = float(max(map(abs, amounts))) * 10.0**decimals
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
    closes: Sequence[SessionClose],
    counts: NDArray[np.int64],
    sums: _Sums,
    scale: _Scale,
    before: tuple[Decimal, float],
) -> dict[str, Floats]:
    def each(name: str) -> Whole:
        return np.repeat(scale.whole([getattr(close, name) for close in closes]), counts)

    firsts = np.cumsum(counts) - counts
    longs, shorts = (scale.rescaled(side, sums.decimals) for side in (sums.longs, sums.shorts))
    net, cash, base, starting_cash = (
        longs + shorts,
        each("cash"),
        each("capital_base"),
        each("starting_cash"),
    )
    starting_value = _shifted(net, scale.whole(before[:1])[0])
    for first, close in zip(firsts, closes, strict=True):
        if close.starting_value is not None:
            starting_value[first] = scale.whole([close.starting_value])[0]
    value = cash + net
    total_pnl = value - base
    total_return = _ratio(total_pnl, base)
    previous = _shifted(total_return, before[1])
    for first, close in zip(firsts, closes, strict=True):
        if close.previous_return is not None:
            previous[first] = close.previous_return
    money = {
        "starting_value": starting_value,
        "ending_value": net,
        "portfolio_value": value,
        "pnl": total_pnl - (starting_cash + starting_value - each("starting_base")),
        "total_pnl": total_pnl,
        "long_value": longs,
        "short_value": shorts,
        "starting_cash": starting_cash,
        "ending_cash": cash,
        "capital_used": each("capital_used"),
    }
    growth = (1.0 + total_return) / (1.0 + previous) - 1.0
    return {
        **{name: scale.floats(whole) for name, whole in money.items()},
        "returns": np.where(previous != -1.0, growth, 0.0),
        "total_return": total_return,
        "gross_leverage": _ratio(longs - shorts, value),
        "net_leverage": _ratio(net, value),
        "longs_count": sums.long_counts,
        "shorts_count": sums.short_counts,
    }


def _shifted(values: Whole, first: object) -> Whole:
    shifted = np.roll(values, 1)
    shifted[0] = first
    return shifted
