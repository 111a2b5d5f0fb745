"""No request and no stream follows a redirect: keys go to the address that was checked."""

import asyncio

import pytest
from aiohttp import ClientConnectionError, web

from rbtlive.brokers.alpaca_http import AlpacaHttp
from rbtlive.brokers.alpaca_keys import AlpacaKeys


async def served(handler):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, site._server.sockets[0].getsockname()[1]


def test_a_stream_that_is_redirected_is_not_opened_elsewhere():
    seen = []

    async def other(request):
        seen.append(request.path)
        return web.Response()

    async def scenario():
        away, port = await served(other)

        async def redirect(_request):
            raise web.HTTPFound(f"http://127.0.0.1:{port}/stream")

        here, first = await served(redirect)
        keys = AlpacaKeys.find("k" * 20, "s" * 40)
        http = AlpacaHttp(keys, f"http://127.0.0.1:{first}")
        try:
            with pytest.raises(ClientConnectionError, match="redirect, which is not followed"):
                await http.session.ws_connect(f"http://127.0.0.1:{first}/stream")
        finally:
            await http.close()
            await here.cleanup()
            await away.cleanup()

    asyncio.run(scenario())

    assert seen == []
