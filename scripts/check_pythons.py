"""Run the fast tests under every supported Python that this machine has.

    python scripts/check_pythons.py [--install] [3.12 ...]

Interpreters are searched on the PATH and among pyenv's. Each gets its own environment
in build/pythons; missing ones are named. A version between the oldest and the newest
runs those tests that depend on Python most: what it changed, the newest has too. With
--install, environments are made and no tests run.

Under the newest one, coverage of the model, the simulated venue, the cost models and
the core is measured too, with a floor: from Python 3.12 on that costs almost nothing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED = ("3.11", "3.12", "3.13")
EXTRAS = "alpaca,venue"
TOOLS = (
    "coverage>=7.10",
    "pytest>=8.4",
    "pytest-rerunfailures>=16.0",
    "hypothesis>=6.120",
    "ipykernel>=6.31",
    "ipywidgets>=8",
    "pyarrow>=17",
)
TESTS = (
    "tests/model",
    "tests/sim",
    "tests/finance",
    "tests/core",
    "tests/data/test_any_interval.py",
    "tests/data/test_calendar.py",
    "tests/data/test_grid.py",
    "tests/runtime/test_journal.py",
    "tests/runtime/test_engine.py",
    "tests/runtime/test_dispatcher.py",
    "tests/notebook/test_session_swap.py",
    "tests/notebook/test_session_positions.py",
    "tests/notebook/test_session_on_thread.py",
)
BETWEEN = (
    "tests/model",
    "tests/core/test_trading_core.py",
    "tests/core/test_decimal_context.py",
    "tests/core/test_order_columns.py",
    *(test for test in TESTS if test.startswith(("tests/runtime/", "tests/notebook/"))),
)
"""The tests for a version between the oldest and the newest: of types, decimals,
packed memory, the event loop, threads and SQLite.
"""

MEASURED = "rbtlive/model/*,rbtlive/sim/*,rbtlive/finance/*,rbtlive/core/*"
"""Files whose coverage by these tests is reported."""
LEAST_PERCENT = 88


def interpreter(version: str) -> str | None:
    """Return the path of a Python of a version, None if there is none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
        asked = [candidate, "-c", code]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def environment(version: str, python: str) -> Path:
    """Return the Python of an environment with the project and what its tests need."""
    folder = ROOT / "build" / "pythons" / version
    own = folder / "bin" / "python"
    wanted = (ROOT / "pyproject.toml").read_bytes() + repr(TOOLS).encode()
    stamp, mark = folder / ".ready", hashlib.sha256(wanted).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == mark:
        return own
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    install = [str(own), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install.append("--no-compile")  # what is imported is compiled then, a fifth of it all
    subprocess.run([*install, "--editable", f".[{EXTRAS}]", *TOOLS], cwd=ROOT, check=True)
    stamp.write_text(mark, encoding="utf-8")
    return own


def run_tests(own: Path, chosen: tuple[str, ...], *, measured: bool) -> bool:
    """Run tests with an interpreter and say whether they passed; if they are measured,
    whether they run enough of the code too.
    """
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
    if not measured:
        return subprocess.run([str(own), *tests], cwd=ROOT, check=False).returncode == 0
    data = ROOT / "build" / "coverage" / "fast-tests"
    shutil.rmtree(data.parent, ignore_errors=True)
    data.parent.mkdir(parents=True)
    coverage, file = [str(own), "-m", "coverage"], f"--data-file={data}"
    wanted = [f"--include={MEASURED}", f"--fail-under={LEAST_PERCENT}"]
    steps = (["run", file, *tests], ["combine", "-q", file], ["report", file, *wanted])
    return all(
        subprocess.run([*coverage, *s], cwd=ROOT, check=False).returncode == 0 for s in steps
    )


def main() -> int:
    """Run the tests; return 1 if one fails somewhere."""
    failed, words = [], sys.argv[1:]
    only_install = "--install" in words
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    versions = [word for word in words if word != "--install"]
    versions = versions or [wanted for wanted in WANTED if wanted != current]
    found = [version for version in versions if interpreter(version) is not None]
    for version in versions:
        python = interpreter(version)
        if python is None:
            print(f"Python {version}: not found on this machine, not tested")
            continue
        own = environment(version, python)
        if only_install:
            continue
        newest, oldest = version == found[-1], version == WANTED[0]
        chosen = TESTS if newest or oldest else BETWEEN
        passed = run_tests(own, chosen, measured=newest and not oldest)
        print(f"Python {version}: {'passed' if passed else 'failed'}")
        failed += [] if passed else [version]
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
