"""Turn a row of a sweep into a session: the implementation of `SweepRow.attach`.

The rule: the session trades exactly what the row ran, and its journal names the sweep.
"""

from __future__ import annotations

from rbtlive.brokers.base import BrokerAdapter
from rbtlive.data.feeds.as_feed import as_feed
from rbtlive.notebook.attach import attach
from rbtlive.notebook.session import LiveSession
from rbtlive.research.sweeping.sweep import sweep
from rbtlive.research.sweeping.sweep_result import SweepResult, SweepRow, set_attach
from rbtlive.runtime.backtest import prepare_settings

__all__ = ["SweepResult", "attach_row", "sweep"]


def attach_row(row: SweepRow, broker: BrokerAdapter, **options: object) -> LiveSession:
    """Attach a row's strategy and parameters to a broker.

    The session uses the sweep's costs and frames. The sweep's start, end and capital
    apply only if bars are replayed on paper: otherwise the present and the account
    decide.

    Args:
        row: A row of a sweep.
        broker: The broker for the orders.
        **options: Options of `attach`; they override the sweep's.
    """
    asked = row.options
    if asked.pop("warmup", None) is not None:
        asked["start"] = prepare_settings(row.portal, **row.options).start
    feed = options.get("feed", getattr(broker, "feed", None))
    live = feed is None or as_feed(feed).is_live
    if live:
        asked.pop("start", None)
        asked.pop("end", None)
        asked.setdefault("data", row.portal)
    if not getattr(broker, "simulated", False):
        asked.pop("capital_base", None)
    facts = {"sweep": row.provenance()}
    return attach(
        row.strategy,
        broker,
        **{**asked, "params": dict(row.params), "provenance": facts, **options},
    )


set_attach(attach_row)
