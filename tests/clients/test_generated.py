"""Programs with generated types in other languages: generated, compiled and run against a real server."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import doc_examples
from tests.clients import packages
from tests.clients.packages import Toolchain
from tests.processes import Serving, Spawn

pytestmark = pytest.mark.tools
HERE = Path(__file__).parent
SHARED = (doc_examples.ROOT / "schema.graphql", HERE / "operations.graphql")
SHOP = "{ customers(first: 100) { nodes { username orders(first: 100) { nodes { id } } } } }"
PLACED = "2026-02-28T09:30:00.000001Z"
FILTERED = """
query ($placed: DateTime!) {
  orders(first: 100, where: {status: {in: [PENDING, PAID]}, placedAt: {gte: $placed}}) { nodes { id } }
}
"""
ORDER = "query ($reference: String!) { order(by: {reference: $reference}) { id placedAt total { amount } } }"

TOOLCHAINS = [
    Toolchain(
        "go",
        "go",
        [["go", "tool", "genqlient"], ["go", "build", "-o", "build/client", "."]],
        ["build/client"],
    ),
    Toolchain(
        "rust",
        "cargo",
        [["cargo", "build", "--quiet", "--target-dir", "build"]],
        ["build/debug/tidegraph-client"],
    ),
    Toolchain(
        "java",
        "mvn",
        [["mvn", "-B", "-ntp", "-q", "compile"]],
        ["java", "-cp", "build/classes:build/dependency/*", "client.Main"],
    ),
    Toolchain(
        "python",
        "python3",
        [
            ["python3", "-m", "venv", ".venv"],
            [".venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
            [".venv/bin/ariadne-codegen"],
        ],
        [".venv/bin/python", "main.py"],
    ),
]


@dataclass(frozen=True)
class Shop:
    server: Serving
    reader: Serving
    key: str

    def ids(self, document: str, **variables: Any) -> list[str]:
        nodes = self.reader.post(document, **variables)["data"]["orders"]["nodes"]
        return [node["id"] for node in nodes]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Shop]:
    """One database behind two servers: the programs' wants an API key, the tests' does not."""
    folder = tmp_path_factory.mktemp("generated")
    shutil.copy(migrated_sqlite, folder / "tidegraph.db")
    with Spawn(folder) as spawn:
        spawn.run("seed", "--customers", "9", "--orders", "5")
        scopes = ("--scope", "customers:read", "--scope", "orders:read", "--scope", "orders:write")
        key = spawn.run("keys", "create", "desk", *scopes).stdout.strip()
        yield Shop(spawn.serve(auth="keys"), spawn.serve(), key)


@pytest.mark.parametrize("toolchain", TOOLCHAINS, ids=lambda toolchain: toolchain.folder)
def test_a_generated_client_does_what_a_shop_does(toolchain: Toolchain, shop: Shop) -> None:
    """It pages, looks up, filters, writes exact amounts and times, and reads user errors and error codes."""
    packages.compile_with(HERE / toolchain.folder, toolchain, *SHARED)
    customers = shop.reader.post(SHOP)["data"]["customers"]["nodes"]
    filtered = shop.ids(FILTERED, placed=PLACED)
    reference = f"desk {toolchain.folder}"
    report = packages.run_program(
        HERE / toolchain.folder, *toolchain.program, f"{shop.server.url}/graphql", shop.key, reference
    )
    order = shop.reader.post(ORDER, reference=reference)["data"]["order"]

    assert 0 < len(filtered) < 45
    assert {
        "shop": [
            [each["username"], [order["id"] for order in each["orders"]["nodes"]]] for each in customers
        ],
        "found": customers[0]["username"],
        "filtered": filtered,
        "created": order["id"],
        "placed": True,
        "sum": "0.3",
        "taken": [["TAKEN", ["input", "reference"], reference]],
        "codes": ["FORBIDDEN", "UNAUTHENTICATED"],
    } == report
    assert (PLACED, "0.1") == (order["placedAt"], order["total"]["amount"])
