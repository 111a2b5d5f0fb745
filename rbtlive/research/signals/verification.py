"""Rerun the columnar gear's best runs on the event engine and compare them.

The rule: a difference of half a cent at any close is an error that names the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rbtlive.errors import GearsDiffer
from rbtlive.model.arrays import np
from rbtlive.research.signals.columnar_gear import values_of
from rbtlive.research.sweeping.lean import run_lean

if TYPE_CHECKING:
    from rbtlive.research.sweeping.params import Params
    from rbtlive.research.sweeping.work import Job

CENT: Final = 0.005


def verify(job: Job, batch: Sequence[Params]) -> None:
    """Run sets of parameters on both gears, and compare every close and every count.

    Raises:
        GearsDiffer: the gears disagree; the message names parameters and first bar.
    """
    figures, values = values_of(job, batch)
    for place, params in enumerate(batch):
        run = run_lean(job.strategy, job.portal, job.settings, params)
        ours, theirs = values[place], run.values
        counts = {name: run.metrics[name] for name in ("orders", "fills")}
        run.release()
        differs = np.flatnonzero(~(np.abs(ours - theirs) < CENT))
        if len(differs):
            session = int(differs[0])
            calendar = job.portal.calendar
            label = calendar.label(calendar.number(job.settings.start) + session)
            raise GearsDiffer(
                f"the gears differ for {dict(params)}: first at the close of {label}, where "
                f"the columns have {ours[session]:.4f} and the event engine {theirs[session]:.4f}"
                '; please report it, and pass gear="events" meanwhile'
            )
        for name, count in counts.items():
            if figures[name][place] != count:
                raise GearsDiffer(
                    f"the gears differ for {dict(params)}: the columns count "
                    f"{figures[name][place]} {name}, the event engine {count}; please report it, "
                    'and pass gear="events" meanwhile'
                )
