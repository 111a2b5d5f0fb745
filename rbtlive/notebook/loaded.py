"""The strategies attached in this process, so that recorded runs can be compared using
their own code.

The rule: a strategy is identified by name, source hash and settings; a journal never
contains code. If several strategies share all of these, such as functions from one
factory, a session uses its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rbtlive.core.state.settings import RunSettings
from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.runtime.engine.launch import Launch
from rbtlive.runtime.journal.header import settings_facts
from rbtlive.runtime.recorded.recorded_run import Segment

_SEEN: dict[tuple[str, str, str, str | None], tuple[Any, RunSettings]] = {}
"""By name, source hash and settings of the strategy, and by session, or None for the
latest of any session.
"""


def remember(launch: Launch) -> None:
    """Remember the strategy and settings of a starting session."""
    identity = _identity(
        launch.executor.name, launch.executor.fingerprint(), settings_facts(launch.settings)
    )
    for session in (launch.name, None):
        _SEEN[*identity, session] = (launch.strategy, launch.settings)


def loaded_by(session: str) -> Callable[[Segment], tuple[Any, RunSettings] | None]:
    """Return a function that gives the strategy and settings of a session's segment, or
    None if its code is not loaded in this process.

    The code may never have been loaded, or a reload of its module may have replaced it.
    """
    return lambda segment: _loaded(session, segment)


def _loaded(session: str, segment: Segment) -> tuple[Any, RunSettings] | None:
    identity = _identity(segment.strategy, segment.source, dict(segment.settings))
    seen = _SEEN.get((*identity, session)) or _SEEN.get((*identity, None))
    if seen is None or StrategyExecutor(seen[0]).fingerprint() != segment.source:
        return None
    return seen


def _identity(strategy: str, source: str, settings: dict[str, Any]) -> tuple[str, str, str]:
    return strategy, source, repr(sorted(settings.items()))
