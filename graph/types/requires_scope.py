"""The schema directive `@requiresScope`: the auth scope that a field, type or filter requires."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import strawberry
from strawberry.schema_directive import Location

from graph.auth.scopes import Scope
from graph.global_ids import GlobalId

# For fields that can return any type: the scopes required for these arguments.
ScopesOf: TypeAlias = Callable[[Mapping[str, Any]], Iterable[Scope]]


@strawberry.schema_directive(
    name="requiresScope",
    locations=[Location.FIELD_DEFINITION, Location.OBJECT, Location.INPUT_FIELD_DEFINITION],
    description="The scope required to select the field, to select any field of the type except id, or to "
    "filter by the condition. Without it the operation is rejected as a whole with FORBIDDEN. "
    "The scope admin includes all scopes.",
)
class RequiresScope:
    scope: str


def scope_directives(scope: Scope | None) -> list[object]:
    """The directives for `scope`; none without a scope."""
    return [] if scope is None else [RequiresScope(scope=scope.value)]


READ_SCOPES = {"Customer": Scope.CUSTOMERS_READ, "Order": Scope.ORDERS_READ}


def scopes_of_ids(argument: str) -> ScopesOf:
    """The scopes required to read the objects whose IDs are in the argument; none for invalid IDs."""

    def scopes(sent: Mapping[str, Any]) -> set[Scope]:
        value = sent[argument]
        texts = value if isinstance(value, list) else [value]
        return {READ_SCOPES[found.kind] for text in texts if (found := GlobalId.decode(text))}

    return scopes
