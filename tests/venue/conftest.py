"""The venues that the tests of this folder talk to."""

from tests.venue.fixtures import (
    _crypto_process,
    _daily_process,
    _minute_process,
    crypto_venue,
    minute_venue,
    venue,
)

__all__ = [
    "_crypto_process",
    "_daily_process",
    "_minute_process",
    "crypto_venue",
    "minute_venue",
    "venue",
]
