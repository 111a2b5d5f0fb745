"""What other clients send: odd values are refused by name and change nothing, and
filters do what the broker's reference says.
"""

from __future__ import annotations

import json

import aiohttp
import pytest

from tests.venue.process import KEY, SECRET, within


def ask(venue, path, method="GET", body=None):
    return venue.request(path, method=method, body=body, keys=True)


def resting(venue, client_id="one", **facts):
    given = {"type": "limit", "limit_price": "50", "time_in_force": "gtc"} | facts
    return venue.place(client_id, **given)[1]


@pytest.mark.parametrize("qty", ["abc", "NaN", "1_0", True, [1], {"a": 1}, "", "-1", 0])
def test_a_replacement_by_no_amount_is_refused_and_the_order_rests_on(venue, qty):
    order = resting(venue)

    status, answer = ask(venue, f"/v2/orders/{order['id']}", "PATCH", {"qty": qty})

    assert (status, answer["message"]) == (422, "qty must be a positive number")
    (left,) = ask(venue, "/v2/orders")[1]
    assert (left["id"], left["qty"]) == (order["id"], "10")


def test_a_replaced_order_of_extended_hours_stays_one(venue):
    order = resting(venue, time_in_force="day", extended_hours=True)

    _status, successor = ask(venue, f"/v2/orders/{order['id']}", "PATCH", {"limit_price": "51"})

    assert (successor["limit_price"], successor["extended_hours"]) == ("51", True)


@pytest.mark.parametrize("value", ["false", "yes", 1, 0, []])
def test_extended_hours_are_true_or_false(venue, value):
    status, answer = venue.place(
        "one", type="limit", limit_price="50", time_in_force="day", extended_hours=value
    )

    assert (status, answer["message"]) == (422, "extended_hours must be true or false")


@pytest.mark.parametrize(
    ("intent", "said"),
    [("x", "invalid position_intent"), ([], "invalid"), ("sell_to_close", "intent mismatch")],
)
def test_what_an_order_is_meant_to_do_goes_its_way(venue, intent, said):
    status, answer = venue.place("one", position_intent=intent)

    assert status == 422
    assert said in answer["message"]
    assert venue.place("two", position_intent="buy_to_open")[0] == 200


def test_activities_of_all_kinds_come_in_the_order_of_their_times(venue):
    venue.place("first")
    venue.control("cash", {"kind": "fee", "amount": "-1"})
    venue.advance()
    venue.place("second")
    day = ask(venue, "/v2/clock")[1]["timestamp"][:10]

    def kinds(query=""):
        status, found = ask(venue, f"/v2/account/activities{query}")
        return [one["activity_type"] for one in found] if status == 200 else status

    assert kinds("?direction=asc") == ["FILL", "FEE", "FILL"]
    assert kinds() == ["FILL", "FEE", "FILL"]
    assert kinds("?activity_types=FEE") == kinds("/FEE") == ["FEE"]
    assert kinds("?category=trade_activity") == ["FILL", "FILL"]
    assert kinds("?category=non_trade_activity") == ["FEE"]
    assert kinds(f"?date={day}") == ["FILL"]
    assert kinds("?category=x") == 422
    assert kinds("/FEE?category=trade_activity") == 422


def test_pages_of_activities_of_several_kinds_are_whole(venue):
    for number in range(3):
        venue.place(f"n{number}")
        venue.control("cash", {"kind": "fee", "amount": "-1"})
        venue.advance()
    everything = ask(venue, "/v2/account/activities")[1]

    found, token = [], ""
    for _ in range(10):
        found += ask(venue, f"/v2/account/activities?page_size=2&page_token={token}")[1]
        token = found[-1]["id"]

    assert found == everything
    assert len(found) == 6


def test_filters_that_are_known_are_used_and_odd_ones_refused(venue):
    resting(venue)

    assert len(ask(venue, "/v2/orders?side=buy&asset_class=us_equity")[1]) == 1
    assert ask(venue, "/v2/orders?asset_class=crypto")[1] == []
    assert ask(venue, "/v2/orders?side=both")[0] == 422
    assert ask(venue, "/v2/assets?asset_class=crypto")[1] == []
    assert ask(venue, "/v2/assets?status=x")[0] == 422
    assert ask(venue, "/v2/assets?asset_class=us_equity")[1] != []


def test_keys_that_are_shown_twice_and_symbols_asked_for_twice_change_nothing(venue):
    async def said():
        keys = {"action": "auth", "key": KEY, "secret": SECRET}
        wanted = {"action": "subscribe", "bars": ["IBM", "IBM"]}
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(venue.url.replace("http", "ws") + "/v2/iex") as socket,
        ):
            await socket.receive_json()
            answers = []
            for message in (keys, keys, wanted, wanted):
                await socket.send_str(json.dumps(message))
                answers += await socket.receive_json()
            return answers

    first, again, *subscribed = within(said())

    assert first["msg"] == "authenticated"
    assert (again["code"], again["msg"]) == (403, "already authenticated")
    assert [one["bars"] for one in subscribed] == [["IBM"], ["IBM"]]
