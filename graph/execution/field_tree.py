"""The outline of an operation, told before it is run: its fields, and below each those of what it gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_argument_values,
    get_named_type,
    is_abstract_type,
)
from graphql.execution import Executor

from graph.types.fields import DEFINITION, Declaration, declaration
from graph.types.selection import Selections

INTROSPECTION = {"__schema": "__Schema", "__type": "__Type"}
# About how many items the lists of this schema's introspection have, over all types.
INTROSPECTED_ITEMS = {
    "types": 110,
    "fields": 5,
    "inputFields": 4,
    "args": 2,
    "enumValues": 2,
    "possibleTypes": 2,
    "directives": 10,
    "locations": 2,
}

# What is selected of an object of one type; the same where fragments repeat it, so that it is looked at once.
Fields = tuple["Selected", ...]


@dataclass(eq=False, slots=True)
class Selected:
    """A field as it is selected of objects of type `of`; no more is told of GraphQL's own, as `__typename`.

    `below` has what is selected of the object that it gives, once for each type that this may have.
    """

    of: GraphQLObjectType
    nodes: Sequence[FieldNode]
    field: Any = None
    declared: Declaration | None = None
    variables: Any = None
    below: Sequence[Fields] = ()
    # About how many values `__schema` or `__type` has.
    introspected: int = 0

    @property
    def key(self) -> str:
        """The field's key in the response."""
        return (self.nodes[0].alias or self.nodes[0].name).value

    def arguments(self) -> dict[str, Any]:
        """Coerced. Raises GraphQLError."""
        return get_argument_values(self.field, self.nodes[0], self.variables)

    def __str__(self) -> str:
        return f"{self.of.name}.{self.nodes[0].name.value}"


class Outline:
    """The outline of one operation of a valid document."""

    def __init__(self, execution: Executor[Any]) -> None:
        self._schema, self._variables = execution.schema, execution.variable_values
        self._selections = Selections(self._schema, execution.fragment_definitions, self._variables.coerced)
        self._known: dict[Any, Fields] = {}
        self._values_known: dict[Any, int] = {}
        root = self._schema.get_root_type(execution.operation.operation)
        self.roots = self._below(root, [execution.operation])

    def _below(self, kind: Any, nodes: Sequence[FieldNode | OperationDefinitionNode]) -> list[Fields]:
        possible = self._schema.get_possible_types(kind) if is_abstract_type(kind) else [kind]
        return [self._of(each, nodes) for each in possible]

    def _of(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode | OperationDefinitionNode]) -> Fields:
        key = (kind, *map(id, nodes))
        if key not in self._known:
            groups = self._selections.below(nodes, kind).values()
            self._known[key] = tuple([self._selected(kind, group) for group in groups])
        return self._known[key]

    def _selected(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Selected:
        field = kind.fields.get(nodes[0].name.value)
        if field is None:
            return Selected(kind, nodes, introspected=self._introspected(nodes))
        below = self._below(get_named_type(field.type), nodes) if nodes[0].selection_set else ()
        return Selected(kind, nodes, field, declaration(field.extensions[DEFINITION]), self._variables, below)

    def _introspected(self, nodes: Sequence[FieldNode]) -> int:
        name = INTROSPECTION.get(nodes[0].name.value)
        return self._values(self._schema.type_map[name], nodes) if name else 0

    def _values(self, kind: Any, nodes: Sequence[FieldNode]) -> int:
        """About how many values introspection shows of an object."""
        key = (kind, *map(id, nodes))
        if key not in self._values_known:
            groups = self._selections.below(nodes, kind).values()
            self._values_known[key] = sum([self._values_of(kind, group) for group in groups])
        return self._values_known[key]

    def _values_of(self, kind: Any, nodes: Sequence[FieldNode]) -> int:
        name = nodes[0].name.value
        below = get_named_type(kind.fields[name].type) if nodes[0].selection_set else None
        return INTROSPECTED_ITEMS.get(name, 1) * (self._values(below, nodes) if below else 1)
