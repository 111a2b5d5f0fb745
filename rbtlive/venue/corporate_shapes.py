"""The corporate-actions endpoint's shapes of splits, dividends and new symbols.

Source: docs.alpaca.markets/reference/corporateactions-1.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from rbtlive.data.checking.corporate import Dividend
from rbtlive.model.asset import Asset
from rbtlive.venue.book import VenueBook
from rbtlive.venue.book_entries import SymbolChange


def split_shape(book: VenueBook, asset: Asset, label: date, ratio: Decimal) -> dict[str, Any]:
    """Return a split in the shape of the corporate-actions endpoint."""
    old, new = ratio.as_integer_ratio()
    return {
        "id": str(book.asset_id(f"split/{asset.symbol}/{label}")),
        "symbol": asset.symbol,
        "old_rate": old,
        "new_rate": new,
        "process_date": label.isoformat(),
        "ex_date": label.isoformat(),
        "record_date": label.isoformat(),
        "payable_date": label.isoformat(),
    } | ({"old_cusip": "", "new_cusip": ""} if ratio > 1 else {"cusip": ""})


def dividend_shape(book: VenueBook, asset: Asset, dividend: Dividend) -> dict[str, Any]:
    """Return a cash dividend in the shape of the corporate-actions endpoint."""
    day = dividend.ex_date.isoformat()
    payable = day if dividend.pay_date is None else dividend.pay_date.isoformat()
    return {
        "id": str(book.asset_id(f"dividend/{asset.symbol}/{day}")),
        "symbol": asset.symbol,
        "cusip": "",
        "rate": float(dividend.amount),
        "special": False,
        "foreign": False,
        "process_date": payable,
        "ex_date": day,
        "record_date": day,
        "payable_date": payable,
    }


def symbol_change_shape(book: VenueBook, change: SymbolChange, label: date) -> dict[str, Any]:
    """Return a new symbol in the shape of the corporate-actions endpoint."""
    return {
        "id": str(book.asset_id(f"name/{change.symbol}/{change.new_symbol}/{label}")),
        "old_symbol": change.symbol,
        "old_cusip": "",
        "new_symbol": change.new_symbol,
        "new_cusip": "",
        "process_date": label.isoformat(),
    }
