"""The one place that holds scopes: an operation that asks for more than its caller may is refused whole.

It is told from the operation alone, before anything is read or changed: so no mutation is carried out whose
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
from graph.execution.executor import RowExecutor
from graph.execution.field_tree import Fields, Selected
from graph.types.fields import DEFINITION, Batched, Mutating
from graph.types.requires_scope import RequiresScope


def authorize(execution: RowExecutor, scopes: Scopes) -> None:
    """Raises RequestError, which names what the caller may not ask for."""
    if scopes >= EVERY_SCOPE:
        return
    missing = MissingScopes(scopes)
    missing.of_any(execution.outline)
    if missing.found:
        raise RequestError(*list(missing.found.values())[:MAX_REQUEST_ERRORS], status=403)


class MissingScopes:
    """What one operation asks for without the scope; each of its parts is looked at once."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes
        self._seen: set[Fields] = set()
        self.found: dict[tuple[str, Scope], GraphQLError] = {}

    def of_any(self, possible: Sequence[Fields]) -> None:
        """What is selected of an object: it may be of each of the types."""
        for fields in possible:
            if fields not in self._seen:
                self._seen.add(fields)
                for each in fields:
                    self._of_field(each)

    def _of_field(self, selected: Selected) -> None:
        if not is_public_field(selected.of, selected.nodes[0].name.value):
            self._need(required(selected.of), str(selected), selected.nodes)
        self._need(self._by_field(selected), str(selected), selected.nodes)
        self.of_any(selected.below)

    def _by_field(self, selected: Selected) -> Iterable[Scope]:
        declared = selected.declared
        if not isinstance(declared, Batched | Mutating):
            return
        if declared.scope:
            yield declared.scope
        try:
            sent = selected.arguments()
        except GraphQLError:
            # The field will say so itself, and read nothing.
            return
        for name, value in sent.items():
            self._of_value(selected.field.args[name].type, value, selected.nodes)
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
