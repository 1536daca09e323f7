"""graphql-core's executor with a short way for the fields that are read straight off a row."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property, lru_cache, partial
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.executor import to_nodes
from graphql.pyutils import is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from graph.execution.outline import Fields, Outline
from graph.types.arguments import Arguments, Remembered, convert_arguments
from graph.types.fields import DEFINITION, Batched, Column, Computed, DeclaredField, declaration

Read = Callable[[Any], Any]
PLAIN = {str, int, bool, float, type(None), dict, list}


class RowExecutor(StrawberryGraphQLCoreExecutionContext):
    """Columns and computed values that are scalars or enums need no resolver, no Info and no path.

    What goes wrong on the short way, or finds a null that must not be, is run again on the long one,
    which raises, locates and propagates the error as the specification says.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._short = short_ways(self.schema)
        self._whole: dict[tuple[str, int], tuple[Any, Read | None]] = {}
        self._asking = with_arguments(self.schema)
        self._arguments = Remembered()

    @cached_property
    def outline(self) -> Sequence[Fields]:
        """The operation's, from which is told what must be known before it is run."""
        return Outline(self).roots

    def complete_list_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Any, result: Any, position: Any
    ) -> Any:
        """Objects of which nothing is selected but what is on their rows are read in one go each."""
        item_type = getattr(return_type.of_type, "of_type", return_type.of_type)
        read = self._whole_way(item_type, field_details_list) if isinstance(result, list | tuple) else None
        if read is not None:
            try:
                return [read(row) for row in result]
            except Exception:  # noqa: S110
                pass
        return super().complete_list_value(return_type, field_details_list, info, path, result, position)

    def _whole_way(self, kind: Any, details: Any) -> Read | None:
        """How an object with all that is selected of it is read off its row; None if it takes more."""
        key = (kind.name, id(details))
        if key not in self._whole:
            # With the list, so that its id is not used again.
            self._whole[key] = details, self._made_whole(kind, details)
        return self._whole[key][1]

    def _made_whole(self, kind: Any, details: Any) -> Read | None:
        if not isinstance(kind, GraphQLObjectType):
            return None
        groups = self.collect_subfields(kind, details)[0]
        parts = {name: self._part(kind, group) for name, group in groups.items()}
        if None in parts.values():
            return None
        reads: list[tuple[str, Any]] = list(parts.items())
        return lambda row: {name: read(row) for name, read in reads}

    def _part(self, kind: GraphQLObjectType, group: Any) -> Read | None:
        name = group[0].node.name.value
        if name == "__typename":
            return lambda _row: kind.name
        if leaf := self._short.get((kind.name, name)):
            return leaf
        field = kind.fields[name]
        read, below = read_off(field), self._whole_way(get_named_type(field.type), group)
        if read is None or below is None or not is_object_type(get_nullable_type(field.type)):
            return None
        if is_non_null_type(field.type):
            return lambda row: below(present(read(row)))
        return lambda row: None if (value := read(row)) is None else below(value)

    def execute_field(
        self, parent_type: Any, source: Any, field_details_list: Any, path: Any, position_context: Any
    ) -> Any:
        key = (parent_type.name, field_details_list[0].node.name.value)
        if (read := self._short.get(key)) is not None:
            try:
                return read(source)
            except Exception:  # noqa: S110
                pass
        if (field := self._asking.get(key)) is not None:
            return self._execute_asking(
                field, parent_type, source, field_details_list, path, position_context
            )
        result: Any = super().execute_field(parent_type, source, field_details_list, path, position_context)
        if parent_type is self.schema.mutation_type and is_pending(result):
            return self._ended(result)
        return result

    def _execute_asking(
        self, field: GraphQLField, parent_type: Any, source: Any, details: Any, path: Any, position: Any
    ) -> Any:
        """A batch with arguments; graphql-core and Strawberry would read them anew for each parent."""
        info: Any = self.build_resolve_info(field, to_nodes(details), parent_type, path)
        key = (parent_type.name, id(info.field_nodes[0]))
        try:
            arguments = self._arguments.get(key, partial(self._read_arguments, field, info))
            result = field.extensions[DEFINITION].get_result(source, info, [], arguments)
        except Exception as error:
            self.handle_field_error(error, field.type, details, path)
            return None
        return self.complete_awaitable_value(field.type, details, info, path, result, position)

    def _read_arguments(self, field: GraphQLField, info: Any) -> Arguments:
        node, hide = info.field_nodes[0], self.hide_suggestions
        sent = get_argument_values(field, node, self.variable_values, hide_suggestions=hide)
        strawberry = info.schema._strawberry_schema
        return Arguments(
            convert_arguments(
                sent,
                field.extensions[DEFINITION].arguments,
                scalar_registry=strawberry.schema_converter.scalar_registry,
                config=strawberry.config,
            )
        )

    async def _ended(self, result: Awaitable[Any]) -> Any:
        """The mutation's whole payload; a dry run lasts until it has been read."""
        try:
            return await result
        finally:
            await self.context_value.end_rehearsal()


@lru_cache(8)
def short_ways(schema: GraphQLSchema) -> dict[tuple[str, str], Read]:
    """How each leaf that is declared as data is read and serialized, by type and field."""
    ways = {}
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType):
            for name, field in kind.fields.items():
                if way := short_way(field):
                    ways[kind.name, name] = way
    return ways


@lru_cache(8)
def with_arguments(schema: GraphQLSchema) -> dict[tuple[str, str], GraphQLField]:
    """The batches that take arguments, by type and field."""
    return {
        (kind.name, name): field
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        if field.args
        and isinstance(declared := field.extensions.get(DEFINITION), DeclaredField)
        and isinstance(declaration(declared), Batched)
    }


def read_off(field: GraphQLField) -> Read | None:
    """How a field that is declared as data is read off a row, not yet serialized."""
    declared = field.extensions.get(DEFINITION)
    if not isinstance(declared, DeclaredField):
        return None
    match declaration(declared):
        case Computed(of=of):
            return of
        case Column():
            return attrgetter(declared.python_name)
        case _:
            return None


def short_way(field: GraphQLField) -> Read | None:
    read = read_off(field)
    nullable = not is_non_null_type(field.type)
    leaf: Any = field.type if nullable else field.type.of_type  # type: ignore[union-attr]
    if read is None or not is_leaf_type(leaf):
        return None
    serialize = leaf.coerce_output_value
    if nullable:
        return lambda row: None if (value := read(row)) is None else serialize(value)
    return lambda row: serialize(present(read(row)))


def present(value: Any) -> Any:
    if value is None:
        raise ValueError
    return value


def is_pending(value: Any) -> bool:
    """Whether a value is still to be awaited; most are of a kind that never is."""
    return type(value) not in PLAIN and is_awaitable(value)
