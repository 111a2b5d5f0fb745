"""NumPy, loaded when something of it is used for the first time.

The rule: modules take `np` from here. Nothing needs an array before there
is data, and an import that loads NumPy, whose linear algebra starts threads that wait
busily, takes half as long again.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
else:
    np = ModuleType("numpy")

    def _load(name: str) -> Any:
        loaded = import_module("numpy")
        # With it goes `__getattr__`: from now on a name costs what it does in NumPy.
        vars(np).update(vars(loaded))
        return getattr(loaded, name)

    np.__getattr__ = _load

    class NDArray:
        """Stands in annotations, which are text; evaluating one gives NumPy's own
        type.
        """

        def __class_getitem__(cls, item: object) -> Any:
            return import_module("numpy.typing").NDArray[item]


__all__ = ["NDArray", "np"]
