"""The board shows what runs and what is recorded, and steers what runs."""

import asyncio

import pytest

import rbtlive as rbt
from tests.builders import Hold, daily_frame, until


def attached(folder, name, **options):
    feed = rbt.ReplayFeed(daily_frame(), **options)
    return rbt.attach(Hold, rbt.PaperBroker(), feed=feed, journal=folder, name=name)


def row_of(board, name):
    (row,) = [row for row in board.rows() if row.name == name]
    return row


def test_running_stopped_and_recorded_sessions_stand_in_one_table(tmp_path):
    async def trade():
        running = attached(tmp_path, "board-a", speed=3600)
        ended = attached(tmp_path, "board-b")
        await ended.wait()
        board = rbt.board(journal=tmp_path)
        seen = row_of(board, "board-a"), row_of(board, "board-b")
        await running.stop()
        return seen, ended.result().performance

    (first, second), performance = asyncio.run(trade())

    assert (first.state, first.running, first.broker) == ("running", True, "paper")
    assert (second.state, second.running) == ("stopped", False)
    assert second.value == pytest.approx(performance["portfolio_value"][-1], abs=0.01)
    assert second.day == pytest.approx(
        performance["portfolio_value"][-1] - performance["portfolio_value"][-2], abs=0.01
    )


def test_a_recorded_run_shows_what_it_came_to_and_a_broken_one_says_so(tmp_path):
    async def trade():
        session = attached(tmp_path, "board-c")
        await session.wait()
        return session.result()

    result = asyncio.run(trade())
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir(mode=0o700)
    for path in tmp_path.glob("board-c*"):
        (elsewhere / path.name.replace("board-c", "old")).write_bytes(path.read_bytes())
    (elsewhere / "broken.sqlite").write_bytes(b"not a database" * 100)

    board = rbt.board(journal=elsewhere)

    old, broken = row_of(board, "old"), row_of(board, "broken")
    assert old.state == "ended"
    assert old.value == pytest.approx(result.performance["portfolio_value"][-1], abs=0.01)
    assert broken.state == "unreadable"
    assert broken.note
    assert "old" in repr(board)
    assert "<table" in board._repr_html_()


def test_the_buttons_of_the_board_reach_the_session(tmp_path):
    async def trade():
        session = attached(tmp_path, "board-d", speed=3600)
        board = rbt.board(journal=tmp_path)
        widget = board.widget()
        answers = []
        widget.send = answers.append
        board._on_message(widget, {"t": "do", "action": "pause", "target": "board-d"}, [])
        await until(lambda: session.engine.core.state.paused)
        board._on_message(widget, {"t": "do", "action": "stop", "target": "board-d"}, [])
        await session.wait()
        board._on_message(widget, {"t": "do", "action": "sell", "target": "board-d"}, [])
        await asyncio.sleep(0.05)
        board._feeding.cancel()
        return answers

    answers = asyncio.run(trade())

    texts = [message["text"] for message in answers if message["t"] == "answer"]
    assert texts[0] == "pause: asked for board-d"
    assert "the board cannot sell 'board-d'" in texts
    assert any(message["t"] == "board" for message in answers)


def test_an_empty_folder_gives_an_empty_board_and_makes_nothing(tmp_path):
    board = rbt.board(journal=tmp_path / "none")

    assert all(row.running or row.state in {"stopped", "failed"} for row in board.rows())
    assert not (tmp_path / "none").exists()
