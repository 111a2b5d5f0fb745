"""zipline's extensions: files or modules that register bundles before a run.

The rule: a file runs once per process; a failing one ends the command, or only gives a
warning if `strict` is false.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rbtlive.errors import InvalidSetting
from rbtlive.model.calls import warn_user

_HOME_VARIABLE: Final = "RBTLIVE_HOME"
_LOADED: set[str] = set()


def load_extensions(names: Iterable[str], *, default: bool = True, strict: bool = True) -> None:
    """Run extensions that have not run yet, in order.

    Args:
        names: Paths that end in ".py", or module names.
        default: Whether to run `extension.py` in the folder RBTLIVE_HOME first, if it
            exists.
        strict: Whether a failure is raised; otherwise it gives a warning.

    Raises:
        InvalidSetting: a file does not exist, or `names` is not a list of strings.
    """
    if isinstance(names, str):
        raise InvalidSetting(f"extensions must be a list of text, e.g. [{names!r}]: was {names!r}")
    wanted = [*_default(), *names] if default else list(names)
    for name in wanted:
        if not isinstance(name, str):
            raise InvalidSetting(f"extensions must be a list of text: held {name!r:.80}")
        if name in _LOADED:
            continue
        try:
            _run(name)
        except Exception as error:
            if strict:
                raise
            warn_user(f"extension {name!r} failed to load: {error}")
        else:
            _LOADED.add(name)


def _default() -> list[str]:
    home = os.environ.get(_HOME_VARIABLE)
    file = Path(home).expanduser() / "extension.py" if home else None
    return [str(file)] if file is not None and file.is_file() else []


def _run(name: str) -> None:
    if not name.endswith(".py"):
        importlib.import_module(name)
        return
    path = Path(name)
    if not path.is_file():
        raise InvalidSetting(f"an extension must be a file that exists: was {name!r}")
    names = {"__name__": path.stem, "__file__": name}
    exec(compile(path.read_text(encoding="utf-8"), name, "exec", dont_inherit=True), names)  # noqa: S102 - the user's own file
