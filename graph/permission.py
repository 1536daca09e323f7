"""The one place that holds scopes: an operation that asks for more than its caller may is refused whole.

It is told from the operation alone, before anything is read or changed: so no mutation is carried out whose
answer could not be shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_input_object_type,
    is_list_type,
    is_object_type,
)
from graphql.execution import Executor

from graph.errors import FORBIDDEN, Rejected
from graph.scopes import EVERY_SCOPE, Scope, Scopes
from graph.selection import Selections
from graph.types.fields import DEFINITION, Batched, Mutating, declaration
from graph.types.requires import Requires

MOST_ERRORS = 10


def permit(execution: Executor[Any], scopes: Scopes) -> None:
    """Raises Rejected, which names what the caller may not ask for."""
    if scopes >= EVERY_SCOPE:
        return
    missing = Missing(execution, scopes)
    if found := missing.of_operation():
        raise Rejected(*found[:MOST_ERRORS], status=403)


class Missing:
    """What one operation asks for without the scope; each of its parts is looked at once."""

    def __init__(self, execution: Executor[Any], scopes: Scopes) -> None:
        self._scopes = scopes
        self._operation = execution.operation
        self._variables = execution.variable_values
        self._selections = Selections(
            execution.schema, execution.fragment_definitions, execution.variable_values.coerced
        )
        self._seen: set[Any] = set()
        self._found: dict[tuple[str, Scope], GraphQLError] = {}

    def of_operation(self) -> list[GraphQLError]:
        self._of_objects(self._selections.schema.get_root_type(self._operation.operation), [self._operation])
        return list(self._found.values())

    def _of_objects(self, kind: Any, nodes: Sequence[FieldNode | OperationDefinitionNode]) -> None:
        """What is selected of objects of `kind`, or of any of its types: the object may be of each."""
        if is_abstract_type(kind):
            for each in self._selections.schema.get_possible_types(kind):
                self._of_objects(each, nodes)
        key = (kind.name, *map(id, nodes))
        if not is_object_type(kind) or key in self._seen:
            return
        self._seen.add(key)
        for group in self._selections.below(nodes, kind).values():
            self._of_field(kind, group)

    def _of_field(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> None:
        name = nodes[0].name.value
        if not is_open(kind, name):
            self._need(required(kind), f"{kind.name}.{name}", nodes)
        field = kind.fields.get(name)
        if field is not None:
            self._need(self._by_field(field, nodes), f"{kind.name}.{name}", nodes)
            self._of_objects(get_named_type(field.type), nodes)

    def _by_field(self, field: GraphQLField, nodes: list[FieldNode]) -> Iterable[Scope]:
        declared = declaration(field.extensions[DEFINITION])
        if not isinstance(declared, Batched | Mutating):
            return
        if declared.scope:
            yield declared.scope
        try:
            sent = get_argument_values(field, nodes[0], self._variables)
        except GraphQLError:
            # The field will say so itself, and read nothing.
            return
        for name, value in sent.items():
            self._of_value(field.args[name].type, value, nodes)
        if isinstance(declared, Batched) and declared.scopes_of:
            yield from declared.scopes_of(sent)

    def _of_value(self, kind: Any, value: Any, nodes: list[FieldNode]) -> None:
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

    def _need(self, scopes: Iterable[Scope], what: str, nodes: list[FieldNode]) -> None:
        for scope in scopes:
            if scope not in self._scopes and (what, scope) not in self._found:
                extensions = {"code": FORBIDDEN, "scope": scope.value}
                message = f"{what} requires the scope {scope.value}."
                self._found[what, scope] = GraphQLError(message, nodes, extensions=extensions)


def required(definition: Any) -> list[Scope]:
    """What `@requires` says of a type or an input's field."""
    directives = definition.extensions[DEFINITION].directives or ()
    return [Scope(each.scope) for each in directives if isinstance(each, Requires)]


def is_open(kind: GraphQLObjectType, name: str) -> bool:
    """Whether a field says no more than which object it is: who changes an object knows that much of it."""
    return any(name == "__typename" or name in interface.fields for interface in kind.interfaces)
