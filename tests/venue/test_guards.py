"""A client without the right keys is refused, and nothing hostile stops the venue."""

import http.client
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from tests.venue.process import KEY, SECRET, within

KEYS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}
GOOD = {"symbol": "IBM", "qty": "1", "side": "buy", "type": "market", "time_in_force": "day"}


def raw(venue, request):
    """Send bytes as they are, and return the status line."""
    with socket.create_connection(("127.0.0.1", venue.port), timeout=60) as connection:
        connection.sendall(request)
        return connection.recv(200).split(b"\r\n")[0].decode()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"APCA-API-KEY-ID": KEY},
        KEYS | {"APCA-API-SECRET-KEY": "wrong"},
        KEYS | {"APCA-API-KEY-ID": "wrong"},
    ],
    ids=["none", "no secret", "wrong secret", "wrong id"],
)
@pytest.mark.parametrize("path", ["/v2/account", "/v2/orders", "/v2/stocks/bars", "/nothing/here"])
def test_without_the_right_keys_there_is_no_answer(venue, headers, path):
    status, answer = venue.request(path, headers=headers)

    assert (status, answer["message"]) == (401, "request is not authorized")


@pytest.mark.parametrize(
    "host", ["example.org", "127.0.0.1", "evil.localhost:1", "127.0.0.1:1", "localhost.evil:{port}"]
)
def test_a_foreign_host_is_refused(venue, host):
    status, answer = venue.request(
        "/v2/account", keys=True, headers={"Host": host.format(port=venue.port)}
    )

    assert (status, answer["message"]) == (403, "host must be that of this machine's venue")


@pytest.mark.parametrize("origin", ["https://example.org", "null", "http://127.0.0.1:1", "file://"])
@pytest.mark.parametrize("path", ["/v2/account", "/control/state", "/stream", "/v2/iex"])
def test_a_foreign_origin_is_refused(venue, origin, path):
    status, answer = venue.request(
        path, keys=True, headers={"Origin": origin, "X-Control-Token": "token-of-the-tests"}
    )

    assert (status, answer["message"]) == (403, "origin must be that of this machine's venue")


def test_the_pages_of_this_host_are_let_in(venue):
    origin = {"Origin": f"http://localhost:{venue.port}", "Host": f"localhost:{venue.port}"}

    assert venue.request("/v2/account", keys=True, headers=origin)[0] == 200


@pytest.mark.parametrize("path", ["advance", "faults", "reset", "restart", "disconnect"])
def test_control_needs_its_token_and_not_the_keys(venue, path):
    for headers in ({}, {"X-Control-Token": "wrong"}, KEYS):
        status, _answer = venue.request(f"/control/{path}", method="POST", headers=headers)
        assert status == 401


def test_it_listens_on_loopback_only(venue):
    with Path(f"/proc/{venue.process_id}/net/tcp").open(encoding="ascii") as table:
        listening = [
            line.split()[1]
            for line in table
            if f":{venue.port:04X} " in line and line.split()[3] == "0A"
        ]

    assert listening == [f"0100007F:{venue.port:04X}"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe", b"[" * 20_000, b'{"qty": NaN}', b'{"qty": 1e99999999}',
        json.dumps(GOOD | {"qty": "-1"}).encode(), json.dumps(GOOD | {"qty": True}).encode(), json.dumps(GOOD | {"qty": []}).encode(),
        json.dumps(GOOD | {"symbol": 5}).encode(), json.dumps(GOOD | {"side": "hold"}).encode(),
        json.dumps(GOOD | {"type": "limit"}).encode(), json.dumps(GOOD | {"limit_price": "1"}).encode(),
        json.dumps(GOOD | {"notional": "5"}).encode(), json.dumps(GOOD | {"order_class": "bracket"}).encode(),
        json.dumps(GOOD | {"client_order_id": "x" * 129}).encode(), json.dumps(GOOD | {"qty": "1e-12"}).encode(),
        json.dumps(GOOD | {"qty": "0.5", "time_in_force": "gtc"}).encode(), json.dumps(GOOD | {"extended_hours": True}).encode(),
        json.dumps(GOOD | {"qty": "Infinity"}).encode(), json.dumps(GOOD | {"time_in_force": "ioc"}).encode(),
    ],
)  # fmt: skip
def test_a_body_that_is_no_order_is_refused_and_changes_nothing(venue, body):
    status, answer = venue.request("/v2/orders", method="POST", body=body, keys=True)

    assert status in {400, 422}
    assert answer["message"]
    assert venue.control("state")["orders"] == 0


def test_an_oversized_body_is_refused(venue):
    connection = http.client.HTTPConnection("127.0.0.1", venue.port, timeout=60)
    connection.request("POST", "/v2/orders", body=b" " * 1_000_000, headers=KEYS)
    answer = connection.getresponse()
    connection.close()

    assert answer.status == 413
    assert venue.request("/v2/account", keys=True)[0] == 200


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=x",
        "limit=-1",
        "status=odd",
        "direction=up",
        "after=yesterday",
        "until=99999-01-01",
        "limit=%D9%A1",
    ],
)
def test_impossible_questions_are_refused(venue, query):
    assert venue.request(f"/v2/orders?{query}", keys=True)[0] == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v2/stocks/bars?symbols=IBM",
        "/v2/stocks/bars?symbols=IBM&timeframe=1Day&page_token=x",
        "/v2/stocks/bars?timeframe=1Day",
        "/v2/stocks/bars?symbols=IBM&timeframe=1Day&adjustment=split",
        "/v2/orders/no-uuid",
        "/v2/account/activities/FILL?page_token=nothing",
    ],
)
def test_other_impossible_questions_are_refused(venue, path):
    assert venue.request(path, keys=True)[0] in {400, 422}


def test_broken_http_stops_nothing(venue):
    assert "400" in raw(venue, b"NONSENSE\r\n\r\n")
    assert "400" in raw(venue, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n")
    assert venue.request("/v2/account", keys=True)[0] == 200


async def converse(venue, path, *frames, answers):
    """Say some things to a stream and return what it answers."""
    heard = []
    async with aiohttp.ClientSession() as session, session.ws_connect(venue.url + path) as stream:
        for frame in frames:
            await (stream.send_bytes(frame) if isinstance(frame, bytes) else stream.send_str(frame))
        while len(heard) < answers:
            message = await stream.receive()
            if message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}:
                break
            heard.append(json.loads(message.data))
    return heard


NONSENSE = (
    "",
    "{",
    "7",
    "null",
    "[1]",
    b"\xff\xff",
    "[" * 3000,
    '{"action": []}',
    '{"action": "listen"}',
)


def test_the_trade_stream_answers_nonsense_and_lets_nobody_in_by_it(venue):
    wrong = json.dumps({"action": "authenticate", "data": {"key_id": KEY, "secret_key": 5}})

    heard = within(converse(venue, "/stream", *NONSENSE, wrong, answers=10))

    assert len(heard) == 10
    assert {answer["data"]["status"] for answer in heard} == {"unauthorized"}


def test_a_client_that_is_let_in_may_still_say_nonsense(venue):
    hello = json.dumps({"action": "auth", "key": KEY, "secret": SECRET})
    listen = json.dumps({"action": "listen", "data": {"streams": ["trade_updates", "none", 7]}})

    heard = within(converse(venue, "/stream", hello, *NONSENSE, listen, answers=11))

    assert heard[0]["data"]["status"] == "authorized"
    assert {answer["stream"] for answer in heard[1:-1]} == {"error"}
    assert heard[-1] == {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def test_the_market_stream_answers_nonsense_and_lets_nobody_in_by_it(venue):
    wrong = json.dumps({"action": "auth", "key": KEY, "secret": "wrong"})
    hello = json.dumps({"action": "auth", "key": KEY, "secret": SECRET})
    odd = json.dumps({"action": "subscribe", "bars": [1, {}]})

    heard = within(converse(venue, "/v2/iex", *NONSENSE, wrong, hello, odd, "{", answers=14))

    codes = [answer[0].get("code") for answer in heard]
    assert codes == [None, *[401] * 9, 402, None, 400, 400]
    assert heard[11] == [{"T": "success", "msg": "authenticated"}]


def test_an_oversized_message_ends_that_stream_only(venue):
    heard = within(converse(venue, "/stream", "x" * 100_000, answers=1))

    assert heard == []
    assert venue.request("/v2/account", keys=True)[0] == 200


def test_faults_that_cannot_be_are_refused(venue):
    for spec in (
        {"kind": "drop", "where": "submit"},
        {"kind": "explode", "where": "submit"},
        {"kind": "delay", "where": "moon"},
        {"kind": "delay", "where": "submit", "probability": 2},
        {"kind": "error", "where": "submit", "status": 200},
        {"kind": "error", "where": "submit", "extra": 1},
        "text",
    ):
        answer = venue.control("faults", [spec])
        assert answer["message"]
    assert venue.hits() == []
