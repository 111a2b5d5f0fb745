"""zipline's Pipeline, which is not built: its names exist, and say so when they are
used.
"""

from __future__ import annotations

from typing import Any

from rbtlive.errors import NotBuilt


def unbuilt(name: str) -> type:
    """Return a stand-in for a class of Pipeline that refuses to be made or asked."""

    class Refusing(type):
        def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
            raise NotBuilt(
                f"{name} is part of Pipeline, which is not built: compute with polars over "
                "data.history()"
            )

        def __getattr__(cls, attribute: str) -> Any:
            if attribute.startswith("__"):
                raise AttributeError(attribute)
            raise NotBuilt(
                f"{name}.{attribute} is part of Pipeline, which is not built: use data.history()"
            )

    return Refusing(name, (), {})


CustomFactor = unbuilt("CustomFactor")
Pipeline = unbuilt("Pipeline")

__all__ = ["CustomFactor", "Pipeline", "unbuilt"]
