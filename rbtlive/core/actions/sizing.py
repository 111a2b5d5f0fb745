"""How many shares: from values, fractions and targets to signed amounts in whole lots.

The rule: sizes are computed in Decimal from the last known price and the portfolio
marked at it. Source: zipline-reloaded 3.2.1, algorithm.py, lines 1150-1289 and
1663-1740.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from rbtlive.core.run_state import RunState
from rbtlive.errors import (
    BadOrderParameters,
    CannotOrderDelistedAsset,
    UnsupportedOrderParameters,
)
from rbtlive.model.arrays import np
from rbtlive.model.asset import Asset
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, to_decimal

NEAR = Decimal("0.0001")
_ONE = Decimal(1)
_to_integral = ENGINE_CONTEXT.to_integral_value  # half to even
NEGLIGIBLE_PRICE = Decimal("0.000001")
"""Below it zipline's arithmetic takes a price for zero; ours goes on to the last digit
that money has.
"""
_TINY = Decimal("1E-12")


def shares_for_value(state: RunState, asset: Asset, value: Any) -> Decimal:
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


def shares_for_percent(state: RunState, asset: Asset, percent: Any) -> Decimal:
    """Return the exact number of shares worth a fraction of the portfolio's value."""
    state.marks.mark()
    return shares_for_value(
        state, asset, state.portfolio.portfolio_value * number(percent, "percent")
    )


def quick_targets(state: RunState, targets: Sequence[tuple[Asset, Any]]) -> list[Decimal | None]:
    """Return, for each asset, what is missing to hold its fraction of the portfolio's
    value, in whole shares; None where that has to be computed exactly.

    Floats decide where they are certain: their error is below a hundred-thousandth of a
    share, and what they give is further than that from where shares are rounded.
    """
    quirks, market, orders = state.quirks, state.market, state.orders
    if quirks.round_in_binary or quirks.round_history:
        return [None for _ in targets]
    book, waiting, is_plain = orders.book, orders.waiting.amounts, state.plain_assets
    positions, listed = state.portfolio.positions, market.listing.first
    session, price_of = market.session, market.price
    closes = market.closes() if len(targets) > _SEVERAL and not market.looks_back else None
    if state.marks.marked_us != market.now_us:
        state.marks.mark()
    value, sizes = state.portfolio.float_value(), []
    for asset, target in targets:
        kind, place, size = type(target), asset.index, None
        if (
            (kind is float or kind is int)
            and is_plain[place]
            and not (book and asset in book)
            and not (waiting and asset in waiting)
            and session >= listed[place]
        ):
            price = price_of(place) if closes is None else closes[place]
            if not price > _CHEAP:  # NaN for one: what was known before counts
                price = price_of(place)
            if price > _CHEAP:
                position = positions.get(asset)
                if not target:
                    size = ZERO if position is None else _all_of(position.amount)
                    sizes.append(size)
                    continue
                worth = value * target / price
                missing = worth if position is None else worth - float(position.amount)
                shares = int(missing) if -_CERTAIN < worth < _CERTAIN else 0
                if shares and _UNSURE < abs(missing - shares) < _SURE:
                    size = Decimal(shares)
        sizes.append(size)
    return sizes


# What closes a position of whole shares; one of other amounts is left to the exact way.
def _all_of(amount: Decimal) -> Decimal | None:
    return -amount if _ONE.same_quantum(amount) else None


_CERTAIN = 1e9
_UNSURE = 0.0002
_SURE = 1.0 - _UNSURE
_CHEAP = 0.0001
_SEVERAL = 8


def shares_to_target(state: RunState, asset: Asset, target: Any) -> Decimal:
    """Return `target` shares minus what is held and, unless zipline's quirk is wanted,
    what is on order.
    """
    missing = number(target, "target") - state.portfolio.amount_of(asset)
    if not state.quirks.target_ignores_open_orders:
        for order in state.orders.get_active_orders(asset):
            missing -= order.open_amount
    return missing


def shares_to_targets(state: RunState, targets: Sequence[tuple[Asset, Any]]) -> list[Decimal]:
    """Return, for each asset, what is missing to hold its fraction of the portfolio's
    value; the portfolio is marked and valued once.

    Raises:
        UnsupportedOrderParameters: two targets are of one asset.
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
        return cast(list[Decimal], sizes)
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


def whole_lots(amount: Any, lot: Decimal, *, binary: bool) -> Decimal:
    """Return `amount` in whole lots: the nearest if within 0.0001 of it, else truncated
    toward zero.

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
        amount = int(amount)  # as in zipline; else a bool is no number
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


def number(value: Any, name: str) -> Decimal:
    """Return a Decimal of what the user passed as `name`.

    Raises:
        TypeError: it is no number.
    """
    kind = type(value)
    if kind is Decimal:
        return value  # type: ignore[no-any-return]  # mypy does not follow `kind`
    if kind is int:
        return Decimal(value)
    try:
        return Decimal(
            to_decimal(value)
        )  # plain: a strategy's own numbers would slow the ledger down
    except TypeError:
        raise TypeError(
            f"{name} must be a number: was {value!r} ({type(value).__name__})"
        ) from None


def share_counts(counts: Any) -> list[tuple[Asset, Decimal]]:
    """Return (asset, whole shares) of each entry that is not zero.

    Raises:
        TypeError: not a mapping or Series, or the amounts are no integers.
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
