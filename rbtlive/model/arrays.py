"""NumPy, loaded on first use.

The rule: modules import `np` from here. No array is needed before there is data, and
importing NumPy, whose linear algebra starts busy-waiting threads, makes an import half
as long again.
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
        # This also removes `__getattr__`: from now on, a name costs the same as in
        # NumPy.
        vars(np).update(vars(loaded))
        return getattr(loaded, name)

    np.__getattr__ = _load

    class NDArray:
        """Stands in for NumPy's type in annotations, which are text; evaluating one
        gives NumPy's own type.
        """

        def __class_getitem__(cls, item: object) -> Any:
            return import_module("numpy.typing").NDArray[item]


__all__ = ["NDArray", "np"]
