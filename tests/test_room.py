"""Memory that bodies take together: bounded, however many connections send them and however slowly."""

import json
from contextlib import ExitStack
from typing import Any

import pytest

from graph.errors import Rejected
from graph.limits.room import SMALL, Room
from tests.conftest import on_sqlite
from tests.processes import Spawn, wait_until
from tests.sockets import connect, exchange, request

HEADERS = {"Content-Type": "application/json"}
ANSWER = {"data": {"__typename": "Query"}}


def post(padding: int) -> bytes:
    body = json.dumps({"query": "{ __typename }", "padding": "x" * padding}).encode()
    return request("POST", "/graphql", HEADERS, body)


@on_sqlite
def test_large_bodies_find_room_or_503(database_url: str, spawn: Spawn) -> None:
    """With the seconds to wait; small ones are answered meanwhile, and large ones when others have gone."""
    settings = {"body_limit": "100000", "bodies_limit": "200000", "database_url": database_url}
    serving = spawn.serve(**settings)
    with ExitStack() as slow:
        for _ in range(2):
            slow.enter_context(connect(serving.url)).sendall(post(90_000)[:-10])

        def is_full() -> Any:
            return exchange(serving.url, post(90_000)).status == 503

        wait_until(is_full)
        refused, small = exchange(serving.url, post(90_000)), exchange(serving.url, post(1_000))

    assert (503, "1", ["SERVICE_UNAVAILABLE"]) == (
        refused.status,
        refused.headers["retry-after"],
        refused.codes,
    )
    assert ANSWER == small.json()
    wait_until(lambda: exchange(serving.url, post(90_000)).status == 200)


def test_one_principal_leaves_room_for_others() -> None:
    """A fifth; what is small takes none, and what has been given back is there again."""
    room = Room(1_000)
    with room.part("ada") as ada, room.part("bob") as bob, room.part("ada") as more:
        ada.grow(SMALL + 700)
        more.grow(SMALL + 100)
        with pytest.raises(Rejected):
            more.grow(SMALL + 101)
        bob.grow(SMALL)
        bob.grow(SMALL + 200)
        with pytest.raises(Rejected):
            bob.grow(SMALL + 201)

    with room.part("bob") as bob:
        bob.grow(SMALL + 800)
