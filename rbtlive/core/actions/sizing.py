"""Order sizes: from values, fractions and targets to signed amounts in whole lots.

The rule: sizes are computed in Decimal from the last known price and the portfolio
marked at it. Source: zipline-reloaded 3.2.1, algorithm.py, lines 1150-1289 and
1663-1740.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias, cast

from rbtlive.core.run_state import RunState
from rbtlive.core.state.target_facts import PERCENT, SHARES, VALUE
from rbtlive.errors import (
    BadOrderParameters,
    CannotOrderDelistedAsset,
    UnsupportedOrderParameters,
)
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, Number, to_decimal

Sizes: TypeAlias = list[int | None]
"""Whole shares; None where they must be computed exactly."""

NEAR = Decimal("0.0001")
_ONE = Decimal(1)
_to_integral = ENGINE_CONTEXT.to_integral_value  # half to even
NEGLIGIBLE_PRICE = Decimal("0.000001")
"""Below this price zipline's arithmetic treats a price as zero; ours works down to the
last digit of money.
"""
_TINY = Decimal("1E-12")


def shares_for_value(state: RunState, asset: Asset, value: object) -> Decimal:
    """Return the exact number of shares that `value` buys at the last price.

    Raises:
        CannotOrderDelistedAsset: the asset is not listed in this session, or has no
            price yet.
    """
    session, listing = state.market.session, state.market.listing
    if session < listing.first[asset.index]:
        raise CannotOrderDelistedAsset(
            f"{asset.symbol} cannot be ordered by value: it started trading on {asset.start_date}, "
            f"and the session is {state.session_label}; order shares or wait"
        )
    if session > listing.last[asset.index]:
        raise CannotOrderDelistedAsset(
            f"{asset.symbol} cannot be ordered by value: it stopped trading on {asset.end_date}, "
            f"and the session is {state.session_label}"
        )
    price = state.marks.price_of(asset)
    if price is None:
        raise CannotOrderDelistedAsset(
            f"{asset.symbol} cannot be ordered by value on {state.now}: no price is known yet; "
            "check data.can_trade(asset) first"
        )
    if abs(price) < (NEGLIGIBLE_PRICE if state.quirks.round_history else _TINY):
        return ZERO
    return number(value, "value") / price


def shares_for_percent(state: RunState, asset: Asset, percent: object) -> Decimal:
    """Return the exact number of shares worth a fraction of the portfolio's value."""
    state.marks.mark()
    return shares_for_value(
        state, asset, state.portfolio.portfolio_value * number(percent, "percent")
    )


def quick_targets(state: RunState, targets: Sequence[tuple[Asset, object]]) -> Sizes:
    """Return the whole shares to order for each asset to reach its fraction of the
    portfolio's value; None where floats cannot decide exactly.
    """
    if len(targets) > _SEVERAL:
        sizes = _quick_targets_in_arrays(state, targets)
        if sizes is not None:
            return sizes
    return [quick_target(state, asset, target) for asset, target in targets]


def quick_shares(state: RunState, asset: Asset, value: object) -> int | None:
    """Return the whole shares that `value` buys at the last price; None where floats
    cannot decide exactly, or for less than a share.
    """
    quirks, market = state.quirks, state.market
    place = asset.index
    if (
        type(value) not in _PLAIN
        or not state.plain_assets[place]
        or quirks.round_in_binary
        or quirks.round_history
        or market.session < market.listing.first[place]
    ):
        return None
    price = market.price(place)
    if not price > _CHEAP:
        return None
    if state.portfolio.whole_shares() is None:
        position = state.portfolio.positions.get(asset)
        if position is not None and not _ONE.same_quantum(position.amount):
            return None
    worth = float(cast(float, value)) / price
    if not -_CERTAIN < worth < _CERTAIN:
        return None
    shares = int(worth)
    return (shares or None) if _UNSURE < abs(worth - shares) < _SURE else None


def quick_shares_for_percent(state: RunState, asset: Asset, percent: object) -> int | None:
    """Return the whole shares worth a fraction of the portfolio's value; None if floats
    cannot decide exactly, or if the value is less than a share.
    """
    if type(percent) is not float:
        return None
    state.marks.mark()
    return quick_shares(state, asset, state.portfolio.float_value() * percent)


def known_size(  # noqa: C901 - a call less at every bar
    state: RunState, asset: Asset, target: object, kind: str
) -> int | None:
    """Return what is missing to hold a target that was asked for before, from the close
    alone; None where the long way must be taken.

    Args:
        state: The run.
        asset: What is to be held.
        target: What is asked for.
        kind: What the target is of.
    """
    facts = state.target_facts.get(id(asset))
    if facts is None or facts[2] != state.portfolio.version:
        return None
    known, of, _, session, money, held, missing = facts
    market, orders = state.market, state.orders
    if (
        (target is not known and (type(target) is not type(known) or target != known))
        or of is not kind
        or session != market.session
        or state.trading_controls
        or (orders.book and asset in orders.book)
        or asset in orders.waiting.amounts
    ):
        return None
    try:
        close = market.quick.numbers["close"][asset][0][market.seen]
    except (KeyError, IndexError):  # not asked for before; an earlier bar is seen
        return None
    if not close > _CHEAP:
        return None
    if kind is PERCENT:
        marks = state.marks
        if marks.by_asset and marks.marked_us != market.now_us:
            marks.mark()
    if missing is not None:
        return missing
    worth = money / close
    if not -_CERTAIN < worth < _CERTAIN:
        return None
    parts = worth - held
    shares = int(parts)
    if not _UNSURE < abs(parts - shares) < _SURE:
        return None
    if not shares:
        state.record.notes.note_rounded(asset.symbol)
    return shares


def quick_target(  # noqa: C901 - a call less at every order
    state: RunState,
    asset: Asset,
    target: object,
    *,
    is_value: bool = False,
    notes_rounding: bool = False,
) -> int | None:
    """Return the same as `quick_targets` for one asset.

    Floats decide where they are certain: their error is below a hundred-thousandth of a
    share, and the result is farther than that from a rounding boundary.

    Args:
        state: The run.
        asset: The asset to hold.
        target: The fraction.
        is_value: `target` is an amount of money.
        notes_rounding: Return 0 for less than a share, and note it; otherwise that is
            None too.
    """
    quirks, market, orders = state.quirks, state.market, state.orders
    place = asset.index
    if (
        not (type(target) is float or type(target) is int)
        or not state.plain_assets[place]
        or quirks.round_in_binary
        or quirks.round_history
        or market.session < market.listing.first[place]
        or (orders.book and asset in orders.book)
        or asset in orders.waiting.amounts
    ):
        return None
    if not is_value and state.marks.marked_us != market.now_us:
        state.marks.mark()
    price = market.price(place)
    if not price > _CHEAP:
        return None
    portfolio = state.portfolio
    columns = portfolio.whole_shares()
    if columns is not None:
        held: Decimal | int = columns.get(place, 0)
    else:
        position = portfolio.positions.get(asset)
        held = 0 if position is None else position.amount
    if not target:
        closing = _all_of(held)
        if closing is not None:
            _keep(state, asset, (target, VALUE if is_value else PERCENT), closing)
        return closing
    worth = (target if is_value else portfolio.float_value() * target) / price
    if not -_CERTAIN < worth < _CERTAIN:
        return None
    if is_value:
        _keep(state, asset, (target, VALUE), None, target, float(held))
    elif columns is None and len(portfolio.positions) == bool(held):
        # The price moves the portfolio's value, and with it what is wanted.
        money = float(portfolio.cash) * target
        _keep(state, asset, (target, PERCENT), None, money, float(held) * (1.0 - target))
    missing = worth - float(held)
    shares = int(missing)
    if not _UNSURE < abs(missing - shares) < _SURE:
        return None
    if not shares and notes_rounding:
        state.record.notes.note_rounded(asset.symbol)
        return 0
    return shares or None


# Keeps what `known_size` goes by: `money / price - held` is missing, or so much at any
# price. Where brokers report fills, a mark may be older than the books.
def _keep(
    state: RunState,
    asset: Asset,
    asked: tuple[float, str],
    missing: int | None,
    money: float = 0.0,
    held: float = 0.0,
) -> None:
    if state.orders.waiting.takes:
        books, session = state.portfolio.version, state.market.session
        state.target_facts[id(asset)] = (*asked, books, session, money, held, missing)
        state.sized_books = books


def missing_shares(state: RunState, asset: Asset, target: object) -> int | None:
    """Return the shares to order to hold `target` whole shares, if no order of the
    asset is open; None where floats cannot decide exactly.
    """
    orders = state.orders
    if (
        type(target) is not int
        or not state.plain_assets[asset.index]
        or (orders.book and asset in orders.book)
        or asset in orders.waiting.amounts
    ):
        return None
    columns = state.portfolio.whole_shares()
    if columns is not None:
        missing = target - columns.get(asset.index, 0)
    else:
        position = state.portfolio.positions.get(asset)
        if position is None:
            missing = target
        elif _ONE.same_quantum(position.amount):
            missing = target - int(position.amount)
        else:
            return None
    if not -_CERTAIN < missing < _CERTAIN:
        return None
    _keep(state, asset, (target, SHARES), missing)
    return missing


# Does the same in arrays; None if an asset or a target is unusual.
def _quick_targets_in_arrays(
    state: RunState, targets: Sequence[tuple[Asset, object]]
) -> Sizes | None:
    quirks, market, orders = state.quirks, state.market, state.orders
    assets, fractions = zip(*targets, strict=True)
    places = [asset.index for asset in assets]
    if (
        market.looks_back
        or market.view < 0
        or quirks.round_in_binary
        or quirks.round_history
        or not set(map(type, fractions)) <= _FLOATS
        or not all(map(state.plain_assets.__getitem__, places))
        or max(map(market.listing.first.__getitem__, places)) > market.session
    ):
        return None
    if state.marks.marked_us != market.now_us:
        state.marks.mark()
    value = state.portfolio.float_value()
    wanted = np.array(fractions, dtype=np.float64)
    prices = np.asarray(market.closes()).take(places)
    for place in np.flatnonzero(~(prices > _CHEAP)).tolist():  # the last known price counts
        prices[place] = market.price(places[place])
    held = _held_in_order(state, assets, places)
    if held is None:
        return None
    with np.errstate(all="ignore"):
        worth = value * wanted / prices
        missing = worth - held
        shares = np.trunc(missing)
        off = np.abs(missing - shares)
        sure = (prices > _CHEAP) & (np.abs(worth) < _CERTAIN) & (shares != 0.0)
        sure &= (off > _UNSURE) & (off < _SURE)
    none = (wanted == 0.0) & (prices > _CHEAP)
    shares[none], sure[none] = -held[none], True
    shares[~sure] = 0.0
    sizes: Sizes = shares.astype(np.int64).tolist()
    for place in np.flatnonzero(~sure).tolist():
        sizes[place] = None
    book, waiting = orders.book, orders.waiting.amounts
    if book or waiting:
        for place, asset in enumerate(assets):
            if asset in waiting or asset in book:
                sizes[place] = None
    return sizes


# Whole shares held of each asset; None if a position has a fraction.
def _held_in_order(
    state: RunState, assets: Sequence[Asset], places: Sequence[int]
) -> NDArray[np.float64] | None:
    columns, positions = state.portfolio.whole_shares(), state.portfolio.positions
    if columns is not None:
        return np.array([columns.get(place, 0) for place in places], dtype=np.float64)
    if not positions:
        return np.zeros(len(assets))
    found = map(positions.get, assets)
    held = [ZERO if position is None else position.amount for position in found]
    return np.array(held, dtype=np.float64) if all(map(_ONE.same_quantum, held)) else None


# The shares that close a position; None if it has a fraction, which is computed
# exactly.
def _all_of(amount: Decimal | int) -> int | None:
    return -int(amount) if type(amount) is int or _ONE.same_quantum(amount) else None


_CERTAIN = 1e9
_UNSURE = 0.0002
_SURE = 1.0 - _UNSURE
_CHEAP = 0.0001
_SEVERAL = 8
_FLOATS = frozenset({float, int})
_PLAIN = frozenset({float, int, Number})


def shares_to_target(state: RunState, asset: Asset, target: object) -> Decimal:
    """Return `target` shares minus the position and, unless zipline's quirk is set,
    minus open orders.
    """
    missing = number(target, "target") - state.portfolio.amount_of(asset)
    if not state.quirks.target_ignores_open_orders:
        for order in state.orders.get_active_orders(asset):
            missing -= order.open_amount
    return missing


def shares_to_targets(
    state: RunState, targets: Sequence[tuple[Asset, object]]
) -> Sequence[int | Decimal]:
    """Return the shares to order for each asset to reach its fraction of the
    portfolio's value, as an int where floats can decide; the portfolio is marked and
    valued once.

    Raises:
        UnsupportedOrderParameters: two targets name the same asset.
    """
    wanted = dict(targets)
    if len(wanted) < len(targets):
        twice = next(a for n, (a, _) in enumerate(targets) if a in dict(targets[:n]))
        raise UnsupportedOrderParameters(
            f"targets must name each asset once: {twice.symbol} came twice in "
            "order_target_percents()"
        )
    sizes = quick_targets(state, targets)
    if None not in sizes:
        return cast(list[int | Decimal], sizes)
    state.marks.mark()
    value = state.portfolio.portfolio_value
    return [
        shares_to_target(
            state, asset, shares_for_value(state, asset, value * number(target, "target"))
        )
        if size is None
        else size
        for size, (asset, target) in zip(sizes, targets, strict=True)
    ]


def whole_lots(amount: object, lot: Decimal, *, binary: bool) -> Decimal:
    """Return `amount` in whole lots: the nearest if within 0.0001 of it, otherwise
    truncated toward zero.

    Args:
        amount: Signed shares.
        lot: Smallest tradable amount.
        binary: Decide nearness on binary floats, as zipline does (3.9999 becomes 3),
            not on decimals (4).

    Raises:
        BadOrderParameters: the amount is NaN or infinite (with `binary`, zipline's
            ValueError or OverflowError).
    """
    if binary and isinstance(amount, (bool, np.bool_)):
        amount = int(amount)  # as in zipline; otherwise a bool is not a number
    lots = amount if type(amount) is Decimal else number(amount, "amount")
    if lot != _ONE:
        lots /= lot
    if binary:
        text = float(lots)
        return Decimal(int(round(text) if abs(text - round(text)) <= 1e-4 else text)) * lot
    if not lots.is_finite():
        raise BadOrderParameters(
            f"amount must be finite: was {amount} in order(); check the price it was made from"
        )
    nearest = _to_integral(lots)
    if nearest == lots or abs(lots - nearest) <= NEAR:
        return nearest * lot
    return lots.to_integral_value(rounding="ROUND_DOWN") * lot


def number(value: object, name: str) -> Decimal:
    """Return the user's argument `name` as a Decimal.

    Raises:
        TypeError: it is not a number.
    """
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    try:
        return Decimal(
            to_decimal(value)
        )  # plain floats and ints: a strategy's own number classes would slow the ledger down
    except TypeError:
        raise TypeError(
            f"{name} must be a number: was {value!r} ({type(value).__name__})"
        ) from None


def share_counts(counts: object) -> list[tuple[Asset, Decimal]]:
    """Return (asset, whole shares) of each entry that is not zero.

    Raises:
        TypeError: it is not a mapping or Series, or the amounts are not integers.
    """
    if not isinstance(counts, Mapping) and not hasattr(counts, "items"):
        raise TypeError(
            f"share_counts must map assets to whole shares: was {type(counts).__name__}"
        )
    pairs = [(asset, number(amount, f"amount of {asset}")) for asset, amount in counts.items()]
    for asset, amount in pairs:
        if amount != amount.to_integral_value():
            raise TypeError(f"share_counts must hold whole shares: was {amount} for {asset}")
    return [(asset, amount) for asset, amount in pairs if amount]
