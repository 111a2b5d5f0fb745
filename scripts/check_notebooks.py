"""Run the notebooks as the tests do, many times in a row; or run them once and save
their outputs.

    python scripts/check_notebooks.py [--times 20] [NAME ...]
    python scripts/check_notebooks.py --save [NAME ...]

NAME is the beginning of a notebook's name, e.g. 05; the default is all notebooks. Needs
the extra `test`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT_S = 60
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Author(NotebookClient):
    """Runs a notebook as JupyterLab does: a task's display updates the cell that started
    it, also after that cell has ended.
    """

    async def _async_poll_output_msg(self, parent_msg_id: str, cell: Any, cell_index: int) -> None:
        while True:
            message = await self.kc.iopub_channel.get_msg(timeout=None)
            if message["parent_header"].get("msg_id") == parent_msg_id:
                try:
                    self.process_message(message, cell, cell_index)
                except CellExecutionComplete:
                    return
            elif message["msg_type"] == "update_display_data":
                self.process_message(message, cell, cell_index)


def chosen(names: list[str]) -> list[Path]:
    """Return the notebooks whose names begin with one of `names`; all, if there are
    none.

    Raises:
        SystemExit: a name that no notebook's begins with.
    """
    every = sorted(NOTEBOOKS.glob("*.ipynb"))
    for name in names:
        if not any(path.name.startswith(name) for path in every):
            sys.exit(
                f"no notebook begins with {name!r}: there are "
                f"{', '.join(path.stem for path in every)}"
            )
    return [path for path in every if not names or path.name.startswith(tuple(names))]


def check(notebooks: list[Path], times: int) -> int:
    """Run the test of each notebook `times` times, say what failed, and return how many
    runs failed.
    """
    test = "tests/notebooks/test_notebooks.py::test_a_notebook_runs_gives_its_stored_outputs_and_leaves_nothing_behind"
    nodes = [f"{test}[{path.stem}]" for path in notebooks]
    failed = 0
    for turn in range(1, times + 1):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *nodes],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        failed += done.returncode != 0
        words = "passed" if done.returncode == 0 else "FAILED"
        print(f"run {turn:>2} of {times}: {words}, {time.monotonic() - began:.0f} s", flush=True)
        if done.returncode != 0:
            print(done.stdout + done.stderr, flush=True)
    print(f"{len(notebooks)} notebooks, {times} runs, {failed} failed")
    return failed


def save(notebook: Path) -> None:
    """Run a notebook from the top in a folder of its own, and store its outputs in it.

    A live panel is stored as its still picture, because the live view needs its kernel.
    """
    content = nbformat.read(notebook, as_version=4)
    os.environ |= {"PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
    os.environ.pop("RBTLIVE_HOME", None)
    with tempfile.TemporaryDirectory() as folder:
        Author(
            content,
            timeout=CELL_TIMEOUT_S,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
        ).execute()
    for cell in content.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    content.metadata["language_info"] = {"name": "python"}
    nbformat.write(content, notebook)
    print(f"{notebook.name}: saved, {notebook.stat().st_size / 1000:.0f} kB")


def main() -> int:
    """Do what the command line asks for; return 1 if a run failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--times", type=int, default=20, help="how many runs in a row (20)")
    parser.add_argument("--save", action="store_true", help="run once and store the outputs")
    options = parser.parse_args()
    notebooks = chosen(options.names)
    if options.save:
        for notebook in notebooks:
            save(notebook)
        return 0
    return 1 if check(notebooks, options.times) else 0


if __name__ == "__main__":
    sys.exit(main())
