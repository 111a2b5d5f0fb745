"""Add notes to a strategy's exceptions that name the missing step.

The rule: an exception keeps its type and text; it gets a note where its kind has one
usual cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from traceback import walk_tb
from typing import Final

from rbtlive.core.actions.near_attributes import near_attribute, near_name, near_use
from rbtlive.model.foreign_text import add_note, notes_of

PANDAS_ONLY: Final = frozenset(
    (
        "iloc", "loc", "iat", "at", "ix", "values", "index", "pct_change", "rolling", "ewm",
        "expanding", "resample", "groupby", "dropna", "fillna", "isnull", "notnull", "idxmax",
        "idxmin", "iteritems", "items", "iterrows", "to_frame", "sort_values", "nlargest",
        "nsmallest", "reindex", "corr", "cov", "ffill", "bfill", "T", "apply", "astype", "empty",
    )
)  # fmt: skip
"""Names that pandas objects have and polars objects lack or spell differently."""

FRAMES: Final = (
    "this strategy was shown polars frames, and its code is for pandas, as zipline's is: pass "
    'frames="pandas"'
)
POSITION: Final = (
    "pandas 3 no longer takes a negative number as a position: write series.iloc[-1], or install "
    "pandas < 3 with pip install 'rbtlive[zipline]'"
)
ARGUMENTS: Final = (
    "callbacks are called as initialize(context), handle_data(context, data), "
    "before_trading_start(context, data), analyze(context, perf), on_order_fill(context, order, "
    "transaction), on_order_cancel and on_order_reject(context, order, reason); methods have self "
    "before"
)
DATES: Final = (
    "data.current_session is a date and data.current_dt a datetime: look pandas objects up by "
    'pd.Timestamp(...), or pass frames="pandas"'
)


def note_step(failure: BaseException, *, frames: str) -> None:
    """Add the note that fits a callback's exception, once.

    Args:
        failure: The exception that a callback raised.
        frames: What the strategy is shown, "polars" or "pandas".
    """
    try:
        note = _note(failure, frames)
    except Exception:  # noqa: BLE001 - a hint must not break a run, and an exception may be anything
        return
    if note is not None and note not in notes_of(failure):
        add_note(failure, note)


@contextmanager
def noting_step(frames: str) -> Iterator[None]:
    """Add the fitting note to exceptions that a callback raises inside this block."""
    try:
        yield
    except Exception as failure:
        note_step(failure, frames=frames)
        raise


def _note(failure: BaseException, frames: str) -> str | None:
    if frames == "polars" and _wants_pandas(failure):
        return FRAMES
    if frames == "polars" and _by_date(failure):
        return DATES
    if isinstance(failure, AttributeError):
        return near_attribute(failure)
    if isinstance(failure, NameError):
        return near_name(failure)
    if frames == "pandas" and _by_position(failure):
        return POSITION
    if not isinstance(failure, TypeError):
        return None
    if re.search(
        r"(initialize|handle_data|before_trading_start|analyze|on_\w+|<lambda>)\(\) "
        r"(takes|missing) .*positional argument",
        str(failure),
    ):
        return ARGUMENTS
    return near_use(failure)


def _wants_pandas(failure: BaseException) -> bool:
    if type(failure).__module__.startswith("polars"):
        return True
    if isinstance(failure, AttributeError):
        bases = type(getattr(failure, "obj", None)).__mro__
        owners = {base.__module__.partition(".")[0] for base in bases}
        return "polars" in owners or (
            owners == {"builtins"} and getattr(failure, "name", "") in PANDAS_ONLY
        )
    if isinstance(failure, (TypeError, ValueError, KeyError, IndexError)):
        return _raised_in(failure, "polars") and not _builds_expression(failure)
    return False


# Whether the code called a function that makes an expression: it is meant for polars.
def _builds_expression(failure: BaseException) -> bool:
    modules = (
        str(frame.f_globals.get("__name__", "")) for frame, _ in walk_tb(failure.__traceback__)
    )
    called = (name for name in modules if re.match(r"polars\.(?!_)", name))
    return next(called, "").startswith(("polars.expr", "polars.functions"))


def _by_position(failure: BaseException) -> bool:
    key = failure.args[0] if isinstance(failure, KeyError) and failure.args else None
    is_number = isinstance(key, int) and not isinstance(key, bool)
    return is_number and _raised_in(failure, "pandas")


def _by_date(failure: BaseException) -> bool:
    key = failure.args[0] if isinstance(failure, KeyError) and failure.args else None
    return type(key) in (date, datetime) and _raised_in(failure, "pandas")


# Whether the innermost line of the traceback outside the standard library belongs to
# `package`.
def _raised_in(failure: BaseException, package: str) -> bool:
    trace, inside = failure.__traceback__, False
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        inside = module.partition(".")[0] == package or (inside and not module)
        trace = trace.tb_next
    return inside
