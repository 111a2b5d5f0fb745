"""zipline's bundles: named data. Here a name stands for whatever `rbt.read` takes, and
is read when it is asked for.

The rule: nothing is ingested: the data stay where they are, and `load` gives a portal.
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
