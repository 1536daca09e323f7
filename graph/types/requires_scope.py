"""`@requiresScope` in the schema: the scope that a field, the fields of a type, or a filter needs."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import strawberry
from strawberry.schema_directive import Location

from graph.auth.scopes import Scope
from graph.global_ids import GlobalId

# Of a field that can show any object: the scopes that its arguments call for.
ScopesOf: TypeAlias = Callable[[Mapping[str, Any]], Iterable[Scope]]


@strawberry.schema_directive(
    name="requiresScope",
    locations=[Location.FIELD_DEFINITION, Location.OBJECT, Location.INPUT_FIELD_DEFINITION],
    description="Only callers with this scope may ask for the field, for any field of the type but id, or "
    "by this condition; others get FORBIDDEN, and nothing is read or changed. "
    "The scope admin is all scopes.",
)
class RequiresScope:
    scope: str


def requires(scope: Scope | None) -> list[object]:
    """The directives of what needs `scope`."""
    return [] if scope is None else [RequiresScope(scope=scope.value)]


READING = {"Customer": Scope.CUSTOMERS_READ, "Order": Scope.ORDERS_READ}


def reading(argument: str) -> ScopesOf:
    """To read the objects whose ids are in the argument; an id of nothing needs no scope."""

    def scopes(sent: Mapping[str, Any]) -> set[Scope]:
        value = sent[argument]
        texts = value if isinstance(value, list) else [value]
        return {READING[found.kind] for text in texts if (found := GlobalId.decode(text))}

    return scopes
