"""Run the tests that start real kernels under other versions of ipykernel.

    python scripts/check_kernels.py [VERSION ...] [--blocked SECONDS] [--only WORDS]

Without a version: 6.31.0, 7.1.0, 7.3.0 and the latest that pip finds. The environment is
not changed: each version is installed into its own folder, which comes first on the
path. Needs pip, the extra `test`, and the package index.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("6.31.0", "7.1.0", "7.3.0", "latest")
TESTS = "tests/notebook"


def install(version: str, folder: Path) -> dict[str, str]:
    """Install a version of ipykernel into a folder, and return the environment in which
    it is found first.
    """
    wanted = "ipykernel" if version == "latest" else f"ipykernel=={version}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    subprocess.run([*command, "--target", str(folder), wanted], check=True)
    before = os.environ.get("PYTHONPATH")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *([before] if before else [])]),
    }


def found_version(environment: dict[str, str]) -> str:
    """Return the version of ipykernel that a process of this environment imports."""
    command = [sys.executable, "-c", "import ipykernel; print(ipykernel.__version__)"]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()


def check(version: str, options: argparse.Namespace) -> bool:
    """Run the tests under one version, say how it went, and return whether they passed."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        environment = install(version, Path(folder))
        found = found_version(environment)
        if options.blocked is not None:
            environment["RBTLIVE_BLOCKED_S"] = str(options.blocked)
        chosen = ["-k", options.only] if options.only else []
        command = [sys.executable, "-m", "pytest", "-q", "-m", "kernel", TESTS, *chosen]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        print(done.stdout + done.stderr, flush=True)
    summary = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else "nothing was run"
    print(f"ipykernel {found}: {summary}, {time.monotonic() - began_s:.0f} s in all", flush=True)
    return done.returncode == 0 and version in {"latest", found}


def main() -> int:
    """Do what the command line asks for; return 1 if a version failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "versions", nargs="*", metavar="VERSION", help="versions of ipykernel, or latest"
    )
    parser.add_argument(
        "--blocked", type=float, metavar="SECONDS", help="how long the blocking cell blocks"
    )
    parser.add_argument("--only", metavar="WORDS", help="which tests, as pytest's -k takes them")
    options = parser.parse_args()
    results = [check(version, options) for version in options.versions or VERSIONS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
