"""A set of parameters, and the space from which sets are drawn.

The rule: a space knows its number of runs before it creates one.
"""

from __future__ import annotations

import copy
import difflib
import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, Final

from rbtlive.errors import (
    EmptySweep,
    InvalidSetting,
    RbtliveWarning,
    SweepTooLarge,
    UnknownParameter,
)
from rbtlive.model.arrays import np
from rbtlive.model.calls import takes, warn_user

UNASKED = 10_000
"""A grid with more runs than this starts only with `n=`."""
FEW: Final = 20
"""So many sets are checked before the first run."""
VALUES_AT_MOST: Final = 1_000_000
"""Maximum number of values of a parameter; beyond it, use a distribution."""
_DRAWN_AT_ONCE: Final = 256
TRIES = 1_000
"""How many draws in a row `where` may reject before a random search gives up."""

Where = Callable[["Params"], object]

_COMPARED: Final = (bool, int, float, str, bytes, Decimal, date, time, timedelta)
_FINE: Final = ("ns", "ps", "fs", "as")


class Params(dict[str, Any]):
    """Parameters by name, as `p["fast"]` and as `p.fast`."""

    def __missing__(self, name: str) -> Any:
        raise UnknownParameter(self._unknown(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self:
            raise AttributeError(self._unknown(name))
        return self[name]

    def __reduce__(self) -> tuple[type[Params], tuple[dict[str, Any]]]:
        return Params, (dict(self),)

    def _unknown(self, name: str) -> str:
        return f"there is no parameter {name!r}: {nearest(name, self)}"


def own(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters for one run only: otherwise a list that a strategy appends to
    would carry over to the next run. Values that cannot be copied are shared.
    """
    try:
        return copy.deepcopy(dict(params))
    except Exception:  # noqa: BLE001 - whatever a user's object raises
        return dict(params)


def nearest(name: str, known: Any) -> str:
    """Return "did you mean …?" for an unknown name, or the list of known names."""
    names = sorted(map(str, known))
    plain_name = re.sub(r"\W+", "_", name.lower()).strip(
        "_"
    )  # for example "Sharpe Ratio" from other libraries
    close = difflib.get_close_matches(plain_name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there is {', '.join(names) or 'none'}"


class Space:
    """The values that each parameter may take.

    Args:
        params: By name a list (or tuple, range, array, Series) of values, a single
            value, or a distribution: one of optuna's, or a frozen one of scipy's.
        where: Accepts or rejects a set; None accepts all.
    """

    def __init__(self, params: Mapping[str, Any], where: Where | None = None) -> None:
        if not isinstance(params, Mapping):
            raise InvalidSetting(
                "params of sweep() must map each parameter to its values: was "
                f"{type(params).__name__}; pass e.g. {{'fast': [5, 10], 'slow': [20, 50]}}"
            )
        if where is not None and not (callable(where) and takes(where, {})):
            raise InvalidSetting(
                f"where must be a function of one argument, the parameters: was {where!r}; pass "
                'e.g. where=lambda p: p["fast"] < p["slow"]'
            )
        self.axes = {str(name): _axis(str(name), values) for name, values in params.items()}
        self.where = where

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.axes)

    @property
    def continuous(self) -> tuple[str, ...]:
        """Names of the parameters with a distribution instead of values."""
        return tuple(name for name, axis in self.axes.items() if not isinstance(axis, tuple))

    def size(self) -> float:
        """Return the size of the grid before `where`; infinite with a distribution."""
        if self.continuous:
            return math.inf
        return math.prod(len(axis) for axis in self.axes.values())

    def allows(self, params: Params) -> bool:
        """Say whether `where` accepts a set."""
        if self.where is None:
            return True
        try:
            return bool(self.where(params))
        except Exception as error:
            error.add_note(f"where= failed for the parameters {dict(params)}")
            raise

    def grid(self, n: int | None) -> list[Params]:
        """Return every set of the grid that `where` accepts, varying the last parameter
        fastest.

        Raises:
            SweepTooLarge: there are more than `n` sets, or without `n` more than
                10,000.
            EmptySweep: `where` accepts none.
        """
        if self.continuous:
            raise InvalidSetting(
                f"a grid needs values: {self.continuous[0]!r} is a distribution; pass a list, or "
                'method="random" or "optuna" with n='
            )
        size, limit = int(self.size()), UNASKED if n is None else n
        found: list[Params] = []
        if size <= max(limit, 1_000_000):
            found = [p for p in self._product() if self.allows(p)]
            size = len(found)
        if size > limit:
            said = f"n={n} was given" if n is not None else f"more than {UNASKED:,} need n="
            raise SweepTooLarge(
                f"the grid has {size:,} runs and {said}: pass n={size} to run them all, fewer "
                f'values, or method="random" with the n that you have time for'
            )
        if not found and size:
            found = [p for p in self._product() if self.allows(p)]
        self._require(found)
        return found

    def few(self) -> list[Params]:
        """Return some of the first sets of the grid that `where` accepts."""
        allowed = filter(self.allows, itertools.islice(self._product(), UNASKED))
        return list(itertools.islice(allowed, FEW))

    def _product(self) -> Iterator[Params]:
        axes: Sequence[Any] = list(self.axes.values())
        return (Params(zip(self.axes, values, strict=True)) for values in itertools.product(*axes))

    def _require(self, found: Sequence[Params]) -> None:
        if not found:
            raise EmptySweep(
                f"no set of parameters is left of {self.size():,.0f}: where= refuses all of them"
            )

    def random(self, n: int, seed: int | None) -> list[Params]:
        """Return `n` different sets, drawn uniformly; all sets of a smaller grid.

        Raises:
            EmptySweep: `where` accepts none of many draws.
        """
        generator = np.random.default_rng(seed)
        if self.size() <= max(10 * n, UNASKED):
            found = [p for p in self._product() if self.allows(p)]
            self._require(found)
            places = np.sort(
                generator.permutation(len(found))[:n]
            )  # a prefix of the draw for a larger n
            return [found[place] for place in places.tolist()]
        drawn: dict[str, Params] = {}
        missed = 0
        draws = {name: _draws(axis, generator) for name, axis in self.axes.items()}
        while len(drawn) < n and missed < TRIES:
            params = Params({name: next(values) for name, values in draws.items()})
            key = repr(sorted(params.items()))
            if key in drawn or not self.allows(params):
                missed += 1
                continue
            drawn[key], missed = params, 0
        if not drawn:
            raise EmptySweep(f"where= refused {TRIES} draws in a row: widen it or the parameters")
        return list(drawn.values())


def _axis(name: str, values: object) -> Any:
    if _is_distribution(values):
        if hasattr(values, "freeze"):
            raise InvalidSetting(
                f"parameter {name!r} must be a distribution with its arguments: was "
                f"{type(values).__name__}; pass e.g. scipy.stats.randint(5, 50)"
            )
        return values
    shape = getattr(values, "shape", None)
    if shape == ():  # numpy's scalar, or an array with one value
        return (plain(np.asarray(values)[()]),)
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        return (plain(values),)
    if isinstance(values, Mapping) or (isinstance(shape, tuple) and len(shape) > 1):
        raise InvalidSetting(
            f"parameter {name!r} must be a list of values: was a {type(values).__name__}; put it "
            "into a list if it is one value, or pass one of its columns"
        )
    listed = tuple(plain(v) for v in itertools.islice(iter(values), VALUES_AT_MOST + 1))
    if len(listed) > VALUES_AT_MOST:
        raise SweepTooLarge(
            f"parameter {name!r} has {_count(values)} values: pass at most {VALUES_AT_MOST:,}, or "
            'a distribution such as scipy.stats.randint(1, 10**9) with method="random" and n='
        )
    found = _different(name, listed)
    if not found:
        raise EmptySweep(f"parameter {name!r} has no values: pass at least one")
    return found


# A generator has no length, and a range's may be beyond what `len` can return.
def _count(values: object) -> str:
    with suppress(OverflowError):
        if isinstance(values, Sized):
            return f"{len(values):,}"
    return f"more than {VALUES_AT_MOST:,}"


# A duplicate value would run twice, and count as two trials.
def _different(name: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    kept: list[Any] = []
    seen = set()
    for value in values:
        if isinstance(value, _COMPARED):
            key = (type(value), value)
            if key in seen:
                continue
            seen.add(key)
        kept.append(value)
    if len(kept) < len(values):
        warn_user(
            f"parameter {name!r} has some values more than once: each of the {len(kept)} different "
            "ones is run once",
            RbtliveWarning,
        )
    return tuple(kept)


def plain(value: object) -> Any:
    """Return numpy's and polars' scalars as Python's own types."""
    if isinstance(
        value, (np.datetime64, np.timedelta64)
    ):  # `item` would convert nanoseconds to an int
        unit = np.datetime_data(value.dtype)[0]
        return value.astype(f"{value.dtype.kind}8[us]").item() if unit in _FINE else value.item()
    return value.item() if isinstance(value, np.generic) else value


def _is_distribution(values: object) -> bool:
    return hasattr(values, "rvs") or hasattr(values, "to_internal_repr")


# Values of a parameter without end. A frozen distribution of scipy takes a tenth of a
# millisecond a call, for one value or for many, so it draws many, from a generator of
# its own.
def _draws(axis: object, generator: np.random.Generator) -> Iterator[object]:
    if hasattr(axis, "rvs") and hasattr(axis, "dist"):
        (own_generator,) = generator.spawn(1)
        while True:
            yield from axis.rvs(size=_DRAWN_AT_ONCE, random_state=own_generator).tolist()
    while True:
        yield _draw(axis, generator)


def _draw(axis: object, generator: Any) -> Any:
    if isinstance(axis, tuple):
        return axis[int(generator.integers(len(axis)))]
    if hasattr(axis, "rvs"):
        return plain(axis.rvs(random_state=generator))
    return _draw_optuna(axis, generator)


# optuna's own distributions, drawn without optuna's samplers.
def _draw_optuna(axis: Any, generator: Any) -> Any:
    if hasattr(axis, "choices"):
        return axis.choices[int(generator.integers(len(axis.choices)))]
    low, high, step = axis.low, axis.high, axis.step
    if axis.log:
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    elif step is not None:
        value = low + step * int(generator.integers(math.floor((high - low) / step + 1e-9) + 1))
    else:
        value = generator.uniform(low, high)
    return round(value) if isinstance(low, int) else float(value)
