"""Names for data: `register`, `load`, `unregister`, and the list of known names.

The rule: registering a name reads nothing; `load` reads the data.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from rbtlive.data.bundles.csvdir import csvdir_bundle
from rbtlive.data.catalog.shelved_bars import kept_as, kept_bundles, portal_kept_as
from rbtlive.data.portal import PolarsDataPortal
from rbtlive.data.read import read
from rbtlive.data.samples import SAMPLES, load_sample
from rbtlive.errors import InvalidSetting, NotBuilt


class UnknownBundle(InvalidSetting):
    """No bundle or sample has this name."""


@dataclass(frozen=True)
class Bundle:
    """The data behind a name.

    Attributes:
        source: A portal, anything that `rbt.read` accepts, or a function that returns
            one of these.
        calendar_name: Calendar for data that does not name one; None detects it.
    """

    source: Any
    calendar_name: str | None


CSVDIR: Final = "csvdir"
"""zipline's own bundle: the folder in the variable CSVDIR."""

_BUNDLES: dict[str, Bundle] = {}

bundles: Final[Mapping[str, Bundle]] = MappingProxyType(_BUNDLES)
"""The registered bundles, by name."""


def register(
    name: str,
    f: object = None,
    calendar_name: str | None = None,
    *,
    start_session: object = None,
    end_session: object = None,
    minutes_per_day: int = 390,
    create_writers: bool = True,
) -> Any:
    """Give data a name.

    Args:
        name: The name for `load` and `run_algorithm(bundle=...)`.
        f: A portal, anything that `rbt.read` accepts, `csvdir_equities(...)`, or a
            function that returns one of these. Without it, `register` is a decorator.
        calendar_name: Calendar for data that does not name one.
        start_session: No effect: the data determines its start.
        end_session: No effect: the data determines its end.
        minutes_per_day: No effect: the calendar determines it.
        create_writers: No effect: nothing is written.

    Raises:
        NotBuilt: `f` is a zipline ingest function, which writes to zipline's stores.
    """
    del start_session, end_session, minutes_per_day, create_writers
    if f is None:
        return lambda function: register(name, function, calendar_name)
    if inspect.isfunction(f) and "asset_db_writer" in inspect.signature(f).parameters:
        raise NotBuilt(
            f"register({name!r}, ...) got an ingest function, which writes zipline's own stores: "
            "let it return a frame or a path instead, or register csvdir_equities([...], folder)"
        )
    _BUNDLES[name] = Bundle(f, calendar_name)
    return f


def unregister(name: str) -> None:
    """Forget a name.

    Raises:
        UnknownBundle: the name is not registered.
    """
    if name not in _BUNDLES:
        raise UnknownBundle(_unknown(name))
    del _BUNDLES[name]


def load(name: str, environ: object = None, timestamp: object = None) -> PolarsDataPortal:
    """Return the portal for a name: a registered bundle, a sample, "csvdir" (the folder
    in the variable CSVDIR), or data kept by `rbt.fetch`: "yfinance" for a vendor's
    daily bars, "ccxt:binance/1h" for others.

    Raises:
        UnknownBundle: the name is unknown.
        DataError: the data cannot be used.
    """
    del environ, timestamp  # data has only one version
    known = _BUNDLES.get(name)
    if known is None:
        if name in SAMPLES:
            return load_sample(name)
        if name == CSVDIR:
            return csvdir_bundle()
        if (kept := portal_kept_as(name)) is not None:
            return kept
        raise UnknownBundle(_unknown(name))
    source = known.source
    if hasattr(source, "__call__") and "calendar" in _parameters(source):  # noqa: B004 - its parameters are inspected
        return PolarsDataPortal.coerce(source(calendar=known.calendar_name))
    if callable(source):
        source = source()
    if isinstance(source, PolarsDataPortal):
        return source
    return read(source, calendar=known.calendar_name)


def _parameters(source: Any) -> Mapping[str, Any]:
    try:
        return inspect.signature(source).parameters
    except (TypeError, ValueError):
        return {}


def ingest(name: str, *_: object, **__: object) -> None:
    """Check that a name can be loaded: nothing has to be ingested.

    Raises:
        UnknownBundle: the name is unknown.
        DataError: the data cannot be used.
    """
    load(name)


def names() -> list[str]:
    """Return the names that `load` knows now: bundles, samples and kept data."""
    csvdir = [CSVDIR] if os.environ.get("CSVDIR") else []
    return list(dict.fromkeys([*_BUNDLES, *SAMPLES, *csvdir, *kept_bundles()]))


def clean(
    name: str,
    before: object = None,
    after: object = None,
    keep_last: object = None,
    environ: object = None,
) -> set[str]:
    """Do nothing: a bundle is not a copy, so there are no old ones.

    Raises:
        UnknownBundle: the name is unknown.
    """
    del before, after, keep_last, environ
    if name not in names() and not kept_as(name):
        raise UnknownBundle(_unknown(name))
    return set()


def _unknown(name: str) -> str:
    known = names()
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
    return (
        f"bundle must be a name that load() and run_algorithm() know: was {name!r}; {hint}; "
        f"register one with rbtlive.data.bundles.register({name!r}, data), where data is a portal, "
        "a frame or a path"
    )
