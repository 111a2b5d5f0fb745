"""Where CI is set, a test that is skipped fails the run and tells why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSIDE = "import pytest\ndef test_skipped():\n    pytest.skip('no browser here')\n"
MARKED = (
    "import pytest\n@pytest.mark.skip(reason='no browser here')\ndef test_skipped():\n    pass\n"
)
WHOLE_FILE = "import pytest\npytest.skip('no browser here', allow_module_level=True)\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_known():\n    assert False\n"


def run(folder: Path, *, text: str, ci: bool) -> subprocess.CompletedProcess[str]:
    (folder / "test_planted.py").write_text(text, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}
    }
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if ci:
        environment["CI"] = "true"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.no_skips",
        "-p",
        "no:cacheprovider",
        "-ra",
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "text", [INSIDE, MARKED, WHOLE_FILE], ids=["inside", "marked", "whole file"]
)
def test_a_skip_fails_the_run_in_ci_and_tells_its_reason(tmp_path, text):
    done = run(tmp_path, text=text, ci=True)

    assert done.returncode != 0
    assert "skipped, which CI does not allow: " in done.stdout
    assert "no browser here" in done.stdout


@pytest.mark.parametrize("text", [INSIDE, MARKED], ids=["inside", "marked"])
def test_a_skip_elsewhere_is_shown_with_its_reason(tmp_path, text):
    done = run(tmp_path, text=text, ci=False)

    assert done.returncode == 0
    assert "SKIPPED" in done.stdout
    assert "no browser here" in done.stdout


def test_an_expected_failure_is_no_skip(tmp_path):
    done = run(tmp_path, text=EXPECTED_FAILURE, ci=True)

    assert done.returncode == 0
    assert "1 xfailed" in done.stdout
