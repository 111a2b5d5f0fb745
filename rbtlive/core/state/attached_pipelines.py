"""The pipelines of a run and their latest results.

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
    """A pipeline and its latest results.

    Attributes:
        pipeline: The pipeline.
        chunks: Sessions of each chunk beyond its first.
        eager: Whether it is computed every morning, even if the strategy does not ask.
        computed: The days computed most recently.
        last: Number of the last of these days.
        reported: Number of the last session whose table was reported.
        within_day: It is computed within the day, not in the morning.
        subscribes: Whether a live feed is subscribed to the symbols that it shows.
        shown: Symbols of its last table, if it subscribes.
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
        by_name: The pipelines by name, in the order they were attached.
        timed: How many are computed within the day.
        source: Their market data; set once a pipeline was computed.
        day_so_far: The same in the middle of a session.
        loaders: Loaders by column or data set, used before a data set's own.
        on_table: Called with a pipeline's name, the session's number and the day's
            table as facts, when the table is first computed; None calls nothing.
        recorded: Returns the recorded table of a pipeline and session, or None; a
            recorded table is shown instead of a recomputed one.
        on_universe: Called with the symbols whose bars a run wants, the most important
            first, when a subscribing pipeline has its table of the day; None calls
            nothing.
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
        by_name = self.by_name  # checked twice a session, and mostly empty
        return bool(by_name) and any(attached.eager for attached in by_name.values())
