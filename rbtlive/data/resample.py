"""`resample`: build a portal with longer bars from a portal or its source."""

from __future__ import annotations

from rbtlive.data.portal import PolarsDataPortal
from rbtlive.model.interval import DAY, Interval


def resample(
    data: object, interval: str | Interval, *, calendar: str | None = None
) -> PolarsDataPortal:
    """Return a portal with longer bars: each is built from the bars that end in it.

    Intraday bars are counted from the session's open (after a lunch break, from its
    end), and the last one before a close is shorter if a full one does not fit: New
    York has seven bars of "1h", the last of half an hour. A week or month is dated by
    its last session; its bars are in the shares of that session, and its splits take
    effect with its first.

    Args:
        data: A portal, or a source of one.
        interval: E.g. "5m", "1h", "1d", "1w", "1mo".
        calendar: Name of the calendar, for data that is not a portal.

    Raises:
        BadFrequency: the interval is invalid, or the bars do not add up to it.
        DataError: the data cannot be used.
    """
    wanted = Interval.parse(interval, name="interval")
    portal = PolarsDataPortal.coerce(data, frequency=wanted, calendar=calendar)
    return portal.sessions_only() if wanted == DAY and portal.interval.intraday else portal
