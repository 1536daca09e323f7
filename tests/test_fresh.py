"""What saves bytes: tags of what a GET got, compression, and connections that are kept."""

import gzip
import json
from urllib.parse import urlencode

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer
from tests.processes import Serving
from tests.sockets import Answer, connect, exchange, read, request

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
FEW = "{ customers(first: 2) { nodes { id name } } }"
MANY = "{ orders(first: 100) { nodes { id reference status total { amount currency } } } }"


def got(server: Serving, query: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return exchange(server.url, request("GET", f"/graphql?{urlencode({'query': query})}", sent))


def test_what_a_get_got_is_not_sent_twice(server: Serving) -> None:
    """304 without a body, with the tag, for a cache of that client alone."""
    first = got(server, FEW)
    again = got(server, FEW, If_None_Match=first.headers["etag"])

    assert (200, 304, b"") == (first.status, again.status, again.body)
    for answer in (first, again):
        assert first.headers["etag"] == answer.headers["etag"]
        assert "private, no-cache" == answer.headers["cache-control"]
        assert "Accept" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize(
    ("known", "status"),
    [("%s", 304), ('"x", %s', 304), ("*", 304), ('"x"', 200), ("", 200), ('W/"x"', 200)],
)
def test_a_tag_may_be_one_of_several(known: str, status: int, server: Serving) -> None:
    """Weak ones and strong ones are the same, for they are only compared."""
    tag = got(server, FEW).headers["etag"]

    assert status == got(server, FEW, If_None_Match=known.replace("%s", tag)).status
    assert status == got(server, FEW, If_None_Match=known.replace("%s", tag.removeprefix("W/"))).status


def test_another_answer_has_another_tag(server: Serving) -> None:
    """It is that of the bytes."""
    assert got(server, FEW).headers["etag"] != got(server, MANY).headers["etag"]


@on_sqlite
async def test_a_change_ends_a_tag(database: Database, api: Api) -> None:
    """It is asked again each time, so nothing old is shown."""
    url = f"/graphql?{urlencode({'query': FEW})}"
    await create_customer(database)
    before = await api.client.get(url)
    await create_customer(database)
    after = await api.client.get(url, headers={"If-None-Match": before.headers["etag"]})

    assert (200, 2) == (after.status_code, len(after.json()["data"]["customers"]["nodes"]))


@on_sqlite
async def test_a_receipt_is_not_tagged(database: Database) -> None:
    """It says how long the database took, which is another each time."""
    async with Api.of(database, env="development") as api:
        url = f"/graphql?{urlencode({'query': FEW})}"
        first, second = await api.client.get(url), await api.client.get(url)

    assert "receipt" in first.json()["extensions"]
    assert first.headers["etag"] == second.headers["etag"]


@pytest.mark.parametrize("query", ["{", "{ nothing }", "{ orders(first: -1) { nodes { id } } }"])
@pytest.mark.parametrize("accept", [JSON, RESPONSE])
def test_an_error_has_no_tag(query: str, accept: str, server: Serving) -> None:
    """What went wrong may go right the next time."""
    assert "etag" not in got(server, query, Accept=accept).headers


def test_what_is_large_is_compressed_for_those_who_can(server: Serving) -> None:
    """The same bytes come out; caches keep the two apart."""
    plain, packed = got(server, MANY), got(server, MANY, Accept_Encoding="br, gzip")

    assert "content-encoding" not in plain.headers
    assert "gzip" == packed.headers["content-encoding"]
    assert plain.body == gzip.decompress(packed.body)
    assert len(packed.body) * 3 < len(plain.body)
    assert plain.headers["etag"] == packed.headers["etag"]
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["vary"]


def test_what_is_small_is_not_compressed(server: Serving) -> None:
    """It fits a packet as it is."""
    assert "content-encoding" not in got(server, FEW, Accept_Encoding="gzip").headers


def test_a_post_is_compressed_too(server: Serving) -> None:
    """But it has no tag: nobody keeps it."""
    body = json.dumps({"query": MANY}).encode()
    headers = {"Content-Type": JSON, "Accept-Encoding": "gzip"}
    answer = exchange(server.url, request("POST", "/graphql", headers, body))

    assert "gzip" == answer.headers["content-encoding"]
    assert 100 == len(json.loads(gzip.decompress(answer.body))["data"]["orders"]["nodes"])
    assert "etag" not in answer.headers


def test_a_connection_is_kept_for_the_next_query(server: Serving) -> None:
    """Whether the last was answered, was known already or was none."""
    tag = got(server, FEW).headers["etag"]
    asked = f"/graphql?{urlencode({'query': FEW})}"
    sent = [
        request("GET", asked, {}),
        request("GET", asked, {"If-None-Match": tag}),
        request("GET", "/graphql", {"Accept": JSON}),
    ]
    with connect(server.url) as connection:
        statuses = []
        for each in [*sent, *sent]:
            connection.sendall(each)
            statuses.append(read(connection).status)

    assert [200, 304, 400] * 2 == statuses
