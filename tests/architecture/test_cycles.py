"""No module of the package imports itself by way of others, imports for type checkers
and imports within functions included.
"""

import ast
from pathlib import Path

from tests.architecture.sources import PACKAGE, modules, parsed

KNOWN: list[list[str]] = []
"""Cycles that are still to be opened. The list may only shrink; none is in the core."""


def imports_of(root: Path) -> dict[str, set[str]]:
    """Return, for each module of a package, the modules of it that it imports.

    Args:
        root: Folder of the package.
    """
    paths = {_name(path, root): path for path in modules(root)}
    return {name: _imported(path, set(paths)) - {name} for name, path in paths.items()}


def _name(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path, known: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            # The package itself only where a name is not one of its modules.
            found |= inner if inner <= known else inner | {node.module}
    return found & known


def cycles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, each sorted."""
    reach = {name: _reachable(name, imports) for name in imports}
    groups = {
        tuple(sorted({name} | {other for other in reach[name] if name in reach[other]}))
        for name in imports
        if name in reach[name]
    }
    return sorted(map(list, groups))


def _reachable(start: str, imports: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    ahead = list(imports[start])
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += imports[name] - seen
    return seen


def test_no_module_imports_itself_by_way_of_others():
    assert cycles(imports_of(PACKAGE)) == KNOWN


def test_a_cycle_through_a_type_only_import_is_found(tmp_path):
    package = tmp_path / "planted"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "state.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from planted.driver import Driver\n",
        encoding="utf-8",
    )
    (package / "action.py").write_text("import planted.state\n", encoding="utf-8")
    (package / "driver.py").write_text(
        "def drive():\n    from planted import action\n", encoding="utf-8"
    )

    assert cycles(imports_of(package)) == [["planted.action", "planted.driver", "planted.state"]]
