"""zipline's `zipline.pipeline.factors`, which is not built: each name can be imported,
and says so when it is used.
"""

from rbtlive.pipeline import unbuilt


def __getattr__(name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return unbuilt(name)
