"""Lets the sessions of a live run begin.

The rule: a session begins once the run has the days before it, or has waited long
enough for them, so that its first table is a backtest's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rbtlive.data.calendars.calendar import us_of

if TYPE_CHECKING:
    from rbtlive.runtime.engine.cores import CoreMaker

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ALWAYS: Final = datetime.max.replace(tzinfo=UTC)


class SessionGate:
    """Lets sessions begin, one after the other.

    Args:
        cores: The run's.

    Attributes:
        begun_until: Close of the last session that may begin; the end of time where no
            session waits.
    """

    def __init__(self, cores: CoreMaker) -> None:
        self.begun_until = _NEVER if cores.sessions_wait else _ALWAYS
        self._cores = cores

    @property
    def is_held(self) -> bool:
        """Whether no session may begin now."""
        return self._cores.universe.is_waiting

    async def let_begin(self, moment: datetime) -> None:
        """Return once the session of a slice may begin."""
        await self._cores.universe.completed()
        calendar = self._cores.calendar
        session = calendar.session_of_us(us_of(moment))
        if session >= 0:
            self.begun_until = calendar.close(session)
