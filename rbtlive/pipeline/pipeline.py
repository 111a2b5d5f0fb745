"""Pipelines: named terms, computed together each day, and a screen.

The rule: a pipeline describes; `rbtlive.pipeline.engine` computes.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from rbtlive.errors import NotBuilt, UnsupportedPipelineOutput
from rbtlive.pipeline.arguments import no_filter
from rbtlive.pipeline.domain import GENERIC, Domain, infer_domain
from rbtlive.pipeline.term import BOOL, LISTED, ComputableTerm, LoadableTerm, Term

_EXPLAINED: Final = (
    "pipe.explain(start, end, data) shows the terms in the order of computing, with the days "
    "and seconds of each; pipe.show_graph() draws them"
)


class Pipeline:
    """Columns of a table of assets, computed each day.

    Args:
        columns: Factors, filters and classifiers by name.
        screen: Filter of the assets to show; all listed ones by default.
        domain: Its market; by default the data's.

    Raises:
        TypeError: a column is not a computable term.
        UnsupportedPipelineOutput: a column has only one value per day.
    """

    __slots__ = ("__weakref__", "_columns", "_domain", "_screen")

    def __init__(
        self,
        columns: dict[str, Any] | None = None,
        screen: Any = None,
        domain: Domain = GENERIC,
    ) -> None:
        if columns is not None and not isinstance(columns, dict):
            raise TypeError(
                f"columns of a Pipeline must be a dict: was {columns!r}; write e.g. "
                '{"close": USEquityPricing.close.latest}'
            )
        if not isinstance(domain, Domain):
            raise TypeError(f"domain of a Pipeline must be a Domain: was {domain!r}")
        self._columns: dict[str, Any] = {}
        self._screen: Any = None
        self._domain = domain
        for name, term in (columns or {}).items():
            self.add(term, name)
        if screen is not None:
            self.set_screen(screen)

    @property
    def columns(self) -> dict[str, Any]:
        """Terms by name."""
        return self._columns

    @property
    def screen(self) -> Any:
        """The filter of the assets to show, or None."""
        return self._screen

    def add(self, term: Any, name: str, overwrite: bool = False) -> None:
        """Add a column.

        Raises:
            KeyError: the name is taken, and `overwrite` is False.
        """
        if not isinstance(name, str):
            raise TypeError(f"a column's name must be text: was {name!r}")
        if not isinstance(term, ComputableTerm):
            raise TypeError(
                f"Column {name!r} contains an invalid pipeline term ({term}). Did you mean to "
                "append '.latest'?"
            )
        if term.ndim == 1:
            raise UnsupportedPipelineOutput(
                f"column {name!r} must have a value an asset: {term!r} has one a day; use it as an "
                "input"
            )
        if name in self._columns and not overwrite:
            raise KeyError(f"Column '{name}' already exists.")
        self._columns.pop(name, None)
        self._columns[name] = term

    def remove(self, name: str) -> Any:
        """Remove a column and return its term."""
        return self._columns.pop(name)

    def set_screen(self, screen: Any, overwrite: bool = False) -> None:
        """Set the filter of the assets to show.

        Raises:
            ValueError: a screen is already set, and `overwrite` is False.
            TypeError: it is not a filter.
        """
        if not (isinstance(screen, ComputableTerm) and screen.dtype == BOOL):
            column, term = isinstance(screen, LoadableTerm), isinstance(screen, Term)
            raise no_filter("screen", screen, column=column, term=term)
        if self._screen is not None and not overwrite:
            raise ValueError(
                "set_screen() called with overwrite=False and screen already set.\nIf you want to "
                "apply multiple filters as a screen use set_screen(filter1 & filter2 & ...).\nIf "
                "you want to replace the previous screen with a new one, use "
                "set_screen(new_filter, overwrite=True)."
            )
        self._screen = screen

    def terms(self) -> list[Term]:
        """Return all terms to show: the columns and the screen."""
        return [*self._columns.values(), LISTED if self._screen is None else self._screen]

    def domain(self, default: Domain) -> Domain:
        """Return its market.

        Raises:
            ValueError: its terms have a domain other than the given one.
        """
        found = infer_domain(self.terms())
        if found is GENERIC:
            return default if self._domain is GENERIC else self._domain
        if self._domain is not GENERIC and found is not self._domain:
            raise ValueError(
                f"Conflicting domains in Pipeline. Inferred {found}, but {self._domain} was passed "
                "at construction."
            )
        return found

    def show_graph(self, format: str = "svg") -> Any:  # noqa: A002 - zipline's name
        """Return a diagram of the terms and their inputs, as SVG.

        Raises:
            NotBuilt: `format` is another one of zipline's.
            ValueError: `format` is none.
        """
        if format in {"png", "jpeg"}:
            raise NotBuilt(
                f"show_graph({format!r}) is not built: write pipe.show_graph(), which draws SVG; "
                "its text is pipe.show_graph().svg"
            )
        if format != "svg":
            raise ValueError(f'format of show_graph() must be "svg": was {format!r}')
        from rbtlive.pipeline.picture import Picture

        return Picture(self)

    def explain(self, start: Any, end: Any, data: Any, *, loaders: Any = None) -> Any:
        """Compute the pipeline, and return the cost of each term.

        Args:
            start: First session, a date or text.
            end: Last session, included.
            data: A portal, or a source of one.
            loaders: Loaders by data set or column.

        Returns:
            A table in the order of computation, with `frame` and `seconds`.
        """
        from rbtlive.pipeline.explain import explained

        return explained(self, start, end, data, loaders)

    def to_execution_plan(self, *_: object, **__: object) -> NoReturn:
        """Raise NotBuilt: there is no execution plan to return.

        Raises:
            NotBuilt: always.
        """
        raise NotBuilt(f"Pipeline.to_execution_plan is not built: {_EXPLAINED}")

    def to_simple_graph(self, *_: object, **__: object) -> NoReturn:
        """Raise NotBuilt: there is no graph object, only a diagram.

        Raises:
            NotBuilt: always.
        """
        raise NotBuilt(f"Pipeline.to_simple_graph is not built: {_EXPLAINED}")

    def _repr_mimebundle_(self, **_wanted: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "image/svg+xml": self.show_graph().svg}

    def __repr__(self) -> str:
        shown = f", screen={self._screen!r}" if self._screen is not None else ""
        return f"Pipeline({', '.join(self._columns)}{shown})"
