"""What each case sends: the same to every server in its turn, except that every write is a new one."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import uuid4

from bench.queries import CASES

# How many requests a turn has. Those of `upsert` change different customers, so that none waits for another.
COUNTS = {"nested": 40, "point": 160, "list": 80, "create": 80, "upsert": 8}
ITEMS = 200


class Shop(NamedTuple):
    """What requests are about: ids as the API shows them, and handles."""

    order_ids: list[str]
    customer_ids: list[str]
    usernames: list[str]


class Request(NamedTuple):
    """A request, and the key that is all that makes it different from another server's."""

    case: str
    variables: dict[str, Any]
    key: str

    def body(self, document_id: str | None) -> dict[str, Any]:
        """With the query, or with its id where the server knows one."""
        document = {"documentId": document_id} if document_id else {"query": CASES[self.case]}
        return {**document, "variables": self.variables}


def turn(case: str, shop: Shop, number: int, count: int = 0) -> list[Request]:
    """The requests of a turn by its number, all of them unless `count` says how many."""
    chosen = random.Random(number)
    found = []
    for place in range(count or COUNTS[case]):
        key = uuid4().hex
        found.append(Request(case, VARIABLES[case](shop, chosen, place, key), key))
    return found


def nothing(_shop: Shop, _chosen: random.Random, _place: int, _key: str) -> dict[str, Any]:
    return {}


def point(shop: Shop, chosen: random.Random, _place: int, _key: str) -> dict[str, Any]:
    return {"id": chosen.choice(shop.order_ids)}


def create(shop: Shop, chosen: random.Random, place: int, key: str) -> dict[str, Any]:
    """Three lines, for a customer that no other request of the turn is about."""
    lines = [
        {
            "sku": f"SKU-{number}",
            "name": "Enamel mug",
            "quantity": chosen.randint(1, 9),
            "unitPrice": {"amount": "12.90", "currency": "EUR"},
        }
        for number in range(3)
    ]
    return {"input": {"customerId": shop.customer_ids[place], "lines": lines, "idempotencyKey": key}}


def upsert(shop: Shop, _chosen: random.Random, place: int, key: str) -> dict[str, Any]:
    """One half is there and gets other names, the other half is new."""
    half = ITEMS // 2
    names = shop.usernames[place * half : (place + 1) * half] + [f"{key}-{number}" for number in range(half)]
    items = [
        {"username": each, "name": f"{each} {key}", "email": f"{each}@example.com".lower()} for each in names
    ]
    return {"input": {"items": items, "idempotencyKey": key}}


VARIABLES: dict[str, Callable[[Shop, random.Random, int, str], dict[str, Any]]] = {
    "nested": nothing,
    "point": point,
    "list": nothing,
    "create": create,
    "upsert": upsert,
}
