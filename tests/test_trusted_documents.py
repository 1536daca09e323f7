"""Documents by their ids, over HTTP: what clients' builds write, and a server that takes nothing else."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn

# relay-compiler's ids are MD5 sums, those of graphql-codegen SHA sums; the files have the same shape.
ONE, TWO, BAD, UNKNOWN = (
    "5d41402abc4b2a76b9719d911017c592",
    "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "b",
    "c",
)
DOCUMENTS = {
    ONE: "query One($n: Int) { orders(first: $n) { nodes { id } } }",
    TWO: "query Two { __typename } query Three { three: __typename }",
    BAD: "{ nothing }",
}
ANSWER = {"data": {"orders": {"nodes": []}}}
NO_QUERY = 'The request has no query. Send {"query": "…", "variables": {}}.'
ONLY_TRUSTED = "Only trusted documents are accepted. Send a documentId instead of a query."

pytestmark = on_sqlite


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "persisted.json"
    path.write_text(json.dumps(DOCUMENTS))
    return path


@pytest.fixture
def serving(database_url: str, spawn: Spawn, file: Path) -> Serving:
    return spawn.serve("--trusted-documents", str(file), database_url=database_url)


@pytest.fixture
def strict(database_url: str, spawn: Spawn, file: Path) -> Serving:
    flags = ("--trusted-documents", str(file), "--only-trusted-documents")
    return spawn.serve(*flags, database_url=database_url)


def ask(serving: Serving, **fields: Any) -> tuple[int, Any]:
    response = httpx2.post(f"{serving.url}/graphql", json=fields, verify=False, timeout=30)
    return response.status_code, response.json()


def refusal(serving: Serving, **fields: Any) -> tuple[int, str, str]:
    status, answer = ask(serving, **fields)
    (error,) = answer["errors"]
    return status, error["extensions"]["code"], error["message"]


def persisted(hash_: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hash_}}


def test_a_document_is_run_by_its_id(serving: Serving) -> None:
    """In either place where clients send it, with variables and a name, by POST and by GET."""
    extensions = json.dumps(persisted(TWO))
    by_get = serving.get(f"/graphql?operationName=Three&extensions={extensions}")

    assert (200, ANSWER) == ask(serving, documentId=ONE, variables={"n": 1})
    assert (200, ANSWER) == ask(serving, extensions=persisted(ONE), variables={"n": 1})
    assert {"data": {"three": "Query"}} == by_get.json()


def test_other_documents_are_run_too(serving: Serving) -> None:
    """Unless told otherwise; a client that sends a hash with its query gets the query's answer."""
    query = "{ __typename }"

    assert (200, {"data": {"__typename": "Query"}}) == ask(serving, query=query)
    assert (200, {"data": {"__typename": "Query"}}) == ask(
        serving, query=query, extensions=persisted(UNKNOWN)
    )


def test_an_unknown_id_is_refused(serving: Serving) -> None:
    """In the words on which a client that sends hashes sends its query."""
    assert (400, "BAD_REQUEST", "No trusted document has this documentId.") == refusal(
        serving, documentId=UNKNOWN
    )
    not_found = (200, "PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
    assert not_found == refusal(serving, extensions=persisted(UNKNOWN))
    assert (400, "BAD_REQUEST", "documentId must be a string.") == refusal(serving, documentId=1)
    assert (400, "BAD_REQUEST", NO_QUERY) == refusal(serving, extensions={})


def test_a_trusted_document_is_held_to_the_rules(serving: Serving) -> None:
    """It is parsed, validated and limited like any other."""
    assert "GRAPHQL_VALIDATION_FAILED" == refusal(serving, documentId=BAD)[1]


def test_nothing_but_trusted_documents_is_accepted(strict: Serving) -> None:
    """Not even one of their texts, nor a query beside a good id."""
    refused = [
        refusal(strict, query="{ __typename }"),
        refusal(strict, query=DOCUMENTS[ONE]),
        refusal(strict, query="{ __typename }", documentId=ONE),
        refusal(strict, query="{ __typename }", extensions=persisted(ONE)),
        refusal(strict),
    ]

    assert [(400, "BAD_REQUEST", ONLY_TRUSTED)] * 5 == refused
    assert (400, "BAD_REQUEST", "No trusted document has this documentId.") == refusal(
        strict, documentId=UNKNOWN
    )
    assert (200, "PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported") == refusal(
        strict, extensions=persisted(UNKNOWN)
    )
    assert (200, ANSWER) == ask(strict, documentId=ONE)
    assert (200, ANSWER) == ask(strict, extensions=persisted(ONE))


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', "{"])
def test_a_file_of_another_kind_is_refused(content: str, file: Path, spawn: Spawn, database_url: str) -> None:
    """At the start, in one line."""
    file.write_text(content)
    ended = spawn.run("serve", "--trusted-documents", str(file), database_url=database_url)

    assert 1 == ended.returncode
    assert ended.stderr.startswith("tidegraph: TIDEGRAPH_TRUSTED_DOCUMENTS names a file that is not ")
