"""The panel in a real kernel: what goes over the wire, from which thread, how much, and
for how long.
"""

import json
import re

import pytest

from tests.notebook.kernels import VIEW, Kernel, Panel, opened

pytestmark = pytest.mark.kernel

SETUP = """\
import asyncio
import rbtlive as rbt

bars = rbt.load_sample("us-daily")

class Buyer(rbt.TradingAlgorithm):
    def initialize(self, context):
        context.assets = [self.symbol(name) for name in ("AAPL", "IBM")]

    def handle_data(self, context, data):
        for asset in context.assets:
            self.order(asset, 1)
            self.order(asset, 1, limit_price=0.01)

async def slowly(pause_s=0.05):
    for event in rbt.ReplayFeed(bars).slices():
        yield event
        await asyncio.sleep(pause_s)

def start(name):
    return rbt.attach(Buyer, rbt.PaperBroker(), feed=slowly(), data=bars, name=name, fresh=True)
"""


@pytest.fixture
def shown(kernel):
    """A session that trades, its panel displayed, and nobody looking yet."""
    kernel.said.clear()
    kernel.run("session = start('shown')\nsession")
    # A stream's first bar says where its run begins: then everything is sent anew.
    kernel.run("while not session.stats['events']:\n    await asyncio.sleep(0.01)")
    yield Panel(kernel, opened(kernel)[0])
    kernel.run("await session.stop()")


def test_a_session_shows_as_text_and_still_html_in_whose_place_the_widgets_code_puts_a_live_view(
    kernel, shown
):
    bundle = kernel.messages("display_data")[-1]["data"]
    _comm, state = opened(kernel)

    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "<LiveSession shown>"
    assert bundle["text/html"].startswith(f'<div class="rbt-at-{state["key"]}">')
    assert "Buyer on paper" in bundle["text/html"]
    assert "export default" in state["_esm"]
    assert ".rbt-panel" in state["_css"]
    assert "http://" not in state["_esm"].replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in state["_esm"] + state["_css"] + bundle["text/html"]


@pytest.mark.parametrize(
    "mark", ["__vsc_ipynb_file__ = 'a.ipynb'", "import sys; sys.modules['google.colab'] = sys"]
)
def test_where_widgets_are_displayed_apart_from_the_page_the_widget_itself_is_displayed(
    tmp_path, mark
):
    own = Kernel(tmp_path)
    try:
        own.run(f"{SETUP}\n{mark}")
        own.run("session = start('shown')\nsession")
        bundle = own.messages("display_data")[-1]["data"]

        assert bundle[VIEW] == {"version_major": 2, "version_minor": 0, "model_id": opened(own)[0]}
        assert "Buyer on paper" in bundle["text/html"]
        own.run("await session.stop()")
    finally:
        own.close()


COLAB = """
import sys, types
asked = []
output = types.ModuleType("google.colab.output")
output.enable_custom_widget_manager = lambda: asked.append("manager")
output._widgets = types.SimpleNamespace(_installed_url="https://manager.invalid/widgets.js")
sys.modules |= {"google.colab": types.ModuleType("google.colab"), "google.colab.output": output}
"""


def test_colab_is_reported_of_its_manager_of_foreign_widgets(tmp_path):
    own = Kernel(tmp_path)
    manager = {"colab": {"custom_widget_manager": {"url": "https://manager.invalid/widgets.js"}}}
    try:
        own.run(f"{SETUP}\n{COLAB}")
        own.run("session = start('shown')\nsession")
        own.run("rbt.board()")

        assert own.run("print(asked)").strip() == "['manager']"
        panel, board = (m["metadata"] for m in own.messages("display_data")[-2:])
        assert panel == board == {VIEW: manager}
        own.run("await session.stop()")
    finally:
        own.close()


def test_the_stored_picture_is_renewed_at_the_end_of_each_cell_in_which_the_session_moved(
    kernel, shown
):
    kernel.run("moved = session.stats['events']")
    kernel.run("while session.stats['events'] < moved + 3: await asyncio.sleep(0.01)")
    fills = int(kernel.run("print(len(session.result().transactions)); session.pause()"))
    kernel.run("await asyncio.sleep(0)")

    pictures = [m["data"]["text/html"] for m in kernel.messages("update_display_data")]
    assert len(pictures) >= 2
    assert all(f'class="rbt-at-{opened(kernel)[1]["key"]}"' in picture for picture in pictures)
    assert fills > 0
    assert re.search(r"Fills</span> [1-9]", pictures[-1])
    (transient,) = {m["transient"]["display_id"] for m in kernel.messages("update_display_data")}
    assert transient == kernel.messages("display_data")[-1]["transient"]["display_id"]


def test_while_somebody_looks_the_stored_picture_is_renewed_between_cells_too(kernel, shown):
    kernel.said.clear()
    shown.send(t="resync")

    kernel.listen(lambda: kernel.messages("update_display_data"))

    assert (
        "running when this was saved"
        in kernel.messages("update_display_data")[-1]["data"]["text/html"]
    )


def test_nothing_is_sent_while_nobody_looks(kernel, shown):
    kernel.run("await asyncio.sleep(1)")

    assert shown.heard == []


def test_a_view_gets_the_whole_and_then_numbered_changes_without_a_gap(kernel, shown):
    shown.send(t="resync")
    kernel.listen(lambda: len(shown.of_kind("delta")) >= 10)

    whole, *changes = shown.heard
    assert whole["t"] == "whole"
    assert whole["head"]["state"] == "running"
    assert [m["seq"] for m in changes] == list(
        range(whole["seq"] + 1, whole["seq"] + 1 + len(changes))
    )
    assert {"orders", "money", "meters"} <= {key for m in changes for key in m}


def test_changes_come_at_most_five_times_a_second_and_are_small(kernel, shown):
    shown.send(t="resync")
    kernel.listen(lambda: len(shown.of_kind("delta")) >= 1)
    before = len(shown.of_kind("delta"))
    kernel.run("loop = asyncio.get_running_loop(); began = loop.time()")
    kernel.run("await asyncio.sleep(2)")
    took_s = float(kernel.run("print(loop.time() - began)"))

    reported = shown.of_kind("delta")[before:]

    assert 2 <= len(reported) <= 5 * took_s + 2
    assert max(len(json.dumps(m)) for m in reported) < 8_000


def test_a_second_resync_brings_the_picture_that_the_changes_led_to(kernel, shown):
    def ended_meanwhile():
        return {
            row["id"]
            for m in shown.of_kind("delta")
            for row in m.get("orders", ())
            if not row["open"]
        }

    shown.send(t="resync")
    kernel.listen(lambda: len(shown.of_kind("delta")) >= 8 and len(ended_meanwhile()) > 3)
    shown.send(t="resync")
    kernel.listen(lambda: len(shown.of_kind("whole")) >= 2)

    first, second = shown.of_kind("whole")
    followed = {row["id"]: row for row in first["orders"]}
    for message in shown.heard[1 : shown.heard.index(second)]:
        followed.update({row["id"]: row for row in message.get("orders", ())})
        for gone in message.get("orders_gone", ()):
            del followed[gone]
    latest = {row["id"]: row for row in second["orders"]}
    ended = [
        key
        for key, row in latest.items()
        if not row["open"] and key in followed and not followed[key]["open"]
    ]

    assert len(ended) > 3
    assert [followed[key] for key in ended] == [latest[key] for key in ended]
    assert second["seq"] >= first["seq"] + 8


def test_buttons_steer_the_engine(kernel, shown):
    shown.send(t="do", action="pause")
    kernel.listen(lambda: any("paused" in m["text"] for m in shown.of_kind("answer")))
    assert kernel.run("print(session.state)").strip() == "paused"

    shown.send(t="do", action="resume")
    kernel.listen(lambda: any("resumed" in m["text"] for m in shown.of_kind("answer")))
    assert kernel.run("print(session.state)").strip() == "running"

    shown.send(t="do", action="kill")
    kernel.listen(lambda: any("nothing rests" in m["text"] for m in shown.of_kind("answer")))
    assert kernel.run("print(session.trading_state)").strip() == "halted"

    shown.send(t="do", action="dance")
    kernel.listen(lambda: any("no action 'dance'" in m["text"] for m in shown.of_kind("answer")))


def test_a_message_from_a_subshells_thread_reaches_the_engine(kernel, shown):
    subshell = kernel.subshell()
    cell = kernel.start("await asyncio.sleep(3)")

    shown.send(t="do", action="pause", subshell=subshell)
    kernel.listen(lambda: any("paused" in m["text"] for m in shown.of_kind("answer")))
    kernel.finish(cell)

    assert kernel.run("print(session.state)").strip() == "paused"
    assert kernel.run("print(session.engine.failure)").strip() == "None"


def test_the_end_is_reported_once_and_a_still_picture_takes_the_displays_place(kernel):
    kernel.said.clear()
    kernel.run("session = start('ending')\nsession")
    panel = Panel(kernel, opened(kernel)[0])
    panel.send(t="resync")
    kernel.listen(lambda: panel.of_kind("delta"))

    kernel.run("await session.stop()")
    kernel.listen(lambda: kernel.messages("update_display_data"))

    update = kernel.messages("update_display_data")[-1]
    reported = [m for m in panel.heard if m.get("head", {}).get("state") == "stopped"]
    assert len(reported) == 1
    assert set(update["data"]) == {"text/plain", "text/html"}
    assert "stopped" in update["data"]["text/html"]

    before = len(panel.heard)
    panel.send(t="resync")
    kernel.listen(lambda: len(panel.heard) > before)
    assert panel.heard[-1] == reported[0]
    panel.send(t="do", action="pause")
    kernel.listen(lambda: any("has ended" in m["text"] for m in panel.of_kind("answer")))


def test_ended_sessions_are_let_go_however_often_the_cell_is_run(kernel):
    kernel.run(
        "import gc, weakref\n"
        "from rbtlive.notebook.panel import widget as panels\n"
        "from IPython.display import display\n"
        "known = []\n"
        "for number in range(panels.ENDED_KEPT + 5):\n"
        "    one = start('again')\n"
        "    display(one)\n"
        "    await one.stop()\n"
        "    await asyncio.sleep(0)\n"
        "    known.append(weakref.ref(one))\n"
        "del one\n"
    )
    counts = kernel.run(
        "await asyncio.sleep(0.1); gc.collect(); print(len(panels._ENDED), len(panels._PANELS))"
    )
    alive = kernel.run("print(sum(ref() is not None for ref in known))")

    assert counts.split() == ["20", "0"]
    assert int(alive) <= 2  # the latest one is still listed under its name


def test_an_interrupted_wait_leaves_session_and_panel_alive(kernel, shown):
    shown.send(t="resync")
    kernel.listen(lambda: shown.of_kind("delta"))
    cell = kernel.start("await session.wait()")
    kernel.listen(lambda: len(shown.of_kind("delta")) > 5)

    kernel.interrupt()
    assert kernel.finish(cell)["status"] == "error"

    before = len(shown.of_kind("delta"))
    kernel.listen(lambda: len(shown.of_kind("delta")) > before + 3)
    assert kernel.run("print(session.state)").strip() == "running"


def test_an_interrupted_backtest_leaves_the_result_of_its_finished_sessions(kernel):
    kernel.said.clear()
    cell = kernel.start(
        "import time\n"
        "def handle_data(context, data):\n"
        "    print('bar')\n"
        "    time.sleep(0.02)\n"
        "rbt.backtest({'__name__': 'slow', 'handle_data': handle_data}, bars)"
    )
    kernel.listen(lambda: "".join(m["text"] for m in kernel.messages("stream")).count("bar") > 5)

    kernel.interrupt()
    reply = kernel.finish(cell)

    assert reply["ename"] == "KeyboardInterrupt"
    assert "what it did until then is this exception's .result" in "\n".join(reply["traceback"])
    sessions = kernel.run("import sys; print(sys.last_value.result.performance.height)")
    assert int(sessions) >= 5


def test_interrupting_the_wait_for_a_backtest_beside_the_loop_leaves_its_result_too(kernel):
    kernel.said.clear()
    kernel.run(
        "import sys, time\ndef handle_data(context, data):\n    print('bar')\n    "
        "time.sleep(0.02)\n"
    )
    cell = kernel.start(
        "await rbt.backtest_async({'__name__': 'slow', 'handle_data': handle_data}, bars)"
    )
    kernel.listen(lambda: "".join(m["text"] for m in kernel.messages("stream")).count("bar") > 5)

    kernel.interrupt()
    reply = kernel.finish(cell)

    assert reply["status"] == "error"
    sessions = kernel.run("print(sys.last_value.result.performance.height)")
    assert int(sessions) >= 5


def test_a_picture_that_fails_is_said_in_the_panel_and_leaves_the_users_cell_alone(kernel, shown):
    shown.send(t="resync")
    kernel.listen(lambda: shown.of_kind("delta"))
    kernel.run(
        "from rbtlive.notebook.panel import widget as panels\n"
        "def broken(_state): raise ValueError('no picture')\n"
        "kept, panels.static_html = panels.static_html, broken"
    )

    seen = kernel.run(
        "moved = session.stats['events']\nwhile session.stats['events'] < moved + 2: await "
        "asyncio.sleep(0.01)\nprint('fine')"
    )
    kernel.run("panels.static_html = kept")
    kernel.listen(
        lambda: any(
            "has stopped: ValueError: no picture" in m["text"] for m in shown.of_kind("answer")
        )
    )

    assert seen == "fine\n"
    assert "no picture" in kernel.run(
        "print([line for line in session.logs if 'panel has stopped' in line])"
    )
    assert kernel.run("print(session.state)").strip() == "running"
