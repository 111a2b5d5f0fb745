"""The examples in docstrings give what they show."""

import doctest
import importlib
import pkgutil

import pytest

import rbtlive

MODULES = sorted(module.name for module in pkgutil.walk_packages(rbtlive.__path__, "rbtlive."))


def examples(name: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name))
    return [test for test in found if test.examples]


WITH_EXAMPLES = [test for name in MODULES for test in examples(name)]


def run(test: doctest.DocTest) -> tuple[int, str]:
    """Return how many examples failed, and what the runner said."""
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(
        test, out=said.append
    )
    return result.failed, "".join(said)


def test_there_are_examples():
    assert "rbtlive.data.samples.load_sample" in {test.name for test in WITH_EXAMPLES}


@pytest.mark.parametrize("test", WITH_EXAMPLES, ids=lambda test: test.name)
def test_an_example_gives_what_it_shows(test):
    failed, said = run(test)

    assert failed == 0, said


def test_an_example_that_shows_something_else_is_found():
    (test,) = doctest.DocTestFinder().find(
        type("Planted", (), {"__doc__": ">>> 1 + 1\n3\n"}), "planted"
    )

    failed, said = run(test)

    assert failed == 1
    assert "Expected:\n    3\nGot:\n    2" in said
