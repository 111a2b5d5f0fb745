"""The reference has every exported name, with the parameters that it takes now."""

import inspect
import re

import pytest

import rbtlive
from scripts.make_reference import GROUPS, described, pages, title_of

PAGES = pages()


def part_of(name):
    """Return what the reference says of a name."""
    (title,) = (title for title, names in GROUPS.items() if name in names)
    page = PAGES[title_of(title)]
    below = page[page.index(f"\n### {name}\n") + 5 :]
    return re.split(r"^##+ ", below, maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", sorted(rbtlive.__all__))
def test_an_exported_name_is_described_with_its_parameters(name):
    thing = getattr(rbtlive, name)

    part = part_of(name)

    assert " ".join((thing.__doc__ or "").strip().splitlines()[0].split()) in " ".join(part.split())
    if inspect.isfunction(thing):
        call = part.split("`")[1]
        assert [
            p for p in inspect.signature(thing).parameters if not re.search(rf"[(* ]{p}\b", call)
        ] == []


def test_the_groups_name_every_export_once():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(rbtlive.__all__)


@pytest.mark.parametrize("name", ["order_target_percent", "schedule_function", "record", "symbol"])
def test_the_functions_that_strategies_call_are_described(name):
    assert any(f"\n### {name}\n" in page for page in PAGES.values())


@pytest.mark.parametrize("name", ["history", "current", "window", "can_trade"])
def test_what_data_can_be_asked_is_described(name):
    assert f"| `{name}(" in PAGES["what-callbacks-are-given.md"]


def test_the_page_is_made_of_the_docstrings():
    assert part_of("BacktestResult").startswith(
        "BacktestResult\n\n`rbt.BacktestResult(record, *, context=None"
    )
    assert list(
        described("Do it.\n\nArgs:\n    what: Which\n        of them.\n\nReturns:\n    That.")
    ) == [
        "Do it.",
        "",
        "",
        "*Args:*",
        "",
        "* `what`: Which",
        "  of them.",
        "",
        "",
        "*Returns:*",
        "",
        "That.",
    ]


def test_examples_of_a_docstring_are_shown_as_text():
    lines = list(described("Do.\n\n>>> 1 + 1\n2\n\nThen more."))

    assert lines == ["Do.", "", "```text", ">>> 1 + 1", "2", "```", "", "Then more."]
