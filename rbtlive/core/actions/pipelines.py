"""Attach pipelines to a run and compute them in the morning.

The rule: a pipeline is computed before the strategy's own `before_trading_start`, in
chunks if later days are known; its numbers do not depend on the chunks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from rbtlive.core.actions.universe import follow
from rbtlive.core.rules.schedule import Always, Rule, ScheduledFunction
from rbtlive.core.run_state import RunState
from rbtlive.core.state.attached_pipelines import AttachedPipeline
from rbtlive.data.calendars.grid import BarGrid
from rbtlive.errors import (
    AttachPipelineAfterInitialize,
    DuplicatePipelineName,
    NoSuchPipeline,
    PipelineOutputDuringInitialize,
    SettingsError,
)

if TYPE_CHECKING:
    from rbtlive.pipeline.engine import Computed
    from rbtlive.pipeline.source import Source


def attach_pipeline(
    state: RunState,
    pipeline: object,
    name: str,
    chunks: object,
    *,
    eager: bool,
    when: Rule | None = None,
    subscribe: bool = False,
) -> Any:
    """Register a pipeline under a name, and return it.

    Raises:
        AttachPipelineAfterInitialize: the run has begun.
        DuplicatePipelineName: a pipeline with that name exists.
        TypeError: it is not a pipeline, or its chunks are not counts.
    """
    from rbtlive.pipeline.pipeline import Pipeline

    if not state.initializing:
        raise AttachPipelineAfterInitialize(
            f"attach_pipeline(..., {name!r}) must be called in initialize(): the run has begun"
        )
    if not isinstance(pipeline, Pipeline):
        raise TypeError(
            f"attach_pipeline() expected a Pipeline: was {pipeline!r} ({type(pipeline).__name__})"
        )
    if not isinstance(name, str):
        raise TypeError(f"name in attach_pipeline() must be text: was {name!r}")
    if name in state.pipelines.by_name:
        raise DuplicatePipelineName(
            f"Attempted to attach pipeline named {name!r}, but the name already exists for "
            "another pipeline. Please use a different name for this pipeline."
        )
    attached = AttachedPipeline(pipeline, _counts(chunks), eager and when is None)
    attached.subscribes = subscribe
    if when is not None:
        # It runs before other functions scheduled for the same bar.
        state.scheduled.insert(state.pipelines.timed, _scheduled(state, name, when))
        state.pipelines.timed += 1
        attached.within_day = True
    state.pipelines.by_name[name] = attached
    return pipeline


def _scheduled(state: RunState, name: str, when: Rule) -> ScheduledFunction:
    if not hasattr(when, "matches"):
        raise TypeError(
            f"when in attach_pipeline() is made by time_rules: was {when!r}; write e.g. "
            "when=time_rules.market_open(minutes=30)"
        )
    if not state.settings.intraday:
        raise SettingsError(
            "attach_pipeline(..., when=...) needs bars within the day: the run has daily bars; run "
            'it with frequency="1m", or leave when out'
        )
    interval = state.settings.interval
    grid = BarGrid(state.calendar, interval) if interval.minutes > 1 else None

    def due(_context: object, _data: object) -> None:
        _compute_within_day(state, name)

    return ScheduledFunction(due, Always(), when, state.calendar, half_days=True, grid=grid)


# The first chunk is short, so that the first day is ready soon.
def _counts(chunks: object) -> Iterator[int]:
    if chunks is None:
        return chain([5], repeat(126))
    if isinstance(chunks, int):
        return repeat(chunks)
    if not isinstance(chunks, Iterable):
        raise TypeError(
            f"chunks in attach_pipeline() must be a count of sessions or counts: was {chunks!r}"
        )
    return iter(chunks)


def pipeline_output(state: RunState, name: str) -> Any:
    """Return today's table of a pipeline.

    Raises:
        PipelineOutputDuringInitialize: no day has begun.
        NoSuchPipeline: no pipeline has that name.
    """
    known = state.pipelines.by_name
    if state.initializing:
        raise PipelineOutputDuringInitialize(
            "Attempted to call pipeline_output() during initialize. pipeline_output() can only "
            "be called once initialize has completed."
        )
    if name not in known:
        raise NoSuchPipeline(
            f"No pipeline named {name!r} exists. Valid pipeline names are {sorted(known)}. Did you "
            "forget to call attach_pipeline()?"
        )
    from rbtlive.pipeline.output import pandas_frame, polars_frame

    attached = known[name]
    if attached.within_day and attached.last != state.market.session:
        raise NoSuchPipeline(
            f"Pipeline {name!r} has no table of today yet: it is computed within the day, at the "
            "time that attach_pipeline(..., when=...) names; ask for it then or later"
        )
    computed, row = _today(state, name)
    show = pandas_frame if state.presenter.name == "pandas" else polars_frame
    return show(computed, row)


def compute_eager(state: RunState) -> None:
    """Compute the eager pipelines of today."""
    for name, attached in state.pipelines.by_name.items():
        if attached.eager:
            _today(state, name)


# Computes it with the day's bars so far, at the requested time.
def _compute_within_day(state: RunState, name: str) -> None:
    from rbtlive.pipeline.engine import compute
    from rbtlive.pipeline.source import DaySoFar

    pipelines, session = state.pipelines, state.market.session
    attached = pipelines.by_name[name]
    if pipelines.day_so_far is None:
        pipelines.day_so_far = DaySoFar(state.market, state.assets, pipelines.loaders)
    computed = _recorded(state, name, session)
    if computed is None:
        computed = compute(attached.pipeline, pipelines.day_so_far, session, session)
        _report(state, name, computed, session)
    attached.computed, attached.last, attached.reported = computed, session, session
    follow(state, name, computed, session - computed.first)


# A day in a computed chunk costs nothing. Where bars arrive one at a time, no later day
# is known.
def _today(state: RunState, name: str) -> tuple[Computed, int]:
    attached, session = state.pipelines.by_name[name], state.market.session
    computed = attached.computed
    if computed is None or not computed.first <= session <= attached.last:
        computed = _recorded(state, name, session)
        if computed is None:
            computed = _computed(state, name, session)
        else:
            attached.computed, attached.last, attached.reported = computed, session, session
    elif attached.reported != session:
        _report(state, name, computed, session)
    follow(state, name, computed, session - computed.first)
    return computed, session - computed.first


def _computed(state: RunState, name: str, session: int) -> Computed:
    from rbtlive.pipeline.engine import compute

    attached = state.pipelines.by_name[name]
    last = min(session + _ahead(state, name), _last_session(state, session))
    computed = compute(attached.pipeline, _source(state), session, last)
    attached.computed, attached.last = computed, last
    _report(state, name, computed, session)
    return computed


# How many sessions after today are computed with it.
def _ahead(state: RunState, name: str) -> int:
    if not state.market.preload:
        return 0
    ahead = next(state.pipelines.by_name[name].chunks, None)
    if ahead is None:
        label = state.calendar.label(state.market.session)
        raise RuntimeError(
            f"the chunks of attach_pipeline(..., {name!r}) are used up on {label}: they must be "
            "counts of sessions for the whole run, e.g. itertools.repeat(126); or leave chunks out"
        )
    return ahead


def _report(state: RunState, name: str, computed: Computed, session: int) -> None:
    state.pipelines.by_name[name].reported = session
    if state.pipelines.on_table is not None:
        from rbtlive.pipeline.kept import day_facts

        state.pipelines.on_table(name, session, day_facts(computed, session - computed.first))


# A recovered run shows the tables that it showed before: the data may have been revised
# since.
def _recorded(state: RunState, name: str, session: int) -> Computed | None:
    if state.pipelines.recorded is None:
        return None
    facts = state.pipelines.recorded(name, session)
    if facts is None:
        return None
    from rbtlive.pipeline.kept import computed_of

    terms = state.pipelines.by_name[name].pipeline.columns
    label = state.calendar.label(session)
    return computed_of(facts, terms, state.assets, session=session, label=label)


def _last_session(state: RunState, session: int) -> int:
    last, end = state.market.daily.last_session, state.settings.end
    if end is not None:
        last = min(last, state.calendar.number(end))
    return max(session, last)


def _source(state: RunState) -> Source:
    if state.pipelines.source is None:
        from rbtlive.pipeline.source import Source

        state.pipelines.source = Source(state.market, state.assets, state.pipelines.loaders)
    return state.pipelines.source
