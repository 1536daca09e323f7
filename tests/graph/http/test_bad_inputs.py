"""What a careless client posts to a real server: each gets its code, and nothing changes."""

import json
from typing import Any

import httpx2
import pytest

from tests.processes import Serving

STORED = "{ customers(includeArchived: true) { totalCount { value } } orders { totalCount { value } } }"
UNKNOWN = "Q3VzdG9tZXI6OTk5OTk5OTk5"


def page(arguments: str) -> str:
    return f"{{ orders({arguments}) {{ nodes {{ id }} }} }}"


def create_customer(**sent: Any) -> dict[str, Any]:
    mutation = """
    mutation ($input: CreateCustomerInput!) {
      createCustomer(input: $input) { customer { id } userErrors { code } }
    }
    """
    return {"query": mutation, "variables": {"input": {"username": "zoe", "name": "Zoe"} | sent}}


def create_order(**sent: Any) -> dict[str, Any]:
    mutation = """
    mutation ($input: CreateOrderInput!) {
      createOrder(input: $input) { order { id } userErrors { code } }
    }
    """
    return {"query": mutation, "variables": {"input": {"customerId": UNKNOWN} | sent}}


def euros(amount: Any, currency: str = "EUR") -> dict[str, Any]:
    return create_order(total={"amount": amount, "currency": currency})


REQUESTS: dict[str, tuple[Any, str]] = {
    "first below 0": (page("first: -1"), "BAD_USER_INPUT"),
    "first above 100": (page("first: 101"), "BAD_USER_INPUT"),
    "first past 32 bits": (page("first: 99999999999"), "GRAPHQL_VALIDATION_FAILED"),
    "first and last": (page("first: 1, last: 1"), "BAD_USER_INPUT"),
    "first of text": (page('first: "1"'), "GRAPHQL_VALIDATION_FAILED"),
    "a cursor of nothing": (page('after: ""'), "BAD_USER_INPUT"),
    "a cursor of noise": (page('after: "%%%"'), "BAD_USER_INPUT"),
    "an id for a cursor": (page(f'after: "{UNKNOWN}"'), "BAD_USER_INPUT"),
    "an id of noise": (create_order(customerId="%%%", total={"amount": "1", "currency": "EUR"}), "NOT_FOUND"),
    "two ways to look up": ('{ customer(by: {id: "x", email: "y"}) { id } }', "GRAPHQL_VALIDATION_FAILED"),
    "101 ids": (f"{{ nodes(ids: {json.dumps([UNKNOWN] * 101)}) {{ id }} }}", "BAD_USER_INPUT"),
    "no text": (create_customer(username=" "), "REQUIRED"),
    "text too long": (create_customer(name="n" * 251), "TOO_LONG"),
    "NUL in text": (create_customer(name="a\0b"), "BAD_USER_INPUT"),
    "half a character": (b'{"query": "{ node(id: \\"\\ud800\\") { id } }"}', "BAD_USER_INPUT"),
    "no e-mail address": (create_customer(email="zoe"), "INVALID_EMAIL"),
    "a number for text": (create_customer(name=1), "BAD_USER_INPUT"),
    "a number for an amount": (euros(1.5), "BAD_USER_INPUT"),
    "an amount with an exponent": (euros("1e5"), "BAD_USER_INPUT"),
    "five decimal places": (euros("0.00001"), "BAD_USER_INPUT"),
    "an amount below 0": (euros("-1"), "AMOUNT_OUT_OF_RANGE"),
    "an amount past the range": (euros("100000000000"), "AMOUNT_OUT_OF_RANGE"),
    "a currency of none": (euros("1", "XQX"), "UNKNOWN_CURRENCY"),
    "neither total nor lines": (create_order(), "TOTAL_OR_LINES"),
    "a customer that is not there": (euros("1"), "NOT_FOUND"),
    "a body of null": (b"null", "BAD_REQUEST"),
    "no body": (b"", "BAD_REQUEST"),
    "half a body": (b'{"query": "{', "BAD_REQUEST"),
    "a body too large": (b'{"query": "' + b"#" * 5_000_000 + b'"}', "BAD_REQUEST"),
    "a body too deep": (b"[" * 100_000, "BAD_REQUEST"),
}


def codes(answer: dict[str, Any]) -> list[str]:
    """Those of its errors, or of the user errors in its one payload."""
    if "errors" in answer:
        return [error["extensions"]["code"] for error in answer["errors"]]
    (payload,) = answer["data"].values()
    return [error["code"] for error in payload["userErrors"]]


@pytest.mark.parametrize(("request_", "code"), REQUESTS.values(), ids=REQUESTS)
def test_a_mistake_gets_its_code_and_changes_nothing(request_: Any, code: str, server: Serving) -> None:
    """Over a socket, and the server is none the worse for it. The customer's NOT_FOUND may come after it."""
    before = server.post(STORED)
    body = {"query": request_} if isinstance(request_, str) else request_
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    answer = httpx2.post(f"{server.url}/graphql", content=content, headers=headers, verify=False)

    first, *others = codes(answer.json())
    assert (code, True) == (first, others in ([], ["NOT_FOUND"]))
    assert before == server.post(STORED)
