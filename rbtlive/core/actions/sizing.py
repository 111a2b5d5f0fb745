"""Order sizes: from values, fractions and targets to signed amounts in whole lots.

The rule: sizes are computed in Decimal from the last known price and the portfolio
marked at it. Source: zipline-reloaded 3.2.1, algorithm.py, lines 1150-1289 and
1663-1740.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

from rbtlive.core.run_state import RunState
from rbtlive.core.state.target_facts import NO_FACTS, PERCENT, SHARES, VALUE, TargetFacts
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
    return [quick_target(state, asset, target, PERCENT) for asset, target in targets]


def quick_shares(state: RunState, asset: Asset, value: object) -> int | None:
    """Return the whole shares that `value` buys at the last price; None where floats
    cannot decide exactly, for less than a share, or where the order may be refused.
    """
    if id(asset) not in state.asset_ids or type(value) not in _PLAIN:
        return None
    place, session, listing = asset.index, state.market.session, state.market.listing
    if (
        not state.float_sized[place]
        or state.initializing
        or not listing.first[place] <= session <= listing.last[place]
        or session > listing.auto_close[place]
    ):
        return None
    price = state.market.price(place)
    if not price > _CHEAP or _whole_held(state, asset) is None:
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


def quick_target(  # noqa: C901 - a call less at every bar
    state: RunState, asset: Asset, target: object, kind: str
) -> int | None:
    """Return the whole shares to order to hold a target; None where floats cannot
    decide exactly, or where the order may be refused.

    Floats decide where they are certain: their error is below a hundred-thousandth of a
    share, and the result is farther than that from a rounding boundary. Facts that were
    found for an earlier call hold as long as books, open orders and session stay.

    Args:
        state: The run.
        asset: What is to be held.
        target: What is asked for.
        kind: What the target is of.
    """
    market = state.market
    known, of, books, orders, session, place, money, held, shares, closes = state.target_facts.get(
        id(asset), NO_FACTS
    )
    if (
        books != state.portfolio.version
        or orders != state.orders.version
        or session != market.session
        or of is not kind
        or (target is not known and (type(target) is not type(known) or target != known))
    ):
        facts = target_facts(state, asset, target, kind)
        if facts is None:
            return None
        _, _, _, _, _, place, money, held, shares, closes = facts
    elif kind is PERCENT:
        marks = state.marks
        if marks.by_asset and marks.marked_us != market.now_us:
            marks.mark()
    if kind is not SHARES:
        close = 0.0 if closes is None or market.looks_back else closes[market.view]
        if not close > _CHEAP:
            close = market.price(place)  # the last known one counts
        if not close > _CHEAP:
            return None
        if shares is None:
            worth = money / close
            if not -_CERTAIN < worth < _CERTAIN:
                return None
            parts = worth - held
            shares = int(parts)
            parts -= shares
            if not (_UNSURE < parts < _SURE or -_SURE < parts < -_UNSURE):
                return None
            if not shares and not state.trading_controls:
                symbol, rounded = state.assets[place].symbol, state.record.notes.rounded_away
                rounded[symbol] = rounded.get(symbol, 0) + 1
                return 0
    return shares if shares or not state.trading_controls else None


def target_facts(  # noqa: C901 - a call less at every order
    state: RunState, asset: Asset, wanted: object, kind: str
) -> TargetFacts | None:
    """Return what `quick_target` goes by; None where it cannot decide."""
    target: Any = wanted  # its type is checked below
    if id(asset) not in state.asset_ids:
        return None
    market, orders, portfolio = state.market, state.orders, state.portfolio
    place, session, listing = asset.index, market.session, market.listing
    if (
        (type(target) is not int and (type(target) is not float or kind is SHARES))
        or not -_FAR < target < _FAR
        or not (state.plain_assets if kind is SHARES else state.float_sized)[place]
        or state.initializing
        or not listing.first[place] <= session <= listing.last[place]
        or session > listing.auto_close[place]
        or (orders.book and asset in orders.book)
        or asset in orders.waiting.amounts
    ):
        return None
    held = _whole_held(state, asset)
    if held is None or not -_CERTAIN < held < _CERTAIN:
        return None
    missing: int | None = None
    money, part, lasts = 0.0, float(held), orders.waiting.takes
    if kind is PERCENT and state.marks.marked_us != market.now_us:
        state.marks.mark()
    if kind is SHARES:
        missing = int(target) - held
    elif not target:
        missing = -held
    elif kind is VALUE:
        money = float(target)
    elif len(portfolio.positions) == bool(held):
        # The price moves the portfolio's value, and with it what is wanted.
        money, part = float(portfolio.cash) * target, part * (1.0 - target)
    else:
        money, lasts = portfolio.float_value() * target, False
    if missing is not None and not -_CERTAIN < missing < _CERTAIN:
        return None
    books, closes = portfolio.version, None
    if kind is not SHARES and market.table.frozen:
        closes = state.marks.column_of(place)
    facts = (target, kind, books, orders.version, session, place, money, part, missing, closes)
    # Where brokers report fills, a mark may be older than the books.
    if lasts:
        state.target_facts[id(asset)] = facts
    return facts


# The whole shares held of an asset; None if it holds a fraction.
def _whole_held(state: RunState, asset: Asset) -> int | None:
    shares = state.portfolio.whole_shares()
    if shares is not None:
        return shares.get(asset.index, 0)
    position = state.portfolio.positions.get(asset)
    if position is None:
        return 0
    return int(position.amount) if _ONE.same_quantum(position.amount) else None


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


_CERTAIN = 1e9
_UNSURE = 0.0002
_SURE = 1.0 - _UNSURE
_CHEAP = 0.0001
_FAR = 1e15
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
