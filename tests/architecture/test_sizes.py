"""Limits of size: 70 lines a function, 600 a file, 30 methods and properties a class.

What was larger when the limit came is listed with its size, and the list may only
shrink.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOT, modules, parsed, path_name

LIMITS = {"function": 70, "file": 600, "class": 30}
EXCEPTIONS: dict[str, int] = {}
"""What may be larger than its limit, and how large. Entries are lowered and removed,
not raised and added.
"""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def sizes(path: Path) -> Iterator[tuple[str, str, int]]:
    """Yield kind, name and size of everything in a file that has a limit."""
    tree, place = parsed(path), path_name(path)
    yield "file", place, len(path.read_text(encoding="utf-8").splitlines())
    for owner, node in _definitions(tree):
        name = f"{place}:{owner}{node.name}"
        if isinstance(node, ast.ClassDef):
            members = {part.name for part in node.body if isinstance(part, _FUNCTIONS)}
            yield "class", name, len(members)
        else:
            yield "function", name, _lines(node)


def _definitions(
    tree: ast.AST, owner: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.ClassDef, *_FUNCTIONS)):
            yield owner, node
            yield from _definitions(node, f"{owner}{node.name}.")
        elif not isinstance(node, ast.expr):  # which holds no definition
            yield from _definitions(node, owner)


# A function's docstring explains and is not counted; the lines of its signature are.
def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        said = node.body[0]
        assert said.end_lineno is not None
        lines -= said.end_lineno - said.lineno + 1
    return lines


def too_large(measured: Iterable[tuple[str, str, int]], exceptions: dict[str, int]) -> list[str]:
    """Return a sentence about everything above its limit, or above what its exception
    grants.
    """
    return [
        f"{kind} {name} has {size}, the limit is {max(LIMITS[kind], exceptions.get(name, 0))}: "
        "split it"
        for kind, name, size in measured
        if size > max(LIMITS[kind], exceptions.get(name, 0))
    ]


@cache
def all_sizes() -> list[tuple[str, str, int]]:
    folders = ("rbtlive", "tests", "examples", "benchmarks", "scripts")
    return [size for folder in folders for path in modules(ROOT / folder) for size in sizes(path)]


def test_nothing_is_larger_than_its_limit():
    assert too_large(all_sizes(), EXCEPTIONS) == []


def no_longer_needed(
    measured: Iterable[tuple[str, str, int]], exceptions: dict[str, int]
) -> list[str]:
    """Return the exceptions for what is gone, or within its limit."""
    large = {name for kind, name, size in measured if size > LIMITS[kind]}
    return sorted(set(exceptions) - large)


def test_every_exception_is_still_needed():
    assert no_longer_needed(all_sizes(), EXCEPTIONS) == []


def test_a_long_function_a_long_file_and_a_broad_class_are_found(tmp_path):
    long_function = "def long():\n" + "    pass\n" * 70
    broad_class = "class Broad:\n" + "".join(f"    def _m{n}(self): ...\n" for n in range(30))
    broad_class += "    @property\n    def fact(self): ...\n"
    path = tmp_path / "planted.py"
    path.write_text(long_function + broad_class + "x = 1\n" * 510, encoding="utf-8")

    found = too_large(sizes(path), {})

    assert found == [
        "file planted.py has 614, the limit is 600: split it",
        "function planted.py:long has 71, the limit is 70: split it",
        "class planted.py:Broad has 31, the limit is 30: split it",
    ]


def test_an_exception_for_what_became_small_or_went_away_is_found(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text("def short():\n    pass\n", encoding="utf-8")

    found = no_longer_needed(sizes(path), {"planted.py:short": 80, "planted.py:gone": 90})

    assert found == ["planted.py:gone", "planted.py:short"]


def test_an_exception_grants_its_size_and_no_more(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text("def long():\n" + "    pass\n" * 80, encoding="utf-8")

    assert too_large(sizes(path), {"planted.py:long": 81}) == []
    assert too_large(sizes(path), {"planted.py:long": 80}) == [
        "function planted.py:long has 81, the limit is 80: split it"
    ]
