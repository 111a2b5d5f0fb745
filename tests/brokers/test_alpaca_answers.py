"""What a broker answers that is too much, too strange, or holds the keys it was shown."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientError, WSMsgType, web

import rbtlive as rbt
from rbtlive.brokers import AlpacaBroker, AlpacaFeed
from rbtlive.brokers.alpaca_answers import LARGEST_ANSWER, header_date, parsed, retry_after_s
from rbtlive.brokers.alpaca_http import AlpacaHttp, AlpacaKeys, NoAnswer
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.data.feeds.as_feed import FeedPlan
from rbtlive.errors import BrokerError, FetchFailed, RbtliveError
from tests.brokers.alpaca_session import QUICK, order
from tests.brokers.test_alpaca_redirects import served
from tests.brokers.test_alpaca_secrets import everything_of
from tests.builders import Silent, daily_frame, run, slices, until
from tests.runtime.test_refused_orders import Insistent
from tests.venue.process import within

KEY, SECRET = "PKAB12CD34EF56GH78IJ", "s/ecret+of/forty+characters+0123456789ab"
KEYS = AlpacaKeys.find(KEY, SECRET)
ECHO = f"the key {KEY} with {SECRET} may not"
BOMB_BYTES = LARGEST_ANSWER + 10_000_000
NOW = "Sun, 29 Nov 2026 12:00:00 GMT"


@asynccontextmanager
async def at(handler):
    """Serve a handler, and give the address."""
    runner, port = await served(handler)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def asked(handler, **settings):
    """Ask a server one question, and return the answer."""

    async def ask():
        async with at(handler) as url:
            http = AlpacaHttp(KEYS, url, attempts=1, backoff=QUICK, **settings)
            try:
                return await http.ask("/v2/account")
            finally:
                await http.close()

    return within(ask(), 30)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_answer_that_unpacks_to_too_much_is_given_up_early(encoding):
    seen = []
    pack = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    bomb = pack.compress(b" " * BOMB_BYTES) + pack.flush()

    async def answer(request):
        seen.append(request.headers["Accept-Encoding"])
        return web.Response(body=bomb, headers={"Content-Encoding": encoding})

    tracemalloc.start()
    with pytest.raises(NoAnswer, match="ValueError"):
        asked(answer)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert seen == ["identity"]
    assert most < 3 * LARGEST_ANSWER


def test_an_answer_that_is_compressed_unasked_is_read():
    async def answer(_request):
        body = gzip.compress(b'{"cash": 1.50}')
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    assert str(asked(answer).body["cash"]) == "1.50"


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip"])
def test_an_answer_in_another_encoding_or_none_is_no_answer(encoding):
    async def answer(_request):
        return web.Response(body=b"nonsense", headers={"Content-Encoding": encoding})

    with pytest.raises(NoAnswer, match="ValueError"):
        asked(answer)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"message": ECHO, KEY: [SECRET, {"x": ECHO}]}),
        json.dumps({"message": ECHO}).replace(KEY, "\\u0050" + KEY[1:]),
        json.dumps({"message": ECHO}).replace("/", "\\/"),
        json.dumps(
            {"message": f"/v2?key={KEY}&secret={SECRET.replace('/', '%2F').replace('+', '%2B')}"}
        ),
    ],
)
def test_keys_are_taken_out_of_whatever_the_broker_says(text):
    body = parsed(text.encode(), KEYS)

    shown = repr(body)
    assert KEY not in shown
    assert SECRET not in shown
    assert "secret=s" not in shown
    assert shown.count("**********") >= 2


def test_keys_that_a_broker_says_reach_no_error_log_journal_or_result(tmp_path, caplog):
    """Refusals over HTTP, the trade stream and the market stream, by a server that
    repeats the keys in each.
    """
    streams = []

    async def answer(request):
        if request.path in {"/stream", "/v2/iex"}:
            return await stream(request)
        if request.path == "/v1/corporate-actions":
            return web.json_response({"corporate_actions": {}})
        if request.path == "/v2/clock":
            return web.json_response({"timestamp": "2026-11-27T21:00:00Z", "is_open": False})
        if request.path == "/v2/account":
            return web.json_response({"cash": "100000", "equity": "100000", "currency": "USD"})
        if request.method == "POST":
            return web.json_response({"message": ECHO, "code": 40310000}, status=403)
        if request.path.startswith("/v2/orders:"):
            return web.json_response({"message": ECHO}, status=404)
        return web.json_response([])

    async def stream(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        streams.append(request.path)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            action = json.loads(message.data)["action"]
            if action == "authenticate":
                data = {"stream": "authorization", "data": {"status": "authorized"}}
                await socket.send_json(data)
            elif action == "listen":
                await socket.send_json({"stream": "listening", "data": {}})
                strange = {"event": "fill", "qty": ECHO, "order": {"id": KEY, "side": SECRET}}
                await socket.send_json({"stream": "trade_updates", "data": strange})
        return socket

    async def session():
        async with at(answer) as url:
            broker = AlpacaBroker(KEY, SECRET, url_override=url)
            live = rbt.attach(
                Insistent,
                broker,
                feed=Silent(slices(daily_frame(3))[:2]),
                data=daily_frame(3),
                journal=tmp_path,
            )
            await until(lambda: live.engine.failure or live.state != "starting")
            await until(
                lambda: live.engine.failure or (live.stats["errors"] and live.engine.refusals.total)
            )
            await live.stop()
            return live

    live = run(session())

    orders = live.result().orders
    assert "**********" in orders["reason"][0]
    assert streams
    held = "".join(path.read_bytes().decode("latin-1") for path in tmp_path.glob("*.sqlite*"))
    shown = [caplog.text, *live.logs, str(orders.to_dicts()), live._repr_html_(), held, repr(live)]
    for place in shown:
        assert KEY not in place
        assert SECRET not in place
    assert any("refused by the broker" in line and "**********" in line for line in live.logs)


def test_what_a_market_stream_says_holds_no_keys():
    async def stream(request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json([{"T": "error", "code": 999, "msg": ECHO}])
        await socket.close()
        return socket

    async def read():
        async with at(stream) as url:
            feed = AlpacaFeed("IBM", key=KEY, secret=SECRET, url_override=url)
            feed.configure(FeedPlan(calendar=get_calendar("XNYS"), symbols=("IBM",)))
            async for event in feed:
                return event.message
        return ""

    message = within(read())
    assert "the market data stream refused: the key ********** with ********** may" in message


def test_what_a_vendors_library_raises_holds_no_keys(monkeypatch):
    pytest.importorskip("alpaca")
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps({"message": ECHO, "code": 1}).encode()
            self.send_response(403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        monkeypatch.setenv("APCA_API_DATA_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("APCA_API_KEY_ID", KEY)
        monkeypatch.setenv("APCA_API_SECRET_KEY", SECRET)
        with pytest.raises(FetchFailed) as refused:
            rbt.fetch("alpaca", "IBM", "2024-01-02", "2024-01-31", "1d")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert "with **********" in str(refused.value)
    shown = everything_of(refused.value)
    assert KEY not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "inf"}, 60.0),
        ({"Retry-After": "1e999"}, 60.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Sun, 29 Nov 2026 12:00:07 GMT", "Date": NOW}, 7.0),
        ({"Retry-After": "Sun, 29 Nov 2026 11:00:00 GMT", "Date": NOW}, 0.0),
        ({"Retry-After": "Sun, 29 Nov 2026 12:00:07 GMT"}, None),
        ({"X-RateLimit-Reset": "1795953605", "Date": NOW}, 5.0),
        ({"X-RateLimit-Reset": "nan", "Date": NOW}, None),
        ({"X-RateLimit-Reset": "1795953605"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_or_left_to_the_caller(headers, expected):
    assert retry_after_s(headers) == expected


@pytest.mark.parametrize(
    "text",
    [
        None, "", " ", "soon", "Sun", "Sun, 29 Nov 2026", "Sun, 99 Nov 2026 12:00:00 GMT",
        "Mon, 01 Jan 1999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359",
        "Sun, 29 Nov 2026 12:00:00 +999999999999", "Sun, 29 Nov 99999999999 12:00:00 GMT", "\x00", "9" * 10_000,
    ],
)  # fmt: skip
def test_a_date_that_is_none_is_none(text):
    assert header_date(text) is None


def test_a_date_out_of_time_does_not_move_the_servers_clock():
    async def answer(_request):
        return web.json_response({}, headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"})

    async def ask():
        async with at(answer) as url:
            http = AlpacaHttp(KEYS, url)
            try:
                await http.ask("/")
                return http.now().year
            finally:
                await http.close()

    assert within(ask()) == 1970


REDIRECTS = (301, 302, 303, 307, 308)


def test_no_address_that_is_opened_is_left_for_another_one():
    """Every request and stream of broker and feed, redirected to a server that counts."""
    visits, asked_for = [], []

    async def other(request):
        visits.append(request.path)
        return web.json_response({})

    async def drill():
        async with at(other) as away:

            async def redirect(request):
                asked_for.append((request.method, request.path))
                status = REDIRECTS[len(asked_for) % len(REDIRECTS)]
                return web.Response(status=status, headers={"Location": away + request.path})

            async with at(redirect) as url:
                await _open_everything(url)

    within(drill(), 30)

    assert visits == []
    paths = {path for _method, path in asked_for}
    assert {"/stream", "/v2/iex", "/v2/account", "/v2/orders", "/v2/positions"} <= paths
    assert {"/v2/stocks/bars", "/v2/clock"} <= paths
    assert {"GET", "POST", "DELETE"} <= {method for method, _path in asked_for}


async def _open_everything(url):
    broker = AlpacaBroker(KEY, SECRET, url_override=url, timeout_s=2.0)
    broker._http._attempts = 1
    feed = AlpacaFeed("IBM", key=KEY, secret=SECRET, url_override=url)
    feed._http._attempts = feed._clock._http._attempts = 1
    refusals = []
    for attempt in (
        broker.connect,
        broker.account,
        broker.positions,
        broker.orders,
        lambda: broker.find_order("RUN-1"),
        lambda: broker.submit_order(order(1), client_order_id="RUN-1"),
        lambda: broker._http.ask("/v2/orders/1", method="DELETE"),
        lambda: feed.fetch_bars("IBM", "2024-01-02", "2024-01-03"),
        lambda: feed.ask_data("/v2/stocks/bars/latest", {}),
        lambda: feed._clock._http.get("/v2/clock"),
        lambda: broker._http.session.ws_connect(f"ws{url[4:]}/stream"),
        lambda: feed._http.session.ws_connect(f"ws{url[4:]}/v2/iex"),
    ):
        try:
            await attempt()
        except (RbtliveError, ClientError) as refusal:
            refusals.append(refusal)
    assert len(refusals) == 11  # the bare DELETE gives its answer
    for refusal in refusals:
        assert SECRET not in everything_of(refusal)
    await feed._http.close()
    await feed._clock._http.close()
    await broker.disconnect()


def test_a_redirected_stream_is_reported_as_what_it_is_and_leaves_no_connection_open():
    async def answer(request):
        if request.path == "/stream":
            raise web.HTTPTemporaryRedirect("http://127.0.0.2:9/stream")
        return web.json_response({"cash": "1", "equity": "1", "currency": "USD"})

    async def connect():
        async with at(answer) as url:
            broker = AlpacaBroker(KEY, SECRET, url_override=url)
            broker._timeout_s = -4.7  # the stream has 0.3 s
            with pytest.raises(BrokerError, match="redirect, which is not followed"):
                await broker.connect()
            return broker._http._session.closed

    assert within(connect())


def test_pages_that_lead_to_themselves_end():
    async def answer(_request):
        return web.json_response({"bars": {}, "next_page_token": "again"})

    async def fetch():
        async with at(answer) as url:
            feed = AlpacaFeed("IBM", key=KEY, secret=SECRET, url_override=url)
            with pytest.raises(BrokerError, match="same page"):
                await feed.fetch_bars("IBM", "2024-01-02", "2024-01-03")

    within(fetch())
