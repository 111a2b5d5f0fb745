"""Control messages on Alpaca's market data stream: keys, subscriptions, refusals, the
end.

The rule: a message is data; only the words of a refusal are shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rbtlive.brokers.alpaca_answers import parsed
from rbtlive.brokers.alpaca_keys import AlpacaKeys
from rbtlive.errors import BrokerError, FeedError

_WRONG_KEYS = 402


class StreamClosed(BrokerError):  # noqa: N818 - named for its meaning
    """The stream was closed by the other side."""


def keys_message(keys: AlpacaKeys) -> dict[str, str]:
    """Return the message that sends the keys."""
    return {
        "action": "auth",
        "key": keys.key_id.get_secret_value(),
        "secret": keys.secret.get_secret_value(),
    }


async def next_messages(socket: Any, keys: AlpacaKeys) -> list[dict[str, Any]]:
    """Return the messages of the next frame; anything else is left out.

    Raises:
        StreamClosed: there is no next frame.
    """
    said = await socket.receive()
    if not isinstance(said.data, (str, bytes)):
        raise StreamClosed("the market data stream was closed")
    body = parsed(said.data, keys)
    return [one for one in body if isinstance(one, dict)] if isinstance(body, list) else []


async def introduce(socket: Any, keys: AlpacaKeys, channels: Mapping[str, list[str]]) -> None:
    """Send the keys, and subscribe to symbols by channel.

    Raises:
        FeedError: the keys were rejected.
        BrokerError: another request was refused.
    """
    await expect(socket, "connected", keys)
    await socket.send_str(json.dumps(keys_message(keys)))
    await expect(socket, "authenticated", keys)
    await socket.send_str(json.dumps({"action": "subscribe", **channels}))
    message = next(iter(await next_messages(socket, keys)), {})
    if message.get("T") != "subscription":
        raise BrokerError(f"the market data stream refused the subscription: {words_of(message)}")


async def expect(socket: object, word: str, keys: AlpacaKeys) -> None:
    """Read the next message, which must report success.

    Raises:
        FeedError: the keys were rejected.
        BrokerError: another request was refused.
    """
    messages = await next_messages(socket, keys)
    message = messages[0] if messages else {}
    if message.get("T") == "success" and message.get("msg") == word:
        return
    if message.get("code") == _WRONG_KEYS:
        raise FeedError("the market data stream refused the keys: pass the ones of this account")
    raise BrokerError(f"the market data stream refused: {words_of(message)}")


def words_of(message: dict[str, Any]) -> str:
    """Return the printable words of a message."""
    text = message.get("msg")
    return (
        "".join(c for c in text[:200] if c.isprintable())
        if isinstance(text, str)
        else "no reason given"
    )
