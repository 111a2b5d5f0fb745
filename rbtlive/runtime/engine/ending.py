"""Journal the end of a run.

The rule: a stopped run leaves the core's state, a failed run leaves its exception, and
a run whose feed has ended accepts no more rows.
"""

from __future__ import annotations

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.core.serialization import capture, recorded_fact
from rbtlive.core.trading_core import TradingCore
from rbtlive.runtime.journal.recorder import FAILED, STOPPED, Recorder, moment_of


def write_end(recorder: Recorder, core: TradingCore, *, ended: bool) -> None:
    """Journal that a run has ended, or where it was stopped.

    Args:
        recorder: The run's recorder.
        core: The run's core.
        ended: Whether its feed has ended, so that the next attach starts another run.
    """
    when = moment_of(core)
    if ended:
        recorder.journal.end(timestamp=when, reason="the feed ended")
        return
    recorder.note(STOPPED, when, {"state": capture(core.state, since_last=True)})
    recorder.journal.commit(durable=True)


def write_failure(recorder: Recorder, core: TradingCore, failure: BaseException) -> None:
    """Journal the exception that ended a run, if the journal still accepts rows."""
    if not recorder.journal.last_seq or recorder.journal.failure is not None:
        return
    recorded = {str(name): recorded_fact(value) for name, value in core.state.recorded.items()}
    facts = {"error": describe_error(failure), "recorded": recorded}
    recorder.note(FAILED, moment_of(core), facts)
