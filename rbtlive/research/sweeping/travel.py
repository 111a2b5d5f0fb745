"""Send a strategy, its data and its settings to worker processes, once.

The rule: large columns are in files that workers memory-map; classes and functions of
notebook cells and scripts are pickled by value.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from rbtlive.data.private_files import write_private
from rbtlive.errors import NotPicklable
from rbtlive.model.arrays import np

WORTH_A_FILE = 1 << 20
"""Frames and arrays of more bytes than this are mapped, not copied."""
KEPT_IN_A_WORKER = 4

_loaded: OrderedDict[str, Any] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A pickled object, which is loaded once per process.

    Attributes:
        token: SHA-256 of the content.
        content: The pickle; None if it is in `path`.
        path: The pickle's file.
    """

    token: str
    content: bytes | None
    path: str | None = None

    def open(self) -> Any:
        """Return the unpickled object; a process loads it once."""
        known = _loaded.get(self.token)
        if known is None:
            content = self.content
            if content is None:
                assert self.path is not None
                content = Path(self.path).read_bytes()
            known = _loaded[self.token] = _cloudpickle().loads(content)
            while len(_loaded) > KEPT_IN_A_WORKER:
                _loaded.popitem(last=False)
        return known


# Imported on use: few runs need it.
def _cloudpickle() -> Any:
    import cloudpickle

    return cloudpickle


def pack(what: object, *, folder: Path | None) -> Parcel:
    """Return a parcel of `what`.

    Args:
        what: The object.
        folder: Folder for large columns and the pickle, to be memory-mapped; None puts
            everything into the parcel.

    Raises:
        NotPicklable: part of it cannot be pickled; the message says which.
    """
    buffer = io.BytesIO()
    pickler = _pickler(folder)(buffer)
    try:
        with _own_modules_by_value(what):
            pickler.dump(what)
    except NotPicklable:
        raise
    except Exception as error:
        raise NotPicklable(
            f"{_culprit(what)} cannot travel to worker processes: {error}; make it in initialize, "
            "or pass workers=1 to run in this process"
        ) from error
    content = buffer.getvalue()
    token = hashlib.sha256(content).hexdigest()
    if folder is None:
        return Parcel(token, content)
    path = folder / f"{token[:16]}.pickle"
    write_private(path, content)
    return Parcel(token, None, str(path))


# The part of a job that cannot be pickled: the first of its parts, and of a class or
# object the first attribute, that fails alone.
def _culprit(what: object) -> str:
    for name, part in _parts(what).items():
        if not _travels(part):
            label = getattr(part, "__name__", type(part).__name__)
            for attribute, value in _parts(part).items():
                if not attribute.startswith("__") and not _travels(value):
                    return f"{attribute!r} ({type(value).__name__}) of the {name} {label}"
            return f"the {name} {label}"
    return type(what).__name__


def _travels(what: object) -> bool:
    try:
        _cloudpickle().dumps(what)
    except Exception:  # noqa: BLE001 - whatever a user's object raises
        return False
    return True


def _parts(what: object) -> dict[str, Any]:
    if is_dataclass(what) and not isinstance(what, type):
        return {field.name: getattr(what, field.name) for field in fields(what)}
    return dict(vars(what)) if hasattr(what, "__dict__") else {}


def _pickler(folder: Path | None) -> Any:
    class MappingPickler(_cloudpickle().Pickler):  # type: ignore[misc]  # it is untyped
        def reducer_override(self, obj: object) -> Any:
            if folder is not None:
                if isinstance(obj, pl.DataFrame) and obj.estimated_size() > WORTH_A_FILE:
                    return _read_frame, (_write_frame(obj, folder),)
                if (
                    type(obj) is np.ndarray
                    and obj.nbytes > WORTH_A_FILE
                    and not obj.dtype.hasobject
                ):
                    return _mapped_array, (_write_array(obj, folder),)
            return super().reducer_override(obj)

    return MappingPickler


def _write_frame(frame: pl.DataFrame, folder: Path) -> str:
    path = folder / f"frame-{len(list(folder.iterdir()))}.arrow"
    frame.rechunk().write_ipc(path, compression="uncompressed")
    return str(path)


def _read_frame(path: str) -> pl.DataFrame:
    return pl.read_ipc(path)


def _write_array(array: Any, folder: Path) -> str:
    path = folder / f"array-{len(list(folder.iterdir()))}.npy"
    np.save(path, array)
    return str(path)


def _mapped_array(path: str) -> Any:
    return np.load(path, mmap_mode="r")


# A class in a script's neighbour module, or in a module that a notebook created, cannot
# be imported in every worker: modules that are neither installed nor Python's own are
# pickled by value.
@contextmanager
def _own_modules_by_value(what: object) -> Iterator[None]:
    modules = list(_modules_of(what))
    for module in modules:
        _cloudpickle().register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            with suppress(ValueError):
                _cloudpickle().unregister_pickle_by_value(module)


def _modules_of(what: object) -> Iterator[ModuleType]:
    names: set[str] = set()
    for part in _parts(what).values():
        several = part.values() if isinstance(part, dict) else [part]
        for one in several:
            cls = one if isinstance(one, type) else type(one)
            names.update(owner.__module__ for owner in cls.__mro__)
            names.add(getattr(one, "__module__", None) or "")
    for name in sorted(names - {"", "__main__", "builtins"}):
        module = sys.modules.get(name)
        if module is not None and not _is_installed(module):
            yield module


def is_installed_name(name: str) -> bool:
    """Say whether a module with this name is installed, or part of Python."""
    module = sys.modules.get(name)
    return name != "__main__" and module is not None and _is_installed(module)


def _is_installed(module: ModuleType) -> bool:
    if module.__name__.partition(".")[0] in {"rbtlive", *sys.stdlib_module_names}:
        return True
    place = getattr(module, "__file__", None)
    if place is None:
        return False
    import sysconfig

    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")}
    return any(Path(place).is_relative_to(folder) for folder in folders if folder)
