"""The figures by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from rbtlive.core.state.record import RunRecord
from rbtlive.errors import ResultError, SettingsError
from rbtlive.model.given import is_one_of
from rbtlive.research.figures.indicator_lines import Indicators
from rbtlive.research.figures.price import price_figure
from rbtlive.research.figures.shown import shown
from rbtlive.research.figures.trade_figures import excursions_figure, trades_figure
from rbtlive.research.figures.value import (
    distribution_figure,
    exposure_figure,
    monthly_figure,
    rolling_figure,
    underwater_figure,
)
from rbtlive.research.result_charts import figure_of

if TYPE_CHECKING:
    from rbtlive.research.result_tables import ResultTables


def _equity_figure(result: ResultTables) -> Any:
    record: RunRecord = result.record
    return figure_of(record)


FIGURES: Final[dict[str, Callable[[ResultTables], Any]]] = {
    "equity": _equity_figure,
    "price": price_figure,
    "drawdown": underwater_figure,
    "monthly": monthly_figure,
    "distribution": distribution_figure,
    "rolling": rolling_figure,
    "exposure": exposure_figure,
    "trades": trades_figure,
    "excursions": excursions_figure,
}
_ALIASES: Final = {"underwater": "drawdown", "value": "equity", "mae": "excursions"}


def make_figure(
    result: ResultTables,
    kind: str | None,
    symbol: str | None = None,
    indicators: Indicators | None = None,
) -> Any:
    """Return the figure of a kind.

    Raises:
        SettingsError: the kind is unknown, or does not take a symbol.
        ResultError: there is nothing to draw.
        MissingExtra: plotly is not installed.
    """
    asked = "equity" if kind is None or is_one_of(kind, ("",)) else kind
    name = _ALIASES.get(asked, asked) if isinstance(asked, str) else ""
    if name not in FIGURES:
        raise SettingsError(f"kind must be one of {list(FIGURES)}: was {kind!r:.80} in plot()")
    if symbol is not None and name != "price":
        raise SettingsError(f'symbol belongs to plot("price"): was {symbol!r} with {name!r}')
    if indicators is not None and name != "price":
        raise SettingsError(f'indicators belong to plot("price"): were given with {name!r}')
    if name != "price" and not result.record.sessions:
        raise ResultError("there is nothing to plot: the run finished no session yet")
    if name == "price":
        return shown(price_figure(result, symbol, indicators))
    return shown(FIGURES[name](result))
