"""A function's answer from an interpreter of its own: what other tests left behind there,
threads and caches, is not counted.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

ANSWER = """
import importlib, pickle, sys

path, module, name, args, kwargs = pickle.load(sys.stdin.buffer)
sys.path[:] = path
answer = getattr(importlib.import_module(module), name)(*args, **kwargs)
sys.stdout.buffer.write(pickle.dumps(answer))
"""


def in_fresh_process(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of a module, which prints nothing, in a new interpreter and return
    what it returns.
    """
    call = pickle.dumps((sys.path, function.__module__, function.__name__, args, kwargs))
    done = subprocess.run(
        [sys.executable, "-c", ANSWER], input=call, stdout=subprocess.PIPE, check=True
    )
    return pickle.loads(done.stdout)
