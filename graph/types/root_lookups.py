"""Root lookups: one object by a unique key, and objects by their global ids."""

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
from graph.types.requires_scope import READING, reading

MOST_IDS = 100
NEEDED = "It needs the scope to read what the id is of: customers:read or orders:read."


@strawberry.input(one_of=True, description="Exactly one unique key of a customer.")
class CustomerBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The customer's id.")
    username: str | None = strawberry.field(
        default=strawberry.UNSET, description="The handle in any spelling, compared with its case."
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="The e-mail address in any spelling, without case."
    )


@strawberry.input(one_of=True, description="Exactly one unique key of an order.")
class OrderBy:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The order's id.")
    reference: str | None = strawberry.field(
        default=strawberry.UNSET, description="The key that its import gave it, in any spelling."
    )


def lookup(batch: Batch, kind: str, by: type, *, description: str) -> Any:
    """A root field that finds one object by one of its unique keys, or null."""

    def plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
        return Load(unique(kind, arguments["by"]))

    by_argument = argument("by", by, "The one key to look the object up by.")
    return batched(batch, plan, [by_argument], scope=READING[kind], description=description, cost=ONE)


def unique(kind: str, by: Any) -> Unique:
    """The key that a one-of input holds, as it is stored."""
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
    """Raises BadUserInput when they are too many."""
    sent: list[strawberry.ID] = arguments["ids"]
    if len(sent) > MOST_IDS:
        raise BadUserInput(f"At most {MOST_IDS} ids.")
    return sent


def node(batch: Batch, *, description: str) -> Any:
    """`node(id)`: null for an id of nothing."""
    ids_argument = argument("id", strawberry.ID, "The id of the object.")
    return batched(
        batch,
        node_plan,
        [ids_argument],
        scope=None,
        scopes_of=reading("id"),
        description=f"{description} {NEEDED}",
        cost=ONE,
    )


def nodes(batch: Batch, *, description: str) -> Any:
    """`nodes(ids)`: in the order of the ids, null in the place of an id of nothing."""
    ids_argument = argument("ids", list[strawberry.ID], f"At most {MOST_IDS} ids.")
    return batched(
        batch,
        nodes_plan,
        [ids_argument],
        scope=None,
        scopes_of=reading("ids"),
        description=f"{description} {NEEDED}",
        many=True,
        cost=nodes_cost,
    )
