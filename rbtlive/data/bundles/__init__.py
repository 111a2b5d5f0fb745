"""zipline's bundles: named data. Here a name stands for anything that `rbt.read`
accepts, and is read on request.

The rule: nothing is ingested: the data stays in place, and `load` returns a portal.
"""

from rbtlive.data.bundles.csvdir import csvdir_bundle, csvdir_equities
from rbtlive.data.bundles.registry import (
    UnknownBundle,
    bundles,
    clean,
    ingest,
    load,
    register,
    unregister,
)

__all__ = [
    "UnknownBundle",
    "bundles",
    "clean",
    "csvdir_bundle",
    "csvdir_equities",
    "ingest",
    "load",
    "register",
    "unregister",
]
