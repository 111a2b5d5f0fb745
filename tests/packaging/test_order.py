"""The suite begins with its longest files."""

import subprocess
import sys
from pathlib import Path

from tests.order import LONGEST, place_of, unknown

ROOT = Path(__file__).parents[2]


def test_every_file_that_begins_first_is_there():
    files = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py")]

    assert unknown(files) == []
    assert unknown(files[:1]) != []


def test_long_files_are_collected_first_and_the_others_stay_in_their_order():
    names = ("tests/packaging/test_no_skips.py", "tests/packaging/test_import.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *names],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = [line for line in done.stdout.splitlines() if "::" in line]

    assert list(dict.fromkeys(line.partition("::")[0] for line in found)) == [names[1], names[0]]
    assert place_of(found[0]) < len(LONGEST) == place_of(found[-1])
