"""Offers to go on with another protocol: none is taken, and what came with them is read as ever."""

import json
import re
from functools import partial

import pytest

from tests.processes import Serving
from tests.sockets import chunked, connect, exchange, read, request

JSON = {"Content-Type": "application/json"}
TYPENAME = {"data": {"__typename": "Query"}}
BODY = json.dumps({"query": "{ __typename }"}).encode()
HTTP2 = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
}
WEB_SOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
offers = pytest.mark.parametrize("offer", [HTTP2, WEB_SOCKET], ids=["HTTP/2", "WebSocket"])


@offers
@pytest.mark.parametrize(
    ("more", "body"),
    [({}, BODY), ({"Transfer-Encoding": "chunked"}, chunked(BODY))],
    ids=["in one", "in chunks"],
)
def test_a_body_is_read_beside_an_offer(
    offer: dict[str, str], more: dict[str, str], body: bytes, server: Serving
) -> None:
    """As Java's client sends it by default; also when it comes by itself, and a second time."""
    head, _, _ = (sent := request("POST", "/graphql", JSON | offer | more, body)).partition(body)
    with connect(server.url) as client:
        client.sendall(sent)
        first = read(client, "POST")
        client.sendall(head)
        # So that the server has read the head by itself.
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
        client.settimeout(30)
        client.sendall(body)
        second = read(client, "POST")

    assert [TYPENAME] * 2 == [first.json(), second.json()]


@offers
def test_the_last_request_of_a_connection_may_come_with_an_offer(
    offer: dict[str, str], server: Serving
) -> None:
    """Its body is read, and the connection ends."""
    sent = request("POST", "/graphql", JSON | offer | {"Connection": "Upgrade, close"}, BODY)
    answer = exchange(server.url, sent)

    assert (TYPENAME, "close") == (answer.json(), answer.headers["connection"])


def statuses(server: Serving, sent: bytes) -> list[str]:
    """Those of the answers to requests that come at once; the last one ends the connection."""
    with connect(server.url) as client:
        client.sendall(sent + request("GET", "/livez", {"Connection": "close"}))
        received = b"".join(iter(partial(client.recv, 65536), b""))
    return re.findall(r"HTTP/1\.1 (\d+)", received.decode())


@offers
def test_what_a_body_looks_like_is_no_request(offer: dict[str, str], server: Serving) -> None:
    """A proxy that passes an offer on would take its answer for somebody else's."""
    hidden = request("GET", "/ping", {})

    assert ["400", "200"] == statuses(server, request("POST", "/graphql", JSON | offer, hidden))


@offers
def test_many_offers_at_once_are_each_answered(offer: dict[str, str], server: Serving) -> None:
    """In one packet, too."""
    assert ["200"] * 11 == statuses(server, request("GET", "/ping", offer) * 10)


@pytest.mark.parametrize("target", ["/graphql?query={__typename}", "/livez"])
def test_a_web_socket_is_not_opened(target: str, server: Serving) -> None:
    """There are no live updates yet: the request is one like any other."""
    headers = WEB_SOCKET | {"Sec-WebSocket-Protocol": "graphql-transport-ws"}

    assert 200 == exchange(server.url, request("GET", target, headers)).status


def test_a_page_of_another_site_opens_no_web_socket(server: Serving) -> None:
    """Browsers ask nobody before they try."""
    sent = request("GET", "/graphql", WEB_SOCKET | {"Origin": "https://evil.example"})

    assert 403 == exchange(server.url, sent).status


def test_a_tunnel_is_not_dug(server: Serving) -> None:
    """We are no proxy."""
    assert 400 == exchange(server.url, request("CONNECT", "example.com:443", {})).status
