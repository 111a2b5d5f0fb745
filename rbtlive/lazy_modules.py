"""zipline's modules as attributes of the package: `rbt.api.record(...)` needs no import
of its own.

The rule: each is loaded at first use, because `pipeline` alone takes 0.2 s. Type
checkers do not see this: a misspelt name of the package stays an error there.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

LAZY = ("algorithm", "api", "assets", "pipeline", "protocol", "utils")
_PACKAGE = sys.modules["rbtlive"]


def _load(name: str) -> ModuleType:
    if name in LAZY:
        return importlib.import_module(f"rbtlive.{name}")
    raise AttributeError(  # Python suggests the nearest name of `obj`
        f"module 'rbtlive' has no attribute {name!r}", name=name, obj=_PACKAGE
    )


def _names() -> list[str]:
    return sorted({*vars(_PACKAGE), *LAZY})


vars(_PACKAGE).update(__getattr__=_load, __dir__=_names)
