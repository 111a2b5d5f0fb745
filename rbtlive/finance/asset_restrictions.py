"""Asset restrictions: which assets may not be traded, and from when.

The rule: assets are identified by sid, so another object for the same asset is
restricted too.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import IntEnum
from typing import Any, NamedTuple

from rbtlive.model.asset import Asset


class RESTRICTION_STATES(IntEnum):  # noqa: N801 -- zipline's name
    """Whether an asset may be traded."""

    ALLOWED = 0
    FROZEN = 1


class Restriction(NamedTuple):
    """One asset's state from a date on.

    Attributes:
        asset: The asset, or its sid.
        effective_date: First moment at which the state holds; without a time zone, UTC.
        state: One of `RESTRICTION_STATES`.
    """

    asset: Any
    effective_date: Any
    state: Any


class Restrictions(abc.ABC):
    """Base of restrictions; `a | b` restricts an asset if either one does."""

    @abc.abstractmethod
    def is_restricted(self, assets: Any, dt: Any) -> Any:
        """Say whether an asset may not be traded now.

        Args:
            assets: One asset, or an iterable of them.
            dt: The moment, UTC.

        Returns:
            A bool for one asset, a mapping of bools by asset for several.
        """

    def __or__(self, other: Restrictions) -> Restrictions:
        if not isinstance(other, Restrictions):
            return NotImplemented
        parts = [
            part for part in (*_parts(self), *_parts(other)) if not isinstance(part, NoRestrictions)
        ]
        if len(parts) > 1:
            return _UnionRestrictions(parts)
        return parts[0] if parts else NoRestrictions()


class _RestrictionsByAsset(Restrictions):
    # The built-in restrictions decide for one asset at a time.
    def is_restricted(self, assets: Any, dt: Any) -> Any:
        """Say whether one asset may not be traded now; for several, return a dictionary
        of answers.
        """
        if isinstance(assets, Asset):
            return self._forbids(assets, dt)
        return {asset: self._forbids(asset, dt) for asset in assets}

    @abc.abstractmethod
    def _forbids(self, asset: Asset, dt: Any) -> bool: ...


class NoRestrictions(_RestrictionsByAsset):
    """Everything may be traded. The default."""

    def _forbids(self, asset: Asset, dt: object) -> bool:  # noqa: ARG002 -- the base's signature
        return False

    def __repr__(self) -> str:
        return "NoRestrictions()"


class StaticRestrictions(_RestrictionsByAsset):
    """Some assets may never be traded.

    Args:
        restricted_list: The assets, or their sids.

    Raises:
        TypeError: an entry is not an asset, for instance a ticker.
    """

    def __init__(self, restricted_list: Iterable[Any]) -> None:
        self._sids = frozenset(
            _sid(asset, "restricted_list of StaticRestrictions") for asset in restricted_list
        )

    def _forbids(self, asset: Asset, dt: object) -> bool:  # noqa: ARG002 -- the base's signature
        return int(asset) in self._sids

    def __repr__(self) -> str:
        return f"StaticRestrictions({sorted(self._sids)})"


class HistoricalRestrictions(_RestrictionsByAsset):
    """Assets change between allowed and frozen on given dates; before the first date
    they are allowed.

    Args:
        restrictions: `Restriction` tuples in any order; if several have the same date,
            the last one given applies.

    Raises:
        TypeError: an entry has no asset or no date.
        ValueError: an entry has an unknown state.
    """

    def __init__(self, restrictions: Iterable[Restriction]) -> None:
        self._changes: dict[int, list[tuple[datetime, RESTRICTION_STATES]]] = {}
        for entry in restrictions:
            sid = _sid(entry.asset, "a Restriction of HistoricalRestrictions")
            self._changes.setdefault(sid, []).append(
                (_moment(entry.effective_date), _state(entry.state))
            )
        for changes in self._changes.values():
            changes.sort(key=lambda change: change[0])

    def _forbids(self, asset: Asset, dt: object) -> bool:
        now = _moment(dt)
        state = RESTRICTION_STATES.ALLOWED
        for effective, new_state in self._changes.get(int(asset), ()):
            if effective > now:
                break
            state = new_state
        return state is RESTRICTION_STATES.FROZEN

    def __repr__(self) -> str:
        return f"HistoricalRestrictions({sorted(self._changes)})"


class SecurityListRestrictions(_RestrictionsByAsset):
    """Assets that a security list contains at the time may not be traded.

    Args:
        security_list_by_dt: Any object with `current_securities(dt)`, which returns the
            assets listed then.
    """

    def __init__(self, security_list_by_dt: Any) -> None:
        self.current_securities = security_list_by_dt.current_securities

    def _forbids(self, asset: Asset, dt: object) -> bool:
        return int(asset) in {int(named) for named in self.current_securities(dt)}

    def __repr__(self) -> str:
        return "SecurityListRestrictions()"


class _UnionRestrictions(_RestrictionsByAsset):
    # Created only by `|`, from at least two parts that are neither unions nor empty.
    def __init__(self, parts: list[Restrictions]) -> None:
        self.sub_restrictions = parts

    def _forbids(self, asset: Asset, dt: object) -> bool:
        return any(part.is_restricted(asset, dt) for part in self.sub_restrictions)

    def __repr__(self) -> str:
        return " | ".join(repr(part) for part in self.sub_restrictions)


def _parts(restrictions: Restrictions) -> list[Restrictions]:
    if isinstance(restrictions, _UnionRestrictions):
        return restrictions.sub_restrictions
    return [restrictions]


def _sid(asset: object, where: str) -> int:
    if isinstance(asset, Asset) or (hasattr(asset, "__index__") and not isinstance(asset, bool)):
        return int(asset)
    kind = type(asset).__name__
    raise TypeError(
        f"{where} must name assets: was {asset!r} ({kind}); pass symbol('AAPL') rather than 'AAPL'"
    )


def _state(state: Any) -> RESTRICTION_STATES:
    try:
        return RESTRICTION_STATES(state)
    except ValueError:
        raise ValueError(
            f"state of a Restriction must be RESTRICTION_STATES.ALLOWED or .FROZEN: was {state!r}"
        ) from None


def _moment(when: object) -> datetime:
    # A date means its first moment; a value without a time zone is UTC, like all times
    # here.
    if isinstance(when, datetime):
        return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    if isinstance(when, date):
        return datetime(when.year, when.month, when.day, tzinfo=UTC)
    kind = type(when).__name__
    raise TypeError(
        f"effective_date of a Restriction must be a date or a date-time: was {when!r} ({kind})"
    )
