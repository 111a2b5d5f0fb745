"""Names of `rbtlive` that are loaded on first use: zipline's modules, the venue,
the version, and errors for other libraries' names. `rbt.api.record(...)` needs no
import of its own.

The rule: each is loaded on first use, because `pipeline` alone takes 0.2 s. Type
checkers do not see this: for them a misspelt name of the package is still an error.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from rbtlive.missing_modules import register, step_for

LAZY = ("algorithm", "api", "assets", "lib", "pipeline", "protocol", "utils", "venue")
_PACKAGE = sys.modules["rbtlive"]


def _load(name: str) -> Any:
    if name in LAZY:
        return importlib.import_module(f"rbtlive.{name}")
    if name == "__version__":
        from importlib.metadata import version

        return version("rbtlive")
    step = step_for(name)
    message = f"module 'rbtlive' has no attribute {name!r}"
    raise AttributeError(f"{message}: {step}" if step else message, name=name)


def _names() -> list[str]:
    return sorted({*vars(_PACKAGE), *LAZY, "__version__"})


vars(_PACKAGE).update(__getattr__=_load, __dir__=_names)
register()
