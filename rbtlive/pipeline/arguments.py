"""Checks of a term's arguments.

The rule: an argument that can only be a slip is refused where the term is written, and
the error says what to write instead; zipline would compute something else, or fail in
the middle of a run.
"""

from __future__ import annotations

from collections.abc import Iterable

from rbtlive.errors import RbtliveWarning
from rbtlive.model.arrays import np
from rbtlive.model.calls import warn_user
from rbtlive.pipeline.sentinels import NotSpecified


def days_of_window(name: str, length: object) -> object:
    """Return a window's length, which must be a whole number or left out.

    Raises:
        TypeError: the length is something else.
    """
    whole = isinstance(length, (int, np.integer)) and not isinstance(length, (bool, np.bool_))
    if length is NotSpecified or whole:
        return int(length) if isinstance(length, (int, np.integer)) else length
    several = isinstance(length, (list, tuple))
    write = "make a term for each length" if several else "pass e.g. window_length=20"
    raise TypeError(
        f"window_length of {name} must be a whole number of days: was {length!r}; {write}"
    )


def terms_of(name: str, inputs: object) -> tuple[object, ...]:
    """Return inputs as a tuple.

    Raises:
        TypeError: `inputs` is not a list.
    """
    if isinstance(inputs, Iterable) and not isinstance(inputs, (str, bytes)):
        try:
            return tuple(inputs)
        except (TypeError, ValueError) as error:  # a term can only be sliced by assets
            cause: Exception | None = error
    elif isinstance(inputs, (str, bytes)):
        return (inputs,)
    else:
        cause = None
    write = f"inputs=[{inputs!r}]" if hasattr(inputs, "dtype") else "inputs=[USEquityPricing.close]"
    length = f", and window_length={inputs}" if isinstance(inputs, int) else ""
    raise TypeError(
        f"inputs of {name} must be a list of terms: was {inputs!r}; write {write}{length}"
    ) from cause


def no_filter(what: str, value: object, *, column: bool, term: bool) -> TypeError:
    """Return the error for a value that is not a filter.

    Args:
        what: The argument's name, e.g. "screen".
        value: The invalid value.
        column: Whether it is a column of a data set.
        term: Whether it is another term.
    """
    write = "write e.g. AverageDollarVolume(window_length=20).top(100)"
    if column:
        write = "compare its latest value, e.g. .latest > 5"
    elif term:
        write = "compare it, e.g. factor > 5, or take factor.top(100) or factor.notnull()"
    elif isinstance(value, (bool, np.bool_)):
        write = "combine filters by & | ~, and ask a classifier by .eq()"
    elif isinstance(value, (list, tuple, set, frozenset)):
        write = "write StaticAssets([symbol('AAPL'), ...])"
    return TypeError(f"{what} must be a Filter: was {value!r} ({type(value).__name__}); {write}")


def warn_of_truth(term: object) -> None:
    """Warn that Python took a term for true as a whole.

    As in zipline this is no error, because `base or default` and `if mask:` rely on it.
    """
    warn_user(
        f"{term!r} was taken for true: a term has a value for each asset and day. If this "
        "combines terms, one of them was lost: write & for `and`, | for `or`, ~ for `not`, "
        "(f > 1) & (f < 5) for `1 < f < 5`. If it asks whether there is a term, write "
        "`is not None`",
        RbtliveWarning,
    )


def no_attribute(owner: str, name: str, names: Iterable[str], *, what: str) -> AttributeError:
    """Return the error for a missing attribute.

    Args:
        owner: The object without the attribute.
        name: The requested name.
        names: The existing names.
        what: The kind of the names, e.g. "column".
    """
    from rbtlive.model.other_names import what_to_write  # needed only for errors

    known = [one for one in names if not one.startswith("_")]
    write = what_to_write(name, {}, known)
    if write is None and len(known) < 20:
        write = f"there is {', '.join(known)}"
    return AttributeError(
        f"{owner} has no {what} {name!r}" + (f": {write}" if write else ""), name=name
    )
