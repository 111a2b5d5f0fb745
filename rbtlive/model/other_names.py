"""Other libraries' names for attributes and arguments of this package.

The rule: the error for an unknown name says what to write instead.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SYMBOL_LIKE: Final = re.compile("[A-Z][A-Z0-9]{0,9}")
"""Names of this form may be symbols of assets: `portal.AAPL`."""
_ARGUMENT_LIKENESS = 0.7
"""An argument may be a strategy's parameter: `fast` is not a typo of `start`."""


def by_word(words: Mapping[str, str]) -> dict[str, str]:
    """Return the replacement for each word.

    Args:
        words: Each replacement, and the words it replaces, separated by spaces.

    Raises:
        ValueError: a word has two replacements.
    """
    pairs = [(word, written) for written, spoken in words.items() for word in spoken.split()]
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = sorted(word for word in table if [one for one, _ in pairs].count(word) > 1)
        raise ValueError(f"these words have two replacements: {', '.join(twice)}")
    return table


def what_to_write(
    name: str, elsewhere: Mapping[str, str], names: Iterable[str], *, likeness: float = 0.6
) -> str | None:
    """Return the end of a message about a missing name; None if no name is close.

    Args:
        name: The name requested.
        elsewhere: The replacement for each word.
        names: The existing names.
        likeness: Minimum similarity to one of them, from 0 to 1.
    """
    if name in elsewhere:
        return f"write {elsewhere[name]}"
    if name.startswith("_"):
        return None
    import difflib  # needed only for an error

    public = [one for one in names if not one.startswith("_")]
    if (same := spelt_alike(name, public)) is not None:
        return f"did you mean {same!r}?"
    if (word := spelt_alike(name, elsewhere)) is not None:
        return f"write {elsewhere[word]}"
    near = difflib.get_close_matches(name, public, n=1, cutoff=likeness)
    return f"did you mean {near[0]!r}?" if near else None


def spelt_alike(name: str, words: Iterable[str]) -> str | None:
    """Return the word that equals `name` except for case and underscores, preferring an
    exact match: SetHoldings is set_holdings.
    """
    known, spelt = list(words), name.replace("_", "").lower()
    alike = [word for word in known if word.replace("_", "").lower() == spelt]
    return name if name in known else next(iter(alike), None)


def no_attribute(
    owner: str, name: str, elsewhere: Mapping[str, str], names: Iterable[str]
) -> AttributeError:
    """Return the error for an attribute that an object does not have."""
    message = f"{owner!r} object has no attribute {name!r}"
    step = what_to_write(name, elsewhere, names)
    return AttributeError(f"{message}: {step}" if step else message)


def answering(
    elsewhere: Mapping[str, str], *, of_symbol: str | None = None
) -> Callable[[Any, str], Any]:
    """Return a class's `__getattr__` that says what to write.

    Args:
        elsewhere: The replacement for each attribute of another library.
        of_symbol: The replacement for an attribute that is named like a symbol, with {}
            in its place.
    """

    def answer(self: object, name: str) -> Any:
        if hasattr(type(self), name):  # its own error led here
            return object.__getattribute__(self, name)
        known = elsewhere
        if of_symbol is not None and SYMBOL_LIKE.fullmatch(name):
            known = {name: of_symbol.format(name)}
        raise no_attribute(type(self).__name__, name, known, dir(type(self)))

    return answer


class TeachingClass(type):
    """Metaclass of classes whose own attributes are requested under another library's
    name, e.g. `Portfolio.from_signals`. Instances are not affected.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {}
    """The replacement for each attribute; the class sets it."""

    if not TYPE_CHECKING:  # for type checkers a misspelt name is an error

        def __getattr__(cls, name: str) -> NoReturn:
            raise no_attribute(cls.__name__, name, cls._elsewhere, dir(cls))


def teaches_names(elsewhere: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function reject unknown arguments, and arguments without their name, with
    an error that says what to write.

    Args:
        elsewhere: The replacement for each argument of another library.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters.values()
        names = [one.name for one in parameters if one.name != "self"]
        placed = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
        named = [one.name for one in parameters if one.kind is one.KEYWORD_ONLY]
        owner = function.__qualname__.removesuffix(".__init__")

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            for name in kwargs:
                if name not in names:
                    step = what_to_write(name, elsewhere, names, likeness=_ARGUMENT_LIKENESS)
                    step = step or f"it has {', '.join(names)}"
                    raise TypeError(f"{owner}() has no argument {name!r}: {step}")
            if named and len(args) > len(placed):
                own = ", ".join(name for name in placed if name != "self")
                raise TypeError(
                    f"{owner}() takes {own} without their names: write the name of every other "
                    f"argument, e.g. {named[0]}={args[len(placed)]!r:.40}"
                )
            return function(*args, **kwargs)

        return called

    return decorate
