"""The pipelines of a run, and what was computed of each last.

The rule: a chunk of days is kept until its last day has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rbtlive.pipeline.engine import Computed
    from rbtlive.pipeline.source import Source


@dataclass(slots=True, eq=False)
class AttachedPipeline:
    """A pipeline, and what was computed of it last.

    Attributes:
        pipeline: The pipeline.
        chunks: Sessions of each chunk beyond its first.
        eager: Whether it is computed each morning, asked for or not.
        computed: The days computed last.
        last: Number of the last of them.
        reported: Number of the last session of which a table was reported.
        within_day: It is computed within the day, not in the morning.
        subscribes: Whether a live feed is subscribed to what it shows.
        shown: Symbols that it showed last, if it subscribes.
        followed: Number of the last session whose table was subscribed to.
    """

    pipeline: Any
    chunks: Iterator[int]
    eager: bool
    computed: Computed | None = None
    last: int = -1
    reported: int = -1
    within_day: bool = False
    subscribes: bool = False
    shown: tuple[str, ...] = ()
    followed: int = -1


@dataclass(slots=True, eq=False)
class AttachedPipelines:
    """All pipelines of a run.

    Attributes:
        by_name: In the order they were attached.
        timed: How many are computed within the day.
        source: What they know of the market, once one was computed.
        day_so_far: The same in the middle of a session.
        loaders: Loaders by column or data set, used before a data set's own.
        on_table: Gets the name of a pipeline, the session's number and the day's table
            as facts, when it is first computed; None lets nobody know.
        recorded: Gives the table that was recorded of a pipeline and session, or None;
            it is shown in place of one computed again.
        on_universe: Gets the symbols that a run wants bars of, the most important
            first, when a pipeline that subscribes has its table of the day; None lets
            nobody know.
    """

    by_name: dict[str, AttachedPipeline] = field(default_factory=dict)
    timed: int = 0
    source: Source | None = None
    day_so_far: Source | None = None
    loaders: Mapping[Any, Any] = field(default_factory=dict)
    on_table: Callable[[str, int, Mapping[str, Any]], None] | None = None
    recorded: Callable[[str, int], Mapping[str, Any] | None] | None = None
    on_universe: Callable[[list[str]], None] | None = None

    @property
    def has_eager(self) -> bool:
        """Whether a pipeline is computed each morning."""
        by_name = self.by_name  # asked for twice a session, and mostly empty
        return bool(by_name) and any(attached.eager for attached in by_name.values())
