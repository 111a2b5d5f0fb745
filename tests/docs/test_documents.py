"""What the documents say holds: their code runs, their commands and links exist, their
tables are complete.
"""

import re
from dataclasses import fields
from functools import cache

import pytest

import rbtlive
import rbtlive.api
from rbtlive.core.rules.quirks import Quirks
from rbtlive.errors import NotBuilt
from tests.docs.documents import DOCUMENTS, ROOT, anchors, blocks, links, read, rows, run_as_cells

README = ROOT / "README.md"
WITH_PYTHON = [path for path in DOCUMENTS if blocks(read(path), "python")]


def by_name(path):
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RBTLIVE_HOME", raising=False)


@pytest.mark.parametrize("document", WITH_PYTHON, ids=by_name)
def test_the_python_of_a_document_runs(document):
    run_as_cells(blocks(read(document), "python"))


def test_the_readme_shows_what_its_example_gives():
    (example,) = blocks(read(README), "python")
    (shown,) = (text for text in blocks(read(README), "text") if text.startswith(">>> report"))

    names = run_as_cells([example])

    assert shown == f">>> report\n{names['report']!r}\n"
    assert names["report"].identical
    assert names["session"].result().performance.equals(names["result"].performance)


def test_a_block_that_fails_is_found():
    with pytest.raises(ZeroDivisionError):
        run_as_cells(["import asyncio\nawait asyncio.sleep(0)\nx = 0\n", "1 / x\n"])


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_the_links_of_a_document_lead_somewhere(document):
    for link in links(read(document)):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document

        assert target.exists(), link
        assert not anchor or anchor in anchors(read(target)), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=by_name)
def test_the_make_commands_of_a_document_exist(document):
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE))
    shown = re.findall(r"(?:^|`)make (?:[A-Z]+=\S+ )?([a-z]+)\b", read(document), re.MULTILINE)

    assert set(shown) <= targets


def test_the_readme_shows_the_commands_of_a_newcomer():
    (commands,) = (block for block in blocks(read(README), "sh") if "make" in block)

    assert re.findall(r"^make ([a-z]+)", commands, re.MULTILINE) == ["demo", "lab", "docs", "test"]


def test_the_names_that_the_readme_lists_exist():
    listed = re.findall(r"`rbt\.(\w+)", read(README))

    assert set(listed) <= set(rbtlive.__all__)


def test_the_table_of_zipline_api_has_every_name_in_order():
    table = rows(read(ROOT / "docs" / "zipline-api.md"), "## Names")

    assert [name.strip("`") for name, _state in table] == sorted(rbtlive.api.__all__)
    assert not [state for _name, state in table if not state.startswith(("works", "not built: "))]


ARGUMENTS = {
    "continuous_future": ("CL",),
    "future_symbol": ("CLF06",),
    "history": (5, "1d", "price"),
}


def test_what_the_table_calls_not_built_is_what_says_so_when_called():
    table = rows(read(ROOT / "docs" / "zipline-api.md"), "## Names")
    not_built = {name.strip("`") for name, state in table if state.startswith("not built")}

    assert not_built == set(ARGUMENTS)
    for name, arguments in ARGUMENTS.items():
        strategy = {
            "__name__": "asks",
            "initialize": lambda context, n=name, a=arguments: getattr(context, n)(*a),
        }
        with pytest.raises(NotBuilt):
            rbtlive.backtest(strategy, rbtlive.load_sample(), start="2005-01-03", end="2005-01-05")


def test_the_table_of_differences_is_that_of_the_quirks():
    table = rows(read(ROOT / "docs" / "moving-from-zipline.md"), "## Differences")

    assert [row[0].strip("`") for row in table] == [field.name for field in fields(Quirks)]
    assert all(len(row) == 3 and all(row) for row in table)


def places_of_changes():
    """Yield each name that CONTRIBUTING's table of changes places "in" a file, and the file."""
    for row in rows(read(ROOT / "CONTRIBUTING.md"), "## Where do I change what"):
        text = " ".join(row)
        for names, file in re.findall(r"((?:`\w+`(?:, | and ))*`\w+`) in `([\w./]+\.py)`", text):
            yield from ((name, file) for name in re.findall(r"`(\w+)`", names))
        for file, names in re.findall(r"`([\w./]+\.py)` \(((?:`\w+`(?:, | and ))*`\w+`)\)", text):
            yield from ((name, file) for name in re.findall(r"`(\w+)`", names))


def test_a_name_in_the_table_of_changes_is_in_the_file_it_is_placed_in():
    placed = list(places_of_changes())

    def holds(file, name):
        places = [ROOT / file, *(ROOT / "rbtlive").rglob(file)]
        return any(re.search(rf"\b{name}\b", read(path)) for path in places if path.exists())

    missing = [(name, file) for name, file in placed if not holds(file, name)]

    assert len(placed) > 15
    assert missing == []


def names_of_changes():
    """Yield what CONTRIBUTING's table of changes names in code style."""
    for row in rows(read(ROOT / "CONTRIBUTING.md"), "## Where do I change what"):
        yield from re.findall(r"`([\w./]+)`", " ".join(row))


@pytest.mark.parametrize("name", sorted(set(names_of_changes())))
def test_a_name_in_the_table_of_changes_exists(name):
    if "/" in name or name.endswith((".py", ".toml")):
        below = (ROOT, ROOT / "rbtlive", ROOT / "tests")
        assert any((folder / name).exists() for folder in below) or any(
            path for folder in below[1:] for path in folder.rglob(name.rstrip("/"))
        )
    else:
        assert re.search(rf"\b{re.escape(name.split('.')[-1])}\b", our_code()), name


@cache
def our_code():
    folders = ("rbtlive", "scripts", "tests")
    return "\n".join(read(path) for name in folders for path in (ROOT / name).rglob("*.py"))
