"""The facade is imports and a sorted `__all__`, nothing else, and everything in an
`__all__` can be imported.
"""

import ast
import importlib
import types
from pathlib import Path

import pytest

import rbtlive
from tests.architecture.sources import PACKAGE, modules, parsed

WITH_ALL = [path for path in modules() if "\n__all__ = [" in path.read_text(encoding="utf-8")]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def in_order(names: list[str]) -> list[str]:
    """Return names sorted: constants, then classes, then functions and modules."""

    def key(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name

    return sorted(names, key=key)


def more_than_a_facade(path: Path) -> list[str]:
    """Return the statements of a module that are neither docstring, import nor
    `__all__`; imports may be for type checkers only.
    """
    body = []
    for node in parsed(path).body:
        guards = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        body += [*node.body, *node.orelse] if guards else [node]
    return [
        ast.unparse(node)
        for position, node in enumerate(body)
        if not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (position == 0 and isinstance(node, ast.Expr))
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
    ]


@pytest.mark.parametrize("path", WITH_ALL, ids=module_name)
def test_all_is_sorted_and_can_be_imported(path):
    module = importlib.import_module(module_name(path))

    assert list(module.__all__) == in_order(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_facade_holds_no_public_name_beside_all():
    names = {
        name
        for name in dir(rbtlive)
        if not name.startswith("_") and not isinstance(getattr(rbtlive, name), types.ModuleType)
    }

    assert names == set(rbtlive.__all__)


def test_the_facade_is_imports_and_all():
    assert more_than_a_facade(PACKAGE / "__init__.py") == []


def test_code_in_a_facade_is_found(tmp_path):
    path = tmp_path / "planted.py"
    text = """'''A facade.'''
from a import b
x = 1
if TYPE_CHECKING:
    from a import c
    y = 2
__all__ = ["b"]
"""
    path.write_text(text, encoding="utf-8")

    assert more_than_a_facade(path) == ["x = 1", "y = 2"]


def test_a_list_out_of_order_is_distinguished_from_a_sorted_one():
    assert in_order(["b", "A", "Bar", "LIMIT"]) == ["A", "LIMIT", "Bar", "b"]
