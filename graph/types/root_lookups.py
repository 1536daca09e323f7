"""Root look-ups: `customer(by:)` and `order(by:)` by unique key, `node` and `nodes` by global ID."""

from collections.abc import Mapping
from typing import Any

import strawberry

from db import unique_text
from graph import global_ids
from graph.context import Batch
from graph.errors import BadUserInput
from graph.global_ids import GlobalId
from graph.loaders import Unique
from graph.types.field_costs import ONE, FieldCost, each
from graph.types.fields import Load, argument, batched
from graph.types.requires_scope import READ_SCOPES, scopes_of_ids

MAX_IDS = 100
SCOPE_HINT = "Requires the scope to read the object: customers:read or orders:read."


@strawberry.input(one_of=True, description="Exactly one unique key of a customer.")
class CustomerBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The customer's ID.")
    username: str | None = strawberry.field(
        default=strawberry.UNSET, description="The username, case-sensitive; normalized before the lookup."
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The e-mail address, ignoring case; normalized before the lookup.",
    )


@strawberry.input(one_of=True, description="Exactly one unique key of an order.")
class OrderBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The order's ID.")
    reference: str | None = strawberry.field(
        default=strawberry.UNSET, description="The reference; normalized before the lookup."
    )


def lookup(batch: Batch, kind: str, by: type, *, description: str) -> Any:
    """A root field that returns one object by a unique key, or null."""

    def plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
        return Load(unique(kind, arguments["by"]))

    by_argument = argument("by", by, "The unique key to look up.")
    return batched(batch, plan, [by_argument], scope=READ_SCOPES[kind], description=description, cost=ONE)


def unique(kind: str, by: Any) -> Unique:
    """The unique key in a one-of input, in stored form."""
    column, value = next((name, value) for name, value in vars(by).items() if value is not strawberry.UNSET)
    if column == "id":
        return Unique("id", global_ids.row_id(kind, value))
    return Unique(column, unique_text.NORMALIZERS[column](value))


def node_plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
    return Load(GlobalId.decode(arguments["id"]))


def nodes_plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
    return Load([GlobalId.decode(each) for each in sent_ids(arguments)])


def nodes_cost(arguments: Mapping[str, Any]) -> FieldCost:
    return each(sent_ids(arguments))


def sent_ids(arguments: Mapping[str, Any]) -> list[strawberry.ID]:
    """Raises BadUserInput for more than MAX_IDS."""
    sent: list[strawberry.ID] = arguments["ids"]
    if len(sent) > MAX_IDS:
        raise BadUserInput(f"ids must have at most {MAX_IDS} IDs.")
    return sent


def node(batch: Batch, *, description: str) -> Any:
    """`node(id:)`: null for an unknown ID."""
    ids_argument = argument("id", strawberry.ID, "The ID of the object.")
    return batched(
        batch,
        node_plan,
        [ids_argument],
        scope=None,
        scopes_of=scopes_of_ids("id"),
        description=f"{description} {SCOPE_HINT}",
        cost=ONE,
    )


def nodes(batch: Batch, *, description: str) -> Any:
    """`nodes(ids:)`: in the order of the IDs, with null for an unknown ID."""
    ids_argument = argument("ids", list[strawberry.ID], f"The IDs, at most {MAX_IDS}.")
    return batched(
        batch,
        nodes_plan,
        [ids_argument],
        scope=None,
        scopes_of=scopes_of_ids("ids"),
        description=f"{description} {SCOPE_HINT}",
        many=True,
        cost=nodes_cost,
    )
