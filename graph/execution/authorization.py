"""The one place that holds scopes: an operation that asks for more than its caller may is refused whole.

Decided from the operation alone, before anything is read or changed: so no mutation is carried out whose
answer could not be shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    get_nullable_type,
    is_input_object_type,
    is_list_type,
)

from graph.auth.scopes import EVERY_SCOPE, Scope, Scopes
from graph.errors import FORBIDDEN, MAX_REQUEST_ERRORS, RequestError
from graph.execution.plan import BoundPlan, PlannedField, Selection
from graph.types.fields import DEFINITION, Batched, Column, Mutating
from graph.types.requires_scope import RequiresScope


def authorize(bound: BoundPlan, scopes: Scopes) -> None:
    """Raises RequestError, which names what the caller may not ask for."""
    if scopes >= EVERY_SCOPE:
        return
    missing = MissingScopes(bound, scopes)
    missing.of_selection(bound.plan.roots)
    if missing.found:
        raise RequestError(*list(missing.found.values())[:MAX_REQUEST_ERRORS], status=403)


class MissingScopes:
    """What one operation asks for without the scope; each of its selections is looked at once."""

    def __init__(self, bound: BoundPlan, scopes: Scopes) -> None:
        self._bound, self._scopes = bound, scopes
        self._seen: set[Selection] = set()
        self.found: dict[tuple[str, Scope], GraphQLError] = {}

    def of_selection(self, selection: Selection) -> None:
        if selection not in self._seen:
            self._seen.add(selection)
            for field in selection.fields:
                self._of_field(selection.of, field)

    def _of_field(self, kind: GraphQLObjectType, field: PlannedField) -> None:
        if not is_public_field(kind, field.name):
            self._need(required(kind), str(field), field.nodes)
        self._need(self._by_field(field), str(field), field.nodes)
        for each in field.below:
            self.of_selection(each)

    def _by_field(self, field: PlannedField) -> Iterable[Scope]:
        declared, definition = field.declared, field.definition.field
        if definition is None or not isinstance(declared, Column | Batched | Mutating):
            return
        if declared.scope:
            yield declared.scope
        if isinstance(declared, Column) or not field.nodes[0].arguments:
            return
        try:
            sent = self._bound.arguments(field).sent()
        except GraphQLError:
            # The field will say so itself, and read nothing.
            return
        for name, value in sent.items():
            self._of_value(definition.args[name].type, value, field.nodes)
        if isinstance(declared, Batched) and declared.scopes_of:
            yield from declared.scopes_of(sent)

    def _of_value(self, kind: Any, value: Any, nodes: Sequence[FieldNode]) -> None:
        """What an argument's value is, or asks by; null asks for nothing."""
        kind = get_nullable_type(kind)
        if is_list_type(kind) and isinstance(value, list):
            for each in value:
                self._of_value(kind.of_type, each, nodes)
        elif is_input_object_type(kind) and isinstance(value, Mapping):
            for name, each in value.items():
                if each is not None:
                    self._need(required(kind.fields[name]), f"{kind.name}.{name}", nodes)
                    self._of_value(kind.fields[name].type, each, nodes)

    def _need(self, scopes: Iterable[Scope], what: str, nodes: Sequence[FieldNode]) -> None:
        for scope in scopes:
            if scope not in self._scopes and (what, scope) not in self.found:
                extensions = {"code": FORBIDDEN, "scope": scope.value}
                message = f"{what} requires the scope {scope.value}."
                self.found[what, scope] = GraphQLError(message, nodes, extensions=extensions)


def required(definition: Any) -> list[Scope]:
    """What `@requiresScope` says of a type or an input's field."""
    directives = definition.extensions[DEFINITION].directives or ()
    return [Scope(each.scope) for each in directives if isinstance(each, RequiresScope)]


def is_public_field(kind: GraphQLObjectType, name: str) -> bool:
    """Whether a field says no more than which object it is: who changes an object knows that much of it."""
    return any(name == "__typename" or name in interface.fields for interface in kind.interfaces)
