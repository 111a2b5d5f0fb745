"""The glossary names what exists."""

import ast

from tests.docs.documents import ROOT, read, rows


def defined_names():
    """Return every class, function and annotated name of the package."""
    names = set()
    for path in (ROOT / "rbtlive").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(node.name)
    return names


def test_every_word_of_the_glossary_is_found_in_the_code():
    known = defined_names()
    table = rows(read(ROOT / "docs" / "glossary.md"), "## Words")
    named = {name.strip("` ") for _word, _meaning, where in table for name in where.split(",")}

    assert len(table) >= 12
    assert named - known == set()


def test_no_word_is_explained_twice():
    words = [word for word, *_ in rows(read(ROOT / "docs" / "glossary.md"), "## Words")]

    assert len(words) == len(set(words))
