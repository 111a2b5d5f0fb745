"""Differences in code, parameters and settings between a run's start and its
continuations, and since when each applies.

The rule: every difference is a phrase, `name was X, is Y`, the same in an error, a log
line and a result.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from rbtlive.core.strategy.strategy_executor import StrategyExecutor
from rbtlive.model.foreign_text import as_utf8, text_of
from rbtlive.runtime.journal.journal_reader import RecordedRun
from rbtlive.runtime.recorded.recorded_run import Segment, segments_of

EDITED = "the code was edited"
_LONGEST = 80
"""Maximum characters kept of a parameter's value."""
_PLAIN = (bool, int, float, str, Decimal)
_UNKNOWN = "its default"


def plain_parameters(executor: StrategyExecutor) -> dict[str, str]:
    """Return the text of each parameter that is a number, a text or None, including
    defaults.
    """
    return {
        name: _text(value)
        for name, value in executor.parameters().items()
        if value is None or isinstance(value, _PLAIN)
    }


def changed_settings(
    before: Mapping[str, Any], after: Mapping[str, Any], *, live: bool
) -> list[str]:
    """Return the names of the settings that differ, sorted.

    Args:
        before: The facts of a segment's settings.
        after: The facts of the settings that are to continue it.
        live: Whether the feed is live: such a run begins at its first bar.
    """
    free = ("start",) if live else ()
    return sorted(key for key in after if key not in free and after[key] != before.get(key))


def what_changed(before: Segment, after: Segment, *, live: bool) -> list[str]:
    """Return the differences between two segments, a phrase each."""
    old, new = _parameters(before), _parameters(after)
    if not before.parameters:  # written by a version that stored only the parameters passed
        new = _passed(after)
    phrases = [
        f"{name} was {old.get(name, _UNKNOWN)}, is {new.get(name, _UNKNOWN)}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    phrases += [
        f"{name} was {_text(before.settings.get(name))}, is {_text(after.settings[name])}"
        for name in changed_settings(before.settings, after.settings, live=live)
        if name != "params"
    ]
    return phrases + ([EDITED] if before.source != after.source else [])


def history_of(run: RecordedRun) -> dict[str, str]:
    """Return the parameters at a run's start, and later changes, each by the time since
    which it applied.
    """
    segments, live = segments_of(run), run.header["live"]
    first = segments[0]
    named = (f"{name} = {text}" for name, text in sorted(_parameters(first).items()))
    held = {f"from {first.settings['start']}": ", ".join(named) or "no parameters"}
    for before, after in pairwise(segments):
        phrases = what_changed(before, after, live=live) or ["restarted from its positions"]
        when = f"from {_when(after)}"
        held[when] = "; ".join([*([held[when]] if when in held else []), *phrases])
    return held


# After the last slice of the previous segment, or from the session that it left.
def _when(segment: Segment) -> str:
    cursor = (segment.state or {}).get("cursor", {})
    if cursor.get("last_slice_us") is None:
        return str(cursor.get("session", "its start"))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=cursor["last_slice_us"])
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _parameters(segment: Segment) -> dict[str, str]:
    return {**_passed(segment), **segment.parameters}


def _passed(segment: Segment) -> dict[str, str]:
    return {name: _text(value) for name, value in segment.settings["params"].items()}


def _text(value: object) -> str:
    return as_utf8(text_of(value, repr)[:_LONGEST])
