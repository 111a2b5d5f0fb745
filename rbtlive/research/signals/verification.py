"""The best runs of the columnar gear, run again on the event engine and compared.

The rule: a difference of half a cent at any close is an error that names the bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rbtlive.errors import GearsDiffer
from rbtlive.model.arrays import np
from rbtlive.research.sweeping.lean import run_lean

if TYPE_CHECKING:
    from rbtlive.research.sweeping.work import Job, RunRow

CENT: Final = 0.005


def verify(job: Job, rows: Sequence[RunRow]) -> None:
    """Run rows again on the event engine, and compare every close and every count.

    Raises:
        GearsDiffer: the gears disagree; the message names parameters and first bar.
    """
    capital = float(job.settings.capital_base)
    for row in rows:
        run = run_lean(job.strategy, job.portal, job.settings, row.params)
        assert row.returns is not None
        ours = capital * np.cumprod(1.0 + row.returns)
        theirs = capital * np.cumprod(1.0 + run.returns)
        counts = {name: run.metrics[name] for name in ("orders", "fills")}
        run.release()
        differs = np.flatnonzero(np.abs(ours - theirs) >= CENT)
        if len(differs):
            session = int(differs[0])
            calendar = job.portal.calendar
            label = calendar.label(calendar.number(job.settings.start) + session)
            raise GearsDiffer(
                f"the gears differ for {dict(row.params)}: first at the close of {label}, where "
                f"the columns have {ours[session]:.4f} and the event engine {theirs[session]:.4f}"
                '; please report it, and pass gear="events" meanwhile'
            )
        for name, count in counts.items():
            if row.metrics[name] != count:
                raise GearsDiffer(
                    f"the gears differ for {dict(row.params)}: the columns count "
                    f"{row.metrics[name]} {name}, the event engine {count}; please report it, "
                    'and pass gear="events" meanwhile'
                )
