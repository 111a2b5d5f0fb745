"""What is under version control speaks of no machine: no absolute paths of one, no
package registry.
"""

import gzip
import re
from pathlib import Path

import pytest

from tests.architecture.sources import path_name, tracked_files

MACHINE_PATH = re.compile(rb"(?<![\w./~$}:-])/(?:home|mnt|opt|root|srv|tmp|Users|work)/\w")
REGISTRY = re.compile(
    rb"(?i)files\.pythonhosted\.org|pypi\.org|registry\.npmjs|deb\.debian|(?:extra-)?index-url|/simple/|artifactory|devpi|nexus\."
)


def faults(path: Path) -> list[str]:
    """Return a sentence about each machine path and registry host in a file, compressed
    ones included.
    """
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    return [
        f"{path_name(path)} holds {match.group().decode()!r}"
        for pattern in (MACHINE_PATH, REGISTRY)
        for match in pattern.finditer(content)
    ]


def test_no_tracked_file_names_a_machine_or_a_registry():
    files = [path for path in tracked_files() if path != Path(__file__)]

    assert len(files) > 100
    assert [fault for path in files for fault in faults(path)] == []


@pytest.mark.parametrize(
    "text",
    [
        'open("/tmp/x.csv")',
        "see /home/me/notes",
        "PATH=/opt/tool/bin",
        "pip --index-url x",
        "https://files.pythonhosted.org/p",
        "https://pypi.org/project/x",
    ],
)
def test_a_machine_path_or_registry_is_found(tmp_path, text):
    plain, packed = tmp_path / "plain.txt", tmp_path / "packed.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))

    assert len(faults(plain)) == 1
    assert len(faults(packed)) == 1


def test_relative_paths_and_addresses_are_let_through(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text("framework/opt/x ../tmp/y https://example.org/work/z ~/opt/q", encoding="utf-8")

    assert faults(path) == []
