"""The core's view of a venue: in memory, or remote.

The rule: a bar takes the same path at both; a remote venue fills nothing here. Only
cancels, costs, the stored state and a backtest's fast paths ask which of the two it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from rbtlive.model.asset import Asset

Book: TypeAlias = Mapping[Asset, Sequence[Any]]
"""Open orders by asset."""


class Venue(Protocol):
    """A venue; `SimVenue` is one."""

    cancels_at_once: bool

    def has_nothing_to_do(
        self, book: Book, *, version: int, close_of: Callable[[int], float]
    ) -> bool:
        """Say whether `match` would do nothing on the current bar; see `SimVenue`."""
        ...

    def calm_range(self, book: Book, *, version: int) -> tuple[int, float, float] | None:
        """Return the range that an asset's close must stay in; see `SimVenue`."""
        ...

    def match(
        self,
        book: Book,
        *,
        data: Any,
        now: datetime,
        emit: Callable[[Any, Decimal, Decimal, Decimal], None],
        emit_whole: Callable[[Any, Decimal, Decimal], None] | None,
        version: int,
        close_of: Callable[[int], float],
    ) -> None:
        """Fill open orders on the current bar; see `SimVenue`."""
        ...


class RemoteVenue:
    """A remote venue: it fills nothing here and reports through events."""

    cancels_at_once = False

    def has_nothing_to_do(self, book: Book, **bar: object) -> bool:  # noqa: ARG002 - see Venue
        """Return True: it never fills here."""
        return True

    def calm_range(self, book: Book, *, version: int) -> None:
        """Return None: there is no such range."""

    def match(self, book: Book, **bar: object) -> None:
        """Do nothing."""
