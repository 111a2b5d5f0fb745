"""Which strategies this process has seen attached, so that recorded runs can be judged
by their own code.

The rule: a strategy is known by name, source hash and settings; a journal never brings
code along. Of several that have these in common, as functions from one factory have, a
session means its own.
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
"""By name, source hash and settings of the strategy, and the session, or None for the
latest of any session.
"""


def remember(launch: Launch) -> None:
    """Note the strategy and the settings of a session that begins."""
    identity = _identity(
        launch.executor.name, launch.executor.fingerprint(), settings_facts(launch.settings)
    )
    for session in (launch.name, None):
        _SEEN[*identity, session] = (launch.strategy, launch.settings)


def loaded_by(session: str) -> Callable[[Segment], tuple[Any, RunSettings] | None]:
    """Return what gives the strategy and the settings of a session's segment, or None
    if its code is not loaded in this process.

    It may never have been, or a reload of its module has put other code in its place.
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
