"""What other libraries call the things that an object of this package has.

The rule: who asks an object for a name it does not have reads what to write instead.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_ARGUMENT_LIKENESS = 0.7
"""An argument may be a strategy's parameter: `fast` is no slip of `start`."""


def by_word(words: Mapping[str, str]) -> dict[str, str]:
    """Return what to write, by word.

    Args:
        words: What to write, and the words for it, with spaces between.
    """
    return {word: written for written, spoken in words.items() for word in spoken.split()}


def what_to_write(
    name: str, elsewhere: Mapping[str, str], names: Iterable[str], *, likeness: float = 0.6
) -> str | None:
    """Return the end of a message about a name that is missing; None where nothing is
    near.

    Args:
        name: What was asked for.
        elsewhere: What to write, by word.
        names: The names there are.
        likeness: How near one of them must be, from 0 to 1.
    """
    if name in elsewhere:
        return f"write {elsewhere[name]}"
    if name.startswith("_"):
        return None
    import difflib  # only an error needs it

    public = [one for one in names if not one.startswith("_")]
    if (same := spelt_alike(name, public)) is not None:
        return f"did you mean {same!r}?"
    if (word := spelt_alike(name, elsewhere)) is not None:
        return f"write {elsewhere[word]}"
    near = difflib.get_close_matches(name, public, n=1, cutoff=likeness)
    return f"did you mean {near[0]!r}?" if near else None


def spelt_alike(name: str, words: Iterable[str]) -> str | None:
    """Return the word that is `name` but for case and underscores, itself first:
    SetHoldings is set_holdings.
    """
    known, spelt = list(words), name.replace("_", "").lower()
    alike = [word for word in known if word.replace("_", "").lower() == spelt]
    return name if name in known else next(iter(alike), None)


def no_attribute(
    owner: str, name: str, elsewhere: Mapping[str, str], names: Iterable[str]
) -> AttributeError:
    """Return the error of an object that was asked for an attribute it lacks."""
    message = f"{owner!r} object has no attribute {name!r}"
    step = what_to_write(name, elsewhere, names)
    return AttributeError(f"{message}: {step}" if step else message)


def answering(elsewhere: Mapping[str, str]) -> Callable[[Any, str], Any]:
    """Return the `__getattr__` of a class that says what to write.

    Args:
        elsewhere: What to write, by attribute of another library.
    """

    def answer(self: object, name: str) -> Any:
        if hasattr(type(self), name):  # its own error, which led here
            return object.__getattribute__(self, name)
        raise no_attribute(type(self).__name__, name, elsewhere, dir(type(self)))

    return answer


def teaches_names(elsewhere: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function refuse arguments it does not have by saying what to write.

    Args:
        elsewhere: What to write, by argument of another library.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = list(inspect.signature(function).parameters)

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in names:
                    step = what_to_write(name, elsewhere, names, likeness=_ARGUMENT_LIKENESS)
                    step = step or f"it has {', '.join(names)}"
                    raise TypeError(f"{function.__name__}() has no argument {name!r}: {step}")
            return function(*args, **kwargs)

        return called

    return decorate
