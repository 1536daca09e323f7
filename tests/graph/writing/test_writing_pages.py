"""The pages on writing hold: their examples, in order, give their answers, and their loop is safe."""

import json
import time
from typing import Any

import pytest

from graph.mutations.user_errors import UserErrorCode
from tests import doc_examples
from tests.api import Api
from tests.processes import Serving

PAGES = [doc_examples.ROOT / "docs" / f"writing{part}.md" for part in ("", "-batches", "-history")]
IDS = """
{
  customer(by: {username: "grace"}) { id }
  order(by: {reference: "W-1"}) { id }
}
"""
CREATE = """
mutation ($input: CreateCustomerInput!) {
  createCustomer(input: $input) { customer { version } userErrors { code } }
}
"""


async def ids(api: Api) -> dict[str, str | None]:
    """The values of `$customer` and `$order`, as far as they are there."""
    return {name: found and found["id"] for name, found in (await api.data(IDS)).items()}


async def test_examples_give_their_answers(api: Api) -> None:
    """From an empty database, one after the other, over all three pages."""
    shown = [example for page in PAGES for example in doc_examples.examples(page)]

    assert 16 == len(shown)
    for query, answer in shown:
        assert answer is not None, query
        assert json.loads(answer) == await api.send(query, **await ids(api))


def test_every_user_error_is_in_the_table() -> None:
    """The codes that the schema has, each once."""
    rows = [line.split("|")[1] for line in PAGES[0].read_text().splitlines() if line.startswith("| `")]
    told = [code for row in rows for code in row.replace("`", "").split()]

    assert set() == set(UserErrorCode.__members__) - set(told)
    assert len(set(told)) == len(told)


def loop() -> Any:
    """The page's function `write`."""
    names: dict[str, Any] = {}
    exec(doc_examples.blocks(PAGES[0], "python")[0], names)
    return names["write"]


def test_the_loop_carries_out_once(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost answers and conflicts are answered by the same change with the same key, after a pause."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    busy = {"code": "CONFLICT", "retryable": True, "retryAfterMs": 7000}
    failures = [OSError("lost"), {"data": None, "errors": [{"path": ["createCustomer"], "extensions": busy}]}]

    def post(mutation: str, variables: dict[str, Any]) -> Any:
        answer = server.post(mutation, **variables)
        match failures.pop(0) if failures else answer:
            case OSError() as lost:
                raise lost
            case failed:
                return failed

    answer = loop()(post, CREATE, {"input": {"username": "once", "name": "Once"}})

    assert {"createCustomer": {"customer": {"version": 1}, "userErrors": []}} == answer["data"]
    assert 0.1 <= pauses[0] <= 0.2
    assert [7] == pauses[1:]


def test_the_loop_gives_final_answers_at_once() -> None:
    """User errors, what is wrong with the request, and what failed below the mutation."""
    below = {"path": ["createCustomer", "customer", "orders"], "extensions": {"code": "TIMEOUT"}}
    wrong = {"extensions": {"code": "BAD_USER_INPUT"}}
    for answer in ({"data": {}}, {"data": {}, "errors": [below]}, {"errors": [wrong]}):
        assert answer is loop()(lambda *_sent, given=answer: given, CREATE, {"input": {}})
