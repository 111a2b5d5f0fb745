"""A JupyterLab server of its own for a test: own home, own settings, loopback only."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

TOKEN = "browser-test"
PATIENCE_S = 60
ROOT = Path(__file__).parents[2]


def free_port():
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, *, patience_s=PATIENCE_S):
    """Return what the condition gives as soon as it is true."""
    deadline_s = time.monotonic() + patience_s
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"waited {patience_s} s in vain: {what}"
        time.sleep(0.05)


class Server:
    """What tests ask of a running server.

    Attributes:
        base: Its address.
        root: The folder with the notebooks.
    """

    def __init__(self, base, root):
        self.base = base
        self.root = root

    def ask(self, path, data=None, *, method=None):
        """Return the JSON the server answers."""
        request = urllib.request.Request(
            f"{self.base}/api/{path}?token={TOKEN}",
            data=None if data is None else json.dumps(data).encode(),
            headers={"Content-Type": "application/json"},
            method=method or ("GET" if data is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def is_up(self):
        """Say whether the server answers."""
        try:
            return bool(self.ask("status"))
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    @contextlib.contextmanager
    def kernel_of(self, notebook):
        """Start a kernel for a notebook, as opening it would, and shut it down
        afterwards.
        """
        wanted = {
            "path": notebook,
            "name": notebook,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        session = self.ask("sessions", wanted)
        try:
            yield session["kernel"]["id"]
        finally:
            self.ask(f"sessions/{session['id']}", method="DELETE")

    def is_connected(self, kernel):
        """Say whether a page is connected to a kernel; the page itself says so too
        early.
        """
        facts = self.ask(f"kernels/{kernel}")
        return facts["connections"] >= 1 and facts["execution_state"] == "idle"


@contextlib.contextmanager
def running_server(root, home, *, application="lab"):
    """Run JupyterLab ("lab") or Jupyter Notebook ("notebook") over a folder of
    notebooks.
    """
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    folders = {
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
        "RBTLIVE_HOME": home / "sessions",
        "PYTHONPATH": ROOT,
    }
    environment = {**os.environ, **{name: str(folder) for name, folder in folders.items()}}
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "jupyter",
        application,
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
    ]
    command += [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    command += [f"--ServerApp.root_dir={root}"]
    log_path = home / "server.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        server = Server(f"http://127.0.0.1:{port}", root)
        try:
            wait_until(lambda: server.is_up() or process.poll() is not None, "the server to answer")
            assert process.poll() is None, log_path.read_text()
            yield server
        finally:
            process.terminate()
            process.wait(30)
