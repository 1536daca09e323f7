"""What concurrent clients do to one shop; some of it meets what others do."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

from tests.faults.client import Client

CUSTOMER = "id username name version"
ORDER = "id status version total { amount currency }"
STATUSES = ["PAID", "PAID", "FULFILLED", "CANCELLED", "REFUNDED"]


def _document(mutation: str, selection: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    shown = f"{{ {selection} userErrors {{ code path }} }}"
    return f"mutation ($input: {kind}!) {{ {mutation}(input: $input) {shown} }}"


CREATE_CUSTOMER, UPDATE_CUSTOMER = (
    _document(name, f"customer {{ {CUSTOMER} }}") for name in ("createCustomer", "updateCustomer")
)
CREATE_ORDER, TRANSITION_ORDER = (
    _document(name, f"order {{ {ORDER} }}") for name in ("createOrder", "transitionOrder")
)
UPSERT_CUSTOMERS = _document("upsertCustomers", f"results {{ outcome customer {{ {CUSTOMER} }} }}")
CREATE_ORDERS, TRANSITION_ORDERS = (
    _document(name, f"results {{ outcome order {{ {ORDER} }} }}")
    for name in ("createOrders", "transitionOrders")
)


class Workload:
    """Each act is one mutation, drawn at random; objects that were created are changed by all clients."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = itertools.count(1)
        self._customers: list[str] = []
        self._orders: list[str] = []
        self._acts: list[Callable[[Client], Awaitable[None]]] = [
            self._create_customer,
            self._update_customer,
            self._create_order,
            self._create_order,
            self._transition_order,
            self._transition_order,
            self._create_orders,
            self._upsert_customers,
            self._transition_orders,
        ]

    async def run(self, clients: Sequence[Client], mutations: int) -> None:
        """So many mutations in all."""
        for _ in range(3):
            await self._create_customer(clients[0])
            await self._create_order(clients[0])
        left = iter(range(mutations - 6))

        async def act(client: Client) -> None:
            for _ in left:
                await self._random.choice(self._acts)(client)

        await asyncio.gather(*(act(client) for client in clients))

    async def _create_customer(self, client: Client) -> None:
        number = next(self._numbers)
        payload = await client.mutate(CREATE_CUSTOMER, username=f"customer-{number}", name=f"Name {number}")
        self._customers.append(payload["customer"]["id"])

    async def _update_customer(self, client: Client) -> None:
        customer = self._random.choice(self._customers)
        await client.mutate(UPDATE_CUSTOMER, id=customer, name=f"Name {next(self._numbers)}")

    async def _create_order(self, client: Client) -> None:
        # One in four takes a reference that others want, too.
        common = self._random.random() < 0.25
        reference = f"R-{self._random.randrange(20)}" if common else f"N-{next(self._numbers)}"
        payload = await client.mutate(CREATE_ORDER, reference=reference, **self._order())
        self._know(payload["order"])

    async def _transition_order(self, client: Client) -> None:
        await client.mutate(TRANSITION_ORDER, **self._transition())

    async def _create_orders(self, client: Client) -> None:
        items = [self._order() for _ in range(3)]
        items.append({**self._order(), "reference": f"R-{self._random.randrange(20)}"})
        payload = await client.mutate(CREATE_ORDERS, items=items, mode="EACH")
        for result in payload["results"]:
            self._know(result["order"])

    async def _upsert_customers(self, client: Client) -> None:
        numbers = self._random.sample(range(12), 4)
        items = [{"username": f"shared-{n}", "name": f"Name {next(self._numbers)}"} for n in numbers]
        await client.mutate(UPSERT_CUSTOMERS, items=items)

    async def _transition_orders(self, client: Client) -> None:
        items = [self._transition() for _ in range(3)]
        mode = self._random.choice(["ALL_OR_NOTHING", "EACH"])
        await client.mutate(TRANSITION_ORDERS, items=items, mode=mode)

    def _know(self, order: Any) -> None:
        if order:
            self._orders.append(order["id"])

    def _order(self) -> dict[str, Any]:
        lines = [
            {
                "sku": f"SKU-{self._random.randrange(100)}",
                "name": "Article",
                "quantity": self._random.randint(1, 5),
                "unitPrice": {"amount": f"{self._random.randint(1, 99)}.5", "currency": "EUR"},
            }
            for _ in range(self._random.randint(1, 3))
        ]
        return {"customerId": self._random.choice(self._customers), "lines": lines}

    def _transition(self) -> dict[str, Any]:
        # The latest ones: not all of them have come to their end.
        return {"id": self._random.choice(self._orders[-20:]), "to": self._random.choice(STATUSES)}
