"""An interrupt waits until what it would leave half done is done."""

import signal
import threading

import pytest

import rbtlive as rbt
from rbtlive.notebook.interrupts import interrupt_held_back
from tests.builders import Churn, Gated, daily_frame, run, same, whole


def interrupt():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handled_as_in_a_cell():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    found = signal.signal(signal.SIGINT, before)
    assert found is signal.default_int_handler


def held_back(*acts):
    with interrupt_held_back():
        for act in acts:
            act()


def test_an_interrupt_comes_after_the_body():
    done = []

    with pytest.raises(KeyboardInterrupt):
        held_back(interrupt, lambda: done.append("all of it"))

    assert done == ["all of it"]


def test_a_second_interrupt_gets_through_at_once():
    done = []

    with pytest.raises(KeyboardInterrupt):
        held_back(
            interrupt,
            lambda: done.append("half of it"),
            interrupt,
            lambda: done.append("all of it"),
        )

    assert done == ["half of it"]


def test_a_body_that_fails_is_reported_beside_the_interrupt():
    with pytest.raises(KeyboardInterrupt) as ended:
        held_back(interrupt, lambda: 1 / 0)

    assert isinstance(ended.value.__context__, ZeroDivisionError)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.SIG_DFL])
def test_a_handler_that_is_none_is_left_in_its_place(handler):
    signal.signal(signal.SIGINT, handler)

    with interrupt_held_back():
        found = signal.getsignal(signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert found is handler


def test_another_thread_leaves_the_handler_alone():
    found = []

    def look():
        with interrupt_held_back():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert found == [signal.default_int_handler]


class Interrupted(rbt.PaperBroker):
    """Interrupts the attach that opens a journal for it."""

    asked = False

    @property
    def name(self):
        """Its name; being asked for it for the first time is the moment."""
        if not self.asked:
            self.asked = True
            interrupt()
        return "paper"


def test_an_attach_that_is_interrupted_half_way_leaves_a_session_that_can_be_attached_again(
    tmp_path,
):
    async def interrupted():
        signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio.run has set its own
        with pytest.raises(KeyboardInterrupt):
            rbt.attach(Churn, Interrupted(), feed=Gated(daily_frame(), 3), journal=tmp_path)
        left = list(rbt.sessions())
        return left, await whole(Churn, tmp_path, feed=rbt.ReplayFeed(daily_frame()))

    left, session = run(interrupted())

    assert left == ["Churn"]
    assert same(rbt.backtest(Churn, daily_frame()), session.result())
