"""A plotly figure that includes a still picture of itself in a notebook's file.

The rule: it behaves like plotly's figure except for its display in notebooks.
"""

from __future__ import annotations

import functools
from typing import Any

from rbtlive.research.figures.figure_style import plotly
from rbtlive.research.figures.still import still_picture

SVG = "image/svg+xml"


@functools.cache
def _figure_class() -> Any:
    go = plotly()

    class ShownFigure(go.Figure):  # type: ignore[misc, name-defined]
        """Plotly's figure, with a still picture for places that run no scripts."""

        def __reduce__(self) -> Any:
            """Pickle as plotly's own figure."""
            return go.Figure(self).__reduce__()

        def _repr_mimebundle_(self, *arguments: object, **options: object) -> Any:
            bundle = super()._repr_mimebundle_(*arguments, **options)
            return {**bundle, SVG: still_picture(self)} if bundle else bundle

        def _ipython_display_(self) -> None:
            bundle = self._repr_mimebundle_()
            if not bundle:
                super()._ipython_display_()
                return
            from IPython.display import display

            display(bundle, raw=True)  # type: ignore[no-untyped-call]

    ShownFigure.__module__, ShownFigure.__qualname__ = __name__, "ShownFigure"
    return ShownFigure


def shown(figure: object) -> Any:
    """Return the figure, extended with a still picture."""
    return _figure_class()(figure)
