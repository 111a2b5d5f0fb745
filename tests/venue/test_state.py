"""What the venue has taken it keeps: killed and started again, it is where it was."""

import asyncio
import sys

import pytest

from rbtlive.errors import InvalidSetting
from rbtlive.venue.__main__ import main
from rbtlive.venue.state import InputLog
from tests.venue.process import VenueProcess, within

SPAN = ("--start", "2005-01-03", "--end", "2005-06-30")


def answers_of(venue):
    """Return all that a client can ask about the book."""
    paths = (
        "/v2/orders?status=all&limit=500",
        "/v2/positions",
        "/v2/account",
        "/v2/account/activities/FILL",
        "/v2/clock",
    )
    return [venue.request(path, keys=True) for path in paths]


def trade(venue):
    venue.place("a", qty="10")
    venue.place("b", type="limit", limit_price="50")
    venue.place("c", symbol="AAPL", side="sell", qty="3", time_in_force="day")
    venue.advance(3)
    venue.place("d", type="stop", stop_price="120", time_in_force="day")
    _status, resting = venue.request("/v2/orders:by_client_order_id?client_order_id=b", keys=True)
    venue.request(f"/v2/orders/{resting['id']}", method="DELETE", keys=True)


def test_a_killed_venue_comes_back_with_its_book(tmp_path):
    state = tmp_path / "state.sqlite"
    first = VenueProcess(*SPAN, "--state", state)
    trade(first)
    before = answers_of(first)
    first.kill()

    second = VenueProcess(*SPAN, "--state", state, port=first.port)
    after = answers_of(second)
    again = second.place("a")
    second.advance()
    assert second.stop() == ""

    assert after == before
    assert again == (422, {"code": 40010001, "message": "client_order_id must be unique"})


def test_a_restart_by_control_keeps_the_book_too(venue):
    trade(venue)
    before = answers_of(venue)

    venue.control("restart")

    assert answers_of(venue) == before


def test_a_reset_forgets_everything(venue):
    trade(venue)

    venue.control("reset")

    assert venue.control("state")["orders"] == 0
    assert venue.request("/v2/account", keys=True)[1]["cash"] == "100000"


@pytest.mark.parametrize(
    ("name", "value"), [("cash", "5"), ("start", "2005-02-01"), ("bars", "another")]
)
def test_a_state_of_other_settings_is_refused(tmp_path, name, value):
    made_with = {"book_id": "1", "cash": "100000", "start": None, "bars": "these"}
    InputLog(tmp_path / "state.sqlite", made_with).close()

    with pytest.raises(InvalidSetting, match=f"{name} must be what the state file was made with"):
        InputLog(tmp_path / "state.sqlite", made_with | {"book_id": "2", name: value})

    again = InputLog(tmp_path / "state.sqlite", made_with | {"book_id": "2"})
    assert again.header["book_id"] == "1"
    again.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bars", "nothing"), "UnknownSample"),
        (
            ("--start", "2012-01-01", "--end", "2011-01-01"),
            "InvalidSetting: start must not lie after end",
        ),
        (("--state", "{broken}"), "InvalidSetting: state must be a file that a venue wrote"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, capsys, arguments, words):
    broken = tmp_path / "state.sqlite"
    broken.write_bytes(b"this is no database, and long enough to be read as one" * 20)

    status = main([argument.format(broken=broken) for argument in arguments])

    assert status == 1
    printed = capsys.readouterr()
    assert words in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)


def test_a_missing_package_is_named_with_its_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    for name in [
        name
        for name in sys.modules
        if name in {"rbtlive.venue.server", "rbtlive.venue.guards", "rbtlive.venue.rest"}
    ]:
        monkeypatch.delitem(sys.modules, name)

    assert main([]) == 1
    assert "pip install 'rbtlive[venue]'" in capsys.readouterr().err


def test_with_a_speed_bars_come_by_themselves():
    running = VenueProcess("--start", "2005-01-03", "--end", "2005-01-06", "--speed", "1e9")

    async def wait():
        while not (await asyncio.to_thread(running.control, "state"))["ended"]:  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.02)

    within(wait())
    state = running.control("state")
    assert running.stop() == ""

    assert state["session"] == "2005-01-06"


def test_given_secrets_are_not_printed(venue):
    assert set(venue.greeting) == {"url"}
