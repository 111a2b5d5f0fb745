"""Check that `make lab` serves the quickstart notebook: start it without a browser, ask
for the notebook, stop it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

NOTEBOOK = "notebooks/01_quickstart.ipynb"
PATIENCE_S = 90


def free_port():
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(url):
    """Return the JSON at a URL, what the server says of an error, or None while nobody
    answers.
    """
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return {"type": f"error {error.code}"}
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def main():
    """Return 0 if the notebook was served."""
    port, token = free_port(), "check"
    options = f"--no-browser --ip=127.0.0.1 --port={port} --IdentityProvider.token={token}"
    lab = subprocess.Popen(
        ["make", "lab", f"LAB_ARGS={options}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline_s = time.monotonic() + PATIENCE_S
    found = None
    while found is None and lab.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.5)
        found = ask(f"http://127.0.0.1:{port}/api/contents/{NOTEBOOK}?content=0&token={token}")
    if lab.poll() is None:
        os.killpg(lab.pid, signal.SIGTERM)
    output, _ = lab.communicate(timeout=30)
    if found is None or found["type"] != "notebook":
        print(*output.splitlines()[-20:], sep="\n", file=sys.stderr)
        print(
            f"make lab does not serve {NOTEBOOK}: {found or f'no answer in {PATIENCE_S} s'}",
            file=sys.stderr,
        )
        return 1
    print(f"make lab serves {found['path']}")
    return 0


sys.exit(main())
