"""What a pipeline gave, as plain facts that two engines can be compared by.

One rule: nothing here decides a number; it reads zipline's pandas frames, of whichever
engine.
"""

import gzip
import importlib
import json
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.parity.dice import Dice

HERE = Path(__file__).parent
EXPECTED = HERE.parent / "expected" / "pipelines.json.gz"
SEEDS = range(60)
FILES = ("built_in_habits", "operators", "refused", "misuse", "screens")
WITH_DATA = (
    "idioms",
    "habits",
    "studies",
    "notebooks",
    "published",
)  # files with a data set of their own
TREE_SPAN = ("2016-03-07", "2016-03-16")
# NumPy's words, of windows without values in a pipeline's own compute.
_OF_NANS = "All-NaN|Mean of empty|Degrees of freedom"
_IMPORTS = re.compile(r"^(from|import) zipline", re.MULTILINE)


@cache
def module(name: str, engine: str) -> SimpleNamespace:
    """Run a file of this folder with `engine` in place of zipline, and return its names."""
    text = _IMPORTS.sub(rf"\1 {engine}", (HERE / f"{name}.py").read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": f"{engine}_{name}"}
    exec(compile(text, f"{name}.py", "exec"), names)
    return SimpleNamespace(**names)


def loaders(engine: str, sids: Any) -> dict[Any, Any]:
    """Return the loaders of the files' own data sets."""
    every = np.arange("2014-12-01", "2016-06-01", dtype="datetime64[D]")
    days = every[np.is_busday(every)].astype("datetime64[ns]")
    found: dict[Any, Any] = {}
    for name in WITH_DATA:
        found |= module(name, engine).loaders(days, sorted(sids))
    return found


def jobs(
    engine: str, seeds: Any = SEEDS
) -> dict[str, tuple[Callable[[Any], Any], tuple[str, str]]]:
    """Return what makes each pipeline, and the days it runs over, by name."""
    written, trees = module("written", engine), module("trees", engine)
    spans, others = written.SPANS, {}
    for names in (vars(module(name, engine)) for name in (*WITH_DATA, *FILES)):
        spans, others = spans | names.get("SPANS", {}), others | names
    found = {
        name: (make, spans.get(name, written.USUAL))
        for name, make in (vars(written) | others).items()
        if name.startswith("p_")
    }
    for seed in seeds:
        found[f"tree_{seed:04d}"] = ((lambda _asset, _s=seed: trees.tree(Dice(_s))), TREE_SPAN)
    return found


def facts(make: Callable[[], Any], run: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a pipeline's table as lists, or the class of the error that it ended with."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.filterwarnings("ignore", _OF_NANS, RuntimeWarning)
            frame = run(make())
    except Exception as error:  # noqa: BLE001 - whatever ends it is a result
        return {"error": type(error).__name__}
    days = [stamp.date().isoformat() for stamp in frame.index.get_level_values(0)]
    sids = [asset.sid for asset in frame.index.get_level_values(1)]
    return {
        "days": days,
        "sids": sids,
        "columns": {name: _plain(frame[name]) for name in frame.columns},
        "order": list(frame.columns),
        "types": [str(frame[name].dtype) for name in frame.columns],
        "index": [list(frame.index.names), *(str(level.dtype) for level in frame.index.levels)],
    }


def _plain(column: Any) -> list[Any]:
    if column.dtype.kind == "f":
        return [repr(value) for value in column.tolist()]
    return [value if value is None else str(value) for value in column.tolist()]


def mismatch(expected: dict[str, Any], found: dict[str, Any], *, relative: float = 1e-9) -> str:
    """Return the first difference in words; empty if there is none."""
    for part in ("error", "order", "types", "index", "days", "sids"):
        if expected.get(part) != found.get(part):
            return f"{part}: zipline has {_short(expected.get(part, expected))}, rbtlive {_short(found.get(part, found))}"
    for name in expected.get("order", ()):
        pairs = zip(expected["columns"][name], found["columns"][name], strict=True)
        for row, (a, b) in enumerate(pairs):
            if a != b and not _close(a, b, relative):
                where = f"{expected['days'][row]}, sid {expected['sids'][row]}"
                return f"{name} at {where}: zipline has {a}, rbtlive {b}"
    return ""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 90 else text[:90] + "…"


def _close(a: Any, b: Any, relative: float) -> bool:
    try:
        one, other = float(a), float(b)
    except (TypeError, ValueError):
        return False
    return bool(abs(one - other) <= relative * max(abs(one), abs(other)) + 1e-13)


def load() -> dict[str, dict[str, Any]]:
    """Return the stored facts by name."""
    return json.loads(gzip.decompress(EXPECTED.read_bytes()))  # type: ignore[no-any-return]


def store(found: dict[str, dict[str, Any]]) -> None:
    """Store facts; the same give the same bytes."""
    text = json.dumps(found, separators=(",", ":"), sort_keys=True).encode()
    EXPECTED.write_bytes(gzip.compress(text, mtime=0))


def import_zipline(name: str) -> Any:
    """Import a module of zipline late: linters run without it."""
    return importlib.import_module(name)
