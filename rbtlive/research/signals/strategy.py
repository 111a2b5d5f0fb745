"""`signals()`: a strategy declared as two expressions and a size.

The rule: the declaration is one strategy. The event engine, live sessions and the
columnar gear read the same expressions and make the same decisions.
"""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from rbtlive.core.actions.sizing import whole_lots
from rbtlive.core.strategy.context import TradingAlgorithm
from rbtlive.core.strategy.nested_code import names_in, strings_in
from rbtlive.errors import StrategyError, UnknownParameter
from rbtlive.model.asset import Asset
from rbtlive.model.calls import takes
from rbtlive.model.foreign_text import add_note
from rbtlive.model.number import to_decimal
from rbtlive.research.sweeping.params import Params, nearest
from rbtlive.research.sweeping.used import functions_of

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_values

ENTRY: Final = "entry signal"
EXIT: Final = "exit signal"
_OWN: Final = frozenset({"entries", "exits", "size", "only", "defaults", "name"})

Signal = pl.Expr | Callable[[Params], Any]


class Signals(TradingAlgorithm):
    """A strategy that holds `size` shares of each asset from an entry to an exit.

    At each bar and for each asset: if the exit signal is true, open orders are
    cancelled and the position is closed; otherwise, if the entry signal is true and
    nothing is held or on order, open orders are cancelled and `size` shares are
    ordered. Orders are market orders, and fill from the next bar on. A signal that is
    null, NaN or zero is not true.
    """

    accepts_any_parameter = True

    def __init__(
        self,
        entries: Signal,
        exits: Signal,
        size: Any,
        *,
        only: Sequence[str] | None,
        defaults: Mapping[str, Any],
        name: str,
    ) -> None:
        self.entries = entries
        self.exits = exits
        self.size = size
        self.only = only
        self.defaults = dict(defaults)
        self.name = name
        self.__name__ = name
        for parameter, value in defaults.items():
            setattr(self, parameter, value)

    @property
    def __source__(self) -> str:
        """The text of the declaration, from which a journal's fingerprint is
        computed.
        """
        parts = [_text(part) for part in (self.entries, self.exits, self.size)]
        return repr([*parts, self.only, sorted(self.defaults.items(), key=repr)])

    def __repr__(self) -> str:
        parts = {"entries": self.entries, "exits": self.exits, "size": self.size}
        shown = (
            f"{name}={'a function of p' if callable(part) else f'{part!s:.60}'}"
            for name, part in parts.items()
        )
        return f"{self.name}({', '.join(shown)})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Signals:
        copied = Signals(
            self.entries,
            self.exits,
            self.size,
            only=self.only,
            defaults=self.defaults,
            name=self.name,
        )
        vars(copied).update(vars(self))
        return copied

    # By value: expressions and sizes are mostly lambdas, which pickle alone refuses.
    def __reduce__(self) -> tuple[Any, ...]:
        import cloudpickle

        return _restored, (cloudpickle.dumps(vars(self)),)

    def declared(self, params: Mapping[str, Any]) -> tuple[pl.Expr, pl.Expr, Any]:
        """Return entry, exit and size for some parameters.

        Raises:
            StrategyError: a signal is not an expression.
            UnknownParameter: the declaration does not read a given parameter, or reads
                one that was not given.
        """
        read = ReadParams({**self.defaults, **params})
        parts = {"entries": self.entries, "exits": self.exits, "size": self.size}
        found = [_value(part, read, what) for what, part in parts.items()]
        for place, what in enumerate(("entries", "exits")):
            if not isinstance(found[place], pl.Expr):
                raise StrategyError(
                    f"{what} of signals() must be a polars expression, or a function of the "
                    f"parameters that returns one: was {found[place]!r}; pass e.g. "
                    'lambda p: pl.col("close") > pl.col("close").rolling_mean(p.slow)'
                )
        _check_size(found[2])
        for name in params:
            if name in read.names or name in self.defaults or self._mentions(name):
                continue
            raise UnknownParameter(
                f"{self.name} reads no parameter {name!r}: {nearest(name, read.names)}"
            )
        return found[0], found[1], found[2]

    def check(self, sets: Iterable[Mapping[str, Any]]) -> None:
        """Check the declaration and the names of its parameters with the first set for
        which it works. An error for some sets only belongs to their runs.

        Raises:
            UnknownParameter: as `declared`.
            AttributeError: the declaration reads a parameter that was not given.
            StrategyError: as `declared`, if it works for no set.
        """
        wrong: StrategyError | None = None
        for params in sets:
            try:
                self.declared(params)
            except UnknownParameter:
                raise
            except StrategyError as error:
                wrong = wrong or error
            except Exception as error:
                if isinstance(getattr(error, "obj", None), ReadParams):
                    raise
            else:
                return
        if wrong is not None:
            raise wrong

    # Whether a function of the declaration, or one that it calls, mentions a parameter:
    # whether one is read may depend on another's value.
    def _mentions(self, name: str) -> bool:
        codes = (function.__code__ for _, function in functions_of(self))
        return any(name in names_in(code) or name in strings_in(code) for code in codes)

    def initialize(self, context: Any) -> None:
        """Declare both signals as indicators."""
        params = {name: value for name, value in vars(self).items() if self._is_parameter(name)}
        entry, leave, size = self.declared(params)
        self.indicator(ENTRY, entry)
        self.indicator(EXIT, leave)
        assets = self._running("signals").assets
        chosen = assets if self.only is None else [self.symbol(name) for name in self.only]
        context.signal_sizes = {
            asset: whole_lots(size, asset.lot_size, binary=False) for asset in chosen
        }
        for asset, lots in context.signal_sizes.items():
            if size and not lots:
                self._running("signals").record.notes.note_rounded(asset.symbol)

    def _is_parameter(self, name: str) -> bool:
        return name not in _OWN and not name.startswith("_")

    def handle_data(self, context: Any, data: Any) -> None:
        """Act on the signals of this bar."""
        for asset, size in context.signal_sizes.items():
            if data.can_trade(asset):
                leaves = data.current(asset, EXIT) > 0.0
                if leaves or data.current(asset, ENTRY) > 0.0:
                    self._act(context, asset, 0 if leaves else size)

    def _act(self, context: Any, asset: Asset, target: object) -> None:
        waiting = self.get_open_orders(asset)
        held = context.portfolio.positions[asset].amount
        on_order = sum(order.amount - order.filled for order in waiting) if waiting else 0
        if bool(held + on_order if waiting else held) == bool(target):
            return
        for order in waiting:
            self.cancel_order(order)
        missing = target - held
        if missing:
            self.order(asset, missing)


def _restored(content: bytes) -> Signals:
    restored = Signals.__new__(Signals)
    vars(restored).update(pickle.loads(content))  # noqa: S301 - of an object being unpickled
    return restored


# A part, called with the parameters if it is a function of them.
def _value(part: Any, read: ReadParams, what: str) -> Any:
    if not callable(part) or isinstance(part, pl.Expr):
        return part
    try:
        return part(read)
    except Exception as error:
        add_note(error, f"{what} of signals() failed for the parameters {read!r}")
        raise


# Rejects a Series of sizes, a text or a percentage.
def _check_size(size: object) -> None:
    try:
        if to_decimal(size).is_finite():
            return
    except TypeError:
        pass
    step = "pass e.g. size=100"
    if isinstance(size, str) and "%" in size:
        step += ", or write a strategy that calls order_target_percent(asset, 0.1)"
    raise StrategyError(
        "size of signals() must be a number of shares, or a function of the parameters that "
        f"returns one: was {size!r:.80}; {step}"
    )


class ReadParams(Params):
    """Parameters that record which of them were read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        object.__setattr__(self, "names", set())

    names: set[str]

    # `**params` and `dict(params)` read them all by this.
    def __iter__(self) -> Iterator[str]:
        self.names.update(super().keys())
        return super().__iter__()

    def values(self) -> dict_values[str, Any]:
        """Return all values."""
        self.names.update(super().keys())
        return super().values()

    def items(self) -> dict_items[str, Any]:
        """Return all names and values."""
        self.names.update(super().keys())
        return super().items()

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: object = None) -> Any:
        """Return a parameter, or a default."""
        self.names.add(name)
        return super().get(name, default)


def signals(
    entries: Signal,
    exits: Signal,
    size: object,
    *,
    symbols: Sequence[str] | str | None = None,
    name: str = "Signals",
    **defaults: object,
) -> Signals:
    """Declare a strategy: when to hold an asset, and how many shares.

    It runs like any strategy: in `backtest`, `attach`, `sweep`. A sweep computes it for
    all parameters in one pass.

    Args:
        entries: Expression over an asset's bars (open, high, low, close, volume, and
            further columns of the data) that is true when the asset should be bought;
            or a function of the parameters that returns one: `lambda p: pl.col("close")
            > pl.col("close").rolling_mean(p.n)`.
        exits: The same for closing the position. If both are true, the exit counts.
        size: Shares to hold, negative for a short position; or a function of the
            parameters.
        symbols: The assets; all by default.
        name: Name of the strategy, and by default of its session.
        **defaults: Default values of parameters.

    Raises:
        StrategyError: a signal is neither an expression nor a function of the
            parameters, `size` is not a number, or `symbols` names none.
    """
    if not callable(size):
        _check_size(size)
    for what, part in (("entries", entries), ("exits", exits), ("size", size)):
        if callable(part) and not isinstance(part, pl.Expr) and not takes(part, {}):
            raise StrategyError(
                f"{what} of signals() must be a function of one argument, the parameters: was "
                f'{part!r:.80}; pass e.g. lambda p: pl.col("close").rolling_mean(p.fast) > '
                'pl.col("close").rolling_mean(p.slow)'
            )
    for what, signal in (("entries", entries), ("exits", exits)):
        if not isinstance(signal, pl.Expr) and not callable(signal):
            raise StrategyError(
                f"{what} of signals() must be a polars expression or a function of the "
                f'parameters: was {signal!r}; pass e.g. pl.col("close") > 100'
            )
    clash = sorted(_OWN & defaults.keys())
    if clash:
        raise StrategyError(
            f"a parameter of signals() must not be named {clash[0]!r}: pick another"
        )
    chosen: list[str] | None = None
    if isinstance(symbols, str) or not isinstance(symbols, Iterable):
        chosen = None if symbols is None else [symbols]
    else:
        chosen = list(symbols)
    if chosen is not None and not (chosen and all(isinstance(one, str) for one in chosen)):
        raise StrategyError(
            f"symbols of signals() must be a symbol or a list of some: was {symbols!r:.80}; pass "
            'e.g. ["AAPL", "IBM"], or leave it out for all assets'
        )
    return Signals(entries, exits, size, only=chosen, defaults=defaults, name=name)


# The source, or a substitute for it.
def _text(part: object) -> str:
    if isinstance(part, pl.Expr):
        return part.meta.tree_format(return_as_string=True) + str(part.meta.serialize())
    if callable(part):
        try:
            return inspect.getsource(part)
        except (OSError, TypeError):
            code = getattr(part, "__code__", None)
            return repr(part) if code is None else repr((code.co_code, code.co_names))
    return repr(part)
