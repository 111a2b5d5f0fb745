"""The venues that the tests of this folder talk to."""

from tests.venue.fixtures import (
    _daily_process,
    _minute_process,
    minute_venue,
    venue,
)

__all__ = [
    "_daily_process",
    "_minute_process",
    "minute_venue",
    "venue",
]
