"""The core decides without I/O, threads, randomness and clocks, and one module of the
package reads wall time.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGE, modules, parsed, path_name

PURE = (
    "model",
    "core",
    "sim",
    "finance",
    "runtime/engine/event_queue.py",
    "runtime/engine/dispatcher.py",
)
"""What must give the same commands for the same events."""
BANNED_IMPORTS = frozenset(
    {
        "anywidget",
        "asyncio",
        "ipywidgets",
        "logging",
        "random",
        "secrets",
        "socket",
        "threading",
        "time",
        "uuid",
    }
)
CLOCK = PACKAGE / "runtime" / "clock.py"
_WALL_TIME = {
    "datetime": {"now", "today", "utcnow"},
    "date": {"today"},
    "Timestamp": {"now", "today", "utcnow"},
    "time": {"time", "time_ns", "localtime", "gmtime"},
}


def pure_modules() -> Iterator[Path]:
    for name in PURE:
        path = PACKAGE / name
        yield from [path] if path.suffix else modules(path)


def banned_imports(path: Path) -> list[str]:
    """Return a sentence about each import that a pure module must not have, wherever in
    the file it stands.
    """
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        found += [
            f"{path_name(path)}:{node.lineno} imports {name}"
            for name in names
            if name.partition(".")[0] in BANNED_IMPORTS
        ]
    return found


def wall_time_reads(path: Path) -> list[str]:
    """Return a sentence about each use of a function that tells wall time, called or
    passed on.
    """
    found = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr
                if isinstance(node.value, ast.Attribute)
                else getattr(node.value, "id", "")
            )
            if node.attr in _WALL_TIME.get(owner, ()):
                found.append(f"{path_name(path)}:{node.lineno} uses {owner}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [
                f"{path_name(path)}:{node.lineno} imports {alias.name} from time"
                for alias in node.names
                if alias.name in _WALL_TIME["time"]
            ]
    return found


def random_draws(path: Path) -> list[str]:
    """Return a sentence about each use of NumPy's generators."""
    return [
        f"{path_name(path)}:{node.lineno} uses {node.value.id}.random"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr == "random"
        and isinstance(node.value, ast.Name)
        and node.value.id in {"np", "numpy"}
    ]


def test_the_core_imports_nothing_that_waits_draws_or_tells_time():
    assert [fault for path in pure_modules() for fault in banned_imports(path)] == []
    assert [fault for path in pure_modules() for fault in random_draws(path)] == []


def test_only_the_clock_reads_wall_time():
    others = [path for path in modules() if path != CLOCK]

    assert [fault for path in others for fault in wall_time_reads(path)] == []
    assert wall_time_reads(CLOCK) != []


@pytest.mark.parametrize("name", sorted(BANNED_IMPORTS))
def test_a_banned_import_is_found(tmp_path, name):
    path = tmp_path / "planted.py"
    path.write_text(
        f"def hidden():\n    import {name}\n    from {name} import x\n", encoding="utf-8"
    )

    assert banned_imports(path) == [f"planted.py:2 imports {name}", f"planted.py:3 imports {name}"]


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "pd.Timestamp.now()",
        "default_factory = datetime.now",
        "time.time()",
        "time.time_ns()",
        "from time import time",
    ],
)
def test_a_reading_of_wall_time_is_found(tmp_path, line):
    path = tmp_path / "planted.py"
    path.write_text(line, encoding="utf-8")

    assert len(wall_time_reads(path)) == 1


def test_a_drawing_from_numpy_is_found(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text("x = np.random.default_rng(1)", encoding="utf-8")

    assert random_draws(path) == ["planted.py:1 uses np.random"]


def test_what_only_looks_like_a_clock_is_let_through(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text(
        "import datetime\nfrom time import perf_counter\ncore.now\ncore.clock.now()\n",
        encoding="utf-8",
    )

    assert wall_time_reads(path) == []
    assert banned_imports(path) == ["planted.py:2 imports time"]
