"""Turn a user's strategy (class, instance, module, dict) into bound callbacks with a
name and a fingerprint.

The rule: the user's object is a template. A run works on its own copy and does not
change the template.
"""

from __future__ import annotations

import ast
import copy
import difflib
import hashlib
import inspect
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from types import CodeType, ModuleType
from typing import Any, Final, cast

from rbtlive.core.rules.plain_functions import refuse_lazy
from rbtlive.core.run_state import RunState
from rbtlive.core.strategy.bound import bind
from rbtlive.core.strategy.context import TradingAlgorithm
from rbtlive.core.strategy.near_misses import refuse_near_misses
from rbtlive.core.strategy.own_code import OwnClass, class_of_its_own, copied
from rbtlive.core.strategy.zipline_class import is_ziplines_class, with_context
from rbtlive.errors import InvalidSetting, NoCallbacks, NotAStrategy, UnknownParameter

CALLBACKS = (
    "initialize",
    "before_trading_start",
    "handle_data",
    "analyze",
    "on_order_fill",
    "on_order_cancel",
    "on_order_reject",
    "on_broker_message",
    "on_position_adjustment",
)
ACTING = ("initialize", "before_trading_start", "handle_data")


class StrategyExecutor:
    """A strategy ready to run once.

    Args:
        strategy: A `TradingAlgorithm` subclass or instance, a module, a dict or any
            object with plain functions.
        params: Overrides for the class's attributes, or for the default arguments of
            `initialize`.

    Raises:
        NotAStrategy: `strategy` is none of these.
        NoCallbacks: it has neither initialize, before_trading_start nor handle_data.
        UnknownParameter: the strategy does not have this parameter; the message
            suggests the nearest name.
    """

    def __init__(self, strategy: object, params: Mapping[str, Any] | None = None) -> None:
        check_params(params)
        self.template = strategy
        self.params = dict(params or {})
        self.name = strategy_name(strategy)
        self._algorithm: TradingAlgorithm | None = None
        self._own_class: OwnClass | None = None
        self._context_is_self = False
        self._fingerprint = ""
        self._initialize_kwargs: dict[str, Any] = {}
        if isinstance(strategy, (type, TradingAlgorithm)):
            callbacks = self._from_class(strategy)
        else:
            callbacks = self._from_namespace(strategy)
        refuse_near_misses(strategy, callbacks)
        if not any(name in callbacks for name in ACTING):
            raise NoCallbacks(
                f"strategy {self.name!r} has none of {', '.join(ACTING)}: {_way_out(strategy)}"
            )
        self._callbacks = callbacks

    def bind_run(self, state: RunState) -> None:
        """Bind a class strategy's own api methods to a run."""
        if self._algorithm is not None:
            bind(self._algorithm, state)

    def own_class_values(self) -> None:
        """Give the run its own copies of the lists, dicts and sets on the strategy's
        class, so that runs do not share them. Values that cannot be copied are shared.
        """
        algorithm = self._algorithm
        for owner in type(algorithm).__mro__ if algorithm is not None else ():
            if owner in TradingAlgorithm.__mro__:
                continue
            for name, value in vars(owner).items():
                if (
                    isinstance(value, _CONTAINERS)
                    and not name.startswith("__")
                    and name not in vars(algorithm)
                ):
                    with suppress(Exception):
                        setattr(algorithm, name, copy.deepcopy(value))

    def release(self) -> None:
        """Return the run's own class: the run has ended, and nothing is called any
        more.
        """
        own, self._own_class = self._own_class, None
        if own is not None and type(self._algorithm) is own.made:
            self._algorithm.__class__ = cast("type[TradingAlgorithm]", own.made.__base__)
            self._callbacks = {}
            own.give_back()

    def callback(self, name: str) -> Callable[..., Any] | None:
        """Return the user's callback with that name, or None."""
        function = self._callbacks.get(name)
        if function is not None and name == "initialize" and self._initialize_kwargs:
            kwargs = self._initialize_kwargs
            return lambda context: function(context, **kwargs)
        return function

    def parameters(self) -> dict[str, Any]:
        """Return the strategy's parameters, by name, with their values in this run."""
        if self._algorithm is not None:
            names = _parameters_of(type(self._algorithm))
            return {name: getattr(self._algorithm, name) for name in sorted(names)}
        return {**_default_values(self._callbacks.get("initialize")), **self._initialize_kwargs}

    def bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` ready to be called with (context, data).

        A method taken from the class itself (`schedule_function(MyClass.rebalance)`)
        gets its `self`.
        """
        owner = self._algorithm
        if self._context_is_self and owner is not None:
            return lambda _, data: function(owner, data)
        if owner is not None and inspect.isfunction(function):
            parts = function.__qualname__.rsplit(".", 1)
            if len(parts) == 2 and getattr(type(owner).__base__, parts[1], None) is function:
                return getattr(owner, parts[1])  # type: ignore[no-any-return]
        return function

    def fingerprint(self) -> str:
        """Return a SHA-256 of the source: the class's, module's or cell's, otherwise
        the callbacks'.

        Without a source, the code objects are hashed. The result of the first call is
        kept: a launch asks twice, and finding a source takes milliseconds.
        """
        self._fingerprint = self._fingerprint or self._hash_of_source()
        return self._fingerprint

    def _hash_of_source(self) -> str:
        digest = hashlib.sha256()
        subject = self.template if isinstance(self.template, type) else type(self.template)
        digest.update(_source_around(self.template).encode())
        if self._algorithm is not None:
            for owner in subject.__mro__:
                if owner not in TradingAlgorithm.__mro__:
                    digest.update(_source_of(owner).encode())
            if not isinstance(self.template, type):
                digest.update(_plain_values(vars(self.template)).encode())
        else:
            for name in CALLBACKS:
                if name in self._callbacks:
                    digest.update(name.encode() + _source_of(self._callbacks[name]).encode())
        return digest.hexdigest()

    # -- kinds of strategies ----------------------------------------------------------

    def _from_class(self, strategy: Any) -> dict[str, Callable[..., Any]]:
        cls = strategy if isinstance(strategy, type) else type(strategy)
        if not issubclass(cls, TradingAlgorithm):
            raise NotAStrategy(
                "strategy must be a subclass of TradingAlgorithm, a module or a dict of "
                f"functions: was class {cls.__name__}; write class {cls.__name__}("
                f"rbtlive.TradingAlgorithm), or pass an instance, {cls.__name__}()"
            )
        algorithm: TradingAlgorithm = (
            strategy() if isinstance(strategy, type) else copy.deepcopy(strategy)
        )
        self._own_class = class_of_its_own(cls)
        algorithm.__class__ = self._own_class.made
        known = _parameters_of(cls) | set(vars(algorithm))
        anything = getattr(cls, "accepts_any_parameter", False)  # it checks them itself
        for name, value in self.params.items():
            if not anything:
                _check_parameter(name, known, where=cls.__name__)
            setattr(algorithm, name, value)
        self._algorithm = algorithm
        found = {
            name: getattr(algorithm, name)
            for name in CALLBACKS
            if getattr(cls, name) is not getattr(TradingAlgorithm, name) or name in vars(algorithm)
        }
        self._refuse_lazy(found)
        if is_ziplines_class(found):
            self._context_is_self = True
            return with_context(found)
        return found

    def _refuse_lazy(self, callbacks: Mapping[str, Callable[..., Any]]) -> None:
        for name, function in callbacks.items():
            try:
                refuse_lazy(function, f"{name} of strategy {self.name!r}")
            except TypeError as error:
                raise NotAStrategy(str(error)) from None

    def _from_namespace(self, strategy: object) -> dict[str, Callable[..., Any]]:
        namespace: Mapping[str, Any]
        if isinstance(strategy, Mapping):
            namespace = strategy
        elif isinstance(strategy, ModuleType) or hasattr(strategy, "__dict__"):
            namespace = {name: getattr(strategy, name, None) for name in CALLBACKS}
        else:
            raise NotAStrategy(
                "strategy must be a TradingAlgorithm, a module or a dict of functions: was "
                f"{strategy!r} "
                f"({type(strategy).__name__})"
            )
        callbacks: dict[str, Callable[..., Any]] = {}
        for name in CALLBACKS:
            function = namespace.get(name)
            if function is None:
                continue
            if not callable(function):
                raise NotAStrategy(
                    f"{name} of strategy {self.name!r} must be a function: was {function!r}"
                )
            callbacks[name] = copied(function)
        self._refuse_lazy(callbacks)
        if self.params and callbacks:
            known = _defaults_of(callbacks.get("initialize"))
            for name in self.params:
                _check_parameter(
                    name, known, where=f"initialize of {self.name!r}" if self.name else "initialize"
                )
            self._initialize_kwargs = self.params
        return callbacks


_CONTAINERS: Final = (list, dict, set, deque, bytearray)


def check_params(params: object) -> None:
    """Raise an error if `params` is not a mapping.

    Raises:
        InvalidSetting: `params` is not a mapping.
    """
    if params is not None and not isinstance(params, Mapping):
        raise InvalidSetting(f'params must be a dict such as {{"fast": 10}}: was {params!r:.80}')


# What to write if nothing callable was found.
def _way_out(strategy: object) -> str:
    if inspect.isroutine(strategy):
        name = strategy.__name__ if strategy.__name__.isidentifier() else "function"
        return f'pass {{"handle_data": {name}}} to have it called at every bar'
    return "define handle_data(context, data) at least"


def strategy_name(strategy: object) -> str:
    """Return the name of a strategy: its class's, or its `__name__`; "" for a dict
    without one.
    """
    if isinstance(strategy, type):
        return strategy.__name__
    if isinstance(strategy, Mapping):
        return str(strategy.get("__name__", ""))
    name = getattr(strategy, "__name__", None)
    return name.rsplit(".", 1)[-1] if isinstance(name, str) else type(strategy).__name__


def _parameters_of(cls: type) -> set[str]:
    return {
        name
        for owner in cls.__mro__
        if owner not in TradingAlgorithm.__mro__
        for name, value in vars(owner).items()
        if not name.startswith("_")
        and not inspect.isroutine(value)
        and not isinstance(value, property)
    }


def _defaults_of(function: Callable[..., Any] | None) -> set[str]:
    if function is None:
        return set()
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.default is not p.empty or p.kind is p.KEYWORD_ONLY}


def _default_values(function: Callable[..., Any] | None) -> dict[str, Any]:
    if function is None:
        return {}
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _check_parameter(name: str, known: set[str], *, where: str) -> None:
    if name in known:
        return
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean {nearest[0]!r}?"
        if nearest
        else f"it has {', '.join(sorted(known)) or 'none'}"
    )
    raise UnknownParameter(f"{where} has no parameter {name!r}: {hint}")


# Constants and helpers that a module's or a cell's functions use are part of the
# strategy.
def _source_around(template: object) -> str:
    if isinstance(template, ModuleType):
        try:
            return inspect.getsource(template)
        except (OSError, TypeError):
            return ""
    return str(getattr(template, "__source__", ""))


def _source_of(subject: Any) -> str:
    try:
        source = inspect.getsource(subject)
        if isinstance(subject, type) and not _defines(source, subject.__name__):
            raise OSError("the lines found are another's")  # noqa: TRY301 - as if none were found
        return (
            _function_source(inspect.unwrap(subject), source)
            if inspect.isfunction(subject)
            else source
        )
    except (OSError, TypeError):
        code = getattr(subject, "__code__", None)
        if code is None:
            functions = sorted(
                _source_of(v) for v in vars(subject).values() if inspect.isfunction(v)
            )
            return repr(functions) + _plain_values(vars(subject))
        return _code_text(code)


# Since Python 3.13 a class knows its line number. For a cell, that line is looked up in
# the file of the cell's module, which may contain anything.
def _defines(source: str, name: str) -> bool:
    return re.search(rf"^\s*class\s+{re.escape(name)}\b", source, re.MULTILINE) is not None


# IPython's autoreload puts new code into a function, but the line numbers may point to
# another one.
def _function_source(function: Any, source: str) -> str:
    name = function.__name__
    if name == "<lambda>" or re.search(
        rf"^\s*(async\s+)?def\s+{re.escape(name)}\b", source, re.MULTILINE
    ):
        return source
    lines = inspect.findsource(function)[0]
    for node in reversed(ast.parse("".join(lines)).body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return "".join(lines[first - 1 : node.end_lineno])
    return source


# A parameter is a class attribute, and a class typed into a cell has no source to read
# it from.
def _plain_values(values: Mapping[str, Any]) -> str:
    named = {
        name: value
        for name, value in values.items()
        if not name.startswith("__") and _is_plain(value)
    }
    return repr(sorted(named.items()))


def _is_plain(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    return value is None or isinstance(
        value, (bool, int, float, str, bytes, Decimal, date, timedelta)
    )


def _code_text(code: CodeType) -> str:
    constants = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code, constants, code.co_names, code.co_varnames))
