"""A real kernel for tests: run cells, send what a front end sends, read everything the
kernel says.
"""

import contextlib
import os
import queue
import re
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

PATIENCE_S = 60
VIEW = "application/vnd.jupyter.widget-view+json"
ROOT = Path(__file__).parents[2]


def plain(text):
    """Return a text without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Kernel:
    """A kernel of its own, and a client of it.

    Attributes:
        said: Every message on the public channel, in order.
        replies: Contents of the replies to cells that were waited for together or
            interrupted, by cell.
    """

    def __init__(self, home):
        self._manager = KernelManager(kernel_name="python3")
        environment = {
            **os.environ,
            "RBTLIVE_HOME": str(home / "state"),
            "IPYTHONDIR": str(home / "ipython"),
        }
        before = os.environ.get("PYTHONPATH")  # where another ipykernel may lie
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
        self._manager.start_kernel(env=environment, cwd=str(home))
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_S)
        self.said = []
        self.replies = {}

    def send(self, kind, content, *, subshell=None):
        """Send a message on the shell channel, and return its id."""
        message = self._client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def start(self, code, *, subshell=None):
        """Start a cell, and return its id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
        }
        return self.send("execute_request", {**content, "stop_on_error": False}, subshell=subshell)

    def finish(self, cell):
        """Return a cell's reply once it has one."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            reply = self._client.get_shell_msg(timeout=PATIENCE_S)
            if reply["parent_header"].get("msg_id") == cell:
                return reply["content"]
        raise AssertionError("no reply came")

    def run(self, code, *, subshell=None):
        """Run a cell, and return what it printed or the value it ended in."""
        cell = self.start(code, subshell=subshell)
        reply = self.finish(cell)
        assert reply["status"] == "ok", plain("\n".join(reply.get("traceback", [str(reply)])))
        self.listen(lambda: self._is_idle(cell))
        return self.printed(cell)

    def printed(self, cell):
        """Return what a cell has printed so far, or the value it ended in."""
        return "".join(self._texts(cell))

    def replied(self, cells, *, within_s):
        """Return which of some cells have their reply by then, in the order of the
        replies; no more wait than that.
        """
        found, end_s = [], time.monotonic() + within_s
        while len(found) < len(cells) and (left_s := end_s - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                reply = self._client.get_shell_msg(timeout=left_s)
                cell = reply["parent_header"].get("msg_id")
                self.replies[cell] = reply["content"]
                if cell in cells:
                    found.append(cell)
        return found

    def fail(self, code):
        """Run a cell that must fail, and return its error: name, text, traceback
        without colours.
        """
        cell = self.start(code)
        reply = self.finish(cell)
        assert reply["status"] == "error", reply
        self.listen(lambda: self._is_idle(cell))
        return reply["ename"], reply["evalue"], plain("\n".join(reply["traceback"]))

    def listen(self, until):
        """Read what the kernel says until a condition holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not until():
            assert time.monotonic() < deadline_s, "the kernel did not say what was waited for"
            try:
                self.said.append(self._client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                continue

    def ask(self, kind, **content):
        """Send a request on the shell channel, and return the reply's content."""
        return self.finish(self.send(kind, content))

    def subshell(self):
        """Return the id of a new subshell; None for a kernel that has none and does all
        its work on one thread.
        """
        if "kernel subshells" not in self.ask("kernel_info_request").get("supported_features", ()):
            return None
        return self.control("create_subshell_request")["subshell_id"]

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

    def interrupt_until_replied(self, cell):
        """Interrupt a cell, and again after a second if need be, and return its reply's
        content.

        A kernel ignores an interrupt between saying that a cell has begun and beginning
        it.
        """
        for _ in range(PATIENCE_S):
            self.interrupt()
            if self.replied({cell}, within_s=1):
                return self.replies[cell]
        raise AssertionError("no reply came")

    def listen_for(self, seconds):
        """Read what the kernel says for some time."""
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                self.said.append(self._client.get_iopub_msg(timeout=left_s))

    def restart(self):
        """Restart as the menu does, and wait until the new kernel answers."""
        self._manager.restart_kernel(now=False)
        self._client.wait_for_ready(timeout=PATIENCE_S)

    def shut_down(self):
        """Shut the kernel down as the menu does."""
        self._manager.shutdown_kernel(now=False)

    def messages(self, kind):
        """Return the contents of the messages of a kind."""
        return [message["content"] for message in self.said if message["msg_type"] == kind]

    def close(self):
        """Shut the kernel down."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def is_busy(self, cell):
        """Say whether a cell has begun."""
        return self._was_sent(cell, "busy")

    def _is_idle(self, cell):
        return self._was_sent(cell, "idle")

    def _was_sent(self, cell, state):
        return any(
            message["msg_type"] == "status"
            and message["content"]["execution_state"] == state
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


def opened(kernel):
    """Return the id and the state of the panel's widget that was opened last."""
    widgets = [m for m in kernel.messages("comm_open") if "_esm" in m["data"].get("state", {})]
    return widgets[-1]["comm_id"], widgets[-1]["data"]["state"]


class Panel:
    """The front end's side of a panel: sends what a view sends, and follows the
    numbered changes.
    """

    def __init__(self, kernel, comm):
        self._kernel = kernel
        self._comm = comm

    def send(self, subshell=None, **content):
        """Send a message as a view does."""
        data = {"method": "custom", "content": content}
        self._kernel.send("comm_msg", {"comm_id": self._comm, "data": data}, subshell=subshell)

    @property
    def heard(self):
        """What the kernel sent the views, in order."""
        return [
            content["data"]["content"]
            for content in self._kernel.messages("comm_msg")
            if content["comm_id"] == self._comm and content["data"].get("method") == "custom"
        ]

    def of_kind(self, kind):
        """Return what was sent of one kind."""
        return [message for message in self.heard if message["t"] == kind]
