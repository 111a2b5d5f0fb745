"""Keep a forked child from touching its parent's SQLite connections.

The rule: a child neither uses nor closes them. SQLite would end the write-ahead log
that the parent still writes, and the parent would find its journal damaged.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Any

OPEN: weakref.WeakSet[Any] = weakref.WeakSet()
"""The journals that this process has open."""


# An extra reference keeps a connection from ever being closed, even at interpreter
# exit.
def _keep_for_ever() -> None:
    for journal in list(OPEN):
        connection = getattr(journal, "_connection", None)
        if connection is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keep_for_ever)
