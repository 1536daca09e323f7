"""Apollo Client, urql and Relay, as an application has them, against real servers."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate

from tests import doc_examples
from tests.clients import packages
from tests.processes import Serving, Spawn

pytestmark = pytest.mark.tools
JAVASCRIPT = Path(__file__).parent / "javascript"
SCHEMA = doc_examples.ROOT / "schema.graphql"
SHOP = "{ customers(first: 100) { nodes { username orders(first: 100) { nodes { id } } } } }"
ORDER = "query ($reference: String!) { order(by: {reference: $reference}) { id } }"


@dataclass(frozen=True)
class Shop:
    """One database behind two servers: `strict` wants a key, and runs what clients' builds wrote alone."""

    open: Serving
    strict: Serving
    key: str

    def run(self, client: str, *, strictly: bool, reference: str) -> Any:
        """What a client's program tells of its visit."""
        server, key = (self.strict, [self.key]) if strictly else (self.open, [])
        return packages.run(JAVASCRIPT, f"build/{client}/run.js", f"{server.url}/graphql", reference, *key)

    def customers(self) -> Any:
        """All customers with the ids of all their orders, on one page."""
        found = self.open.post(SHOP)["data"]["customers"]["nodes"]
        return [[each["username"], [order["id"] for order in each["orders"]["nodes"]]] for each in found]

    def order_id(self, reference: str) -> str:
        found: str = self.open.post(ORDER, reference=reference)["data"]["order"]["id"]
        return found


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file for `--trusted-documents`: what graphql-codegen and relay-compiler wrote, together."""
    packages.build(JAVASCRIPT, SCHEMA)
    written = (JAVASCRIPT / "generated" / name for name in ("gql/persisted-documents.json", "relay.json"))
    found = {key: text for file in written for key, text in json.loads(file.read_text()).items()}
    path = tmp_path_factory.mktemp("documents") / "documents.json"
    path.write_text(json.dumps(found))
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path, documents: Path) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    shutil.copy(migrated_sqlite, folder / "tidegraph.db")
    with Spawn(folder) as spawn:
        spawn.run("seed", "--customers", "9", "--orders", "5")
        scopes = ("--scope", "customers:read", "--scope", "orders:read", "--scope", "orders:write")
        key = spawn.run("keys", "create", "web", *scopes).stdout.strip()
        trusted = ("--trusted-documents", str(documents), "--only-trusted-documents")
        yield Shop(spawn.serve(), spawn.serve(*trusted, auth="keys"), key)


@pytest.mark.parametrize(
    ("client", "strictly"),
    # Of Relay's documents its compiler leaves the ids alone.
    [("apollo", False), ("apollo", True), ("urql", False), ("urql", True), ("relay", True)],
)
def test_a_client_pages_and_changes(client: str, strictly: bool, shop: Shop) -> None:
    """Two at a time it has each row once and in order; what it changes is so in its cache and in the list."""
    before, reference = shop.customers(), f"{client} {strictly}"
    told = shop.run(client, strictly=strictly, reference=reference)
    (username, orders), *others = before
    new = shop.order_id(reference)

    assert [5] * 8 == [len(each) for _, each in others]
    assert before == told["shop"]
    assert [new, *orders] == told["after"]
    assert ["PAID", "12.5"] == told["newest"]
    assert [
        {"__typename": "ValueTakenError", "code": "TAKEN", "path": ["input", "reference"], "value": reference}
    ] == told["refused"]
    assert [[username, told["after"]], *others] == shop.customers()


def test_a_client_finds_the_code_of_an_error(shop: Shop) -> None:
    """Where it looks for it, when the server answers 401; with a key it is let in."""
    told = packages.run(JAVASCRIPT, "build/errors.js", f"{shop.strict.url}/graphql", shop.key)

    assert {client: ["UNAUTHENTICATED", "OK"] for client in ("apollo", "urql", "relay")} == told


def test_apollo_sends_hashes_over_get(shop: Shop) -> None:
    """Its link sends the document once, after the hash was not found; then the hash alone."""
    found = packages.run(JAVASCRIPT, "build/apollo/persisted.js", f"{shop.open.url}/graphql")

    assert {"sent": ["GET hash", "POST document", "GET hash"], "answers": [1, 2]} == found


def test_caches_show_the_nodes_of_all_pages(shop: Shop) -> None:
    """After all pages are fetched, at the root and nested; a query that selects edges too has the same."""
    expected = shop.customers()
    found = packages.run(JAVASCRIPT, "build/nodes.js", f"{shop.open.url}/graphql")

    assert {client: {"shop": expected, "edges": expected[0][1]} for client in ("apollo", "urql")} == found


def test_caches_find_user_errors_by_their_interface(shop: Shop) -> None:
    """A fragment on UserError has all of its fields, and those of each type; a form finds errors by path."""
    found = packages.run(JAVASCRIPT, "build/problems.js", f"{shop.open.url}/graphql", "problems")
    customer = found["customer"]

    for client in ("apollo", "urql"):
        [[conflict], [taken], [missing]] = found[client]
        assert ("VERSION_CONFLICT", ["input", "expectedVersion"]) == (conflict["code"], conflict["path"])
        assert (customer, "Customer", 1) == tuple(
            conflict["current"][name] for name in ("id", "__typename", "version")
        )
        assert ("TAKEN", ["input", "reference"], "problems") == (taken["code"], taken["path"], taken["value"])
        assert ("NOT_FOUND", ["input", "customerId"]) == (missing["code"], missing["path"])
        assert all(each["message"] for each in (conflict, taken, missing))
        assert missing["missing"]
    assert [["input.reference"], ["input.total.amount", "input.total.currency"]] == found["form"]


def test_a_retried_mutation_is_carried_out_once(shop: Shop) -> None:
    """Four failures, two of them after the order was stored, with one key; other errors are final."""
    customer = shop.open.post("{ customers(first: 1) { nodes { id } } }")["data"]["customers"]["nodes"][0][
        "id"
    ]
    found = packages.run(JAVASCRIPT, "build/flaky.js", f"{shop.open.url}/graphql", customer, "retried")

    assert {
        "attempts": 5,
        "keys": 1,
        "waited": True,
        "created": shop.order_id("retried"),
        "refused": "BAD_USER_INPUT",
    } == found


def test_polling_shows_a_new_order(shop: Shop) -> None:
    """An order that another client creates appears first in the polled page."""
    found = packages.run(JAVASCRIPT, "build/poll.js", f"{shop.open.url}/graphql", "polled")

    assert {"newest": shop.order_id("polled")} == found


def test_builds_write_documents_that_hold(documents: Path) -> None:
    """Of all 13 operations, valid against the schema; relay-compiler finds what it wrote up to date."""
    schema, found = build_schema(SCHEMA.read_text()), json.loads(documents.read_text())
    compiler = JAVASCRIPT / "node_modules" / ".bin" / "relay-compiler"

    assert 13 == len(found)
    assert [[]] * 13 == [validate(schema, parse(text)) for text in found.values()]
    subprocess.run([compiler, "--validate"], cwd=JAVASCRIPT, check=True, capture_output=True)
