"""What each answer tells browsers, whoever asked and whatever for."""

import json
import re

import pytest

from graph.http.graphiql import DIST
from tests.processes import Serving
from tests.sockets import Answer, exchange, request

JSON = {"Content-Type": "application/json"}
PAGE = {"Accept": "text/html"}
APP = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
GOOD, BAD = (json.dumps({"query": query}).encode() for query in ("{ __typename }", "{"))
CREATE = b'{"query": "mutation { deleteOrder(input: {id: \\"x\\"}) { userErrors { code } } }"}'
QUERY = "/graphql?query=%7B__typename%7D"

# What is sent, the status, and how long the answer may be kept.
ANSWERS: dict[str, tuple[bytes, int, str]] = {
    "a query by POST": (request("POST", "/graphql", JSON, GOOD), 200, "no-store"),
    "a mutation": (request("POST", "/graphql", JSON, CREATE), 200, "no-store"),
    "an error by POST": (request("POST", "/graphql", JSON, BAD), 200, "no-store"),
    "a query by GET": (request("GET", QUERY, {}), 200, "private, no-cache"),
    "a query by GET that is known": (request("GET", QUERY, {"If-None-Match": "*"}), 304, "private, no-cache"),
    "an error by GET": (request("GET", "/graphql?query=%7B", {}), 200, "no-store"),
    "a malformed request": (request("POST", "/graphql", JSON, b"null"), 400, "no-store"),
    "another site's request": (request("GET", QUERY, {"Sec-Fetch-Site": "cross-site"}), 403, "no-store"),
    "another method": (request("PUT", "/graphql", JSON, GOOD), 405, "no-store"),
    "a preflight": (request("OPTIONS", "/graphql", APP), 400, "no-store"),
    "the page": (request("GET", "/graphql", PAGE), 200, "no-cache"),
    "the way to the page": (request("GET", "/", PAGE), 307, "no-store"),
    "a probe": (request("GET", "/livez", {}), 200, "no-store"),
    "nothing": (request("GET", "/nothing", {}), 404, "no-store"),
}


def told(answer: Answer) -> tuple[str, str, str]:
    names = ("x-content-type-options", "referrer-policy", "x-frame-options")
    nosniff, referrer, frame = (answer.headers[name] for name in names)
    return nosniff, referrer, frame


@pytest.mark.parametrize(("sent", "status", "kept"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_keeps_browsers_careful(sent: bytes, status: int, kept: str, server: Serving) -> None:
    """No guessed types, no referrer, no frame; and customers' data lie in no shared cache."""
    answer = exchange(server.url, sent)

    assert (status, kept) == (answer.status, answer.headers["cache-control"])
    assert ("nosniff", "no-referrer", "DENY") == told(answer)


@pytest.mark.skipif(not (DIST / "index.html").exists(), reason="GraphiQL is not built: run `make graphiql`")
def test_a_script_of_the_page_is_kept_for_good(server: Serving) -> None:
    """Its name changes with its content."""
    page = exchange(server.url, request("GET", "/graphql", PAGE)).body.decode()
    (script, *_) = re.findall(r'src="\.?(/[^"]+\.js)"', page)
    answer = exchange(server.url, request("GET", script, {}))

    assert (200, "public, max-age=31536000, immutable") == (answer.status, answer.headers["cache-control"])
    assert ("nosniff", "no-referrer", "DENY") == told(answer)
