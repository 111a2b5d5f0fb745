"""Resume a run where its journal left it.

The rule: start and recovery use the same code. Earlier rows are processed by the core
again, with prints suppressed; only after that comes anything new.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rbtlive.errors import StrategyChanged
from rbtlive.model.events import Event, MarketDataEvent
from rbtlive.runtime.engine.containment import contained, prints_suppressed
from rbtlive.runtime.engine.loop_budget import LoopBudget
from rbtlive.runtime.garbage_collection import rare_collections
from rbtlive.runtime.journal.recorder import Recorder
from rbtlive.runtime.recorded.recorded_run import Facts, carry_on, segments_of

if TYPE_CHECKING:
    from rbtlive.runtime.engine.cores import CoreMaker
    from rbtlive.runtime.engine.live_run import LiveRun
    from rbtlive.runtime.engine.processing import EventProcessor
    from rbtlive.runtime.engine.swap import StartedSegment
    from rbtlive.runtime.journal.journal import Journal


class Recovery:
    """Brings one run's core to the run's current state.

    Args:
        run: The run.
        cores: Creates the run's cores.
        processor: Processes the run's events.
        begun: A segment that has already started; None restores the run from its
            journal.
        go_on: Starts a segment from the journal's positions if a replay diverges; None
            lets it fail.

    Attributes:
        replayed: Number of events that were processed again.
    """

    def __init__(
        self,
        run: LiveRun,
        cores: CoreMaker,
        processor: EventProcessor,
        *,
        begun: StartedSegment | None,
        go_on: Callable[[Journal], None] | None,
    ) -> None:
        self.replayed = 0
        self._run = run
        self._cores = cores
        self._processor = processor
        self._begun = begun
        self._go_on = go_on
        self._segment = segments_of(run.journal)[-1] if run.journal.resumed else None
        run.recorder = Recorder(run.journal, after=self._segment.after if self._segment else 0)

    @property
    def has_begun(self) -> bool:
        """Whether a segment was given that has already started."""
        return self._begun is not None

    @property
    def is_under_way(self) -> bool:
        """Whether earlier rows still have to be replayed, so that the core is behind
        the run.
        """
        return self._begun is None and self._run.recorder.replaying

    async def restore(self) -> None:
        """Bring the core to the run's current state.

        Raises:
            StrategyChanged: the strategy acts differently than before.
        """
        try:
            await self._restore()
        except StrategyChanged as other_way:
            if self._go_on is None:
                raise
            await self._begin_segment(self._go_on)
            self._run.on_message("warning", f"goes on from its positions and orders: {other_way}")

    async def _restore(self) -> None:
        run, recorder = self._run, self._run.recorder
        if self._begun is not None:
            for level, text in self._begun.messages:
                run.on_message(level, text)
            for row, text in self._begun.closed:
                recorder.closed_session(row, text)
            run.hand_over(self._begun.commands)
        else:
            self._begin()
        loop_budget = LoopBudget(run.clock)
        inputs = recorder.inputs()
        with rare_collections():  # a collection of all objects would block the loop
            while self._replay_until(loop_budget.is_due, inputs):
                await loop_budget.take()
        recorder.finish_replay()

    def _begin(self) -> None:
        run = self._run
        cut = run.journal.cut
        if cut is not None:
            run.on_message(
                "warning",
                f"the journal was cut after row {cut.last_seq}, the last that is whole: "
                f"{cut.reason}; the run goes on from there, and what was written after it is lost",
            )
        if run.feed.is_live and run.journal.resumed:
            self._start_where_it_began()
        if self._segment is not None and self._segment.state is not None:
            assets = {asset.symbol: asset for asset in run.core.state.assets}
            facts = Facts(run.journal, assets, upto=self._segment.after)
            carry_on(run.core, facts, self._segment.state)
            if facts.slices:
                run.last_slice = facts.slices[-1].timestamp
        with self._quiet(), contained("initialize"):
            run.hand_over(run.core.start())

    def _start_where_it_began(self) -> None:
        for _seq, event in self._run.journal.events():
            if isinstance(event, MarketDataEvent):
                self._cores.begin_at(event)
                return

    def _replay_until(
        self, is_due: Callable[[], bool], inputs: Iterator[tuple[int, Event]]
    ) -> bool:
        # Whether more rows follow; one redirection covers all events between two turns
        # of the loop.
        with self._quiet(), contained("a callback"):
            for _seq, event in inputs:
                if isinstance(event, MarketDataEvent):
                    self._run.last_slice = event.timestamp
                self._processor.process(event)
                self.replayed += 1
                if is_due():
                    return True
        return False

    async def _begin_segment(self, go_on: Callable[[Journal], None]) -> None:
        run = self._run
        go_on(run.journal)
        self._segment = segments_of(run.journal)[-1]
        run.recorder = Recorder(run.journal, after=self._segment.after)
        run.last_slice = None
        self._cores.make()
        await self._restore()

    def _quiet(self) -> contextlib.AbstractContextManager[None]:
        return prints_suppressed(self._run.journal.resumed and self._run.recorder.replaying)
