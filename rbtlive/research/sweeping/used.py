"""The functions and constants outside of a strategy that it uses: helpers of a script,
of another cell, of a neighbour module.

The rule: what a run may change, a list or a counter, is no constant, and is left out.
"""

from __future__ import annotations

import dis
import hashlib
import json
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Final

import polars as pl

from rbtlive.core.strategy.nested_code import names_in, nested_codes
from rbtlive.research.sweeping.identity import CONSTANTS, code_text, text_of
from rbtlive.research.sweeping.travel import is_installed_name

USED: Final = "uses"
VALUES: Final = "values"
"""Names of the facts."""
_ASSIGNING: Final = ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL", "DELETE_DEREF")
_SETTING: Final = ("STORE_ATTR", "DELETE_ATTR")


def used_text(strategy: object) -> str:
    """Return by name a digest of each function and constant that a strategy uses, as
    JSON: equal in every process that would compute the same with them.
    """
    found: dict[str, str] = {}
    assigned: set[str] = set()
    for label, function in functions_of(strategy):
        assigned.update(_assigned(function.__code__))
        if label:
            found[label] = _digest(code_text(function.__code__))
        for name, value in _used(function):
            if _is_constant(value):
                found[name] = _digest(text_of(value))
    return json.dumps({name: found[name] for name in sorted(found.keys() - assigned)})


def values_text(strategy: object) -> str:
    """Return by name a digest of each constant on a strategy's class, as JSON: it may
    have been set to another value after the class was made.
    """
    cls = strategy if isinstance(strategy, type) else type(strategy)
    found: dict[str, str] = {}
    for owner in reversed([one for one in cls.__mro__ if _is_own(one)]):
        found |= {
            name: _digest(text_of(value))
            for name, value in vars(owner).items()
            if not name.startswith("__") and _is_constant(value)
        }
    for _, function in functions_of(strategy):
        for name in _assigned(function.__code__, _SETTING):
            found.pop(name, None)
    return json.dumps(found, sort_keys=True)


def functions_of(strategy: object) -> Iterator[tuple[str, FunctionType]]:
    """Yield the user's functions that a strategy may call: its own, without a name, and
    by name those that they use, directly or not.
    """
    waiting = [("", one) for one in _functions(strategy)]
    seen = {id(one) for _, one in waiting}
    while waiting:
        called, function = waiting.pop()
        yield called, function
        for name, value in _used(function):
            parts: list[tuple[str, FunctionType]] = []
            if isinstance(value, FunctionType):
                parts = [(name, value)]
            elif isinstance(value, type):
                parts = [(f"{name}.{one.__name__}", one) for one in _functions(value)]
            for label, part in parts:
                if id(part) not in seen and not is_installed_name(part.__module__):
                    seen.add(id(part))
                    waiting.append((label, part))


def differs(known: Mapping[str, str], fact: str, now: str) -> bool:
    """Say whether a fact is another in a store. Stores of earlier versions do not know
    what a strategy used, nor the values on its class.
    """
    return known.get(fact, now if fact in (USED, VALUES) else None) != now


def said_change(fact: str, before: str | None, now: str) -> str:
    """Return a readable text about a changed fact; for digests, which mean nothing to a
    reader, only its name.
    """
    if fact == "source":
        return "the strategy's code has changed since"
    if fact == "data":
        return "its bars, splits or dividends have changed since"
    if fact in (USED, VALUES):
        old, new = json.loads(before or "{}"), json.loads(now)
        names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        what = "what the strategy uses has" if fact == USED else "values of the strategy have"
        return f"{what} changed since: {', '.join(names)}"
    return f"its {fact} was {before!r}, is {now!r}"


# The functions written by the user in a class, an instance, a module or a dict.
def _functions(subject: object) -> Iterator[FunctionType]:
    owners: list[Mapping[str, object]] = []
    if isinstance(subject, Mapping):
        owners = [subject]
    elif isinstance(subject, (type, ModuleType)):
        owners = [vars(one) for one in getattr(subject, "__mro__", (subject,)) if _is_own(one)]
    else:
        owners = [getattr(subject, "__dict__", {})]
        owners += [vars(one) for one in type(subject).__mro__ if _is_own(one)]
    for owner in owners:
        for value in owner.values():
            function = getattr(value, "fget", None) or getattr(value, "__func__", value)
            function = getattr(function, "__wrapped__", function)
            if isinstance(function, FunctionType) and not is_installed_name(function.__module__):
                yield function


def _is_own(owner: type | ModuleType) -> bool:
    name = owner.__name__ if isinstance(owner, ModuleType) else owner.__module__
    return not is_installed_name(name)


# Values of globals and of enclosing functions that a function names; of a module of the
# user's, the attributes that it names.
def _used(function: FunctionType) -> Iterator[tuple[str, object]]:
    names = names_in(function.__code__)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not filled yet
            continue
    for name in sorted(names & function.__globals__.keys()):
        value = function.__globals__[name]
        if name.startswith("__"):
            continue
        if isinstance(value, ModuleType) and _is_own(value):
            yield from (
                (f"{name}.{part}", vars(value)[part]) for part in sorted(names & vars(value).keys())
            )
        else:
            yield name, value


def _is_constant(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return all(map(_is_constant, value))
    if isinstance(value, pl.Expr):
        return "python_udf" not in str(value)  # the text of a function differs by process
    return type(value) in CONSTANTS


def _assigned(code: CodeType, how: tuple[str, ...] = _ASSIGNING) -> set[str]:
    return {
        step.argval
        for one in nested_codes(code)
        for step in dis.get_instructions(one)
        if step.opname in how
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
