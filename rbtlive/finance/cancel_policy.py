"""Cancel policies: whether open orders survive the end of a session. This is the time
in force of all orders of a run: DAY or good till cancelled.
"""

from __future__ import annotations

import abc
from enum import IntEnum


class SessionEvent(IntEnum):
    """The moments of a session at which a policy is asked, with zipline's numbers."""

    BAR = 0
    SESSION_START = 1
    SESSION_END = 2
    MINUTE_END = 3
    BEFORE_TRADING_START_BAR = 4


BAR = SessionEvent.BAR
SESSION_START = SessionEvent.SESSION_START
SESSION_END = SessionEvent.SESSION_END
MINUTE_END = SessionEvent.MINUTE_END
BEFORE_TRADING_START_BAR = SessionEvent.BEFORE_TRADING_START_BAR


class CancelPolicy(abc.ABC):
    """Base of cancel policies.

    Attributes:
        warn_on_cancel: Whether a warning is logged for each order that the policy
            cancels.
    """

    warn_on_cancel: bool = False

    @abc.abstractmethod
    def should_cancel(self, event: int) -> bool:
        """Say whether open orders are cancelled at this moment.

        Args:
            event: One of `SessionEvent`.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class EODCancel(CancelPolicy):
    """Cancel every order that is still open when a session ends: day orders.

    Args:
        warn_on_cancel: Log one warning for each order it cancels, with the amount
            already filled.
    """

    def __init__(self, warn_on_cancel: bool = True) -> None:
        self.warn_on_cancel = warn_on_cancel

    def should_cancel(self, event: int) -> bool:
        """Return True at the end of a session."""
        return event == SESSION_END

    def __repr__(self) -> str:
        return f"{type(self).__name__}(warn_on_cancel={self.warn_on_cancel})"


class NeverCancel(CancelPolicy):
    """Keep orders until they are filled or cancelled explicitly. The default."""

    def should_cancel(self, event: int) -> bool:  # noqa: ARG002 -- the base's signature
        """Return False."""
        return False
