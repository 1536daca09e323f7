"""A page whose name leads to this machine: to its browser it is at home here, and it is refused."""

from typing import Any

import pytest

from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn
from tests.sockets import Answer, exchange, request

JSON = {"Content-Type": "application/json"}
TYPENAME = {"data": {"__typename": "Query"}}
OURS = [
    "localhost",
    "LocalHost:8000",
    "localhost.",
    "app.localhost:8000",
    "127.0.0.1:8000",
    "[::1]:8000",
    "192.0.2.1",
]
STRANGE = [
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "notlocalhost",
    "[",
]


def ask(serving: Serving, host: str, **headers: str) -> Answer:
    sent = {**JSON, "Host": host, **headers}
    return exchange(serving.url, request("POST", "/graphql", sent, b'{"query": "{ __typename }"}'))


@pytest.mark.parametrize("host", STRANGE)
def test_without_authentication_other_names_are_refused(host: str, server: Serving) -> None:
    """Whether a browser says whose page it is or not; the page of GraphiQL has no data, and is shown."""
    headers: list[dict[str, str]] = [{}, {"Origin": f"http://{host}"}, {"Sec-Fetch-Site": "same-origin"}]
    answers = [ask(server, host, **each) for each in headers]
    page = exchange(server.url, request("GET", "/graphql", {"Host": host, "Accept": "text/html"}))

    assert [(403, ["FORBIDDEN"])] * 3 == [(each.status, each.codes) for each in answers]
    message = (
        "This Host is not allowed. Without authentication the server accepts localhost and IP addresses: "
        "set TIDEGRAPH_AUTH, or use --insecure."
    )
    assert message == answers[0].json()["errors"][0]["message"]
    assert 200 == page.status


@pytest.mark.parametrize("host", OURS)
def test_names_of_this_machine_are_answered(host: str, server: Serving) -> None:
    """No page of another site can have one of these."""
    assert TYPENAME == ask(server, host, Origin=f"http://{host.lower()}").json()


def test_a_request_without_a_name_is_answered(server: Serving) -> None:
    """Browsers always send one."""
    sent = b"GET /graphql?query={__typename} HTTP/1.0\r\n\r\n"

    assert TYPENAME == exchange(server.url, sent).json()


@on_sqlite
@pytest.mark.parametrize(
    ("options", "settings", "status"),
    [(["--insecure"], {}, 200), ([], {"auth": "keys"}, 401)],
    ids=["insecure", "keys"],
)
def test_a_server_may_have_a_name(
    options: list[str], settings: dict[str, Any], status: int, database_url: str, spawn: Spawn
) -> None:
    """With keys a page would need one; without, whoever says --insecure has been told."""
    serving = spawn.serve(*options, database_url=database_url, **settings)

    assert status == ask(serving, "shop.example").status
