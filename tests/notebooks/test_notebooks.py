"""Every notebook runs from top to bottom, gives the outputs that are stored in it, and
leaves nothing behind.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_TIMEOUT_S = 60
STRICT = "01_quickstart"
"""Every output of this one is compared; in the others those of the cells tagged
`CHECKED`.
"""
CHECKED = "nbval-check-output"
LARGEST_BYTES = 300_000


def validate(notebook: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook in a kernel of this interpreter, from its own folder, and compare
    its outputs.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTEST_ADDOPTS", "RBTLIVE_HOME"}
    }
    environment["PYTHONPATH"] = str(ROOT)
    environment["TQDM_DISABLE"] = (
        "1"  # a progress bar that a busy machine brings up is no difference
    )
    command = [
        *(sys.executable, "-m", "pytest", "-c", str(HERE / "nbval.ini"), "-p", "no:cacheprovider"),
        *("-p", "tests.notebooks.quick_schemas"),
        *(
            "--nbval" if notebook.stem == STRICT else "--nbval-lax",
            "--nbval-current-env",
            "--nbval-sanitize-with",
            str(HERE / "sanitize.cfg"),
        ),
        *(
            "--nbval-cell-timeout",
            str(CELL_TIMEOUT_S),
            "--rootdir",
            str(notebook.parent),
            notebook.name,
        ),
    ]
    return subprocess.run(
        command,
        cwd=notebook.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def copied(tmp_path):
    def copy(notebook: Path, *, old: str = "", new: str = "") -> Path:
        target = tmp_path / notebook.name
        shutil.copy(notebook, target)
        text = target.read_text(encoding="utf-8")
        assert old in text
        target.write_text(text.replace(old, new), encoding="utf-8")
        return target

    return copy


@pytest.mark.kernel
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_gives_its_stored_outputs_and_leaves_nothing_behind(
    notebook, copied, tmp_path
):
    copy = copied(notebook)

    done = validate(copy)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(code_cells(notebook))} passed" in done.stdout
    assert [path.name for path in tmp_path.iterdir() if path.name != "__pycache__"] == [
        notebook.name
    ]


@pytest.mark.kernel
def test_an_output_that_is_not_what_the_cell_gives_is_found(copied):
    copy = copied(
        ROOT / "notebooks" / "01_quickstart.ipynb",
        old="orders_compared=82",
        new="orders_compared=81",
    )

    done = validate(copy)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "Cell outputs differ" in done.stdout
    assert "mismatch 'text/plain'" in done.stdout
    assert "1 failed" in done.stdout


@pytest.mark.kernel
def test_an_output_of_a_tagged_cell_that_is_not_what_the_cell_gives_is_found(copied):
    copy = copied(
        ROOT / "notebooks" / "07_moving_from_zipline.ipynb",
        old="orders_compared=140",
        new="orders_compared=139",
    )

    done = validate(copy)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_run_in_order_and_without_errors(notebook):
    cells = code_cells(notebook)

    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs != []
    assert {output["output_type"] for output in outputs} <= {
        "display_data",
        "execute_result",
        "stream",
    }


@pytest.mark.parametrize(
    "notebook", [path for path in NOTEBOOKS if path.stem != STRICT], ids=lambda path: path.stem
)
def test_a_third_of_the_cells_that_show_something_are_compared_and_five_at_least(notebook):
    showing = [cell for cell in code_cells(notebook) if cell["outputs"]]
    compared = [cell for cell in showing if CHECKED in cell["metadata"].get("tags", ())]

    assert len(compared) >= 5
    assert len(compared) * 3 >= len(showing)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_small_and_tells_nothing_of_the_machine_that_ran_it(notebook):
    text = notebook.read_text(encoding="utf-8")

    assert len(text.encode()) < LARGEST_BYTES
    assert [
        word for word in ("/tmp", "/home", "/root", "site-packages", str(ROOT)) if word in text
    ] == []


def test_the_tutorials_are_numbered_without_a_gap():
    numbers = [int(path.name[:2]) for path in NOTEBOOKS]

    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 7


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_links_to_is_there(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", prose)]

    assert [target for target in targets if not (notebook.parent / target).exists()] == []


def code_cells(notebook: Path) -> list[dict]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]
