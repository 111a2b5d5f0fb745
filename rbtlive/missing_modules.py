"""Modules and names that are imported from here as from other libraries: the error says
what to write.

The rule: Python asks this finder last, so that no module that exists is refused.
"""

from __future__ import annotations

import sys
from typing import Final

OPTIMIZE: Final = (
    "compute the weights in your strategy, and call order_target_percents({asset: weight, ...})"
)
_VENDORS: Final = frozenset(
    [
        "accern",
        "estimize",
        "eventvestor",
        "factset",
        "fundamentals",
        "morningstar",
        "psychsignal",
        "quandl",
        "sentdex",
        "zacks",
    ]
)
_PORTAL: Final = (
    "make a portal of your bars, rbt.read(source) or rbt.PolarsDataPortal(bars, splits=..., "
    "dividends=...), and pass it as data"
)
_RUN: Final = "call rbt.backtest(strategy, data), which has commission=, slippage= and benchmark="
_PLAN: Final = "pipe.show_graph() draws a pipeline, pipe.explain(start, end, data) times its terms"
_LABELS: Final = (
    "texts are NumPy arrays of objects here: compare them with == or np.isin, and leave LabelArray "
    "and as_string_array() out"
)
_CALENDARS: Final = "write from rbtlive.utils.calendar_utils import get_calendar"
_BOOKS: Final = (
    "read context.portfolio and context.account in a strategy, result.performance after a run"
)
_CONTROLS: Final = "call set_max_leverage, set_long_only and the other controls of rbtlive.api"
_LISTS: Final = (
    "keep the symbols in a list of your own, and call set_asset_restrictions(StaticRestrictions("
    "symbols(...))) of rbtlive.finance.asset_restrictions"
)
_WINDOWS: Final = 'compute it from a window: data.history(asset, "close", 20, "1d")'
_FETCHED: Final = "call fetch_csv(path) in initialize, or put your column beside the bars"
# zipline's own modules that strategies import at times.
_PRIVATE: Final = {
    "data.adjustments": _PORTAL,
    "data.bar_reader": _PORTAL,
    "data.bcolz_daily_bars": _PORTAL,
    "data.bcolz_minute_bars": _PORTAL,
    "data.benchmarks": _PORTAL,
    "data.bundles.core": _PORTAL,
    "data.bundles.csvdir": _PORTAL,
    "data.data_portal": _PORTAL,
    "data.hdf5_daily_bars": _PORTAL,
    "data.loader": _PORTAL,
    "finance.blotter": _RUN,
    "finance.controls": _CONTROLS,
    "finance.metrics": _RUN,
    "finance.performance": _BOOKS,
    "finance.trading": _RUN,
    "gens": _RUN,
    "lib.labelarray": _LABELS,
    "pipeline.graph": _PLAN,
    "pipeline.visualize": _PLAN,
    "sources": _FETCHED,
    "transforms": _WINDOWS,
    "utils.calendars": _CALENDARS,
    "utils.factory": _PORTAL,
    "utils.security_list": _LISTS,
    "utils.tradingcalendar": _CALENDARS,
}
_PARTS: Final = frozenset(["data", "factors", "filters", "classifiers"])


def step_for(name: str) -> str | None:
    """Return what to write instead of an unknown name of the package; None if there is
    nothing like it.
    """
    if name.startswith("_"):
        return None
    from rbtlive.foreign_names import PLACES
    from rbtlive.model.other_names import spelt_alike, what_to_write

    word = spelt_alike(name, PLACES)
    step = what_to_write(name, PLACES, dir(sys.modules["rbtlive"]))
    return step if step is None or word is None else step.replace("NAME", word)


def _remedy(name: str) -> str | None:
    root, *parts = name.split(".")
    if root == "quantopian":
        return (
            "write rbtlive in its place, e.g. from rbtlive.pipeline import Pipeline, and "
            "from rbtlive.api import attach_pipeline"
        )
    if root != "rbtlive" or not parts:
        return None
    if parts[0] == "optimize":
        return OPTIMIZE
    private = (_PRIVATE.get(".".join(parts[:count])) for count in range(1, len(parts) + 1))
    if (found := next(filter(None, private), None)) is not None:
        return found
    if parts[:2] == ["pipeline", "loaders"]:
        from rbtlive.pipeline.missing import OWN_DATA

        return OWN_DATA
    vendor = len(parts) > 2 and parts[0] == "pipeline" and parts[1] in _PARTS
    if parts[0] != "interactive" and not (vendor and parts[2] in _VENDORS):
        return None
    from rbtlive.pipeline.missing import OWN_DATA, UNIVERSE

    if parts[1:2] == ["filters"]:
        return UNIVERSE.format(count=1_500)
    return OWN_DATA


class _Finder:
    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        remedy = _remedy(name)
        if remedy is not None:
            raise ModuleNotFoundError(f"No module named {name!r}: {remedy}", name=name)
        # `from rbtlive import Strategy` asks for a module of that name, and passes over
        # a ModuleNotFoundError.
        package, _, last = name.rpartition(".")
        if package in ("rbtlive", "rbtlive.brokers") and (step := step_for(last)) is not None:
            raise ImportError(f"cannot import name {last!r} from {package!r}: {step}", name=name)


def register() -> None:
    """Ask for these names last when a module is imported."""
    if not any(type(one).__module__ == __name__ for one in sys.meta_path):
        sys.meta_path.append(_Finder())
