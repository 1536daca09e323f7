"""Change history: the audit log of an object as GraphQL types and connections."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, NamedTuple

import strawberry
from strawberry.scalars import JSON
from strawberry.utils.str_converters import to_camel_case

from db.audit import audit_log as recorded
from db.models import Change as ChangeRow
from db.pagination.filters import Compare
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.sorts import HISTORY_SORT
from graph import loaders
from graph.auth import scopes
from graph.global_ids import GlobalId
from graph.types import field_costs
from graph.types.connections.connection import PAGING, parse_page
from graph.types.connections.operators import NO_ROW
from graph.types.connections.snapshot import read_timestamp
from graph.types.field_costs import CHANGED_FIELDS, JSON_VALUES, FieldCost
from graph.types.fields import Load, argument, batched, column, computed
from graph.types.requires_scope import scope_directives, scopes_of_ids

TABLE = "history"
NODE = argument("node", strawberry.ID, "The ID of the object, which may have been deleted.")


@strawberry.enum(description="The kind of a change.")
class ChangeAction(Enum):
    CREATED = strawberry.enum_value("CREATED", description="The object was created.")
    UPDATED = strawberry.enum_value("UPDATED", description="Fields, status or lines were changed.")
    DELETED = strawberry.enum_value("DELETED", description="The object was deleted.")
    ERASED = strawberry.enum_value(
        "ERASED", description="Personal data was erased, from the history as well."
    )


class FieldChangeRow(NamedTuple):
    """A field by its name in the schema, with its values before and after."""

    field: str
    before: Any
    after: Any


def fields_of(change: ChangeRow) -> list[FieldChangeRow]:
    """The changed fields, in the order of the audit log."""
    return [_field(name, *sides) for name, sides in recorded.changed_fields(change).items()]


def _field(name: str, before: Any, after: Any) -> FieldChangeRow:
    shown = "customer" if name == "customer_id" else to_camel_case(name)
    return FieldChangeRow(shown, _shown(name, before), _shown(name, after))


# The keys of lines are few, and a change may have hundreds of lines.
_camel_case = lru_cache(100)(to_camel_case)


def _shown(name: str, value: Any) -> Any:
    """The value in API form: global IDs for customers, camelCase names in lines."""
    if name == "customer_id" and value is not None:
        return GlobalId("Customer", value).encode()
    if isinstance(value, list):
        return [{_camel_case(key): each for key, each in line.items()} for line in value]
    return value


@strawberry.type(description="A field before and after a change.")
class FieldChange:
    field: str = column("The field's name in the schema.")
    before: JSON | None = column("The value before the change; null if there was none.", items=JSON_VALUES)
    after: JSON | None = column("The value after the change; null if there is none.", items=JSON_VALUES)


@strawberry.type(
    description=("One change of an object, from the audit log."),
    directives=scope_directives(scopes.Scope.HISTORY_READ),
)
class Change:
    version: int = column("The object's version after the change.")
    action: ChangeAction = column("The kind of change.")
    at: datetime = column("The time of the change.")
    principal: str = column("The caller who made the change, or system for a command line command.")
    request_id: str | None = column("The ID of the request that made the change.")
    fields: list[FieldChange] = computed(
        fields_of, "fields", description="The changed fields.", items=CHANGED_FIELDS
    )


def history(kind: str, *, description: str) -> Any:
    """The connection `history` of an object of `kind`."""

    def plan(source: Any, sent: Mapping[str, Any]) -> Load:
        return load(f"{kind}.history", kind, source.id, sent)

    return batched(
        loaders.pages,
        plan,
        PAGING,
        scope=scopes.Scope.HISTORY_READ,
        description=description,
        cost=cost,
        columns=("id",),
        rows="Change",
    )


def history_of(*, description: str) -> Any:
    """The root field `history(node:)`: the changes of any object; empty for an unknown ID."""

    def plan(_root: Any, sent: Mapping[str, Any]) -> Load:
        found = GlobalId.decode(sent["node"]) or GlobalId("Customer", NO_ROW)
        return load("Query.history", found.kind, found.row_id, sent)

    return batched(
        loaders.pages,
        plan,
        [NODE, *PAGING],
        scope=scopes.Scope.HISTORY_READ,
        scopes_of=scopes_of_ids("node"),
        description=f"{description} Also requires the scope to read such an object.",
        cost=cost,
        rows="Change",
    )


def load(field: str, kind: str, object_id: int, sent: Mapping[str, Any]) -> Load:
    page = requested_page(field, kind, sent)
    return Load(object_id, (page,), read_timestamp(page.spec, sent))


def requested_page(field: str, kind: str, sent: Mapping[str, Any]) -> Page:
    scope = ConnectionSpec(field, TABLE, HISTORY_SORT, Compare("kind", "eq", kind), "object_id")
    return parse_page(scope, sent)


def cost(sent: Mapping[str, Any]) -> FieldCost:
    # Only the page size matters for the cost, so the kind is left empty and cursors are not decoded.
    sizes = {name: sent.get(name) for name in ("first", "last")}
    return field_costs.page(requested_page("", "", sizes).size, indexed=True, nested=True)
