"""Composition with a second subgraph by both composers, and queries of both through Apollo's gateway."""

from pathlib import Path

import pytest

from graph import schema
from tests.clients import packages
from tests.processes import Spawn

pytestmark = pytest.mark.tools
FEDERATION = Path(__file__).parent / "federation"
ORDERS = """query {
  orders(first: 2, orderBy: {field: PLACED_AT}) {
    nodes { id reference customer { username } }
    pageInfo { hasNextPage }
  }
}"""


@pytest.fixture(scope="module")
def federation() -> Path:
    packages.install(FEDERATION)
    return FEDERATION


def test_both_composers_accept_the_schema(federation: Path, tmp_path: Path) -> None:
    """Apollo's and The Guild's, beside a subgraph that has PageInfo and node as well."""
    path = tmp_path / "tidegraph.graphql"
    path.write_text(schema.subgraph_sdl())

    composed = {"errors": [], "isComposed": True}
    assert {"apollo": composed, "guild": composed} == packages.run(federation, "compose.js", str(path))


def test_a_gateway_queries_both_subgraphs(federation: Path, spawn: Spawn) -> None:
    """From the other subgraph's objects to ours by _entities, and from ours to the other's."""
    server = spawn.serve("--seed", federation="true")
    page = server.post(ORDERS)["data"]["orders"]
    first, second = page["nodes"]

    found = packages.run(federation, "gateway.js", f"{server.url}/graphql", first["id"], second["id"])

    assert {
        "fromReviews": {
            "data": {"reviews": {"nodes": [{"stars": 1, "order": first}, {"stars": 2, "order": second}]}}
        },
        "fromOrders": {
            "data": {
                "orders": {
                    "nodes": [_seen_from_orders(first, stars=1), _seen_from_orders(second, stars=2)],
                    "pageInfo": page["pageInfo"],
                }
            }
        },
    } == found


def _seen_from_orders(order: dict[str, object], *, stars: int) -> dict[str, object]:
    reviews = {"nodes": [{"stars": stars}], "pageInfo": {"hasNextPage": False}}
    customer = {**order["customer"], "reviewsCount": 2}  # type: ignore[dict-item]
    return {"reference": order["reference"], "reviews": reviews, "customer": customer}
