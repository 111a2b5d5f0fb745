"""A folder is a layer, and imports point down only."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import PACKAGE, ROOT

_LINT = "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _LINT],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_imports_point_down_only():
    done = _lint(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Imports point down KEPT" in done.stdout


def test_an_import_that_points_up_is_found(tmp_path):
    shutil.copytree(
        PACKAGE, tmp_path / "rbtlive", ignore=shutil.ignore_patterns("__pycache__", "*.parquet")
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    lowest = tmp_path / "rbtlive" / "model" / "number.py"
    lowest.write_text(
        lowest.read_text(encoding="utf-8") + "\nimport rbtlive.runtime.clock\n", encoding="utf-8"
    )

    done = _lint(tmp_path)

    assert done.returncode != 0
    assert "rbtlive.model.number -> rbtlive.runtime.clock" in done.stdout
