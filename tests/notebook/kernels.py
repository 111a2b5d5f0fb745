"""A real kernel for tests: run cells, send what a front end sends, read everything the kernel says."""

import os
import queue
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

PATIENCE_S = 60
ROOT = Path(__file__).parents[2]


class Kernel:
    """A kernel of its own, and a client of it.

    Attributes:
        said: Every message on the public channel, in order.
    """

    def __init__(self, home):
        self._manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "RBTLIVE_HOME": str(home / "state"), "IPYTHONDIR": str(home / "ipython")}
        environment["PYTHONPATH"] = str(ROOT)
        self._manager.start_kernel(env=environment, cwd=str(home))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        self.said = []

    def send(self, kind, content, *, subshell=None):
        """Send a message on the shell channel, and return its id."""
        message = self._client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def start(self, code):
        """Start a cell, and return its id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        }
        return self.send("execute_request", {**content, "stop_on_error": False})

    def finish(self, cell):
        """Return a cell's reply once it has one."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            reply = self._client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == cell:
                return reply["content"]
        raise AssertionError("no reply came")

    def run(self, code):
        """Run a cell, and return what it printed or the value it ended in."""
        cell = self.start(code)
        reply = self.finish(cell)
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", [str(reply)]))
        self.listen(lambda: self._is_idle(cell))
        return "".join(self._texts(cell))

    def fail(self, code):
        """Run a cell that must fail, and return its error: name, text, traceback without colours."""
        cell = self.start(code)
        reply = self.finish(cell)
        assert reply["status"] == "error", reply
        self.listen(lambda: self._is_idle(cell))
        return reply["ename"], reply["evalue"], "\n".join(reply["traceback"])

    def listen(self, until):
        """Read what the kernel says until a condition holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline_s, "the kernel did not say what was waited for"
            try:
                self.said.append(self._client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                continue

    def control(self, kind):
        """Send a message on the control channel, and return the reply."""
        message = self._client.session.msg(kind, {})
        self._client.control_channel.send(message)
        while True:
            reply = self._client.get_control_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return reply["content"]

    def interrupt(self):
        """Interrupt as the stop button does."""
        self._manager.interrupt_kernel()

    def messages(self, kind):
        """Return the contents of the messages of a kind."""
        return [message["content"] for message in self.said if message["msg_type"] == kind]

    def close(self):
        """Shut the kernel down."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def _is_idle(self, cell):
        return any(
            message["msg_type"] == "status"
            and message["content"]["execution_state"] == "idle"
            and message["parent_header"].get("msg_id") == cell
            for message in self.said
        )

    def _texts(self, cell):
        for message in self.said:
            if message["parent_header"].get("msg_id") == cell:
                content = message["content"]
                if message["msg_type"] == "stream":
                    yield content["text"]
                elif message["msg_type"] == "execute_result":
                    yield content["data"]["text/plain"]


class Panel:
    """The front end's side of a panel: sends what a view sends, and follows the numbered changes."""

    def __init__(self, kernel, comm):
        self._kernel = kernel
        self._comm = comm

    def send(self, subshell=None, **content):
        """Send a message as a view does."""
        data = {"method": "custom", "content": content}
        self._kernel.send("comm_msg", {"comm_id": self._comm, "data": data}, subshell=subshell)

    @property
    def heard(self):
        """What the kernel told the views, in order."""
        return [
            content["data"]["content"]
            for content in self._kernel.messages("comm_msg")
            if content["comm_id"] == self._comm and content["data"].get("method") == "custom"
        ]

    def of_kind(self, kind):
        """Return what was told of one kind."""
        return [message for message in self.heard if message["t"] == kind]
