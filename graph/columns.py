"""Which columns an operation reads of the rows of its connections, told from what it selects."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_object_type,
)
from graphql.execution import Executor

from graph.selection import Selections
from graph.types.fields import DEFINITION, Batched, Column, Computed, declaration


class Columns:
    """The columns of one operation, for each connection that the schema declares.

    Wherever the operation has such a connection, and whatever the arguments, the columns are the same: those
    of all its places together. So what shares a batch goes on doing so.
    """

    def __init__(self, execution: Executor[Any]) -> None:
        self._operation = execution.operation
        self._selections = Selections(
            execution.schema, execution.fragment_definitions, execution.variable_values.coerced
        )
        self._found: dict[Batched, set[str]] = defaultdict(set)
        self._seen: set[Any] = set()

    def of(self, connection: Batched) -> frozenset[str]:
        """The columns that are read of the connection's rows."""
        if not self._seen:
            root = self._selections.schema.get_root_type(self._operation.operation)
            self._collect(root, [self._operation], None)
        return frozenset(self._found[connection])

    def _collect(
        self, kind: Any, nodes: Sequence[FieldNode | OperationDefinitionNode], connection: Batched | None
    ) -> None:
        """What is selected of objects that lie in a page of `connection`, if they lie in any."""
        if is_abstract_type(kind):
            for each in self._selections.schema.get_possible_types(kind):
                self._collect(each, nodes, connection)
        key = (kind.name, connection, *map(id, nodes))
        if not is_object_type(kind) or key in self._seen:
            return
        self._seen.add(key)
        for group in self._selections.below(nodes, kind).values():
            if field := kind.fields.get(group[0].name.value):
                self._collect_field(kind, field, group, connection)

    def _collect_field(
        self, kind: GraphQLObjectType, field: GraphQLField, nodes: list[FieldNode], page_of: Batched | None
    ) -> None:
        declared = declaration(field.extensions[DEFINITION])
        below = page_of
        if page_of and page_of.rows == kind.name:
            self._found[page_of].update(read_by(field))
            # What a row's own column holds is no row.
            below = None
        if isinstance(declared, Batched):
            below = declared if declared.rows else None
        self._collect(get_named_type(field.type), nodes, below)


def read_by(field: GraphQLField) -> tuple[str, ...]:
    """The columns of a row that a field of its type reads."""
    definition = field.extensions[DEFINITION]
    match declaration(definition):
        case Column():
            return (definition.python_name,)
        case Computed(columns=columns) | Batched(columns=columns):
            return columns
        case _:
            return ()
