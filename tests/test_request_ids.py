"""The id of a request: in its answer, in the history, and in each line that the log has of it."""

import json
import re
import sqlite3
from contextlib import closing

import httpx2
import pytest

from graph.http.request_ids import log_ids
from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn
from tests.sockets import exchange, request

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CREATE = """
mutation ($username: String!) {
  createCustomer(input: {username: $username, name: "Ada"}) {
    customer { history(first: 1) { nodes { requestId } } }
  }
}
"""
MADE = r"[0-9a-f]{32}"


def answered(server: Serving, given: str | None, path: str = "/graphql") -> str:
    """The id in an answer, given one by the client or not."""
    headers = {"x-request-id": given} if given is not None else {}
    return exchange(server.url, request("GET", path, headers)).headers["x-request-id"]


@pytest.mark.parametrize("given", ["a", "2f1c-9", "a b", 'x"y\\', "~" * 128], ids=repr)
def test_a_clients_id_comes_back(given: str, server: Serving) -> None:
    """Up to 128 printable characters, as they are."""
    assert given == answered(server, given)


@pytest.mark.parametrize("given", [None, "", " ", "a" * 129, "a\tb", "caf\u00e9"], ids=repr)
def test_what_is_no_id_is_replaced(given: str | None, server: Serving) -> None:
    """By one of ours, which is another each time."""
    one, other = (answered(server, given) for _ in range(2))

    assert re.fullmatch(MADE, one)
    assert re.fullmatch(MADE, other)
    assert one != other


@pytest.mark.parametrize("path", ["/", "/ping", "/livez", "/readyz", "/nothing", "/graphql?query=%7B"])
def test_each_answer_has_it(path: str, server: Serving) -> None:
    """Refusals, probes and redirects, too."""
    assert "req-1" == answered(server, "req-1", path)


@on_sqlite
def test_the_history_keeps_it(database_url: str, spawn: Spawn) -> None:
    """The client's, or the one that its answer has."""
    url = f"{spawn.serve(database_url=database_url).url}/graphql"
    kept, told = [], []
    for username, headers in {"ada": {"x-request-id": "req-7"}, "bob": {}}.items():
        body = {"query": CREATE, "variables": {"username": username}}
        answer = httpx2.post(url, json=body, headers=headers, verify=False)
        (change,) = answer.json()["data"]["createCustomer"]["customer"]["history"]["nodes"]
        kept.append(change["requestId"])
        told.append(answer.headers["x-request-id"])

    assert told == kept
    assert "req-7" == told[0]


# No program of ours stores such a time.
BROKEN_ROW = """
INSERT INTO customers (username, name, version, created_at, updated_at) VALUES ('a', 'A', 1, 'today', 'today')
"""


@on_sqlite
def test_the_log_names_it(database_url: str, spawn: Spawn) -> None:
    """With the trace that the request is part of; lines of no request have neither."""
    serving = spawn.serve(database_url=database_url)
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
        connection.execute(BROKEN_ROW)
        connection.commit()
    for headers in ({"x-request-id": "req-8", "traceparent": PARENT}, {"x-request-id": "req-9"}):
        body = {"query": "{ customers { nodes { createdAt } } }"}
        httpx2.post(f"{serving.url}/graphql", json=body, headers=headers, verify=False)
    serving.stop()
    lines = [json.loads(line) for line in serving.output.splitlines()]

    assert [
        ("serving", None, None),
        ("internal error", "req-8", TRACE),
        ("internal error", "req-9", None),
        ("stopped", None, None),
    ] == [(line["event"], line.get("request_id"), line.get("trace_id")) for line in lines]


@pytest.mark.parametrize(
    ("parent", "trace"),
    [
        (PARENT, TRACE),
        (f"01{PARENT[2:]}", TRACE),
        (f"cc{PARENT[2:]}-more", TRACE),
        (f"{PARENT}-more", None),
        (f"ff{PARENT[2:]}", None),
        (PARENT.upper(), None),
        (PARENT.replace(TRACE, "0" * 32), None),
        (PARENT.replace("00f067aa0ba902b7", "0" * 16), None),
        (PARENT[:-1], None),
        ("", None),
    ],
)
def test_a_trace_is_taken_only_well_formed(parent: str, trace: str | None) -> None:
    """As W3C Trace Context has it; what does not fit is as if it were not there."""
    assert trace == log_ids([(b"traceparent", parent.encode())]).get("trace_id")
