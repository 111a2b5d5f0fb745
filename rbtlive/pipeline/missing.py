"""Unsupported names of zipline and Quantopian, refused by name.

The rule: importing one raises `NotBuilt`, which says what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rbtlive.errors import NotBuilt

ENGINE: Final = "call rbt.run_pipeline(pipe, start, end, data), which needs no engine and no loader"
UNIVERSE: Final = (
    "it was made of vendors' data; screen by volume instead, e.g. "
    "AverageDollarVolume(window_length=200).top({count})"
)
OWN_DATA: Final = (
    "make a DataSet of its columns, and hand it your frame: "
    "Fundamentals.use(frame), with the columns symbol, timestamp and its values"
)
ENGINE_NAMES: Final = dict.fromkeys(
    (
        "SimplePipelineEngine",
        "PipelineEngine",
        "ExplodingPipelineEngine",
        "NoEngineRegistered",
        "ExecutionPlan",
        "TermGraph",
    ),
    ENGINE,
)
LOADER_NAMES: Final = dict.fromkeys(("EquityPricingLoader", "USEquityPricingLoader"), ENGINE)
FAMILY_NAMES: Final = dict.fromkeys(
    ("DataSetFamily", "DataSetFamilySlice"), "make a DataSet of each slice"
)
EVENTS: Final = (
    f"{OWN_DATA}; days to come go in a column asof, and Estimates.use(frame, "
    'pick="next") gives the nearest'
)
VENDOR_NAMES: Final = dict.fromkeys(
    (
        "Fundamentals",
        "morningstar",
        "Sector",
        "SuperSector",
        "factset",
        "psychsignal",
    ),
    OWN_DATA,
) | dict.fromkeys(("EarningsEstimatesLoader", "EventsLoader"), EVENTS)
ESTIMATE_NAMES: Final = dict.fromkeys(
    (
        "EarningsEstimatesLoader",
        "NextEarningsEstimatesLoader",
        "PreviousEarningsEstimatesLoader",
        "SplitAdjustedEstimatesLoader",
        "NextSplitAdjustedEarningsEstimatesLoader",
        "PreviousSplitAdjustedEarningsEstimatesLoader",
    ),
    EVENTS,
)
UNIVERSE_NAMES: Final = {
    name: UNIVERSE.format(count=count)
    for name, count in {
        "Q500US": 500,
        "Q1500US": 1_500,
        "Q3000US": 3_000,
        "QTradableStocksUS": 1_500,
        "default_us_equity_universe_mask": 1_500,
        "make_us_equity_universe": 1_500,
    }.items()
}


def refusing(module: str, remedies: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that refuses some names.

    Args:
        module: Name of the module.
        remedies: What to do instead, by name.
    """

    def lookup(name: str) -> Any:
        if name in remedies:
            raise NotBuilt(f"{module}.{name} is not built: {remedies[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return lookup
