"""Bad requests as bytes to a real server: each gets its status and its code, and the server lives on."""

import gzip
import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin

import pytest

from tests.processes import Serving
from tests.sockets import Answer, chunked, connect, exchange, read, request

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
STORED = "{ customers(includeArchived: true) { totalCount { value } } }"
CREATE = 'mutation { createCustomer(input: {username: "mallory", name: "M"}) { customer { id } } }'
TWO = "query A { a: __typename } query B { b: __typename }"
ORDERS = "query ($first: Int) { orders(first: $first) { nodes { id } } }"
NODES = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
PARSE, VALIDATION = "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
LARGE = json.dumps({"query": "{ __typename }", "padding": "x" * 1_000_000}).encode()
SPREAD_ALIASES = " ".join(f"f{n}: customers {{ nodes {{ ...F }} }}" for n in range(50)) + (
    " } fragment F on Customer { " + " ".join(f"a{n}: name" for n in range(99))
)


class Case(NamedTuple):
    """What is sent, and what the answer is: status for either media type, and the code of each error."""

    sent: bytes
    json: int
    response: int
    code: str


def post(body: Any, **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": JSON, "Accept": "ACCEPT"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return request("POST", "/graphql", {name: value for name, value in sent.items() if value}, content)


def get(query: str, method: str = "GET", **headers: str) -> bytes:
    return request(method, f"/graphql?{urlencode({'query': query})}", {"Accept": "ACCEPT", **headers})


def malformed(body: Any) -> Case:
    return Case(post(body), 400, 400, "BAD_REQUEST")


def refused(status: int, sent: bytes, code: str = "BAD_REQUEST") -> Case:
    return Case(sent, status, status, code)


def rejected(code: str, query: str, **variables: Any) -> Case:
    return Case(post({"query": query, "variables": variables}), 200, 400, code)


CASES: dict[str, Case] = {
    "a body of null": malformed(None),
    "a body of 1": malformed(1),
    "a body of text": malformed("x"),
    "a body of a list": malformed([1]),
    "a batch": malformed([{"query": "{ __typename }"}] * 2),
    "invalid UTF-8": malformed(b'{"query": "{ __typename } #\xff"}'),
    "JSON 100,000 levels deep": malformed(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "an integer of 5,000 digits": malformed(b'{"query": "{ a }", "variables": {"x": ' + b"9" * 5000 + b"}}"),
    "truncated JSON": malformed(b'{"query": "{ __type'),
    "no body": malformed(b""),
    "a body over the limit": refused(413, post(LARGE)),
    "a body over the limit in chunks": refused(413, post(chunked(LARGE), Transfer_Encoding="chunked")),
    "text/plain": refused(415, post({"query": CREATE}, Content_Type="text/plain")),
    "a form": refused(
        415,
        post(urlencode({"query": CREATE}).encode(), Content_Type="application/x-www-form-urlencoded"),
    ),
    "a multipart upload": refused(
        415,
        post(
            b'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{"query": "{ a }"}\r\n--x--',
            Content_Type="multipart/form-data; boundary=x",
        ),
    ),
    "a body that is compressed": refused(
        415, post(gzip.compress(json.dumps({"query": CREATE}).encode()), Content_Encoding="gzip")
    ),
    "a body that is said to be compressed": refused(
        415, post({"query": CREATE}, Content_Encoding="identity, BR")
    ),
    "no content type": refused(415, post({"query": CREATE}, Content_Type="")),
    "Accept of image/png": refused(406, post({"query": CREATE}, Accept="image/png")),
    "a mutation by GET": refused(405, get(CREATE), "METHOD_NOT_ALLOWED"),
    "PUT": refused(405, get(CREATE, "PUT"), "METHOD_NOT_ALLOWED"),
    "DELETE": refused(405, get(CREATE, "DELETE"), "METHOD_NOT_ALLOWED"),
    "PATCH": refused(405, get(CREATE, "PATCH"), "METHOD_NOT_ALLOWED"),
    "two operations and no name": malformed({"query": TWO}),
    "a name of 1": malformed({"query": TWO, "operationName": 1}),
    "a name of a list": malformed({"query": TWO, "operationName": ["A"]}),
    "5,000 aliases": rejected(PARSE, f"{{ {' '.join(f'a{n}: __typename' for n in range(5000))} }}"),
    "5,000 aliases through fragments": rejected(VALIDATION, f"{{ {SPREAD_ALIASES} }}"),
    "2,000 directives": rejected(PARSE, f"{{ __typename {'@skip(if: false) ' * 2000} }}"),
    "2,000 unknown directives": rejected(VALIDATION, f"{{ __typename {'@a ' * 2000} }}"),
    "10,000 repeats of one field": rejected(PARSE, f"{{ {'__typename ' * 10_000} }}"),
    "fragments in a circle": rejected(
        VALIDATION, "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    ),
    "a mistyped field": rejected(VALIDATION, "{ customrs { nodes { id } } }"),
    "a subscription": rejected(VALIDATION, "subscription { orderChanged { id } }"),
    "an Int of 2^31": rejected("BAD_USER_INPUT", ORDERS, first=2**31),
    "an Int of 2^63": rejected("BAD_USER_INPUT", ORDERS, first=2**63),
    "a number of 1e400": malformed(b'{"query": "{ a }", "variables": {"x": 1e400}}'),
    "a number of NaN": malformed(b'{"query": "{ a }", "variables": {"x": NaN}}'),
    "NUL in a variable": rejected("BAD_USER_INPUT", NODES, ids=["a\0b"]),
    "half a character in a variable": rejected("BAD_USER_INPUT", NODES, ids=["\ud800"]),
}


@pytest.mark.parametrize("accept", [JSON, RESPONSE], ids=["json", "response"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_bad_request_gets_its_code(case: Case, accept: str, server: Serving) -> None:
    """With few errors, no data, and nothing run of it."""
    before = server.post(STORED)
    answer = exchange(server.url, case.sent.replace(b"ACCEPT", accept.encode()))

    status = case.json if accept == JSON else case.response
    assert (status, {case.code}) == (answer.status, set(answer.codes))
    assert len(answer.codes) <= 11
    assert "data" not in answer.json()
    assert before == server.post(STORED)


@pytest.mark.parametrize(("method", "allowed"), [("GET", {"POST"}), ("PUT", {"GET", "POST"})])
def test_what_is_allowed_is_said(method: str, allowed: set[str], server: Serving) -> None:
    """Of a mutation by GET, POST alone."""
    answer = exchange(server.url, get(CREATE, method).replace(b"ACCEPT", b"*/*"))

    assert allowed == set(answer.headers["allow"].split(", "))


def test_a_compressed_body_is_refused_before_it_is_read(server: Serving) -> None:
    """With what may be sent in its place."""
    sent = CASES["a body that is compressed"].sent.replace(b"ACCEPT", b"*/*")
    answer = exchange(server.url, sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    assert (415, "identity") == (answer.status, answer.headers["accept-encoding"])
    assert (
        "Send the body without Content-Encoding: compressed bodies are not supported."
        == answer.json()["errors"][0]["message"]
    )


def test_a_body_may_be_said_to_be_as_it_is(server: Serving) -> None:
    """Some clients say so."""
    sent = post({"query": "{ __typename }"}, Accept=JSON, Content_Encoding="Identity")

    assert {"data": {"__typename": "Query"}} == exchange(server.url, sent).json()


@pytest.mark.parametrize("query", ["", "?query=%7B__typename%7D"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("prefix", ["", "/shop", "/a/b"])
def test_an_address_with_a_slash_leads_to_the_one_without(
    prefix: str, method: str, query: str, server: Serving
) -> None:
    """Of the same scheme, host and prefix, whatever they are to the client: a proxy may have removed them."""
    answer = exchange(server.url, request(method, f"/graphql/{query}", {"Host": "shop.example"}))
    leads_to = urljoin(f"https://shop.example{prefix}/graphql/{query}", answer.headers["location"])

    assert (307, f"https://shop.example{prefix}/graphql{query}") == (answer.status, leads_to)


@pytest.mark.parametrize(
    ("seen", "headers", "expected"),
    [
        ("/", {}, "/graphql"),
        ("/shop/", {}, "/shop/graphql"),
        ("/shop/", {"X-Forwarded-Prefix": "/shop"}, "/shop/graphql"),
        ("/shop", {"X-Forwarded-Prefix": "/shop"}, "/shop/graphql"),
        ("/a/b", {"X-Forwarded-Prefix": "/a/b/"}, "/a/b/graphql"),
    ],
)
def test_the_root_leads_to_graphql(
    seen: str, headers: dict[str, str], expected: str, server: Serving
) -> None:
    """Below the prefix that a proxy removes: a relative address, or by the header if there is no slash."""
    answer = exchange(server.url, request("GET", "/", headers))
    leads_to = urljoin(f"https://shop.example{seen}", answer.headers["location"])

    assert (307, f"https://shop.example{expected}") == (answer.status, leads_to)


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a//b", "shop", "/%0d", "/a?b"],
)
def test_a_forwarded_prefix_leads_to_no_other_host(prefix: str, server: Serving) -> None:
    """What is not a plain path is ignored."""
    answer = exchange(server.url, request("GET", "/", {"X-Forwarded-Prefix": prefix}))

    assert (307, "graphql") == (answer.status, answer.headers["location"])


@pytest.mark.parametrize("target", ["/livez/", "/nothing/", "//evil.example/"])
def test_no_other_slash_is_mended(target: str, server: Serving) -> None:
    """A probe of such an address fails, as it should."""
    assert 404 == exchange(server.url, request("GET", target, {})).status


def test_production_suggests_nothing(server: Serving) -> None:
    """A mistyped field is told apart from no other."""
    (error,) = exchange(server.url, CASES["a mistyped field"].sent.replace(b"ACCEPT", b"*/*")).json()[
        "errors"
    ]

    assert "Cannot query field 'customrs' on type 'Query'." == error["message"]


def test_ten_thousand_ids_are_too_many(server: Serving) -> None:
    """They are refused before the database is asked."""
    answer = server.post(NODES, ids=["x"] * 10_000)

    assert ["BAD_USER_INPUT"] == [error["extensions"]["code"] for error in answer["errors"]]
    assert "data" not in answer


TOKEN = "s3cret-in-the-address"


def test_a_token_in_the_address_is_ignored_and_not_logged(server: Serving) -> None:
    """Whoever is nobody without it is nobody with it; addresses lie in the logs of everything in between."""
    for name in ("access_token", "token", "api_key", "authorization"):
        targets = [f"/?{name}={TOKEN}", f"/graphql?{name}={TOKEN}", f"/nothing?{name}={TOKEN}"]
        for target in (*targets, f"/graphql?{name}={TOKEN}&query={quote('{ __typename }')}"):
            answer = exchange(server.url, request("GET", target, {"Accept": JSON}))
            assert TOKEN not in f"{answer.headers} {answer.body!r}"

    assert {"data": {"__typename": "Query"}} == answer.json()
    assert TOKEN not in server.output


def test_what_is_no_http_is_no_event_of_the_log(server: Serving) -> None:
    """There is always somebody who sends such things, and nothing to do about it."""
    answers = [
        exchange(server.url, b"%b / HTTP/1.1\r\n\r\n" % word) for word in (b"HELO", b"get", b"\x16\x03")
    ]

    assert [400] * 3 == [each.status for each in answers]
    assert not re.findall(r"Invalid HTTP|upgrade", server.output)


def test_a_connection_is_kept(server: Serving) -> None:
    """One request after the other, those that are refused among them."""
    cases = [CASES[name].sent.replace(b"ACCEPT", b"*/*") for name in ("truncated JSON", "5,000 aliases")]
    good = post({"query": "{ __typename }"}, Accept=JSON)
    answers: list[Answer] = []
    with connect(server.url) as connection:
        for sent in (good, *cases, good):
            connection.sendall(sent)
            answers.append(read(connection, "POST"))

    assert [200, 400, 200, 200] == [each.status for each in answers]
    assert {"data": {"__typename": "Query"}} == answers[-1].json()
