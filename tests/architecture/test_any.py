"""How often signatures of the package say Any, which no type checker looks behind.

The number may only shrink. What takes anything says `object`, which mypy checks; what
gives back what it was given has a type variable.
"""

import ast
from pathlib import Path

from tests.architecture.sources import PACKAGE, modules, parsed

MOST = 2_090
"""How often the signatures of the package may say Any."""
SPARE = 60
"""A limit that has more to spare must be lowered."""


def mentions(path: Path) -> int:
    """Return how often the signatures in a file say Any."""
    return sum(
        isinstance(part, ast.Name) and part.id == "Any"
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for annotation in _annotations(node)
        for part in ast.walk(annotation)
    )


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    given = node.args
    one_each = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
    found = [argument.annotation for argument in one_each if argument is not None]
    return [annotation for annotation in (*found, node.returns) if annotation is not None]


def test_signatures_say_any_no_more_often_than_they_did():
    count = sum(map(mentions, modules(PACKAGE)))

    assert count <= MOST, f"signatures say Any {count} times: name the type, or write object"
    assert count > MOST - SPARE, f"signatures say Any {count} times: lower MOST to it"


def test_each_any_of_a_signature_is_counted_and_no_other(tmp_path):
    path = tmp_path / "planted.py"
    path.write_text(
        "value: Any = 1\n"
        "def act(one: Any, *rest: Any, name: dict[str, Any], **more: int) -> list[Any]:\n"
        "    inner: Any = one\n",
        encoding="utf-8",
    )

    assert mentions(path) == 4
