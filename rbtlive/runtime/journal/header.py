"""A journal's header describes its run before the first row: enough to compare, recover
and replay it.

The rule: it never contains the strategy's source, which may hold keys; only its hash.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import polars as pl

from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.data.columns.stored import column_frames
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.errors import InvalidSetting, JournalMismatch, JournalVersion, StrategyChanged
from rbtlive.model.bar import OHLCV
from rbtlive.model.number import plain_text
from rbtlive.runtime.journal.state_folder import StateFolder
from rbtlive.runtime.recorded.changes import changed_settings, plain_parameters
from rbtlive.runtime.recorded.recorded_run import Segment

SEMANTICS = 4
"""Increased whenever the same events would give different numbers than before."""
_MOST_BITS = 14_000
"""Limit of a whole number: Python does not write or read longer ones in decimal digits.
"""


def make_header(
    executor: StrategyExecutor,
    settings: RunSettings,
    portal: PolarsDataPortal,
    *,
    broker: str,
    live: bool,
    folder: StateFolder | None,
    provenance: Mapping[str, Any] | None = None,
    waited_for: str = "",
) -> dict[str, Any]:
    """Return the header of a new run, and store its bars of history beside the
    journals.

    Args:
        executor: The strategy.
        settings: The settings requested.
        portal: History, assets, corporate actions.
        broker: Name of the broker.
        live: Whether the feed is live; then its first bar decides where the run begins.
        folder: Where history is stored; None stores none.
        provenance: Where the strategy and its parameters come from, as plain values.
        waited_for: The window that made the run restart later, in words; empty if none
            did.
    """
    calendar = portal.calendar
    first = calendar.number(settings.start)
    last = first if settings.end is None else calendar.number(settings.end)
    return {
        "semantics": SEMANTICS,
        "versions": {
            "rbtlive": version("rbtlive"),
            "polars": pl.__version__,
            "calendar": version("exchange_calendars"),
        },
        "strategy": executor.name,
        "source": executor.fingerprint(),
        "settings": settings_facts(settings),
        "parameters": plain_parameters(executor),
        "broker": broker,
        "live": live,
        "sessions": [
            [calendar.label(n).isoformat(), int(calendar.opens_us[n]), int(calendar.closes_us[n])]
            for n in range(first, last + 1)
        ],
        "assets": asset_facts(portal),
        "splits": split_facts(portal),
        "dividends": dividend_facts(portal),
        "history": _store_history(portal, None if live else first, folder),
        **({} if provenance is None else {"provenance": dict(provenance)}),
        **({"waited_for": waited_for} if waited_for else {}),
    }


def check_header(
    header: Mapping[str, Any], segment: Segment, executor: StrategyExecutor, settings: RunSettings
) -> None:
    """Refuse to resume a run with a strategy or settings other than those of its last
    segment.

    Raises:
        JournalVersion: it was written under other semantics.
        JournalMismatch: it belongs to another strategy.
        StrategyChanged: the strategy's source, its parameters or a setting has changed
            since.
    """
    if header.get("semantics") != SEMANTICS:
        raise JournalVersion(
            f"the journal was written under semantics {header.get('semantics')!r}, this is "
            f"{SEMANTICS}: its events would "
            "give other numbers; open it with the rbtlive that wrote it, or attach with fresh=True"
        )
    name = header["name"]
    if segment.strategy != executor.name:
        raise JournalMismatch(
            f"session {name!r} holds a run of strategy {segment.strategy!r}: was asked to carry on "
            "with "
            f"{executor.name!r}; give this session another name, or attach with fresh=True"
        )
    wanted = settings_facts(settings)
    changed = changed_settings(segment.settings, wanted, live=header["live"])
    if changed:
        details = "; ".join(
            f"{key} was {segment.settings.get(key)!r}, is {wanted[key]!r}" for key in changed
        )
        raise StrategyChanged(
            f"session {name!r} was begun with other settings: {details}; attach with them, with "
            "on_divergence='positions' "
            "to go on from its positions and orders, or with fresh=True"
        )
    if segment.source != executor.fingerprint():
        raise StrategyChanged(
            f"the source of {executor.name} was edited since session {name!r} began: its past "
            "decisions would not be "
            "this code's; attach the code it was begun with, or this one with "
            "on_divergence='positions' to go on from its "
            "positions and orders, or with fresh=True"
        )


def settings_facts(settings: RunSettings) -> dict[str, Any]:
    """Return every setting as plain JSON; models by class, fields and source hash.

    Raises:
        InvalidSetting: a setting is nested too deep, or contains itself.
    """
    facts = {}
    for field in fields(settings):
        value = getattr(settings, field.name)
        try:
            facts[field.name] = _plain(value)
        except RecursionError:
            raise InvalidSetting(
                f"{field.name} must be values that can be written down: one of "
                f"{', '.join(map(repr, value)) if isinstance(value, Mapping) else 'them'} is "
                "nested too deep or holds itself; pass plain numbers and texts"
            ) from None
    return facts


def _plain(value: object) -> Any:
    if isinstance(value, Decimal):
        return plain_text(value)
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MOST_BITS else hex(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {
            str(key): _plain(part)
            for key, part in sorted(value.items(), key=lambda item: str(item[0]))
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_plain(part) for part in value]
        return sorted(parts, key=str) if isinstance(value, (set, frozenset)) else parts
    return _object_facts(value)


def _object_facts(value: object) -> Any:
    kind = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    try:
        source = hashlib.sha256(inspect.getsource(kind).encode()).hexdigest()[:16]
    except (OSError, TypeError):
        source = ""
    state = (
        {}
        if kind is value
        else {k: _plain(v) for k, v in sorted(getattr(value, "__dict__", {}).items())}
    )
    return {"class": f"{kind.__module__}.{kind.__qualname__}", "source": source, "state": state}


def asset_facts(portal: PolarsDataPortal) -> list[dict[str, Any]]:
    """Return the portal's assets as the rows of its `assets` frame."""
    return [
        {
            "symbol": a.symbol,
            "sid": a.sid,
            "start_date": a.start_date.isoformat(),
            "end_date": a.end_date.isoformat(),
            "auto_close_date": a.auto_close_date.isoformat(),
            "lot_size": plain_text(a.lot_size),
            "tick_size": plain_text(a.tick_size),
            "asset_class": a.asset_class,
            "quote_currency": a.quote_currency,
        }
        for a in portal.assets
    ]


def split_facts(portal: PolarsDataPortal) -> list[dict[str, Any]]:
    """Return the portal's splits as the rows of its `splits` frame."""
    label = portal.calendar.label
    return [
        {
            "symbol": portal.assets[s.asset].symbol,
            "effective_date": label(s.session).isoformat(),
            "ratio": plain_text(s.ratio),
        }
        for s in portal.splits
    ]


def dividend_facts(portal: PolarsDataPortal) -> list[dict[str, Any]]:
    """Return the portal's dividends as the rows of its `dividends` frame."""
    return [
        {
            "symbol": portal.assets[d.asset].symbol,
            "ex_date": d.ex_date.isoformat(),
            "pay_date": None if d.pay_date is None else d.pay_date.isoformat(),
            "amount": plain_text(d.amount),
        }
        for d in portal.dividends
    ]


def _store_history(
    portal: PolarsDataPortal, first: int | None, folder: StateFolder | None
) -> dict[str, str | None]:
    before = portal.last_session + 1 if first is None else first
    frames = {
        "daily": daily_frame(portal, before=before),
        "minute": minute_frame(portal, before=before),
        **{f"columns {n}": frame for n, frame in enumerate(column_frames(portal))},
    }
    return {
        kind: None
        if frame is None or folder is None or frame.is_empty()
        else folder.store_bars(frame)
        for kind, frame in frames.items()
    }


def daily_frame(portal: PolarsDataPortal, *, before: int) -> pl.DataFrame | None:
    """Return the portal's daily bars of sessions below `before`, as a frame for a
    portal.
    """
    if portal.daily is None:
        return None
    bars = portal.daily.filter(pl.col("session") < before)
    labels = pl.Series("date", portal.calendar.labels[bars["session"].to_numpy()])
    return _named(portal, bars, labels)


def minute_frame(portal: PolarsDataPortal, *, before: int) -> pl.DataFrame | None:
    """Return the portal's minute bars of sessions below `before`, as a frame for a
    portal.
    """
    if portal.minutes is None:
        return None
    bars = portal.minutes.part(portal.minutes.first_session, before - 1)
    return _named(portal, bars, bars["us"].cast(pl.Datetime("us", "UTC")).alias("timestamp"))


def _named(portal: PolarsDataPortal, bars: pl.DataFrame, when: pl.Series) -> pl.DataFrame:
    symbols = pl.Series("symbol", [a.symbol for a in portal.assets], dtype=pl.String)
    return pl.DataFrame(
        [
            when,
            symbols.gather(bars["asset"]).alias("symbol"),
            *(bars[f] for f in OHLCV),
        ]
    )
