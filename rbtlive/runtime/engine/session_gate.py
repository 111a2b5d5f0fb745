"""Decides when the sessions of a live run begin.

The rule: a session begins when the run has the bars of all earlier days, or has waited
long enough for them, so that its first table equals a backtest's.
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
    """Lets sessions begin, one at a time.

    Args:
        cores: The run's cores.

    Attributes:
        begun_until: Close of the last session that may begin; the end of time if no
            session waits.
    """

    def __init__(self, cores: CoreMaker) -> None:
        self.begun_until = _NEVER if cores.sessions_wait else _ALWAYS
        self._cores = cores

    @property
    def is_held(self) -> bool:
        """Whether the next session must wait."""
        return self._cores.universe.is_waiting

    async def let_begin(self, moment: datetime) -> None:
        """Wait until the session of a slice may begin."""
        await self._cores.universe.completed()
        calendar = self._cores.calendar
        session = calendar.session_of_us(us_of(moment))
        if session >= 0:
            self.begun_until = calendar.close(session)
