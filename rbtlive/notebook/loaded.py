"""Which strategies this process has seen attached, so that recorded runs can be judged by their own code.

The rule: a strategy is known by name, source hash and settings; a journal never brings code along.
"""

from __future__ import annotations

from typing import Any

from rbtlive.core.settings import RunSettings
from rbtlive.core.strategy_executor import StrategyExecutor
from rbtlive.runtime.launch import Launch
from rbtlive.runtime.recorded import Segment
from rbtlive.runtime.run_header import settings_facts

_SEEN: dict[tuple[str, str, str], tuple[Any, RunSettings]] = {}


def remember(launch: Launch) -> None:
    """Note the strategy and the settings of a session that begins."""
    _SEEN[_identity(launch.executor.name, launch.executor.fingerprint(), settings_facts(launch.settings))] = (
        launch.strategy,
        launch.settings,
    )


def loaded(segment: Segment) -> tuple[Any, RunSettings] | None:
    """Return the strategy and the settings of a segment, or None if its code is not loaded in this process.

    It may never have been, or a reload of its module has put other code in its place.
    """
    seen = _SEEN.get(_identity(segment.strategy, segment.source, dict(segment.settings)))
    if seen is None or StrategyExecutor(seen[0]).fingerprint() != segment.source:
        return None
    return seen


def _identity(strategy: str, source: str, settings: dict[str, Any]) -> tuple[str, str, str]:
    return strategy, source, repr(sorted(settings.items()))
