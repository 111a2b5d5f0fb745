"""Corporate actions at a session's start: dividends earned and paid, splits of orders
and positions.

The rule: dividends come first, on the holdings before the split; then open orders are
split, then positions. Source: zipline-reloaded 3.2.1, gens/tradesimulation.py 153-182
and finance/ledger.py 150-240, 574-607.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from rbtlive.core.run_state import RunState
from rbtlive.core.state.dividends import UNNAMED
from rbtlive.model.asset import Asset
from rbtlive.model.number import to_money


def pay_dividends(state: RunState, session: int) -> None:
    """Earn the dividends that go ex in `session`, and pay those due."""
    portfolio = state.portfolio
    # Thousands of assets pay dividends, but few are held.
    for dividend in state.market.dividends_ex_at(session) if portfolio.positions else ():
        held = portfolio.amount_of(state.assets[dividend.asset])
        if not dividend.ex_is_session and state.quirks.lose_dividend_off_session:
            continue
        if held:
            state.dividends.earn(
                pay_session=dividend.pay_session,
                pay_is_session=dividend.pay_is_session,
                cash=to_money(held * dividend.amount),
                asset=dividend.asset,
            )
    for index, cash in state.dividends.pay(session):
        opening = state.calendar.open(session)
        portfolio.book_dividend(cash)
        paying = None if index == UNNAMED else state.assets[index]
        state.record.adjust("dividend", dt=opening, asset=paying, cash=cash)


def apply_splits(state: RunState, session: int) -> None:
    """Adjust open orders and positions for the splits of `session`."""
    for split in state.market.splits_at(session):
        asset = state.assets[split.asset]
        state.orders.apply_split(asset, split.ratio, state.now)
        split_position(state, asset, split.ratio, state.calendar.open(session))


def split_position(state: RunState, asset: Asset, ratio: Decimal, dt: datetime) -> None:
    """Adjust the position in an asset for a split, and record the split."""
    portfolio = state.portfolio
    if not portfolio.amount_of(asset):
        return
    cash_before = portfolio.cash
    portfolio.apply_split(asset, ratio)
    state.record.adjust(
        "split",
        dt=dt,
        asset=asset,
        cash=portfolio.cash - cash_before,
        ratio=ratio,
        amount=portfolio.amount_of(asset),
    )
